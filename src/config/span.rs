//! A raw value and where it was set.

use std::fmt;
use std::time::Duration;

use crate::text::duration;

/// Where a value was set, and under which name.
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
    /// Written in the file, under a key path such as `promote.after`.
    pub(crate) fn written(line: usize, key: impl Into<String>) -> Self {
        Self { origin: Origin::Line(line), key: key.into() }
    }

    /// Set by an environment variable.
    pub(crate) fn variable(name: impl Into<String>) -> Self {
        Self { origin: Origin::Variable, key: name.into() }
    }

    /// Left out.
    pub(crate) fn default(key: impl Into<String>) -> Self {
        Self { origin: Origin::Default, key: key.into() }
    }

    /// A key below this one, for saying that it is missing.
    pub(crate) fn child(&self, key: &str) -> Self {
        Self { origin: self.origin.clone(), key: format!("{}.{key}", self.key) }
    }

    /// The key path or the variable's name; empty for the file as a whole.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The line in the file.
    pub(crate) fn line(&self) -> Option<usize> {
        match self.origin {
            Origin::Line(line) => Some(line),
            Origin::Variable | Origin::Default => None,
        }
    }

    /// Whether nobody set the value.
    pub(crate) fn is_default(&self) -> bool {
        self.origin == Origin::Default
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

impl<T> At<T> {
    /// What was set, or the default.
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
