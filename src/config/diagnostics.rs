//! Diagnostics of a configuration, collected and reported together.
//!
//! Each line names its position, the problem and the remedy. A value that could be a secret is never quoted.

use std::cell::{Cell, RefCell};
use std::fmt;

use crate::config::span::Span;

/// Maximum number of problems in a report.
const MAX_LISTED_PROBLEMS: usize = 50;

/// Maximum number of problems kept for sorting; further ones are only counted.
const MAX_KEPT_PROBLEMS: usize = 20 * MAX_LISTED_PROBLEMS;

/// Maximum length of a quoted name or value, in characters.
const MAX_QUOTED_CHARS: usize = 60;

/// Problems of a configuration: at least one, each on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    lines: Vec<String>,
}

impl ConfigErrors {
    /// Creates a single problem that concerns the whole configuration.
    pub(crate) fn single(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()] }
    }

    /// Returns the problems in the order of the file: `config.json:12: promote.after: has no unit; write "30s"`.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

/// Collector of problems while a configuration is read.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    file: String,
    diagnostics: RefCell<Vec<Diagnostic>>,
    /// Number of problems beyond [`MAX_KEPT_PROBLEMS`].
    dropped_count: Cell<usize>,
}

#[derive(Debug)]
struct Diagnostic {
    span: Span,
    message: String,
    /// False for a conflict between values that are each valid alone.
    is_single_value: bool,
}

impl Diagnostics {
    /// Creates an empty collector for the file of this name.
    pub(crate) fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), diagnostics: RefCell::default(), dropped_count: Cell::new(0) }
    }

    /// Adds a problem of one value.
    pub(crate) fn add(&self, place: &Span, what: impl Into<String>) {
        self.push(place, what.into(), true);
    }

    /// Adds a conflict between several values, at the first one that is not a default. Adds nothing if one of the
    /// values is already reported: the conflict may disappear with that problem.
    pub(crate) fn add_conflict(&self, places: &[&Span], what: impl Into<String>) {
        if places.iter().any(|place| self.is_reported(place)) {
            return;
        }
        let set = places.iter().find(|place| !place.is_default());
        if let Some(place) = set.or(places.first()) {
            self.push(place, what.into(), false);
        }
    }

    /// Returns `value` if there are no problems, else the problems in the order of the file.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, ConfigErrors> {
        let mut found = self.diagnostics.into_inner();
        if found.is_empty() {
            return Ok(value);
        }
        found.sort_by_key(|problem| problem.span.line().unwrap_or(usize::MAX));
        let more = found.len().saturating_sub(MAX_LISTED_PROBLEMS) + self.dropped_count.get();
        let line = |problem: &Diagnostic| problem.format_line(&self.file);
        let mut lines: Vec<String> = found.iter().take(MAX_LISTED_PROBLEMS).map(line).collect();
        if more > 0 {
            lines.push(format!("{}: and {more} more problems; fix these and check again", self.file));
        }
        Err(ConfigErrors { lines })
    }

    fn push(&self, place: &Span, what: String, alone: bool) {
        let mut found = self.diagnostics.borrow_mut();
        if found.len() < MAX_KEPT_PROBLEMS {
            found.push(Diagnostic { span: place.clone(), message: what, is_single_value: alone });
        } else {
            self.dropped_count.set(self.dropped_count.get() + 1);
        }
    }

    fn is_reported(&self, place: &Span) -> bool {
        let concerns = |problem: &Diagnostic| problem.is_single_value && place.key().starts_with(problem.span.key());
        self.diagnostics.borrow().iter().any(concerns)
    }
}

impl Diagnostic {
    fn format_line(&self, file: &str) -> String {
        let at = match self.span.line() {
            Some(line) => format!("{file}:{line}"),
            None => file.to_owned(),
        };
        match self.span.key() {
            "" => format!("{at}: {}", self.message),
            key => format!("{at}: {key}: {}", self.message),
        }
    }
}

/// Quotes a name or value from the file: shortened, control characters escaped.
pub(crate) fn quote(text: &str) -> String {
    let shown: String = text.chars().take(MAX_QUOTED_CHARS).flat_map(char::escape_debug).collect();
    let rest = if text.chars().nth(MAX_QUOTED_CHARS).is_some() { "…" } else { "" };
    format!("\"{shown}{rest}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_come_in_the_order_of_the_file() {
        let collector = Diagnostics::new("c.json");
        collector.add(&Span::from_default("upstreams"), "is missing");
        collector.add(&Span::at_line(9, "probe.timeout"), "late");
        collector.add_conflict(&[&Span::from_default("demote.after"), &Span::at_line(2, "b")], "early");
        let problems = collector.finish(()).unwrap_err();
        let lines: Vec<&str> = problems.lines().collect();
        assert_eq!(lines, ["c.json:2: b: early", "c.json:9: probe.timeout: late", "c.json: upstreams: is missing"]);
    }

    #[test]
    fn a_value_that_is_wrong_alone_is_not_compared() {
        let collector = Diagnostics::new("c.json");
        let after = Span::at_line(3, "promote.after");
        collector.add(&after, "has no unit");
        collector.add_conflict(&[&after, &Span::from_default("probe.interval")], "too short");
        assert_eq!(collector.finish(()).unwrap_err().lines().count(), 1);
    }

    #[test]
    fn a_long_list_is_cut() {
        let collector = Diagnostics::new("c.json");
        for line in 0..1000 {
            collector.add(&Span::at_line(line, "k"), "wrong");
        }
        let problems = collector.finish(()).unwrap_err();
        assert_eq!(problems.lines().count(), MAX_LISTED_PROBLEMS + 1);
        assert!(problems.to_string().ends_with("and 950 more problems; fix these and check again"));
    }

    #[test]
    fn quotes_are_safe_to_print() {
        assert_eq!(quote("a\u{1b}[31m\n\""), "\"a\\u{1b}[31m\\n\\\"\"");
        assert!(quote(&"x".repeat(1000)).chars().count() < 70);
    }
}
