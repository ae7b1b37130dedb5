//! Start of threads.

use std::{io, thread};

/// Runs `work` on a new thread with this name.
///
/// # Errors
/// If the system cannot create a thread.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    spawn_boxed(name, Box::new(work))
}

/// Starts a boxed closure. A box avoids a separate copy of std's spawn code for each of the many closures.
fn spawn_boxed(name: &str, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}
