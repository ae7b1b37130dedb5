//! The one way in which a thread is started.

use std::{io, thread};

/// Has `work` done on a thread of its own, of which this is the name.
///
/// # Errors
/// When the system gives us no thread.
pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    start(name, Box::new(work))
}

/// In a box, because std's part in it is compiled anew for every other kind of work, and this program has many.
fn start(name: &str, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}
