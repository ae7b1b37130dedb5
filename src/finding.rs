//! What a check has found.

pub(crate) mod remedy;

use std::fmt::Display;
use std::path::Path;

use crate::config::{Config, Source};
use crate::finding::remedy::Platform;
use crate::text::json::Value;
use crate::text::printable;

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

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Ok, Self::Warn, Self::Fail, Self::Skipped].into_iter().find(|level| level.name() == name)
    }
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) level: Level,
    pub(crate) evidence: String,
    /// The name of a remedy, or [`remedy::NONE`].
    pub(crate) fix: &'static str,
}

impl Said {
    pub(crate) fn ok(evidence: &dyn Display) -> Self {
        Self::new(Level::Ok, evidence, remedy::NONE)
    }

    pub(crate) fn warn(evidence: &dyn Display, fix: &'static str) -> Self {
        Self::new(Level::Warn, evidence, fix)
    }

    pub(crate) fn fail(evidence: &dyn Display, fix: &'static str) -> Self {
        Self::new(Level::Fail, evidence, fix)
    }

    pub(crate) fn skipped(evidence: &dyn Display) -> Self {
        Self::new(Level::Skipped, evidence, remedy::NONE)
    }

    pub(crate) fn new(level: Level, evidence: &dyn Display, fix: &'static str) -> Self {
        Self { level, evidence: printable(&evidence.to_string(), EVIDENCE), fix }
    }
}

/// What one check has found, with names still to be filled into its fix: so it travels from the owner to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub(crate) id: &'static str,
    pub(crate) said: Said,
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
    pub(crate) fn finding_below(&self, root: &Path, config: &Config, source: &Source, user: &str) -> Finding {
        let Said { level, evidence, fix } = self.said.clone();
        // Most findings are good and have no remedy.
        let fix = match fix {
            remedy::NONE => String::new(),
            fix => remedy::fill(fix, Platform::detect(root), config, source, user),
        };
        Finding { id: self.id, level, evidence, fix }
    }
}

/// Limit of checks that are read from one report.
const MAX_REPORTED: usize = 128;

/// One check as another process reports it. Its words are unproven: only `doctor` knows the checks and the remedies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedCheck {
    pub(crate) id: String,
    /// Empty if the report gives no level, or no evidence for it.
    pub(crate) level: String,
    pub(crate) evidence: String,
    pub(crate) fix: String,
}

impl ReportedCheck {
    /// Parses a list of checks, bounded; entries that are no objects with an id are left out.
    pub(crate) fn parse_list(list: &Value) -> Vec<Self> {
        let list = list.as_array().unwrap_or_default();
        list.iter().filter_map(|check| Self::parse(check)).take(MAX_REPORTED).collect()
    }

    fn parse(check: &Value) -> Option<Self> {
        let text = |key: &str| Some(printable(check.get(key)?.as_str()?, EVIDENCE));
        let id = text("id")?;
        let (level, evidence) = text("level").zip(text("evidence")).unwrap_or_default();
        Some(Self { id, level, evidence, fix: text("fix").unwrap_or_default() })
    }

    /// Returns the list as [`Self::parse_list`] reads it.
    pub(crate) fn list_to_json<'a, C: Clone + Into<Self> + 'a>(list: &'a [C]) -> Value {
        Value::array(list.iter().cloned().map(Into::into).map(|Self { id, level, evidence, fix }| {
            Value::object([
                ("id", id.into()),
                ("level", level.into()),
                ("evidence", evidence.into()),
                ("fix", fix.into()),
            ])
        }))
    }
}

impl From<Checked> for ReportedCheck {
    fn from(Checked { id, said }: Checked) -> Self {
        let Said { level, evidence, fix } = said;
        Self { id: id.to_owned(), level: level.name().to_owned(), evidence, fix: fix.to_owned() }
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
