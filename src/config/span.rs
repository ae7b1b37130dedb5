//! Raw values and the positions where they were set.

use std::fmt;
use std::time::Duration;

use crate::text::duration;

/// Position where a value was set, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    origin: Origin,
    key: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Line(usize),
    Variable,
    Default,
}

impl Place {
    /// Position in the file, under a key path such as `promote.after`.
    pub(crate) fn written(line: usize, key: impl Into<String>) -> Self {
        Self { origin: Origin::Line(line), key: key.into() }
    }

    /// Position of an environment variable.
    pub(crate) fn variable(name: impl Into<String>) -> Self {
        Self { origin: Origin::Variable, key: name.into() }
    }

    /// Position of a value that was left out.
    pub(crate) fn default(key: impl Into<String>) -> Self {
        Self { origin: Origin::Default, key: key.into() }
    }

    /// Position of a missing key below this one.
    pub(crate) fn child(&self, key: &str) -> Self {
        Self { origin: self.origin.clone(), key: format!("{}.{key}", self.key) }
    }

    /// Key path or name of the variable; empty for the file as a whole.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Line in the file.
    pub(crate) fn line(&self) -> Option<usize> {
        match self.origin {
            Origin::Line(line) => Some(line),
            Origin::Variable | Origin::Default => None,
        }
    }

    /// True if the value was not set.
    pub(crate) fn is_default(&self) -> bool {
        self.origin == Origin::Default
    }
}

/// Value with its position.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

impl<T> At<T> {
    /// Returns the value that was set, or the default.
    pub(crate) fn or(set: Option<Self>, key: &str, default: T) -> Self {
        set.unwrap_or_else(|| Self { value: default, place: Place::default(key) })
    }

    /// Names the value in a sentence: `promote.after (30s, the default)`.
    fn name(&self, shown: impl fmt::Display) -> String {
        let default = if self.place.is_default() { ", the default" } else { "" };
        format!("{} ({shown}{default})", self.place.key())
    }
}

impl fmt::Display for At<Duration> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name(duration::show(self.value)))
    }
}

impl fmt::Display for At<u32> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name(self.value))
    }
}

impl fmt::Display for At<String> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name(crate::config::diagnostics::quoted(&self.value)))
    }
}
