//! Wait for a child with a deadline, on a socket that SIGCHLD writes to.
//!
//! std has no such wait. Polling would be slow or busy. A thread in `wait` would reap the child at any time, and its
//! process id could then belong to another process. With the socket the waiting thread wakes at once and reaps the
//! child itself.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use signal_hook::SigId;
use signal_hook::consts::SIGCHLD;
use signal_hook::low_level::{pipe, unregister};

/// Receiver of wake-ups: a child of this process ended, or a [`Waker`] was rung.
pub(super) struct ChildWait {
    receiver: UnixStream,
    sender: UnixStream,
    signal: SigId,
}

/// Sender of wake-ups; never blocks.
pub(super) struct Waker(UnixStream);

impl ChildWait {
    /// Creates the receiver. The end of every child started later causes a wake-up.
    pub(super) fn new() -> io::Result<Self> {
        let (heard, bell) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        let signal = pipe::register(SIGCHLD, bell.try_clone()?)?;
        Ok(Self { receiver: heard, sender: bell, signal })
    }

    pub(super) fn waker(&self) -> io::Result<Waker> {
        self.sender.try_clone().map(Waker)
    }

    /// Calls `probe` now and after every wake-up, until it returns a value or `limit` has passed.
    pub(super) fn wait_until<T>(&self, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
        let asked = Instant::now();
        loop {
            if let Some(answer) = probe() {
                return Some(answer);
            }
            let left = limit.checked_sub(asked.elapsed())?;
            self.sleep(left);
        }
    }

    /// Sleeps until a wake-up or until `limit` has passed. An early return is harmless, so errors are ignored.
    fn sleep(&self, limit: Duration) {
        // A timeout of zero means "no timeout" to the kernel.
        let limit = limit.max(Duration::from_millis(1));
        let heard = self.receiver.set_read_timeout(Some(limit));
        if heard.is_ok() {
            let _ = (&self.receiver).read(&mut [0; 64]);
        }
    }
}

impl Drop for ChildWait {
    fn drop(&mut self) {
        unregister(self.signal);
    }
}

impl Waker {
    pub(super) fn wake(&self) {
        // If the socket is full, a wake-up is already pending.
        let _ = (&self.0).write(&[1]);
    }
}
