//! The flight recorder: every event that the machine was given, so that any night can be run again.
//!
//! `trace.jsonl` holds one JSON object a line. A segment starts with `begin`: the configuration, and what the machine
//! started from. Each further line is an event and when it came, in milliseconds; `more` are equal events after it, as
//! the milliseconds from one to the next, and `did` is what the machine decided then. Runs of equal events overlap, so
//! a reader puts the events of a segment in the order of their times.
//!
//! - [`Tracer`]: what is to be written, in bounded memory.
//! - [`append`]: where it goes, in bounded space.
//! - [`replay()`]: gives the events to a machine again, and prints what it decides and why.
//! - `begin`, `event`: what a line says, and back.

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

/// From how long a file on, in bytes, the next segment begins another one.
const FULL: u64 = 512 * 1024;

/// How many bytes of events a segment takes before the next one begins, as soon as nothing goes on.
const SEGMENT: usize = 256 * 1024;

/// Adds what the tracer has to say. A trace explains and is never needed, so it waits for no disk.
///
/// # Errors
/// When it cannot be written.
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
