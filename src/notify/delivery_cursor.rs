//! Delivery cursor of a webhook: its last delivered message, and the transitions in the history after it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::NotificationTopic;
use crate::notify::message::{Message, RateLimiter};
use crate::os::atomic_file;
use crate::os::boot_time::BootTime;
use crate::os::clock::Moment;
use crate::records::history::{self, HistoryLine};
use crate::text::Time;
use crate::text::json::{self, Node, Value};
use crate::text::utc::{format_rfc3339, parse_rfc3339};

/// Limit on the size of a cursor file, in bytes.
const MAX_CURSOR_BYTES: usize = 1024;

/// Age after which a transition is no longer delivered.
pub(super) const TRANSITION_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Last message that was delivered or given up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DeliveryCursor {
    pub(super) at: Time,
    /// Same time since boot, where known.
    pub(super) boot: Option<BootTime>,
    pub(super) id: String,
}

impl DeliveryCursor {
    /// Reads the cursor. Without a readable one, only later events are delivered.
    pub(super) fn load(path: &Path, now: Time) -> Option<Self> {
        let bytes = atomic_file::read(path, MAX_CURSOR_BYTES).ok()??;
        let cursor = json::parse(str::from_utf8(&bytes).ok()?).ok()?;
        let text = |key| cursor.get(key).and_then(|field| field.as_str());
        // If the clock was set back after this was written, the time would be in the future.
        let at = parse_rfc3339(text("at")?)?.min(now);
        Some(Self { at, boot: BootTime::read(&cursor), id: text("id")?.to_owned() })
    }

    pub(super) fn save(&self, path: &Path) {
        let boot = self.boot.map(BootTime::to_fields).into_iter().flatten();
        let fields = [("at", format_rfc3339(self.at).into()), ("id", self.id.as_str().into())];
        let cursor = Value::from_entries(fields.into_iter().chain(boot));
        if let Err(why) = atomic_file::write(path, 0o640, format!("{cursor}\n").as_bytes()) {
            log::warn!("{why}; after a restart, a notification may be sent twice");
        }
    }

    /// Returns the first `most` transitions that the history has after the cursor.
    pub(super) fn undelivered_messages(
        &self,
        history: &Path,
        host: &str,
        about: &[NotificationTopic],
        now: Moment,
        most: usize,
    ) -> VecDeque<Arc<Message>> {
        let (mut found, mut rate_limiter) = (VecDeque::new(), RateLimiter::default());
        let entries = || {
            history::read(history).into_iter().flatten().filter_map(|line| match line {
                HistoryLine::Entry(entry) => Some(entry),
                HistoryLine::Unreadable => None,
            })
        };
        // The hold-down of that time is not known any more.
        let message = |entry: &Node| Message::from_entry(entry, host, Duration::MAX);
        // Entries before the cursor were delivered. Times alone do not show the order: entries from one turn of the
        // main loop may be out of order, and clocks are set back.
        let has_cursor_entry = entries().any(|entry| message(&entry).is_some_and(|message| message.id == self.id));
        let has_boot = entries().any(|entry| self.is_of_same_boot(&entry));
        let mut is_behind = false;
        for entry in entries() {
            let message = message(&entry);
            if has_cursor_entry && !is_behind {
                is_behind = message.is_some_and(|message| message.id == self.id);
                continue;
            }
            is_behind = has_cursor_entry || self.precedes(&entry, has_boot, is_behind);
            let is_news =
                |message: &Message| now.boot_time_since(message.moment()).is_none_or(|age| age <= TRANSITION_MAX_AGE);
            let wanted = |message: &Message| message.is_transition() && message.is_about(about) && is_news(message);
            let Some(message) = message.filter(|message| is_behind && wanted(message)) else { continue };
            if rate_limiter.allows(&message) {
                found.push_back(Arc::new(message));
                if found.len() == most {
                    break;
                }
            }
        }
        found
    }

    fn is_of_same_boot(&self, entry: &Node) -> bool {
        self.boot.zip(BootTime::read(entry)).is_some_and(|(cursor, entry)| cursor.is_same_boot(entry))
    }

    /// True if the entry was written after the cursor, by the time since boot. `after_last` is the result for the entry
    /// before. If the history has no entry of the cursor's boot, the wall-clock labels decide.
    fn precedes(&self, entry: &Node, has_boot: bool, after_last: bool) -> bool {
        match (self.boot, BootTime::read(entry)) {
            (Some(cursor), Some(entry)) if cursor.is_same_boot(entry) => entry.since(cursor).is_some(),
            _ if has_boot => after_last,
            _ => history::entry_time(entry) >= self.at,
        }
    }
}
