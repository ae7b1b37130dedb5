//! Recorder: the only thread that writes to the disk, so that a failing disk blocks no other thread.
//!
//! Records that could not be written are kept, up to a limit, and retried.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use crate::config::paths::Paths;
use crate::events::HistoryEntry;
use crate::failover::PersistentState;
use crate::monitor::messages::{MessageSender, MonitorMessage};
use crate::os::atomic_file::FileError;
use crate::os::clock::WallClockOffset;
use crate::os::spawn;
use crate::records::seen_healthy::SeenHealthy;
use crate::records::timeline::Timeline;
use crate::records::trace::{self, TraceBatch};
use crate::records::{history, state};

/// Channel capacity.
const CHANNEL_CAPACITY: usize = 64;

/// Limit of entries that wait for a failing disk; the oldest are dropped first.
const MAX_PENDING_ENTRIES: usize = 1024;

/// Pause before the next attempt on a failing disk.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Record to write.
pub(super) enum Record {
    PersistentState(Box<PersistentState>, WallClockOffset),
    SeenHealthy(SeenHealthy),
    Timeline(Timeline),
    Entry(HistoryEntry),
    Trace(TraceBatch),
    /// Answer once everything before this is on disk, or failed to be written.
    Flush(SyncSender<()>),
}

/// Handle of the recorder's thread.
pub(super) struct Recorder {
    records: SyncSender<Record>,
}

impl Recorder {
    pub(super) fn start(paths: Paths, message_sender: MessageSender) -> io::Result<Self> {
        let (records, receiver) = mpsc::sync_channel(CHANNEL_CAPACITY);
        let recorder_thread = RecorderThread {
            paths,
            message_sender,
            entries: VecDeque::new(),
            persistent_state: None,
            seen_healthy: None,
            timeline: None,
            is_failing: false,
        };
        spawn("recorder", move || recorder_thread.run(&receiver))?;
        Ok(Self { records })
    }

    /// Queues a record. False if the queue is full.
    pub(super) fn enqueue(&self, record: Record) -> bool {
        !matches!(self.records.try_send(record), Err(TrySendError::Full(_)))
    }

    /// Waits until everything is written, for `limit` at most.
    pub(super) fn flush(&self, limit: Duration) {
        let (done, flushed) = mpsc::sync_channel(1);
        if self.enqueue(Record::Flush(done)) && flushed.recv_timeout(limit).is_err() {
            log::warn!("cannot write to the disk in time: the last entries of the history may be missing");
        }
    }
}

struct RecorderThread {
    paths: Paths,
    message_sender: MessageSender,
    entries: VecDeque<HistoryEntry>,
    persistent_state: Option<(Box<PersistentState>, WallClockOffset)>,
    seen_healthy: Option<SeenHealthy>,
    timeline: Option<Timeline>,
    is_failing: bool,
}

impl RecorderThread {
    fn run(mut self, records: &Receiver<Record>) {
        loop {
            let pause = if self.is_failing { RETRY_INTERVAL } else { Duration::MAX };
            let flushed = match records.recv_timeout(pause) {
                Ok(record) => self.accept_record(record),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let result = self.write_pending();
            self.report_disk_result(result);
            if let Some(flushed) = flushed {
                // The waiting thread may have given up.
                let _ = flushed.try_send(());
            }
        }
    }

    fn accept_record(&mut self, record: Record) -> Option<SyncSender<()>> {
        match record {
            Record::PersistentState(persistent_state, wall) => self.persistent_state = Some((persistent_state, wall)),
            Record::SeenHealthy(seen_healthy) => self.seen_healthy = Some(seen_healthy),
            Record::Timeline(timeline) => self.timeline = Some(timeline),
            Record::Entry(entry) => {
                if self.entries.len() == MAX_PENDING_ENTRIES {
                    self.entries.pop_front();
                }
                self.entries.push_back(entry);
            }
            // A trace is only for later analysis, so a failed write is neither kept nor announced.
            Record::Trace(batch) => {
                if let Err(why) = trace::append_batch(&self.paths.trace_file(), &batch) {
                    log::debug!("{why}");
                }
            }
            Record::Flush(done) => return Some(done),
        }
        None
    }

    /// Writes everything that is pending. The machine's state comes first, because nothing else can restore it.
    fn write_pending(&mut self) -> Result<(), FileError> {
        if let Some((persistent_state, wall)) = &self.persistent_state {
            state::save(&self.paths.state_file(), persistent_state, *wall)?;
            self.persistent_state = None;
        }
        if let Some(seen_healthy) = &self.seen_healthy {
            seen_healthy.save(&self.paths.seen_healthy_file())?;
            self.seen_healthy = None;
        }
        while let Some(entry) = self.entries.front() {
            history::append_entry(&self.paths.history_file(), entry)?;
            self.entries.pop_front();
        }
        if let Some(timeline) = &self.timeline {
            timeline.save(&self.paths.timeline_file())?;
            self.timeline = None;
        }
        Ok(())
    }

    /// Reports when writing begins to fail, and when it works again.
    fn report_disk_result(&mut self, result: Result<(), FileError>) {
        if result.is_err() != std::mem::replace(&mut self.is_failing, result.is_err()) {
            self.message_sender.send(MonitorMessage::DiskResult(result));
        }
    }
}
