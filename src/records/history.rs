//! `history.jsonl`: every transition and its reason, one JSON object a line, oldest first.
//!
//! It is bounded: when the file is full, what is in it goes into `history.1.jsonl`, which is thinned so that a year has
//! room there. A line that a crash or a full disk tore is closed before the next one is written, and left out by readers.

mod command;
mod retention;
mod summary;
mod timeline;

use std::fs::{
    File, OpenOptions, {self},
};
use std::io::{
    BufRead, BufReader, Read, Seek, SeekFrom, Write, {self},
};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::events::Entry;
use crate::os::atomic_file::{Error, sync_folder};
use crate::os::{ReadError, load_or_quarantine, open_regular};
pub use crate::records::history::command::{Form, command};
use crate::text::Time;
use crate::text::json::Node;
use crate::text::utc::parse_rfc3339;

/// The most that the file of the recent past holds, in bytes. Everything stands there.
const RECENT: u64 = 1024 * 1024;

/// The most that the older one holds, in bytes.
const OLDER: u64 = 3 * 1024 * 1024;

/// The longest line that is read, in bytes. What is written is far shorter.
const LINE: usize = 64 * 1024;

/// Adds one entry, so that it survives a power cut.
///
/// # Errors
/// When it cannot be written. A part of it may be there; the next entry begins on a line of its own all the same.
pub fn append(path: &Path, entry: &Entry) -> Result<(), Error> {
    let line = format!("{}\n", entry.to_json());
    let known = fs::metadata(path).map_or(0, |found| found.len());
    if known > 0 && known.saturating_add(line.len() as u64) > RECENT {
        retention::thin(path)?;
    }
    add(path, &line).map_err(|why| Error::Write { path: path.to_owned(), why })
}

/// The file of what is before `path`.
pub(super) fn older(path: &Path) -> PathBuf {
    path.with_extension("1.jsonl")
}

fn add(path: &Path, line: &str) -> io::Result<()> {
    let (file, is_new) = add_lines(path, line)?;
    file.sync_data()?;
    if is_new { sync_folder(path) } else { Ok(()) }
}

/// Adds whole lines to a file; one that was torn is closed before. Answers whether the file was empty.
pub(super) fn add_lines(path: &Path, lines: &str) -> io::Result<(File, bool)> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
    let length = file.metadata()?.len();
    if length > 0 {
        let mut last = [0];
        file.read_exact_at(&mut last, length - 1)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(lines.as_bytes())?;
    Ok((file, length == 0))
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// What was written: an object that says when and what.
    Entry(Node),
    /// Something else: torn, too long, by somebody else, or on a disk that is broken there.
    Unreadable,
}

/// When an entry happened; long ago where that cannot be read.
#[must_use]
pub fn moment(entry: &Node) -> Time {
    entry.get("at").and_then(|at| parse_rfc3339(at.as_str()?)).unwrap_or_default()
}

/// Reads the history at `path` line by line, oldest first. A file that is far too long is read from where its last four
/// mebibytes begin.
///
/// # Errors
/// When one of the files is there and cannot be opened. None at all is an empty history.
pub fn read(path: &Path) -> Result<impl Iterator<Item = Line> + use<>, Error> {
    let lines = [open(&older(path))?, open(path)?];
    Ok(lines.into_iter().flatten().flatten())
}

fn open(path: &Path) -> Result<Option<Lines>, Error> {
    let not_a_file = || Error::NotAFile { path: path.to_owned() };
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(not_a_file());
    }
    let opened = open_regular(path).and_then(|file| Lines::new(file).map_err(ReadError::Io));
    match opened {
        Ok(lines) => Ok(Some(lines)),
        Err(why) if why.is_missing() => Ok(None),
        Err(ReadError::Io(why)) => Err(Error::Read { path: path.to_owned(), why }),
        Err(_) => Err(not_a_file()),
    }
}

/// The lines of one file, each of bounded length.
struct Lines {
    file: BufReader<io::Take<File>>,
    broken: bool,
}

impl Lines {
    fn new(mut file: File) -> io::Result<Self> {
        let most = RECENT + OLDER;
        if let Some(skipped) = file.metadata()?.len().checked_sub(most) {
            file.seek(SeekFrom::Start(skipped))?;
        }
        Ok(Self { file: BufReader::new(file.take(most)), broken: false })
    }

    /// The next line; an empty one is the end, or nothing, one that is too long is cut off.
    fn take_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.file.by_ref().take(LINE as u64).read_until(b'\n', &mut line)?;
        if line.len() == LINE && !line.ends_with(b"\n") {
            self.file.skip_until(b'\n')?;
        }
        Ok(line)
    }
}

impl Iterator for Lines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        while !self.broken {
            match self.take_line() {
                Ok(line) if line.is_empty() => return None,
                // What closing a torn line leaves when nothing of it had been written.
                Ok(line) if line.trim_ascii().is_empty() => {}
                Ok(line) => {
                    let entry = load_or_quarantine::parse(&line).ok().filter(is_entry);
                    return Some(entry.map_or(Line::Unreadable, Line::Entry));
                }
                Err(_) => {
                    self.broken = true;
                    return Some(Line::Unreadable);
                }
            }
        }
        None
    }
}

fn is_entry(node: &Node) -> bool {
    ["at", "event", "text"].iter().all(|key| node.get(key).is_some_and(|field| field.as_str().is_some()))
}
