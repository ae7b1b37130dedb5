//! Reports of the monitor. All names that the suite expects in `status.json` and `history.jsonl` are in this file.

use std::time::Duration;

use openclaw_failover::text::json::{self, Node};
use openclaw_failover::text::utc::parse_rfc3339;

use crate::host::Host;
use crate::shell::{secs, wait_until};

/// Status file of the monitor.
pub(crate) const STATUS: &str = "/run/openclaw-failover/status.json";
/// State directory of the monitor.
pub(crate) const STATE: &str = "/var/lib/openclaw-failover";

/// Monitor of one host, through its files.
#[derive(Clone, Copy)]
pub(crate) struct Monitor<'a> {
    pub(crate) host: &'a Host,
}

/// Event of the history.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Time of the event, in seconds since 1970.
    pub(crate) at: f64,
    /// Name of the event.
    pub(crate) name: String,
    fields: Node,
}

impl Event {
    /// Returns the sentence for people.
    pub(crate) fn text(&self) -> &str {
        text_field(&self.fields, "text").unwrap_or_default()
    }

    /// Returns a field; empty if it is missing.
    pub(crate) fn field(&self, key: &str) -> &str {
        text_field(&self.fields, key).unwrap_or_default()
    }

    /// Returns when an upstream was last healthy before a promotion, in seconds since 1970.
    pub(crate) fn last_healthy_at(&self) -> f64 {
        time_field(&self.fields, "last_healthy_at").expect("a promotion has the time of the last healthy answer")
    }
}

impl Monitor<'_> {
    /// Returns the role; empty while there is no status.
    pub(crate) fn role(self) -> String {
        self.status().and_then(|status| Some(status.get("role")?.as_str()?.to_owned())).unwrap_or_default()
    }

    /// Returns the degraded conditions, as text.
    pub(crate) fn degraded_conditions(self) -> String {
        let status = self.status();
        let degraded = status.as_ref().and_then(|status| status.get("degraded")?.as_array()).unwrap_or_default();
        let words = degraded
            .iter()
            .filter_map(|item| Some(format!("{}: {}", text_field(item, "what")?, text_field(item, "text")?)));
        words.collect::<Vec<_>>().join("\n")
    }

    /// Waits for a degraded condition that contains `words`.
    pub(crate) fn wait_degraded(self, words: &str, within: Duration) {
        let complains = || self.degraded_conditions().contains(words).then_some(());
        wait_until(&format!("the status reports: {words}"), within, complains);
    }

    /// True if the last probe found the primary healthy.
    pub(crate) fn sees_healthy(self) -> bool {
        self.sees_upstream_healthy(0)
    }

    /// True if the last probe found the upstream of this rank healthy.
    pub(crate) fn sees_upstream_healthy(self, rank: usize) -> bool {
        self.upstream(rank, |probed| text_field(probed, "verdict") == Some("healthy"))
    }

    /// True if the last probe found the primary healthy and ready.
    pub(crate) fn sees_ready(self) -> bool {
        self.upstream(0, |probed| probed.get("ready").and_then(|ready| ready.as_bool()) == Some(true))
    }

    fn upstream(self, rank: usize, is: impl Fn(&Node) -> bool) -> bool {
        let probed =
            self.status().and_then(|status| status.get("upstreams")?.as_array()?.get(rank)?.get("probed").cloned());
        probed.is_some_and(|probed| is(&probed))
    }

    /// Waits until the primary is healthy.
    pub(crate) fn wait_sees_healthy(self) {
        wait_until("the monitor sees the primary healthy", secs(30), || self.sees_healthy().then_some(()));
    }

    /// Waits for a role.
    pub(crate) fn wait_role(self, role: &str, within: Duration) {
        wait_until(&format!("the monitor's role is {role}"), within, || (self.role() == role).then_some(()));
    }

    /// Waits for the first event of this name after `since`.
    pub(crate) fn wait_event(self, name: &str, since: f64, within: Duration) -> Event {
        let find = || self.events().into_iter().find(|event| event.name == name && event.at >= since);
        wait_until(&format!("the history has the event {name}"), within, find)
    }

    /// Counts the events of this name since a time.
    pub(crate) fn count_events(self, name: &str, since: f64) -> usize {
        self.events().iter().filter(|event| event.name == name && event.at >= since).count()
    }

    /// Reads the history, oldest event first.
    pub(crate) fn events(self) -> Vec<Event> {
        let text = self.host.read(&format!("{STATE}/history.jsonl")).unwrap_or_default();
        text.lines().filter_map(parse_event).collect()
    }

    fn status(self) -> Option<Node> {
        json::parse(&self.host.read(STATUS)?).ok()
    }
}

fn parse_event(line: &str) -> Option<Event> {
    let fields = json::parse(line).ok()?;
    Some(Event { at: time_field(&fields, "at")?, name: text_field(&fields, "event")?.to_owned(), fields })
}

fn text_field<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key)?.as_str()
}

fn time_field(node: &Node, key: &str) -> Option<f64> {
    let millis = parse_rfc3339(text_field(node, key)?)?.as_millis();
    Some(millis as f64 / 1000.0)
}
