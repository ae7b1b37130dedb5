//! What the monitor tells about itself. Every name that the suite expects in `status.json` and `history.jsonl` stands
//! here and nowhere else.

use std::time::Duration;

use openclaw_failover::json::{self, Node};

use crate::host::Host;
use crate::shell::{eventually, secs};

const STATUS: &str = "/run/openclaw-failover/status.json";
const HISTORY: &str = "/var/lib/openclaw-failover/history.jsonl";

/// The monitor of one host, as its files show it.
#[derive(Clone, Copy)]
pub(crate) struct Monitor<'a> {
    pub(crate) host: &'a Host,
}

/// One line of the history.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// When it happened, in seconds since 1970.
    pub(crate) at: f64,
    /// What happened.
    pub(crate) name: String,
    fields: Node,
}

impl Event {
    /// For a promotion: when an upstream last showed life, in seconds since 1970.
    pub(crate) fn last_life(&self) -> f64 {
        seconds(self.fields.get("last_life")).expect("a promotion says when an upstream last showed life")
    }
}

impl Monitor<'_> {
    /// Its role; empty while there is no status.
    pub(crate) fn role(self) -> String {
        self.status().and_then(|status| Some(status.get("role")?.as_str()?.to_owned())).unwrap_or_default()
    }

    /// Whether it reports something that contains `word` as degraded.
    pub(crate) fn complains(self, word: &str) -> bool {
        let Some(status) = self.status() else { return false };
        let complaints = status.get("degraded").map(|degraded| degraded.to_string()).unwrap_or_default();
        complaints.to_lowercase().contains(word)
    }

    /// Waits until it watches a primary that it sees healthy.
    pub(crate) fn wait_watching(self) {
        let healthy = || {
            let status = self.status()?;
            let upstreams = status.get("upstreams")?.as_array()?;
            let healthy = |upstream: &Node| upstream.get("verdict").and_then(|v| v.as_str()) == Some("healthy");
            (!upstreams.is_empty() && upstreams.iter().all(healthy)).then_some(())
        };
        eventually("the monitor sees the primary healthy", secs(30), healthy);
    }

    /// Waits until it has a role.
    pub(crate) fn wait_role(self, role: &str, within: Duration) {
        eventually(&format!("the monitor's role is {role}"), within, || (self.role() == role).then_some(()));
    }

    /// Waits for the first event of this name after `since`.
    pub(crate) fn wait_event(self, name: &str, since: f64, within: Duration) -> Event {
        let find = || self.events().into_iter().find(|event| event.name == name && event.at >= since);
        eventually(&format!("the history says {name}"), within, find)
    }

    /// How often something has happened since a time.
    pub(crate) fn count(self, name: &str, since: f64) -> usize {
        self.events().iter().filter(|event| event.name == name && event.at >= since).count()
    }

    /// The history, oldest first.
    pub(crate) fn events(self) -> Vec<Event> {
        let text = self.host.read(HISTORY).unwrap_or_default();
        text.lines().filter_map(event).collect()
    }

    fn status(self) -> Option<Node> {
        json::parse(&self.host.read(STATUS)?).ok()
    }
}

fn event(line: &str) -> Option<Event> {
    let fields = json::parse(line).ok()?;
    Some(Event { at: seconds(fields.get("at"))?, name: fields.get("event")?.as_str()?.to_owned(), fields })
}

fn seconds(time: Option<&Node>) -> Option<f64> {
    time?.as_f64()
}
