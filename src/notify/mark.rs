//! How far a courier has come, so that the next one goes on there; and what of the history lies behind.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::message::{Message, Sieve};
use crate::config::Topic;
use crate::failover::Time;
use crate::json::{self, Value};
use crate::report::clock::{parse_rfc3339, rfc3339};
use crate::report::durable;
use crate::report::history::{self, Line};

/// The most that is read of a mark, in bytes.
const MAX: usize = 1024;

/// What is older is not news to anybody.
pub(super) const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// The last message that was delivered, or given up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) at: Time,
    pub(super) id: String,
}

impl Mark {
    /// Reads it. One that cannot be read is none: then only what happens from now on is told.
    pub(super) fn load(path: &Path, now: Time) -> Option<Self> {
        let bytes = durable::read(path, MAX).ok()??;
        let mark = json::parse(str::from_utf8(&bytes).ok()?).ok()?;
        let text = |key| mark.get(key).and_then(|field| field.as_str());
        // The clock may have been set back since.
        Some(Self { at: parse_rfc3339(text("at")?)?.min(now), id: text("id")?.to_owned() })
    }

    pub(super) fn save(&self, path: &Path) {
        let mark = Value::object([("at", rfc3339(self.at).into()), ("id", self.id.as_str().into())]);
        if let Err(why) = durable::write(path, 0o640, format!("{mark}\n").as_bytes()) {
            log::warn!("{why}; after a restart something may be notified twice");
        }
    }

    /// The transitions that the history has from here on, the first `most` of them.
    pub(super) fn behind(
        &self,
        history: &Path,
        host: &str,
        about: &[Topic],
        now: Time,
        most: usize,
    ) -> VecDeque<Arc<Message>> {
        let mut found = VecDeque::new();
        let mut sieve = Sieve::default();
        let messages = || {
            let entries = history::read(history).into_iter().flatten().filter_map(|line| match line {
                Line::Entry(entry) if now.since(history::moment(&entry)) <= STALE => Some(entry),
                _ => None,
            });
            // Whether the hold-down had grown then is not known any more.
            entries.filter_map(|entry| Message::of(&entry, host, Duration::MAX))
        };
        // What stands before the mark was delivered before it: by its time alone that cannot be told, for entries of one
        // turn of the loop may stand in another order, and clocks are set back.
        let mut is_behind = !messages().any(|message| message.id == self.id);
        let since = if is_behind { self.at } else { Time::default() };
        for message in messages() {
            if !is_behind {
                is_behind = message.id == self.id;
            } else if message.at >= since
                && message.is_transition()
                && message.is_about(about)
                && sieve.lets_through(&message)
            {
                found.push_back(Arc::new(message));
                if found.len() == most {
                    break;
                }
            }
        }
        found
    }
}
