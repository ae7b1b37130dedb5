//! Message: a history entry to be sent to webhooks.

use std::time::Duration;

use crate::config::NotificationTopic;
use crate::events::{EventKind, Severity};
use crate::notify::routing::{self, DeliveryGuarantee};
use crate::os::boot_time::BootTime;
use crate::os::clock::{Moment, read_wall_clock};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::utc::{format_rfc3339, format_time, parse_rfc3339};

/// Priority of a message, in ntfy's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Priority {
    /// Recovery from a condition, or a drill that passed.
    Low = 2,
    /// Other news.
    Normal = 3,
    /// Failover, or a degraded condition.
    High = 4,
    /// Problem that needs a person.
    Urgent = 5,
}

/// Notification.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Same for every delivery of the same entry, so that receivers can drop duplicates.
    pub id: String,
    /// Name of this host.
    pub host: String,
    /// Time of the event.
    pub at: Time,
    /// Same time since boot, where known.
    pub boot: Option<BootTime>,
    /// Short title with the event and the host.
    pub title: String,
    /// Topic of the entry, and a second one where it has two.
    pub topics: [Option<NotificationTopic>; 2],
    /// Entry of the history.
    pub entry: Value,
    event: EventKind,
    severity: Severity,
    guarantee: DeliveryGuarantee,
}

impl Message {
    /// Returns the message for a history entry; `None` if it is not sent. `steady` is the hold-down of an upstream that
    /// is not flapping.
    pub fn from_entry(entry: &Value, host: &str, steady: Duration) -> Option<Self> {
        let text = |key| entry.get(key).and_then(|field| field.as_str()).unwrap_or_default();
        let (event, severity) = EventKind::from_name(text("event")).zip(Severity::from_name(text("severity")))?;
        let (topic, guarantee, title) = routing::route(event, text)?;
        let is_marked = entry.get("drill").and_then(|field| field.as_bool()) == Some(true);
        let in_drill = is_marked || ["cause", "reason", "why"].iter().any(|key| text(key).starts_with("drill"));
        if in_drill && routing::is_covered_by_drill(event) {
            return None;
        }
        // The monitor logs it at each start, although nothing has changed.
        if (event, severity) == (EventKind::Adopted, Severity::Notice) {
            return None;
        }
        let grown = entry.get("hold_down_seconds").and_then(|span| span.as_f64()).unwrap_or_default();
        let flapping = matches!(text("cause"), "outage" | "flapping") && grown > steady.as_secs_f64();
        let (at, hash) = (parse_rfc3339(text("at"))?, fnv1a(&[event.name(), text("text")]));
        Some(Self {
            id: format!("{}-{:08x}", at.as_millis(), hash),
            host: host.to_owned(),
            at,
            boot: BootTime::read(entry),
            title: fill_title(title, host, text),
            topics: [
                Some(if in_drill { NotificationTopic::Drill } else { topic }),
                flapping.then_some(NotificationTopic::Flapping),
            ],
            entry: entry.clone(),
            event,
            severity,
            guarantee,
        })
    }

    /// Returns a test message.
    pub(super) fn new_test(host: &str) -> Self {
        let at = read_wall_clock();
        let entry = Value::from_entries([
            ("at", format_rfc3339(at).into()),
            ("event", EventKind::Test.name().into()),
            ("severity", Severity::Notice.name().into()),
            ("text", "a test message from `openclaw-failover notify --test`: nothing has happened".into()),
        ]);
        let id = format!("{}-test", at.as_millis());
        Self {
            id,
            host: host.to_owned(),
            at,
            boot: None,
            title: format!("openclaw-failover TEST: {host}"),
            topics: [None, None],
            entry,
            event: EventKind::Test,
            severity: Severity::Notice,
            guarantee: DeliveryGuarantee::Condition,
        }
    }

    /// Returns both clocks of the event.
    pub(super) fn moment(&self) -> Moment {
        Moment { wall_time: self.at, boot_time: self.boot }
    }

    /// True if one of its topics is among these.
    pub fn is_about(&self, topics: &[NotificationTopic]) -> bool {
        self.topics.iter().flatten().any(|topic| topics.contains(topic))
    }

    /// True if it is delivered at least once; false if it is only delivered while it is recent.
    pub fn is_transition(&self) -> bool {
        self.guarantee != DeliveryGuarantee::Condition
    }

    /// True for a test message.
    pub(super) fn is_test(&self) -> bool {
        self.event == EventKind::Test
    }

    /// Returns a field of the entry.
    pub(super) fn entry_text(&self, key: &str) -> &str {
        self.entry.get(key).and_then(|field| field.as_str()).unwrap_or_default()
    }

    /// Returns the priority, by the entry's severity. A completed failover is `High` although its severity is a notice.
    pub(super) fn priority(&self) -> Priority {
        match (self.severity, self.event) {
            (Severity::Error, _) => Priority::Urgent,
            (Severity::Warning, _) | (_, EventKind::Promoted) => Priority::High,
            (_, EventKind::Test) => Priority::Normal,
            (_, EventKind::DrillEnded) => Priority::Low,
            _ if self.guarantee == DeliveryGuarantee::Condition => Priority::Low,
            _ => Priority::Normal,
        }
    }

    /// Returns the text for people, with the time, because it may arrive late.
    pub(super) fn body_text(&self) -> String {
        format!("{} ({})", self.entry_text("text"), format_time(self.at))
    }

    /// Returns the whole message for people: urgency, title and text.
    pub(super) fn full_text(&self) -> String {
        let sign = match self.priority() {
            _ if self.is_test() => "🔵",
            Priority::Urgent => "🔴",
            Priority::High => "🟠",
            Priority::Normal | Priority::Low => "🟢",
        };
        format!("{sign} {}\n{}", self.title, self.body_text())
    }
}

/// Fills in the placeholders of a title.
fn fill_title<'a>(template: &str, host: &str, field: impl Fn(&'static str) -> &'a str) -> String {
    let filled = template.replace("{host}", host);
    ["upstream", "check", "who"].iter().fold(filled, |title, key| title.replace(&format!("{{{key}}}"), field(key)))
}

/// Hashes with FNV-1a. A collision has no security impact.
fn fnv1a(parts: &[&str]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Rate limiter for series of attempts: it passes the first of a series and one per hour after it.
#[derive(Debug, Default)]
pub struct RateLimiter {
    recent_series: Vec<(u32, Moment)>,
}

impl RateLimiter {
    const MAX_SERIES: usize = 16;
    const SERIES_INTERVAL: Duration = Duration::from_secs(3600);

    /// True if the message should be sent after the ones before it.
    pub fn allows(&mut self, message: &Message) -> bool {
        if message.guarantee != DeliveryGuarantee::RateLimited {
            return true;
        }
        let key = fnv1a(&[message.event.name(), message.entry_text("why")]);
        let now = message.moment();
        // Labels say nothing if the clock was set back between the two.
        let by_labels = |at: Moment| (now.wall_time >= at.wall_time).then(|| now.wall_time.since(at.wall_time));
        let is_recent =
            |at: Moment| now.boot_time_since(at).or_else(|| by_labels(at)).is_some_and(|it| it < Self::SERIES_INTERVAL);
        if self.recent_series.iter().any(|&(sent_key, at)| sent_key == key && is_recent(at)) {
            return false;
        }
        self.recent_series.retain(|&(sent_key, _)| sent_key != key);
        if self.recent_series.len() == Self::MAX_SERIES {
            self.recent_series.remove(0);
        }
        self.recent_series.push((key, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(event: EventKind, severity: Severity, more: &[(&str, &str)]) -> Option<Message> {
        let mut fields =
            vec![("event", event.name()), ("severity", severity.name()), ("at", "2026-11-21T22:00:00.000Z")];
        fields.extend([("upstream", "primary"), ("check", "clock"), ("who", "ntfy")]);
        fields.extend(more);
        let entry = Value::from_entries(fields.into_iter().map(|(key, value)| (key, Value::from(value))));
        Message::from_entry(&entry, "claw2", Duration::MAX)
    }

    #[test]
    fn every_event_has_a_title_of_its_own() {
        let mut titles = Vec::new();
        for event in EventKind::ALL {
            let Some(Message { title, .. }) = message(event, Severity::Error, &[]) else { continue };
            assert!(title.chars().count() <= 60 && !title.contains(['{', '}']), "{title}");
            assert!(!titles.contains(&title) || event == EventKind::UpstreamChannels, "{title}");
            titles.push(title);
        }
        assert!(titles.len() > 40);
    }

    #[test]
    fn a_lock_screen_tells_alarms_from_good_news() {
        use Severity::{Error, Notice, Warning};
        let test = Message::new_test("claw2");
        assert_eq!((test.title.as_str(), test.priority()), ("openclaw-failover TEST: claw2", Priority::Normal));
        for (event, severity, more, title, priority) in [
            (EventKind::Promoting, Warning, None, "FAILING OVER: claw2 starts", Priority::High),
            (EventKind::Promoted, Notice, None, "FAILED OVER: claw2 serves", Priority::High),
            (EventKind::Demoted, Notice, Some(("reason", "ready")), "back to normal: primary serves", Priority::Normal),
            (EventKind::Demoted, Notice, Some(("reason", "operator")), "standby again: claw2", Priority::Normal),
            (
                EventKind::DrillEnded,
                Notice,
                Some(("outcome", "passed")),
                "drill passed: claw2 could take over",
                Priority::Low,
            ),
            (EventKind::DrillEnded, Error, Some(("outcome", "failed")), "DRILL FAILED on claw2", Priority::Urgent),
            (EventKind::NotReady, Error, None, "NOT READY: clock on claw2", Priority::Urgent),
            (EventKind::UpstreamChannels, Notice, None, "channels work again on primary", Priority::Low),
            (EventKind::UpstreamChannels, Warning, None, "CHANNEL DOWN on primary", Priority::High),
        ] {
            let message = message(event, severity, more.as_slice()).unwrap();
            assert_eq!((message.title.as_str(), message.priority()), (title, priority));
        }
    }
}
