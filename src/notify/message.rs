//! Message: a history entry to be sent to webhooks.

use std::time::Duration;

use crate::config::NotificationTopic;
use crate::notify::routing::{self, DeliveryGuarantee};
use crate::notify::title::Priority;
use crate::os::boot_time::BootTime;
use crate::os::clock::{Moment, read_wall_clock};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::utc::{format_rfc3339, format_time, parse_rfc3339};

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
    /// Topic of the entry, and a second one where it has two.
    pub topics: [Option<NotificationTopic>; 2],
    /// Entry of the history.
    pub entry: Value,
    pub(super) guarantee: DeliveryGuarantee,
}

impl Message {
    /// Returns the message for a history entry; `None` if it is not sent. `steady` is the hold-down of an upstream that
    /// is not flapping.
    #[must_use]
    pub fn from_entry(entry: &Value, host: &str, steady: Duration) -> Option<Self> {
        let text = |key| entry.get(key).and_then(|field| field.as_str()).unwrap_or_default();
        let (topic, kind) = routing::route(text("event"))?;
        let is_marked = entry.get("drill").and_then(|field| field.as_bool()) == Some(true);
        let in_drill = is_marked || ["cause", "reason", "why"].iter().any(|key| text(key).starts_with("drill"));
        if in_drill && routing::is_covered_by_drill(text("event")) {
            return None;
        }
        // The monitor logs it at each start, although nothing has changed.
        if text("event") == "adopted" && text("severity") == "notice" {
            return None;
        }
        let grown = entry.get("hold_down_seconds").and_then(|span| span.as_f64()).unwrap_or_default();
        let flapping = matches!(text("cause"), "outage" | "flapping") && grown > steady.as_secs_f64();
        let (at, hash) = (parse_rfc3339(text("at"))?, fnv1a(&[text("event"), text("text")]));
        Some(Self {
            id: format!("{}-{:08x}", at.as_millis(), hash),
            host: host.to_owned(),
            at,
            boot: BootTime::read(entry),
            topics: [
                Some(if in_drill { NotificationTopic::Drill } else { topic }),
                flapping.then_some(NotificationTopic::Flapping),
            ],
            entry: entry.clone(),
            guarantee: kind,
        })
    }

    /// Returns a test message.
    pub(super) fn new_test(host: &str) -> Self {
        let at = read_wall_clock();
        let entry = Value::from_entries([
            ("at", format_rfc3339(at).into()),
            ("event", "test".into()),
            ("severity", "notice".into()),
            ("text", "a test message from `openclaw-failover notify --test`: nothing has happened".into()),
        ]);
        let id = format!("{}-test", at.as_millis());
        Self {
            id,
            host: host.to_owned(),
            at,
            boot: None,
            topics: [None, None],
            entry,
            guarantee: DeliveryGuarantee::Condition,
        }
    }

    /// Returns both clocks of the event.
    pub(super) fn moment(&self) -> Moment {
        Moment { wall_time: self.at, boot_time: self.boot }
    }

    /// True if one of its topics is among these.
    #[must_use]
    pub fn is_about(&self, topics: &[NotificationTopic]) -> bool {
        self.topics.iter().flatten().any(|topic| topics.contains(topic))
    }

    /// True if it is delivered at least once; false if it is only delivered while it is recent.
    #[must_use]
    pub fn is_transition(&self) -> bool {
        self.guarantee != DeliveryGuarantee::Condition
    }

    /// True for a test message.
    pub(super) fn is_test(&self) -> bool {
        self.entry_text("event") == "test"
    }

    /// Returns a field of the entry.
    pub(super) fn entry_text(&self, key: &str) -> &str {
        self.entry.get(key).and_then(|field| field.as_str()).unwrap_or_default()
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
        format!("{sign} {}\n{}", self.title(), self.body_text())
    }
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
        let key = fnv1a(&[message.entry_text("event"), message.entry_text("why")]);
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
