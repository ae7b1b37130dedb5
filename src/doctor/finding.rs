//! What a check has found.

use std::fmt::Display;
use std::path::Path;

use super::fix::{self, Platform};
use crate::config::{Config, Source};
use crate::host::printable;
use crate::json::Value;

/// How many characters of evidence are kept.
const EVIDENCE: usize = 300;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It does not stand in the way of a failover, but somebody should look.
    Warn,
    /// This standby could not take over, or would do harm.
    Fail,
    /// It could not be seen from here, or does not apply.
    Skipped,
}

impl Level {
    /// Its name, for people and for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Ok, Self::Warn, Self::Fail, Self::Skipped].into_iter().find(|level| level.name() == name)
    }
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) level: Level,
    pub(super) evidence: String,
    /// The name of a remedy, or [`fix::NONE`].
    pub(super) fix: &'static str,
}

impl Said {
    pub(super) fn ok(evidence: &dyn Display) -> Self {
        Self::new(Level::Ok, evidence, fix::NONE)
    }

    pub(super) fn warn(evidence: &dyn Display, fix: &'static str) -> Self {
        Self::new(Level::Warn, evidence, fix)
    }

    pub(super) fn fail(evidence: &dyn Display, fix: &'static str) -> Self {
        Self::new(Level::Fail, evidence, fix)
    }

    pub(super) fn skipped(evidence: &dyn Display) -> Self {
        Self::new(Level::Skipped, evidence, fix::NONE)
    }

    pub(super) fn new(level: Level, evidence: &dyn Display, fix: &'static str) -> Self {
        Self { level, evidence: printable(&evidence.to_string(), EVIDENCE), fix }
    }
}

/// What one check has found, with names still to be filled into its fix: so it travels from the owner to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub(super) id: &'static str,
    pub(super) said: Said,
}

impl Checked {
    /// Whether it stands in the way of a failover, or would do harm.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.said.level == Level::Fail
    }

    /// Makes it ready to be shown. `user` is the agent's.
    #[must_use]
    pub fn finding(&self, config: &Config, source: &Source, user: &str) -> Finding {
        self.finding_below(Path::new("/"), config, source, user)
    }

    /// Makes it ready to be shown, for the host whose files are below `root`.
    pub(super) fn finding_below(&self, root: &Path, config: &Config, source: &Source, user: &str) -> Finding {
        let Said { level, evidence, fix } = self.said.clone();
        // Most findings are good and have no remedy.
        let fix = match fix {
            fix::NONE => String::new(),
            fix => fix::fill(fix, Platform::detect(root), config, source, user),
        };
        Finding { id: self.id, level, evidence, fix }
    }
}

/// What one check has found, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's stable name.
    pub id: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was seen; one printable line.
    pub evidence: String,
    /// What to do, as a command; empty where nothing is to be done.
    pub fix: String,
}

impl Finding {
    /// For people who did not ask: what was seen, and the way out.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self { id, evidence, fix, .. } = self;
        let seen = format!("{id}: {}", evidence.trim_end_matches(['.', ' ']));
        if fix.is_empty() { seen } else { format!("{seen}. To mend it: `{fix}`") }
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::object([
            ("id", self.id.into()),
            ("level", self.level.name().into()),
            ("evidence", self.evidence.as_str().into()),
            ("fix", (!self.fix.is_empty()).then_some(self.fix.as_str()).into()),
        ])
    }
}
