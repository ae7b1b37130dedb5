//! Entries about operators' holds.

use crate::events::entry::MAX_SENTENCE_CHARS;
use crate::events::{EventKind, HistoryEntry, NoticeDescriber};
use crate::failover::{Hold, HoldKind};
use crate::text::utc::format_time;
use crate::text::{json_fields, to_printable};

impl NoticeDescriber<'_> {
    pub(super) fn describe_held_back(&self, hold: &Hold) -> HistoryEntry {
        let text = format!(
            "a failover is due, but the hold '{}' forbids it: {}. To allow it, run `openclaw-failover resume`",
            hold.kind.name(),
            hold_meaning(hold.kind)
        );
        let entry = HistoryEntry::warning(EventKind::HeldBack, &text).with_field("hold", hold.kind.name());
        with_reason(entry, hold)
    }

    pub(super) fn describe_hold_set(&self, hold: &Hold) -> HistoryEntry {
        let text = format!(
            "an operator set the hold '{}': {}. {}",
            hold.kind.name(),
            hold_meaning(hold.kind),
            self.hold_end(hold)
        );
        self.with_hold_fields(HistoryEntry::notice(EventKind::HoldSet, &text), hold)
    }

    pub(super) fn describe_hold_ended(&self, kind: HoldKind, by_time: bool) -> HistoryEntry {
        let how = if by_time { "expired" } else { "was ended by an operator" };
        let text = format!("the hold '{}' {how}: automatic failover is ON", kind.name());
        HistoryEntry::notice(EventKind::HoldEnded, &text).with_field("hold", kind.name()).with_field("by_time", by_time)
    }

    pub(super) fn describe_hold_reminder(&self, hold: &Hold) -> HistoryEntry {
        let since = format_time(self.wall.to_wall_clock(hold.since));
        let kind = hold.kind.name();
        let text = format!(
            "the hold '{kind}' has been set since {since}: {}. {}",
            hold_meaning(hold.kind),
            self.hold_end(hold)
        );
        self.with_hold_fields(HistoryEntry::warning(EventKind::HoldStands, &text), hold)
    }

    fn hold_end(&self, hold: &Hold) -> String {
        let until = hold.until.map_or("until `openclaw-failover resume`".to_owned(), |until| {
            format!("until {}", format_time(self.wall.to_wall_clock(until)))
        });
        match hold.kind {
            HoldKind::Promoted => format!("The hold lasts {until}"),
            HoldKind::Standby | HoldKind::Paused => format!("Automatic failover is OFF {until}"),
        }
    }

    fn with_hold_fields(&self, entry: HistoryEntry, hold: &Hold) -> HistoryEntry {
        let time = |time| json_fields::time_to_json(self.wall.to_wall_clock(time));
        let entry = entry
            .with_field("hold", hold.kind.name())
            .with_field("since", time(hold.since))
            .with_field("until", hold.until.map(time));
        with_reason(entry, hold)
    }
}

/// Adds the operator's reason, if there is one.
fn with_reason(entry: HistoryEntry, hold: &Hold) -> HistoryEntry {
    let Some(reason) = &hold.reason else { return entry };
    let text = to_printable(&format!("{}. Reason: {reason}", entry.text), MAX_SENTENCE_CHARS);
    HistoryEntry { text, ..entry }.with_quote("reason", reason)
}

fn hold_meaning(kind: HoldKind) -> &'static str {
    match kind {
        HoldKind::Promoted => "this host's gateway is kept up",
        HoldKind::Standby => "this host's gateway is kept down, even if every upstream fails",
        HoldKind::Paused => "this host's gateway is neither started nor stopped",
    }
}
