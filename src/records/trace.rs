//! Trace of every event that the machine was given, so that its decisions can be replayed.
//!
//! `trace.jsonl` holds one JSON object per line. A segment starts with `begin`: the configuration, and the machine's
//! initial state. Each further line is an event with its time, in milliseconds. `more` lists the equal events after it,
//! as milliseconds from one to the next; `did` lists what the machine decided. Runs of equal events overlap, so a
//! reader sorts the events of a segment by time.
//!
//! - [`Tracer`]: turns events into lines, in bounded memory.
//! - [`append_batch`]: writes the lines, in bounded space.
//! - [`replay()`]: gives the events to a machine again, and prints its decisions with their reasons.
//! - `segment_start`, `event_codec`: encode and decode one line.

mod event_codec;
mod replay;
mod segment_start;
mod tracer;

use std::fs;
use std::path::Path;

use crate::os::atomic_file::FileError;
use crate::records::history;
pub use crate::records::trace::replay::{ReplayResult, decision_names, read, replay};
pub use crate::records::trace::segment_start::SegmentStart;
pub use crate::records::trace::tracer::{TraceBatch, Tracer};

/// Size of the file, in bytes, above which the next segment starts a new file.
const ROTATE_BYTES: u64 = 512 * 1024;

/// Size of a segment, in bytes, after which a new one starts as soon as the machine is idle.
const SEGMENT_BYTES: usize = 256 * 1024;

/// Appends a batch without fsync: the trace only explains decisions, and none depends on it.
///
/// # Errors
/// Returns an error if the batch cannot be written.
pub fn append_batch(path: &Path, batch: &TraceBatch) -> Result<(), FileError> {
    let write = || {
        let length = fs::metadata(path).map_or(0, |found| found.len());
        if batch.starts_segment && length > ROTATE_BYTES {
            fs::rename(path, history::older_path(path))?;
        }
        history::append_lines(path, &batch.lines).map(drop)
    };
    write().map_err(|why| FileError::Write { path: path.to_owned(), why })
}
