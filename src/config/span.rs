//! Raw values and the positions where they were set.

use std::fmt;
use std::time::Duration;

use crate::text::duration;

/// Position where a value was set, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    origin: SpanOrigin,
    key: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum SpanOrigin {
    Line(usize),
    Variable,
    Default,
}

impl Span {
    /// Position in the file, under a key path such as `promote.after`.
    pub(crate) fn at_line(line: usize, key: impl Into<String>) -> Self {
        Self { origin: SpanOrigin::Line(line), key: key.into() }
    }

    /// Position of an environment variable.
    pub(crate) fn from_variable(name: impl Into<String>) -> Self {
        Self { origin: SpanOrigin::Variable, key: name.into() }
    }

    /// Position of a value that was left out.
    pub(crate) fn from_default(key: impl Into<String>) -> Self {
        Self { origin: SpanOrigin::Default, key: key.into() }
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
            SpanOrigin::Line(line) => Some(line),
            SpanOrigin::Variable | SpanOrigin::Default => None,
        }
    }

    /// True if the value was not set.
    pub(crate) fn is_default(&self) -> bool {
        self.origin == SpanOrigin::Default
    }
}

/// Value with its position.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T> Spanned<T> {
    /// Returns the value that was set, or the default.
    pub(crate) fn or_default(set: Option<Self>, key: &str, default: T) -> Self {
        set.unwrap_or_else(|| Self { value: default, span: Span::from_default(key) })
    }

    /// Names the value in a sentence: `promote.after (30s, the default)`.
    fn describe(&self, shown: impl fmt::Display) -> String {
        let default = if self.span.is_default() { ", the default" } else { "" };
        format!("{} ({shown}{default})", self.span.key())
    }
}

impl fmt::Display for Spanned<Duration> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(duration::format_duration(self.value)))
    }
}

impl fmt::Display for Spanned<u32> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(self.value))
    }
}

impl fmt::Display for Spanned<String> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(crate::config::diagnostics::quote(&self.value)))
    }
}
