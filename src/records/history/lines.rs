//! Lines of the history's files: reading them in bounded memory, and appending to a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::iter;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::events::EventKind;
use crate::os::atomic_file::FileError;
use crate::os::{ReadError, load_or_quarantine, open_regular};
use crate::text::Time;
use crate::text::json::{Node, Value};
use crate::text::utc::parse_rfc3339;

/// Limit on the size of the recent file, in bytes. It holds every entry.
pub(super) const RECENT_MAX_BYTES: u64 = 1024 * 1024;

/// Limit on the size of the older file, in bytes.
pub(super) const OLDER_MAX_BYTES: u64 = 3 * 1024 * 1024;

/// Limit on the length of a line, in bytes. Written lines are far shorter.
const LINE_MAX_BYTES: usize = 64 * 1024;

/// Returns the path of the older file beside `path`.
pub(in crate::records) fn older_path(path: &Path) -> PathBuf {
    path.with_extension("1.jsonl")
}

/// Appends complete lines to a file, after ending a partial one. Returns the file, and true if it was empty.
pub(in crate::records) fn append_lines(path: &Path, lines: &str) -> io::Result<(File, bool)> {
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
pub enum HistoryLine {
    /// An entry: an object with time, event and text.
    Entry(Node),
    /// Anything else: a partial, overlong or foreign line, or a read error.
    Unreadable,
}

/// Returns the time of an entry; the epoch if it has none.
pub fn entry_time(entry: &Node) -> Time {
    entry.get("at").and_then(|at| parse_rfc3339(at.as_str()?)).unwrap_or_default()
}

/// Returns the kind of an entry; `None` for one of another version.
pub(super) fn entry_event(entry: &Node) -> Option<EventKind> {
    EventKind::from_name(entry.get("event")?.as_str()?)
}

/// Reads the history at `path`, oldest line first. Of a file that is too long, only the last 4 MiB are read.
///
/// # Errors
/// Returns an error if a file exists but cannot be opened. Missing files are an empty history.
pub fn read(path: &Path) -> Result<impl Iterator<Item = HistoryLine> + use<>, FileError> {
    let lines = [open_lines(&older_path(path))?, open_lines(path)?];
    Ok(lines.into_iter().flatten().flatten())
}

/// Reads the entries of one event, oldest first. Other lines are not parsed, so this is ten times as fast as [`read`].
///
/// # Errors
/// Returns an error if a file exists but cannot be opened. Missing files are an empty history.
pub(in crate::records) fn read_event(
    path: &Path,
    event: EventKind,
) -> Result<impl Iterator<Item = Node> + use<>, FileError> {
    let lines = [open_lines(&older_path(path))?, open_lines(path)?];
    let name = Value::from(event.name()).to_string();
    let entries = lines.into_iter().flatten().flat_map(move |lines| lines.containing(name.clone()));
    Ok(entries.filter(move |entry| entry_event(entry) == Some(event)))
}

pub(super) fn open_lines(path: &Path) -> Result<Option<LineReader>, FileError> {
    let not_a_file = || FileError::NotAFile { path: path.to_owned() };
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(not_a_file());
    }
    let opened = open_regular(path).and_then(|file| LineReader::new(file).map_err(ReadError::Io));
    match opened {
        Ok(lines) => Ok(Some(lines)),
        Err(why) if why.is_missing() => Ok(None),
        Err(ReadError::Io(why)) => Err(FileError::Read { path: path.to_owned(), why }),
        Err(_) => Err(not_a_file()),
    }
}

/// Lines of one file, each of bounded length.
pub(super) struct LineReader {
    file: BufReader<io::Take<File>>,
    has_failed: bool,
}

impl LineReader {
    fn new(mut file: File) -> io::Result<Self> {
        let most = RECENT_MAX_BYTES + OLDER_MAX_BYTES;
        if let Some(skipped) = file.metadata()?.len().checked_sub(most) {
            file.seek(SeekFrom::Start(skipped))?;
        }
        Ok(Self { file: BufReader::new(file.take(most)), has_failed: false })
    }

    /// Reads the next line, cut off if it is too long; an empty one means end of file.
    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.file.by_ref().take(LINE_MAX_BYTES as u64).read_until(b'\n', &mut line)?;
        if line.len() == LINE_MAX_BYTES && !line.ends_with(b"\n") {
            self.file.skip_until(b'\n')?;
        }
        Ok(line)
    }

    /// Returns the entries on lines that contain this text. Ends at a read error.
    fn containing(mut self, text: String) -> impl Iterator<Item = Node> {
        iter::from_fn(move || {
            loop {
                let line = self.read_line().ok().filter(|line| !line.is_empty())?;
                if line.windows(text.len()).any(|part| part == text.as_bytes()) {
                    let entry = load_or_quarantine::parse_record(&line).ok().filter(is_entry);
                    if entry.is_some() {
                        return entry;
                    }
                }
            }
        })
    }
}

impl Iterator for LineReader {
    type Item = HistoryLine;

    fn next(&mut self) -> Option<HistoryLine> {
        while !self.has_failed {
            match self.read_line() {
                Ok(line) if line.is_empty() => return None,
                // A partial line of length zero leaves an empty line.
                Ok(line) if line.trim_ascii().is_empty() => {}
                Ok(line) => {
                    let entry = load_or_quarantine::parse_record(&line).ok().filter(is_entry);
                    return Some(entry.map_or(HistoryLine::Unreadable, HistoryLine::Entry));
                }
                Err(_) => {
                    self.has_failed = true;
                    return Some(HistoryLine::Unreadable);
                }
            }
        }
        None
    }
}

fn is_entry(node: &Node) -> bool {
    ["at", "event", "text"].iter().all(|key| node.get(key).is_some_and(|field| field.as_str().is_some()))
}
