//! What a thread sleeps on while a child runs: a socket that is written to when something may have changed.
//!
//! Waiting for a child with a deadline is not in std. Polling would be slow or busy, and a thread in `wait` would
//! reap the child at a moment of its own, after which its process id may belong to somebody else. A socket that
//! SIGCHLD writes to has neither fault: the sleeper wakes at once, and reaps when it is ready to.

use std::io::{
    Read, Write, {self},
};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use signal_hook::SigId;
use signal_hook::consts::SIGCHLD;
use signal_hook::low_level::{pipe, unregister};

/// Wakes its owner when a child of this process ended, or when a [`Bell`] of it rang.
pub(super) struct Wake {
    heard: UnixStream,
    bell: UnixStream,
    signal: SigId,
}

/// A hand on the wake's bell; never blocks.
pub(super) struct Bell(UnixStream);

impl Wake {
    /// Listens from now on: a child that is started later cannot end unheard.
    pub(super) fn new() -> io::Result<Self> {
        let (heard, bell) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        let signal = pipe::register(SIGCHLD, bell.try_clone()?)?;
        Ok(Self { heard, bell, signal })
    }

    pub(super) fn bell(&self) -> io::Result<Bell> {
        self.bell.try_clone().map(Bell)
    }

    /// Asks `probe` now and after every wake-up, until it has an answer or `limit` is over.
    pub(super) fn until<T>(&self, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
        let asked = Instant::now();
        loop {
            if let Some(answer) = probe() {
                return Some(answer);
            }
            let left = limit.checked_sub(asked.elapsed())?;
            self.sleep(left);
        }
    }

    /// Sleeps until something rings or `limit` is over. An early return is harmless, so errors are treated as one.
    fn sleep(&self, limit: Duration) {
        // Zero would mean "no limit" to the kernel.
        let limit = limit.max(Duration::from_millis(1));
        let heard = self.heard.set_read_timeout(Some(limit));
        if heard.is_ok() {
            let _ = (&self.heard).read(&mut [0; 64]);
        }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        unregister(self.signal);
    }
}

impl Bell {
    pub(super) fn ring(&self) {
        // A full socket has rung already.
        let _ = (&self.0).write(&[1]);
    }
}
