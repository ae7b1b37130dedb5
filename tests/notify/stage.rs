//! Host with a history, credentials and webhook workers.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use openclaw_failover::config::{self, NotificationTopic, NotifyConfig, WebhookFormat};
use openclaw_failover::events::HistoryEntry;
use openclaw_failover::failover::{Cause, DemotionReason, MachineNotice};
use openclaw_failover::notify::{
    CredentialStore, DeliveryError, DeliveryTiming, Message, WebhookConfig, WebhookWorker,
};
use openclaw_failover::os::clock::{WallClockOffset, read_wall_clock};
use openclaw_failover::records::history;
use tempfile::TempDir;

/// Short delays.
pub(crate) const FAST_TIMING: DeliveryTiming = DeliveryTiming {
    attempt_timeout: Duration::from_secs(5),
    first_delay: Duration::from_millis(20),
    max_delay: Duration::from_millis(100),
};

pub(crate) struct TestHost {
    folder: TempDir,
    /// Receivers that close when a worker's thread ends.
    workers: RefCell<Vec<Receiver<()>>>,
}

/// A worker that still writes would leave its file in a folder that is being removed.
impl Drop for TestHost {
    fn drop(&mut self) {
        for ended in self.workers.get_mut() {
            let _ = ended.recv_timeout(Duration::from_secs(60));
        }
    }
}

impl TestHost {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), workers: RefCell::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn credentials(&self) -> CredentialStore {
        CredentialStore::in_directory(self.folder.path())
    }

    /// Returns a webhook whose credential is this text.
    pub(crate) fn webhook(&self, format: WebhookFormat, credential: &str) -> NotifyConfig {
        fs::write(self.path("hook"), credential).unwrap();
        let events = NotificationTopic::ALL.to_vec();
        NotifyConfig { credential: "hook".to_owned(), format, events, ca_file: None }
    }

    pub(crate) fn worker_config(&self, webhook: NotifyConfig, pace: DeliveryTiming) -> WebhookConfig {
        let (history, mark) = (self.path("history.jsonl"), self.path("notified-hook.json"));
        WebhookConfig {
            webhook,
            credentials: self.credentials(),
            host: "standby".to_owned(),
            history_path: history,
            cursor_path: mark,
            timing: pace,
        }
    }

    /// Starts a worker for it. Returns the worker and its reports.
    pub(crate) fn start_worker(&self, webhook: NotifyConfig) -> (WebhookWorker, Receiver<Result<(), String>>) {
        self.start_with(self.worker_config(webhook, FAST_TIMING))
    }

    /// Starts a worker with this configuration; it ends before the folder is removed.
    pub(crate) fn start_with(&self, way: WebhookConfig) -> (WebhookWorker, Receiver<Result<(), String>>) {
        let (sender, told) = mpsc::channel();
        let (lives, ended) = mpsc::channel::<()>();
        self.workers.borrow_mut().push(ended);
        let tell = Box::new(move |result: Result<(), DeliveryError>| {
            let _ = &lives;
            drop(sender.send(result.map_err(|why| why.to_string())));
        });
        (WebhookWorker::start(way, tell).unwrap(), told)
    }

    /// Appends an entry to the history, as the monitor does, and returns its message.
    pub(crate) fn log_event(&self, note: &MachineNotice) -> Arc<Message> {
        let entry = entry(note);
        history::append_entry(&self.path("history.jsonl"), &entry).unwrap();
        message(&entry)
    }
}

/// Returns the entry that a monitor with the default configuration writes for a notice, now.
pub(crate) fn entry(note: &MachineNotice) -> HistoryEntry {
    let text = r#"{ "upstreams": [{ "name": "primary", "urls": ["http://100.64.0.1:18789"] }] }"#;
    let config = config::parse(text, "c.json").unwrap();
    HistoryEntry::from_machine_notice(note, read_wall_clock(), WallClockOffset::default(), &config)
}

pub(crate) fn message(entry: &HistoryEntry) -> Arc<Message> {
    Arc::new(Message::from_entry(&entry.to_json(), "standby", Duration::from_secs(30)).unwrap())
}

pub(crate) fn promoted(hold_down: u64) -> MachineNotice {
    MachineNotice::Promoted {
        cause: Cause::Outage,
        took: Duration::from_secs(12),
        hold_down: Duration::from_secs(hold_down),
    }
}

pub(crate) fn demoted() -> MachineNotice {
    MachineNotice::Demoted { reason: DemotionReason::Ready { upstream: 0 }, active_for: Some(Duration::from_secs(600)) }
}
