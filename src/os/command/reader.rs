//! Reader of one output stream of a child. Keeps a bounded part of it.

use std::io::{
    Read, {self},
};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{
    JoinHandle, {self},
};

use crate::os::child_wait::{Bell, Wake};

/// Part of a stream to keep, with its limit in bytes.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    Head(usize),
    Tail(usize),
}

/// Kept part of a stream.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    pub(super) truncated: bool,
}

/// Thread that reads until the child's end is closed or this end is shut down.
pub(super) struct Reader {
    ours: UnixStream,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<Kept>>,
}

impl Reader {
    /// Starts the thread and returns it with the child's end of the stream.
    pub(super) fn start(keep: Keep, wake: &Wake) -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        let done = Arc::new(AtomicBool::new(false));
        let (stream, flag, bell) = (ours.try_clone()?, Arc::clone(&done), wake.bell()?);
        let thread =
            thread::Builder::new().name("child output".into()).spawn(move || read(&stream, keep, &flag, &bell))?;
        let thread = Some(thread);
        Ok((Self { ours, done, thread }, theirs.into()))
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Stops reading and returns the kept part.
    pub(super) fn finish(mut self) -> Kept {
        self.shut_down();
        let thread = self.thread.take();
        thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
    }

    fn shut_down(&self) {
        let _ = self.ours.shutdown(Shutdown::Both);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn read(mut stream: &UnixStream, keep: Keep, done: &AtomicBool, bell: &Bell) -> Kept {
    let mut kept = Kept::default();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => kept.add(buffer.get(..length).unwrap_or_default(), keep),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    done.store(true, Ordering::Release);
    bell.ring();
    kept
}

impl Kept {
    fn add(&mut self, bytes: &[u8], keep: Keep) {
        match keep {
            Keep::Head(limit) => {
                let room = limit.saturating_sub(self.bytes.len());
                self.truncated |= bytes.len() > room;
                self.bytes.extend(bytes.iter().take(room));
            }
            Keep::Tail(limit) => {
                self.bytes.extend(bytes);
                let excess = self.bytes.len().saturating_sub(limit);
                self.truncated |= excess > 0;
                self.bytes.drain(..excess);
            }
        }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
