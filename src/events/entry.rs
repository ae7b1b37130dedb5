//! Entry of the history.

use std::time::Duration;

use log::Level;

use crate::events::kind::EventKind;
use crate::os::boot_time::BootTime;
use crate::text::json::Value;
use crate::text::named_enum::named_enum;
use crate::text::{Time, json_fields, to_printable};

/// Character limits of a sentence, and of text from other programs within one.
pub(super) const MAX_SENTENCE_CHARS: usize = 1000;
const MAX_QUOTE_CHARS: usize = 300;

/// One entry of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// Wall-clock time.
    pub at: Time,
    /// Time since boot, if known.
    pub boot: Option<BootTime>,
    /// Kind of event.
    pub event: EventKind,
    /// Severity, from which the log level follows.
    pub severity: Severity,
    /// Named values for programs.
    pub fields: Vec<(&'static str, Value)>,
    /// One or two sentences for people, on one line.
    pub text: String,
}

named_enum! {
    /// Severity of an entry.
    #[derive(PartialOrd, Ord)]
    pub enum Severity {
        /// Normal operation.
        Notice = "notice",
        /// Unusual, but handled by this program.
        Warning = "warning",
        /// An operator should look.
        Error = "error",
    }
}

impl Severity {
    /// Returns the log level.
    #[must_use]
    pub fn log_level(self) -> Level {
        match self {
            Self::Notice => Level::Info,
            Self::Warning => Level::Warn,
            Self::Error => Level::Error,
        }
    }
}

impl HistoryEntry {
    /// Returns the entry as a line of the history.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let head = [
            ("at", json_fields::time_to_json(self.at)),
            ("event", self.event.name().into()),
            ("severity", self.severity.name().into()),
        ];
        let text = [("text", self.text.as_str().into())];
        let boot = self.boot.map(BootTime::to_fields).into_iter().flatten();
        Value::from_entries(head.into_iter().chain(boot).chain(self.fields.iter().cloned()).chain(text))
    }

    pub(super) fn notice(event: EventKind, text: &str) -> Self {
        Self::new(Severity::Notice, event, text)
    }

    pub(super) fn warning(event: EventKind, text: &str) -> Self {
        Self::new(Severity::Warning, event, text)
    }

    pub(super) fn error(event: EventKind, text: &str) -> Self {
        Self::new(Severity::Error, event, text)
    }

    pub(super) fn new(severity: Severity, event: EventKind, text: &str) -> Self {
        Self {
            at: Time::default(),
            boot: None,
            event,
            severity,
            fields: Vec::new(),
            text: to_printable(text, MAX_SENTENCE_CHARS),
        }
    }

    pub(super) fn with_field(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    pub(super) fn with_seconds(self, name: &'static str, span: Duration) -> Self {
        self.with_field(name, json_fields::seconds_to_json(span))
    }

    /// Adds the exit of the gateway, as the monitor found it.
    #[must_use]
    pub fn with_exit(self, exit: &str) -> Self {
        let text = to_printable(&format!("{}. {}", shorten_quote(exit), self.text), MAX_SENTENCE_CHARS);
        Self { text, ..self }.with_quote("exit", exit)
    }

    /// Adds a field with text from another program, shortened.
    pub(super) fn with_quote(self, name: &'static str, words: &str) -> Self {
        self.with_field(name, to_printable(words, MAX_QUOTE_CHARS))
    }
}

/// Returns text from another program, ready to be quoted within a sentence: without a final full stop, and short
/// enough that the rest of the sentence still fits.
pub(super) fn shorten_quote(words: &str) -> String {
    to_printable(words, MAX_QUOTE_CHARS).trim_end_matches(['.', ' ']).to_owned()
}
