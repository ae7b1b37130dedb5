//! Trace of every event that the machine was given, so that its decisions can be replayed.
//!
//! `trace.jsonl` holds one JSON object per line. A segment starts with `begin`: the configuration, and the machine's
//! initial state. Each further line is an event with its time, in milliseconds. `more` lists the equal events after it,
//! as milliseconds from one to the next; `did` lists what the machine decided. Runs of equal events overlap, so a
//! reader sorts the events of a segment by time.
//!
//! - [`Tracer`]: turns events into lines, in bounded memory.
//! - [`append`]: writes the lines, in bounded space.
//! - [`replay()`]: gives the events to a machine again, and prints its decisions with their reasons.
//! - `begin`, `event`: encode and decode one line.

mod begin;
mod event;
mod replay;
mod tracer;

use std::fs;
use std::path::Path;

use crate::os::atomic_file::Error;
use crate::records::history;
pub use crate::records::trace::begin::Begin;
pub use crate::records::trace::replay::{Replayed, decisions, read, replay};
pub use crate::records::trace::tracer::{Batch, Tracer};

/// Size of the file, in bytes, above which the next segment starts a new file.
const FULL: u64 = 512 * 1024;

/// Size of a segment, in bytes, after which a new one starts as soon as the machine is idle.
const SEGMENT: usize = 256 * 1024;

/// Appends a batch without fsync: the trace only explains decisions, and none depends on it.
///
/// # Errors
/// Returns an error if the batch cannot be written.
pub fn append(path: &Path, batch: &Batch) -> Result<(), Error> {
    let write = || {
        let length = fs::metadata(path).map_or(0, |found| found.len());
        if batch.begins && length > FULL {
            fs::rename(path, history::older(path))?;
        }
        history::add_lines(path, &batch.lines).map(drop)
    };
    write().map_err(|why| Error::Write { path: path.to_owned(), why })
}
