//! Recorder: the only thread that writes to the disk, so that a failing disk blocks no other thread.
//!
//! Records that could not be written are kept, up to a limit, and retried.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TrySendError, {self},
};
use std::time::Duration;

use crate::config::paths::Paths;
use crate::events::Entry;
use crate::failover::Memory;
use crate::monitor::messages::{Fact, Outlet};
use crate::os::atomic_file::Error;
use crate::os::clock::Wall;
use crate::os::spawn;
use crate::records::seen_healthy::Armed;
use crate::records::timeline::Strip;
use crate::records::trace::{
    Batch, {self},
};
use crate::records::{history, state};

/// Channel capacity.
const ROOM: usize = 64;

/// Limit of entries that wait for a failing disk; the oldest are dropped first.
const ENTRIES: usize = 1024;

/// Pause before the next attempt on a failing disk.
const RETRY: Duration = Duration::from_secs(5);

/// Record to write.
pub(super) enum Record {
    /// The machine's state, the operator's reason for the hold, and the wall clock.
    Memory(Box<Memory>, Option<String>, Wall),
    Armed(Armed),
    Strip(Strip),
    Entry(Entry),
    Trace(Batch),
    /// Answer once everything before this is on disk, or failed to be written.
    Flush(SyncSender<()>),
}

/// Handle of the recorder's thread.
pub(super) struct Recorder {
    records: SyncSender<Record>,
}

impl Recorder {
    pub(super) fn start(paths: Paths, outlet: Outlet) -> io::Result<Self> {
        let (records, receiver) = mpsc::sync_channel(ROOM);
        let desk =
            Desk { paths, outlet, entries: VecDeque::new(), memory: None, armed: None, strip: None, failing: false };
        spawn("recorder", move || desk.run(&receiver))?;
        Ok(Self { records })
    }

    /// Queues a record. False if the queue is full.
    pub(super) fn take(&self, record: Record) -> bool {
        !matches!(self.records.try_send(record), Err(TrySendError::Full(_)))
    }

    /// Waits until everything is written, for `limit` at most.
    pub(super) fn flush(&self, limit: Duration) {
        let (done, flushed) = mpsc::sync_channel(1);
        if self.take(Record::Flush(done)) && flushed.recv_timeout(limit).is_err() {
            log::warn!("cannot write to the disk in time: the last entries of the history may be missing");
        }
    }
}

struct Desk {
    paths: Paths,
    outlet: Outlet,
    entries: VecDeque<Entry>,
    memory: Option<(Box<Memory>, Option<String>, Wall)>,
    armed: Option<Armed>,
    strip: Option<Strip>,
    failing: bool,
}

impl Desk {
    fn run(mut self, records: &Receiver<Record>) {
        loop {
            let pause = if self.failing { RETRY } else { Duration::MAX };
            let flushed = match records.recv_timeout(pause) {
                Ok(record) => self.accept(record),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let result = self.write();
            self.tell(result.map_err(|why| why.to_string()));
            if let Some(flushed) = flushed {
                // The waiting thread may have given up.
                let _ = flushed.try_send(());
            }
        }
    }

    fn accept(&mut self, record: Record) -> Option<SyncSender<()>> {
        match record {
            Record::Memory(memory, reason, wall) => self.memory = Some((memory, reason, wall)),
            Record::Armed(armed) => self.armed = Some(armed),
            Record::Strip(strip) => self.strip = Some(strip),
            Record::Entry(entry) => {
                if self.entries.len() == ENTRIES {
                    self.entries.pop_front();
                }
                self.entries.push_back(entry);
            }
            // A trace is only for later analysis, so a failed write is neither kept nor announced.
            Record::Trace(batch) => {
                if let Err(why) = trace::append(&self.paths.trace(), &batch) {
                    log::debug!("{why}");
                }
            }
            Record::Flush(done) => return Some(done),
        }
        None
    }

    /// Writes everything that is pending. The machine's state comes first, because nothing else can restore it.
    fn write(&mut self) -> Result<(), Error> {
        if let Some((memory, reason, wall)) = &self.memory {
            state::save(&self.paths.state(), memory, reason.as_deref(), *wall)?;
            self.memory = None;
        }
        if let Some(armed) = &self.armed {
            armed.save(&self.paths.armed())?;
            self.armed = None;
        }
        while let Some(entry) = self.entries.front() {
            history::append(&self.paths.history(), entry)?;
            self.entries.pop_front();
        }
        if let Some(strip) = &self.strip {
            strip.save(&self.paths.strip())?;
            self.strip = None;
        }
        Ok(())
    }

    /// Reports when writing begins to fail, and when it works again.
    fn tell(&mut self, result: Result<(), String>) {
        if result.is_err() != std::mem::replace(&mut self.failing, result.is_err()) {
            self.outlet.send(Fact::Disk(result));
        }
    }
}
