//! Diagnostics of a configuration, collected and reported together.
//!
//! Each line names its position, the problem and the remedy. A value that could be a secret is never quoted.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

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

/// Problem of one value, as the rest of a sentence: `has no port; write host:port`. Never quotes a possible secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError(Cow<'static, str>);

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ValueError {}

impl<T: Into<Cow<'static, str>>> From<T> for ValueError {
    fn from(what: T) -> Self {
        Self(what.into())
    }
}

/// Source of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// Line of the file.
    Line(usize),
    /// Environment variable.
    Variable(&'static str),
}

/// Collector of problems while a configuration is read. A value is named by its key path, such as `promote.after`.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    file: String,
    /// Origins of the values that were set.
    origins: RefCell<BTreeMap<String, Origin>>,
    diagnostics: RefCell<Vec<Diagnostic>>,
    /// Number of problems beyond [`MAX_KEPT_PROBLEMS`].
    dropped_count: Cell<usize>,
}

#[derive(Debug)]
struct Diagnostic {
    line: Option<usize>,
    /// Key path or name of the variable; empty for the file as a whole.
    name: String,
    message: String,
    /// False for a conflict between values that are each valid alone.
    is_single_value: bool,
}

impl Diagnostics {
    /// Creates an empty collector for the file of this name.
    pub(crate) fn new(file: impl Into<String>) -> Self {
        let (origins, diagnostics) = (RefCell::default(), RefCell::default());
        Self { file: file.into(), origins, diagnostics, dropped_count: Cell::new(0) }
    }

    /// Records where a value was set.
    pub(crate) fn set_origin(&self, path: &str, origin: Origin) {
        self.origins.borrow_mut().insert(path.to_owned(), origin);
    }

    /// True if the value was set, even to a bad one.
    pub(crate) fn is_set(&self, path: &str) -> bool {
        self.origins.borrow().contains_key(path)
    }

    /// Returns the name of a value for messages: its key path, or the variable that sets it.
    pub(crate) fn name(&self, path: &str) -> String {
        match self.origins.borrow().get(path) {
            Some(Origin::Variable(name)) => (*name).to_owned(),
            _ => path.to_owned(),
        }
    }

    /// Names a value in a sentence: `promote.after (30s, the default)`.
    pub(crate) fn describe(&self, path: &str, value: impl fmt::Display) -> String {
        let default = if self.is_set(path) { "" } else { ", the default" };
        format!("{} ({value}{default})", self.name(path))
    }

    /// Adds a problem of one value, unless one is known already.
    pub(crate) fn add(&self, path: &str, what: impl Into<String>) {
        if !self.has_problem(path) {
            self.push(self.line(path), path, what.into(), true);
        }
    }

    /// Adds a problem of a key that is unknown or repeated.
    pub(crate) fn add_at_line(&self, line: usize, path: &str, what: impl Into<String>) {
        self.push(Some(line), path, what.into(), true);
    }

    /// Returns a checked value, or adds its problem.
    pub(crate) fn check<T>(&self, path: &str, checked: Result<T, impl fmt::Display>) -> Option<T> {
        checked.map_err(|what| self.add(path, what.to_string())).ok()
    }

    /// Adds a conflict between several values, at the first one that was set. Adds nothing if one of the values is
    /// already reported: the conflict may disappear with that problem.
    pub(crate) fn add_conflict(&self, paths: &[&str], what: impl Into<String>) {
        let is_reported = |path: &&str| {
            let concerns = |problem: &Diagnostic| problem.is_single_value && path.starts_with(&problem.name);
            self.diagnostics.borrow().iter().any(concerns)
        };
        if paths.iter().any(|path| is_reported(&self.name(path).as_str())) {
            return;
        }
        let set = paths.iter().find(|path| self.is_set(path));
        if let Some(path) = set.or(paths.first()) {
            self.push(self.line(path), path, what.into(), false);
        }
    }

    /// True if the value is known to be bad.
    pub(crate) fn has_problem(&self, path: &str) -> bool {
        let name = self.name(path);
        self.diagnostics.borrow().iter().any(|problem| problem.is_single_value && problem.name == name)
    }

    /// Returns `value` if there are no problems, else the problems in the order of the file.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, ConfigErrors> {
        let mut found = self.diagnostics.into_inner();
        if found.is_empty() {
            return Ok(value);
        }
        found.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        let more = found.len().saturating_sub(MAX_LISTED_PROBLEMS) + self.dropped_count.get();
        let line = |problem: &Diagnostic| problem.format_line(&self.file);
        let mut lines: Vec<String> = found.iter().take(MAX_LISTED_PROBLEMS).map(line).collect();
        if more > 0 {
            lines.push(format!("{}: and {more} more problems; fix these and check again", self.file));
        }
        Err(ConfigErrors { lines })
    }

    fn push(&self, line: Option<usize>, path: &str, message: String, is_single_value: bool) {
        let name = self.name(path);
        let mut found = self.diagnostics.borrow_mut();
        if found.len() < MAX_KEPT_PROBLEMS {
            found.push(Diagnostic { line, name, message, is_single_value });
        } else {
            self.dropped_count.set(self.dropped_count.get() + 1);
        }
    }

    /// Returns the line of a value; for a missing one, the line of the object that it belongs into.
    fn line(&self, path: &str) -> Option<usize> {
        match self.origins.borrow().get(path) {
            Some(Origin::Line(line)) => Some(*line),
            Some(Origin::Variable(_)) => None,
            None => self.line(path.rsplit_once('.')?.0),
        }
    }
}

impl Diagnostic {
    fn format_line(&self, file: &str) -> String {
        let at = self.line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
        match self.name.as_str() {
            "" => format!("{at}: {}", self.message),
            name => format!("{at}: {name}: {}", self.message),
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
        collector.add("upstreams", "is missing");
        collector.set_origin("b", Origin::Line(2));
        collector.set_origin("probe", Origin::Line(9));
        collector.add("probe.timeout", "late");
        collector.add_conflict(&["demote.after", "b"], "early");
        let problems = collector.finish(()).unwrap_err();
        let lines: Vec<&str> = problems.lines().collect();
        assert_eq!(lines, ["c.json:2: b: early", "c.json:9: probe.timeout: late", "c.json: upstreams: is missing"]);
    }

    #[test]
    fn a_value_that_is_wrong_alone_is_not_compared() {
        let collector = Diagnostics::new("c.json");
        collector.set_origin("promote.after", Origin::Line(3));
        collector.add("promote.after", "has no unit");
        collector.add_conflict(&["promote.after", "probe.interval"], "too short");
        assert_eq!(collector.finish(()).unwrap_err().lines().count(), 1);
    }

    #[test]
    fn a_long_list_is_cut() {
        let collector = Diagnostics::new("c.json");
        for line in 0..1000 {
            collector.add_at_line(line, "k", "wrong");
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
