//! Diagnostics of a configuration, collected and reported together.
//!
//! Each line names its position, the problem and the remedy. A value that could be a secret is never quoted.

use std::cell::{Cell, RefCell};
use std::fmt;

use crate::config::span::Place;

/// Maximum number of problems in a report.
const LISTED: usize = 50;

/// Maximum number of problems kept for sorting; further ones are only counted.
const COLLECTED: usize = 20 * LISTED;

/// Maximum length of a quoted name or value, in characters.
const QUOTED: usize = 60;

/// Problems of a configuration: at least one, each on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    lines: Vec<String>,
}

impl Problems {
    /// Creates a single problem that concerns the whole configuration.
    pub(crate) fn one(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()] }
    }

    /// Returns the problems in the order of the file: `config.json:12: promote.after: has no unit; write "30s"`.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// Collector of problems while a configuration is read.
#[derive(Debug)]
pub(crate) struct Collector {
    file: String,
    found: RefCell<Vec<Problem>>,
    /// Number of problems beyond [`COLLECTED`].
    dropped: Cell<usize>,
}

#[derive(Debug)]
struct Problem {
    place: Place,
    what: String,
    /// False for a conflict between values that are each valid alone.
    alone: bool,
}

impl Collector {
    /// Creates an empty collector for the file of this name.
    pub(crate) fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), found: RefCell::default(), dropped: Cell::new(0) }
    }

    /// Adds a problem of one value.
    pub(crate) fn add(&self, place: &Place, what: impl Into<String>) {
        self.push(place, what.into(), true);
    }

    /// Adds a conflict between several values, at the first one that is not a default. Adds nothing if one of the
    /// values is already reported: the conflict may disappear with that problem.
    pub(crate) fn conflict(&self, places: &[&Place], what: impl Into<String>) {
        if places.iter().any(|place| self.is_reported(place)) {
            return;
        }
        let set = places.iter().find(|place| !place.is_default());
        if let Some(place) = set.or(places.first()) {
            self.push(place, what.into(), false);
        }
    }

    /// Returns `value` if there are no problems, else the problems in the order of the file.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Problems> {
        let mut found = self.found.into_inner();
        if found.is_empty() {
            return Ok(value);
        }
        found.sort_by_key(|problem| problem.place.line().unwrap_or(usize::MAX));
        let more = found.len().saturating_sub(LISTED) + self.dropped.get();
        let line = |problem: &Problem| problem.line(&self.file);
        let mut lines: Vec<String> = found.iter().take(LISTED).map(line).collect();
        if more > 0 {
            lines.push(format!("{}: and {more} more problems; fix these and check again", self.file));
        }
        Err(Problems { lines })
    }

    fn push(&self, place: &Place, what: String, alone: bool) {
        let mut found = self.found.borrow_mut();
        if found.len() < COLLECTED {
            found.push(Problem { place: place.clone(), what, alone });
        } else {
            self.dropped.set(self.dropped.get() + 1);
        }
    }

    fn is_reported(&self, place: &Place) -> bool {
        let concerns = |problem: &Problem| problem.alone && place.key().starts_with(problem.place.key());
        self.found.borrow().iter().any(concerns)
    }
}

impl Problem {
    fn line(&self, file: &str) -> String {
        let at = match self.place.line() {
            Some(line) => format!("{file}:{line}"),
            None => file.to_owned(),
        };
        match self.place.key() {
            "" => format!("{at}: {}", self.what),
            key => format!("{at}: {key}: {}", self.what),
        }
    }
}

/// Quotes a name or value from the file: shortened, control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(QUOTED).flat_map(char::escape_debug).collect();
    let rest = if text.chars().nth(QUOTED).is_some() { "…" } else { "" };
    format!("\"{shown}{rest}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_come_in_the_order_of_the_file() {
        let collector = Collector::new("c.json");
        collector.add(&Place::default("upstreams"), "is missing");
        collector.add(&Place::written(9, "probe.timeout"), "late");
        collector.conflict(&[&Place::default("demote.after"), &Place::written(2, "b")], "early");
        let problems = collector.finish(()).unwrap_err();
        let lines: Vec<&str> = problems.lines().collect();
        assert_eq!(lines, ["c.json:2: b: early", "c.json:9: probe.timeout: late", "c.json: upstreams: is missing"]);
    }

    #[test]
    fn a_value_that_is_wrong_alone_is_not_compared() {
        let collector = Collector::new("c.json");
        let after = Place::written(3, "promote.after");
        collector.add(&after, "has no unit");
        collector.conflict(&[&after, &Place::default("probe.interval")], "too short");
        assert_eq!(collector.finish(()).unwrap_err().lines().count(), 1);
    }

    #[test]
    fn a_long_list_is_cut() {
        let collector = Collector::new("c.json");
        for line in 0..1000 {
            collector.add(&Place::written(line, "k"), "wrong");
        }
        let problems = collector.finish(()).unwrap_err();
        assert_eq!(problems.lines().count(), LISTED + 1);
        assert!(problems.to_string().ends_with("and 950 more problems; fix these and check again"));
    }

    #[test]
    fn quotes_are_safe_to_print() {
        assert_eq!(quoted("a\u{1b}[31m\n\""), "\"a\\u{1b}[31m\\n\\\"\"");
        assert!(quoted(&"x".repeat(1000)).chars().count() < 70);
    }
}
