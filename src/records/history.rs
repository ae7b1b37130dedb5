//! History of transitions and their reasons: `history.jsonl`, one JSON object per line, oldest first.
//!
//! The size is bounded. A full file is merged into `history.1.jsonl`, which is thinned to keep a year. A crash or a
//! full disk may leave a partial line: the next append ends it with a newline, and readers skip it.

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

/// Limit on the size of the recent file, in bytes. It holds every entry.
const RECENT: u64 = 1024 * 1024;

/// Limit on the size of the older file, in bytes.
const OLDER: u64 = 3 * 1024 * 1024;

/// Limit on the length of a line, in bytes. Written lines are far shorter.
const LINE: usize = 64 * 1024;

/// Appends one entry durably (fsync).
///
/// # Errors
/// Returns an error if it cannot be written. A part of it may be in the file; the next entry starts on a new line all
/// the same.
pub fn append(path: &Path, entry: &Entry) -> Result<(), Error> {
    let line = format!("{}\n", entry.to_json());
    let known = fs::metadata(path).map_or(0, |found| found.len());
    if known > 0 && known.saturating_add(line.len() as u64) > RECENT {
        retention::thin(path)?;
    }
    add(path, &line).map_err(|why| Error::Write { path: path.to_owned(), why })
}

/// Returns the path of the older file beside `path`.
pub(super) fn older(path: &Path) -> PathBuf {
    path.with_extension("1.jsonl")
}

fn add(path: &Path, line: &str) -> io::Result<()> {
    let (file, is_new) = add_lines(path, line)?;
    file.sync_data()?;
    if is_new { sync_folder(path) } else { Ok(()) }
}

/// Appends complete lines to a file, after ending a partial one. Returns the file, and true if it was empty.
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
    /// An entry: an object with time, event and text.
    Entry(Node),
    /// Anything else: a partial, overlong or foreign line, or a read error.
    Unreadable,
}

/// Returns the time of an entry; the epoch if it has none.
#[must_use]
pub fn moment(entry: &Node) -> Time {
    entry.get("at").and_then(|at| parse_rfc3339(at.as_str()?)).unwrap_or_default()
}

/// Reads the history at `path`, oldest line first. Of a file that is too long, only the last 4 MiB are read.
///
/// # Errors
/// Returns an error if a file exists but cannot be opened. Missing files are an empty history.
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

/// Lines of one file, each of bounded length.
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

    /// Reads the next line, cut off if it is too long; an empty one means end of file.
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
                // A partial line of length zero leaves an empty line.
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
