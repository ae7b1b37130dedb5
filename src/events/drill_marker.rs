//! Marking of the entries that a drill causes, so that a webhook gets one message for the whole drill.

use crate::events::entry::{MAX_SENTENCE_CHARS, shorten_quote};
use crate::events::{EventKind, HistoryEntry, Severity};
use crate::text::to_printable;

/// Field of an entry that a drill has caused.
const DRILL_FIELD: &str = "drill";

/// Tracker of a drill from its promotion to its result.
#[derive(Debug, Default)]
pub struct DrillMarker {
    is_underway: bool,
    /// Text of the first entry that reports a failure.
    first_error: Option<String>,
}

impl DrillMarker {
    /// Marks an entry of a drill, and adds the first error to the result of a failed drill.
    #[must_use]
    pub fn mark_entry(&mut self, entry: HistoryEntry) -> HistoryEntry {
        if entry.event == EventKind::Promoting && entry.has_field_text("cause", "drill") {
            *self = Self { is_underway: true, first_error: None };
        }
        if !self.is_underway {
            return entry;
        }
        if entry.event == EventKind::DrillEnded {
            self.is_underway = false;
            return match self.first_error.take() {
                Some(trouble) if entry.severity == Severity::Error => entry.explain_failed_drill(&trouble),
                _ => entry,
            };
        }
        if self.first_error.is_none() && (entry.severity == Severity::Error || entry.event == EventKind::PushFailed) {
            self.first_error = Some(shorten_quote(&entry.text));
        }
        entry.with_field(DRILL_FIELD, true)
    }
}

impl HistoryEntry {
    /// True if the field has this text.
    fn has_field_text(&self, field: &str, text: &str) -> bool {
        self.fields.iter().any(|(name, value)| *name == field && value.as_str() == Some(text))
    }

    fn explain_failed_drill(self, trouble: &str) -> Self {
        let text = to_printable(&format!("{}. First error: {trouble}", self.text), MAX_SENTENCE_CHARS);
        Self { text, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(rehearsal: &mut DrillMarker, entry: HistoryEntry) -> (bool, String) {
        let entry = rehearsal.mark_entry(entry);
        (entry.fields.iter().any(|(name, _)| *name == DRILL_FIELD), entry.text)
    }

    #[test]
    fn marks_the_entries_of_a_drill_until_its_result() {
        let mut rehearsal = DrillMarker::default();
        assert!(
            !marked(&mut rehearsal, HistoryEntry::warning(EventKind::Promoting, "x").with_field("cause", "outage")).0
        );
        assert!(
            marked(&mut rehearsal, HistoryEntry::warning(EventKind::Promoting, "x").with_field("cause", "drill")).0
        );
        assert!(marked(&mut rehearsal, HistoryEntry::notice(EventKind::Promoted, "x").with_field("cause", "drill")).0);
        assert_eq!(
            marked(&mut rehearsal, HistoryEntry::notice(EventKind::DrillEnded, "passed")),
            (false, "passed".to_owned())
        );
        assert!(!marked(&mut rehearsal, HistoryEntry::error(EventKind::GatewayDown, "x")).0);
    }

    #[test]
    fn adds_the_first_error_to_a_failed_drill() {
        let mut rehearsal = DrillMarker::default();
        let _ = rehearsal.mark_entry(HistoryEntry::warning(EventKind::Promoting, "x").with_field("cause", "drill"));
        let _ = rehearsal.mark_entry(HistoryEntry::error(EventKind::StartFailed, "the unit is masked."));
        let _ = rehearsal.mark_entry(HistoryEntry::error(EventKind::Aborted, "drill cancelled"));
        let (_, text) = marked(&mut rehearsal, HistoryEntry::error(EventKind::DrillEnded, "the drill failed"));
        assert_eq!(text, "the drill failed. First error: the unit is masked");
    }
}
