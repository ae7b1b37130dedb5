//! History of transitions and their reasons: `history.jsonl`, one JSON object per line, oldest first.
//!
//! The size is bounded. A full file is merged into `history.1.jsonl`, which is thinned to keep a year. A crash or a
//! full disk may leave a partial line: the next append ends it with a newline, and readers skip it.

mod command;
mod entry_times;
mod lines;
mod retention;
mod summary;

use std::path::Path;
use std::{fs, io};

use crate::events::HistoryEntry;
use crate::os::atomic_file::{FileError, sync_directory};
pub use crate::records::history::command::{HistoryFormat, render_history};
use crate::records::history::lines::RECENT_MAX_BYTES;
pub use crate::records::history::lines::{HistoryLine, entry_time, read};
pub(super) use crate::records::history::lines::{append_lines, older_path, read_event};

/// Appends one entry durably (fsync).
///
/// # Errors
/// Returns an error if it cannot be written. A part of it may be in the file; the next entry starts on a new line all
/// the same.
pub fn append_entry(path: &Path, entry: &HistoryEntry) -> Result<(), FileError> {
    let line = format!("{}\n", entry.to_json());
    let known = fs::metadata(path).map_or(0, |found| found.len());
    if known > 0 && known.saturating_add(line.len() as u64) > RECENT_MAX_BYTES {
        retention::merge_recent(path)?;
    }
    append_line(path, &line).map_err(|why| FileError::Write { path: path.to_owned(), why })
}

fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let (file, is_new) = append_lines(path, line)?;
    file.sync_data()?;
    if is_new { sync_directory(path) } else { Ok(()) }
}
