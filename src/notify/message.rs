//! An entry of the history on its way to people elsewhere.

use std::time::Duration;

use crate::config::Topic;
use crate::notify::routing::{
    Kind, {self},
};
use crate::notify::title::Priority;
use crate::os::boot_time::{BootTime, Moment};
use crate::os::clock::wall_clock;
use crate::text::Time;
use crate::text::json::Value;
use crate::text::utc::{parse_rfc3339, people, rfc3339};

/// One thing to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The same whenever the same thing is told, for whoever is told it twice.
    pub id: String,
    /// The name of this host.
    pub host: String,
    /// When it happened.
    pub at: Time,
    /// The same moment as time since the boot, where that is known.
    pub boot: Option<BootTime>,
    /// What it is about; a second topic where there is one.
    pub topics: [Option<Topic>; 2],
    /// The entry of the history.
    pub entry: Value,
    pub(super) kind: Kind,
}

impl Message {
    /// The message that an entry of the history makes; `None` if it is not for people elsewhere. `steady` is the hold-down
    /// of an upstream that does not come and go.
    #[must_use]
    pub fn of(entry: &Value, host: &str, steady: Duration) -> Option<Self> {
        let text = |key| entry.get(key).and_then(|field| field.as_str()).unwrap_or_default();
        let (topic, kind) = routing::of(text("event"))?;
        let is_marked = entry.get("drill").and_then(|field| field.as_bool()) == Some(true);
        let in_drill = is_marked || ["cause", "reason", "why"].iter().any(|key| text(key).starts_with("drill"));
        if in_drill && routing::is_folded(text("event")) {
            return None;
        }
        // The monitor says it at each of its starts, and nothing has changed.
        if text("event") == "adopted" && text("severity") == "notice" {
            return None;
        }
        let grown = entry.get("hold_down_seconds").and_then(|span| span.as_f64()).unwrap_or_default();
        let flapping = matches!(text("cause"), "outage" | "flapping") && grown > steady.as_secs_f64();
        let (at, hash) = (parse_rfc3339(text("at"))?, hash(&[text("event"), text("text")]));
        Some(Self {
            id: format!("{}-{:08x}", at.as_millis(), hash),
            host: host.to_owned(),
            at,
            boot: BootTime::read(entry),
            topics: [Some(if in_drill { Topic::Drill } else { topic }), flapping.then_some(Topic::Flapping)],
            entry: entry.clone(),
            kind,
        })
    }

    /// One that says it is a test.
    pub(super) fn test(host: &str) -> Self {
        let at = wall_clock();
        let entry = Value::object([
            ("at", rfc3339(at).into()),
            ("event", "test".into()),
            ("severity", "notice".into()),
            ("text", "a test message from `openclaw-failover notify --test`: nothing has happened".into()),
        ]);
        let id = format!("{}-test", at.as_millis());
        Self { id, host: host.to_owned(), at, boot: None, topics: [None, None], entry, kind: Kind::Condition }
    }

    /// Both clocks of when it happened.
    pub(super) fn moment(&self) -> Moment {
        Moment { label: self.at, boot: self.boot }
    }

    /// Whether it is about one of these.
    #[must_use]
    pub fn is_about(&self, topics: &[Topic]) -> bool {
        self.topics.iter().flatten().any(|topic| topics.contains(topic))
    }

    /// Whether it is told at least once, and not only while it is news.
    #[must_use]
    pub fn is_transition(&self) -> bool {
        self.kind != Kind::Condition
    }

    /// True if it says that it is a test.
    pub(super) fn is_test(&self) -> bool {
        self.text("event") == "test"
    }

    /// Text of the entry.
    pub(super) fn text(&self, key: &str) -> &str {
        self.entry.get(key).and_then(|field| field.as_str()).unwrap_or_default()
    }

    /// The sentence for a person, with the time, for it may come late.
    pub(super) fn sentence(&self) -> String {
        format!("{} ({})", self.text("text"), people(self.at))
    }

    /// The whole message for a person: urgency, title and sentence.
    pub(super) fn line(&self) -> String {
        let sign = match self.priority() {
            _ if self.is_test() => "🔵",
            Priority::Urgent => "🔴",
            Priority::High => "🟠",
            Priority::Normal | Priority::Low => "🟢",
        };
        format!("{sign} {}\n{}", self.title(), self.sentence())
    }
}

/// FNV-1a, which is short; nobody gains anything by two messages of one id.
fn hash(parts: &[&str]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Lets the first of a series of tries through and, an hour later, the next.
#[derive(Debug, Default)]
pub struct Sieve {
    told: Vec<(u32, Moment)>,
}

impl Sieve {
    const MOST: usize = 16;
    const PAUSE: Duration = Duration::from_secs(3600);

    /// Whether a message is worth telling after those before it.
    pub fn lets_through(&mut self, message: &Message) -> bool {
        if message.kind != Kind::Tried {
            return true;
        }
        let key = hash(&[message.text("event"), message.text("why")]);
        let now = message.moment();
        // A clock that was set back between the two says nothing.
        let by_labels = |at: Moment| (now.label >= at.label).then(|| now.label.since(at.label));
        let is_recent =
            |at: Moment| now.measured_since(at).or_else(|| by_labels(at)).is_some_and(|it| it < Self::PAUSE);
        if self.told.iter().any(|&(told, at)| told == key && is_recent(at)) {
            return false;
        }
        self.told.retain(|&(told, _)| told != key);
        if self.told.len() == Self::MOST {
            self.told.remove(0);
        }
        self.told.push((key, now));
        true
    }
}
