//! Host with a history, credentials and webhook workers.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{
    Receiver, {self},
};
use std::time::Duration;

use openclaw_failover::config::{
    Format, Notify, Topic, {self},
};
use openclaw_failover::events::Entry;
use openclaw_failover::failover::{Cause, Note, Reason};
use openclaw_failover::notify::{Courier, Message, Pace, Vault, Way};
use openclaw_failover::os::clock::{Wall, wall_clock};
use openclaw_failover::records::history;
use tempfile::TempDir;

/// Short delays.
pub(crate) const QUICK: Pace =
    Pace { attempt: Duration::from_secs(5), first: Duration::from_millis(20), longest: Duration::from_millis(100) };

pub(crate) struct Stage {
    folder: TempDir,
    /// Receivers that close when a worker's thread ends.
    couriers: RefCell<Vec<Receiver<()>>>,
}

/// A worker that still writes would leave its file in a folder that is being removed.
impl Drop for Stage {
    fn drop(&mut self) {
        for ended in self.couriers.get_mut() {
            let _ = ended.recv_timeout(Duration::from_secs(60));
        }
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), couriers: RefCell::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn vault(&self) -> Vault {
        Vault::at(self.folder.path())
    }

    /// Returns a webhook whose credential is this text.
    pub(crate) fn webhook(&self, format: Format, credential: &str) -> Notify {
        fs::write(self.path("hook"), credential).unwrap();
        let topics = Topic::ALL.map(|(_, topic)| topic).to_vec();
        Notify { credential: "hook".to_owned(), format, topics, ca_file: None }
    }

    pub(crate) fn way(&self, webhook: Notify, pace: Pace) -> Way {
        let (history, mark) = (self.path("history.jsonl"), self.path("notified-hook.json"));
        Way { webhook, vault: self.vault(), host: "standby".to_owned(), history, mark, pace }
    }

    /// Starts a worker for it. Returns the worker and its reports.
    pub(crate) fn courier(&self, webhook: Notify) -> (Courier, Receiver<Result<(), String>>) {
        self.start(self.way(webhook, QUICK))
    }

    /// Starts a worker with this configuration; it ends before the folder is removed.
    pub(crate) fn start(&self, way: Way) -> (Courier, Receiver<Result<(), String>>) {
        let (sender, told) = mpsc::channel();
        let (lives, ended) = mpsc::channel::<()>();
        self.couriers.borrow_mut().push(ended);
        let tell = Box::new(move |result| {
            let _ = &lives;
            drop(sender.send(result));
        });
        (Courier::start(way, tell).unwrap(), told)
    }

    /// Appends an entry to the history, as the monitor does, and returns its message.
    pub(crate) fn happens(&self, note: &Note) -> Arc<Message> {
        let entry = entry(note);
        history::append(&self.path("history.jsonl"), &entry).unwrap();
        message(&entry)
    }
}

/// Returns the entry that a monitor with the default configuration writes for a notice, now.
pub(crate) fn entry(note: &Note) -> Entry {
    let text = r#"{ "upstreams": [{ "name": "primary", "urls": ["http://100.64.0.1:18789"] }] }"#;
    let config = config::parse(text, "c.json").unwrap();
    Entry::of_machine(note, wall_clock(), Wall::default(), &config)
}

pub(crate) fn message(entry: &Entry) -> Arc<Message> {
    Arc::new(Message::of(&entry.to_json(), "standby", Duration::from_secs(30)).unwrap())
}

pub(crate) fn promoted(hold_down: u64) -> Note {
    Note::Promoted { cause: Cause::Outage, took: Duration::from_secs(12), hold_down: Duration::from_secs(hold_down) }
}

pub(crate) fn demoted() -> Note {
    Note::Demoted { reason: Reason::Ready { upstream: 0 }, active_for: Some(Duration::from_secs(600)) }
}
