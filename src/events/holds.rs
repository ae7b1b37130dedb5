//! Entries about operators' holds.

use crate::events::{Entry, SENTENCE, Teller};
use crate::failover::{Hold, HoldKind, names};
use crate::text::utc::people;
use crate::text::{json_fields, printable};

impl Teller<'_> {
    pub(super) fn held_back(&self, kind: HoldKind) -> Entry {
        let text = format!(
            "a failover is due, but the hold '{}' forbids it: {}. To allow it, run `openclaw-failover resume`",
            names::hold(kind),
            meaning(kind)
        );
        Entry::warning("held_back", &text).with("hold", names::hold(kind))
    }

    pub(super) fn hold_set(&self, hold: Hold) -> Entry {
        let text = format!(
            "an operator set the hold '{}': {}. {}",
            names::hold(hold.kind),
            meaning(hold.kind),
            self.end(hold)
        );
        self.describe(Entry::notice("hold_set", &text), hold)
    }

    pub(super) fn hold_ended(&self, kind: HoldKind, by_time: bool) -> Entry {
        let how = if by_time { "expired" } else { "was ended by an operator" };
        let text = format!("the hold '{}' {how}: automatic failover is ON", names::hold(kind));
        Entry::notice("hold_ended", &text).with("hold", names::hold(kind)).with("by_time", by_time)
    }

    pub(super) fn hold_stands(&self, hold: Hold) -> Entry {
        let since = people(self.wall.at(hold.since));
        let kind = names::hold(hold.kind);
        let text = format!("the hold '{kind}' has been set since {since}: {}. {}", meaning(hold.kind), self.end(hold));
        self.describe(Entry::warning("hold_stands", &text), hold)
    }

    fn end(&self, hold: Hold) -> String {
        let until = hold.until.map_or("until `openclaw-failover resume`".to_owned(), |until| {
            format!("until {}", people(self.wall.at(until)))
        });
        match hold.kind {
            HoldKind::Promoted => format!("The hold lasts {until}"),
            HoldKind::Standby | HoldKind::Paused => format!("Automatic failover is OFF {until}"),
        }
    }

    fn describe(&self, entry: Entry, hold: Hold) -> Entry {
        let time = |time| json_fields::time(self.wall.at(time));
        entry.with("hold", names::hold(hold.kind)).with("since", time(hold.since)).with("until", hold.until.map(time))
    }
}

impl Entry {
    /// Adds the operator's reason for the hold.
    #[must_use]
    pub fn because(self, reason: &str) -> Self {
        let text = printable(&format!("{}. Reason: {reason}", self.text), SENTENCE);
        Self { text, ..self }.quote("reason", reason)
    }
}

fn meaning(kind: HoldKind) -> &'static str {
    match kind {
        HoldKind::Promoted => "this host's gateway is kept up",
        HoldKind::Standby => "this host's gateway is kept down, even if every upstream fails",
        HoldKind::Paused => "this host's gateway is neither started nor stopped",
    }
}
