//! Reader of one output stream of a child. Keeps a bounded part of it.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::os::child_wait::{ChildWait, Waker};

/// Part of a stream to keep, with its limit in bytes.
#[derive(Clone, Copy)]
pub(super) enum CaptureLimit {
    Head(usize),
    Tail(usize),
}

/// Kept part of a stream.
#[derive(Default)]
pub(super) struct CapturedStream {
    pub(super) bytes: Vec<u8>,
    pub(super) truncated: bool,
}

/// Thread that reads until the child's end is closed or this end is shut down.
pub(super) struct StreamReader {
    socket: UnixStream,
    is_done: Arc<AtomicBool>,
    thread: Option<JoinHandle<CapturedStream>>,
}

impl StreamReader {
    /// Starts the thread and returns it with the child's end of the stream.
    pub(super) fn start(keep: CaptureLimit, wake: &ChildWait) -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        let done = Arc::new(AtomicBool::new(false));
        let (stream, flag, bell) = (ours.try_clone()?, Arc::clone(&done), wake.waker()?);
        let thread = thread::Builder::new()
            .name("child output".into())
            .spawn(move || capture_stream(&stream, keep, &flag, &bell))?;
        let thread = Some(thread);
        Ok((Self { socket: ours, is_done: done, thread }, theirs.into()))
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    /// Stops reading and returns the kept part.
    pub(super) fn finish(mut self) -> CapturedStream {
        self.shut_down();
        let thread = self.thread.take();
        thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
    }

    fn shut_down(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn capture_stream(mut stream: &UnixStream, keep: CaptureLimit, done: &AtomicBool, bell: &Waker) -> CapturedStream {
    let mut kept = CapturedStream::default();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => kept.append(buffer.get(..length).unwrap_or_default(), keep),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    done.store(true, Ordering::Release);
    bell.wake();
    kept
}

impl CapturedStream {
    fn append(&mut self, bytes: &[u8], keep: CaptureLimit) {
        match keep {
            CaptureLimit::Head(limit) => {
                let room = limit.saturating_sub(self.bytes.len());
                self.truncated |= bytes.len() > room;
                self.bytes.extend(bytes.iter().take(room));
            }
            CaptureLimit::Tail(limit) => {
                self.bytes.extend(bytes);
                let excess = self.bytes.len().saturating_sub(limit);
                self.truncated |= excess > 0;
                self.bytes.drain(..excess);
            }
        }
    }

    pub(super) fn to_text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}
