//! Marking of the entries that a drill causes, so that a webhook gets one message for the whole drill.

use crate::events::{Entry, SENTENCE, Severity, quoted};
use crate::text::printable;

/// Field of an entry that a drill has caused.
const FIELD: &str = "drill";

/// Tracker of a drill from its promotion to its result.
#[derive(Debug, Default)]
pub struct Rehearsal {
    is_underway: bool,
    /// Text of the first entry that reports a failure.
    trouble: Option<String>,
}

impl Rehearsal {
    /// Marks an entry of a drill, and adds the first error to the result of a failed drill.
    #[must_use]
    pub fn mark(&mut self, entry: Entry) -> Entry {
        if entry.event == "promoting" && entry.names("cause", "drill") {
            *self = Self { is_underway: true, trouble: None };
        }
        if !self.is_underway {
            return entry;
        }
        if entry.event == "drill_ended" {
            self.is_underway = false;
            return match self.trouble.take() {
                Some(trouble) if entry.severity == Severity::Error => entry.explain_failed_drill(&trouble),
                _ => entry,
            };
        }
        if self.trouble.is_none() && (entry.severity == Severity::Error || entry.event == "push_failed") {
            self.trouble = Some(quoted(&entry.text));
        }
        entry.with(FIELD, true)
    }
}

impl Entry {
    /// True if the field has this text.
    fn names(&self, field: &str, text: &str) -> bool {
        self.fields.iter().any(|(name, value)| *name == field && value.as_str() == Some(text))
    }

    fn explain_failed_drill(self, trouble: &str) -> Self {
        let text = printable(&format!("{}. First error: {trouble}", self.text), SENTENCE);
        Self { text, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(rehearsal: &mut Rehearsal, entry: Entry) -> (bool, String) {
        let entry = rehearsal.mark(entry);
        (entry.fields.iter().any(|(name, _)| *name == FIELD), entry.text)
    }

    #[test]
    fn marks_what_a_drill_causes_and_nothing_after_its_result() {
        let mut rehearsal = Rehearsal::default();
        assert!(!marked(&mut rehearsal, Entry::warning("promoting", "x").with("cause", "outage")).0);
        assert!(marked(&mut rehearsal, Entry::warning("promoting", "x").with("cause", "drill")).0);
        assert!(marked(&mut rehearsal, Entry::notice("promoted", "x").with("cause", "drill")).0);
        assert_eq!(marked(&mut rehearsal, Entry::notice("drill_ended", "passed")), (false, "passed".to_owned()));
        assert!(!marked(&mut rehearsal, Entry::error("went_down", "x")).0);
    }

    #[test]
    fn the_result_of_a_failed_drill_says_what_went_wrong_first() {
        let mut rehearsal = Rehearsal::default();
        let _ = rehearsal.mark(Entry::warning("promoting", "x").with("cause", "drill"));
        let _ = rehearsal.mark(Entry::error("start_failed", "the unit is masked."));
        let _ = rehearsal.mark(Entry::error("aborted", "drill cancelled"));
        let (_, text) = marked(&mut rehearsal, Entry::error("drill_ended", "the drill failed"));
        assert_eq!(text, "the drill failed. First error: the unit is masked");
    }
}
