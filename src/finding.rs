//! Results of checks.

pub(crate) mod remedy;

use std::fmt::Display;
use std::path::Path;

use crate::config::{Config, ConfigSource};
use crate::finding::remedy::Platform;
use crate::text::json::Value;
use crate::text::named_enum::named_enum;
use crate::text::to_printable;

/// Length limit of the evidence, in characters.
const EVIDENCE_CHARS: usize = 300;

named_enum! {
    /// Severity of a finding.
    pub enum Level {
        /// As it should be.
        Ok = "ok",
        /// Does not prevent a failover, but needs attention.
        Warn = "warn",
        /// This standby could not take over, or would do harm.
        Fail = "fail",
        /// Not visible from here, or not applicable.
        Skipped = "skipped",
    }
}

/// Result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckResult {
    pub(crate) level: Level,
    pub(crate) evidence: String,
    /// The name of a remedy, or [`remedy::NONE`].
    pub(crate) remedy: &'static str,
}

impl CheckResult {
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
        Self { level, evidence: to_printable(&evidence.to_string(), EVIDENCE_CHARS), remedy: fix }
    }
}

/// Result of a check with its id. The remedy's placeholders are filled in only when it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOutcome {
    pub(crate) id: &'static str,
    pub(crate) result: CheckResult,
}

impl CheckOutcome {
    /// True if the check failed: this host could not take over, or would do harm.
    pub fn has_failed(&self) -> bool {
        self.result.level == Level::Fail
    }

    /// Fills in the remedy for this host. `user` is the agent's.
    pub fn to_finding(&self, config: &Config, source: &ConfigSource, user: &str) -> Finding {
        self.to_finding_below(Path::new("/"), config, source, user)
    }

    /// Fills in the remedy for the host whose files are below `root`.
    pub(crate) fn to_finding_below(&self, root: &Path, config: &Config, source: &ConfigSource, user: &str) -> Finding {
        let CheckResult { level, evidence, remedy: fix } = self.result.clone();
        // Most results are good and have no remedy.
        let fix = match fix {
            remedy::NONE => String::new(),
            fix => remedy::fill_placeholders(fix, Platform::detect(root), config, source, user),
        };
        Finding { id: self.id, level, evidence, fix }
    }
}

/// Number of checks that are read from one report, at most.
const REPORTED_CHECK_LIMIT: usize = 128;

/// Result as another process reports it. It is unverified: only `doctor` knows the checks and the remedies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedCheck {
    pub(crate) id: String,
    /// Empty if the report gives no level, or no evidence for it.
    pub(crate) level: String,
    pub(crate) evidence: String,
    pub(crate) fix: String,
}

impl ReportedCheck {
    /// Parses a bounded list of checks; entries without an id are left out.
    pub(crate) fn parse_list(list: &Value) -> Vec<Self> {
        let list = list.as_array().unwrap_or_default();
        list.iter().filter_map(|check| Self::parse(check)).take(REPORTED_CHECK_LIMIT).collect()
    }

    fn parse(check: &Value) -> Option<Self> {
        let text = |key: &str| Some(to_printable(check.get(key)?.as_str()?, EVIDENCE_CHARS));
        let id = text("id")?;
        let (level, evidence) = text("level").zip(text("evidence")).unwrap_or_default();
        Some(Self { id, level, evidence, fix: text("fix").unwrap_or_default() })
    }

    /// Encodes the list for [`Self::parse_list`].
    pub(crate) fn list_to_json<'a, C: Clone + Into<Self> + 'a>(list: &'a [C]) -> Value {
        Value::from_items(list.iter().cloned().map(Into::into).map(|Self { id, level, evidence, fix }| {
            Value::from_entries([
                ("id", id.into()),
                ("level", level.into()),
                ("evidence", evidence.into()),
                ("fix", fix.into()),
            ])
        }))
    }
}

impl From<CheckOutcome> for ReportedCheck {
    fn from(CheckOutcome { id, result }: CheckOutcome) -> Self {
        let CheckResult { level, evidence, remedy } = result;
        Self { id: id.to_owned(), level: level.name().to_owned(), evidence, fix: remedy.to_owned() }
    }
}

/// Result of a check, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable id of the check.
    pub id: &'static str,
    /// Severity.
    pub level: Level,
    /// Evidence; one printable line.
    pub evidence: String,
    /// Command that fixes it; empty if nothing is to be done.
    pub fix: String,
}

impl Finding {
    /// Describes the finding in one sentence: the evidence and the remedy.
    pub fn to_sentence(&self) -> String {
        let Self { id, evidence, fix, .. } = self;
        let seen = format!("{id}: {}", evidence.trim_end_matches(['.', ' ']));
        if fix.is_empty() { seen } else { format!("{seen}. To fix it: `{fix}`") }
    }

    /// Encodes the finding for programs.
    pub fn to_json(&self) -> Value {
        Value::from_entries([
            ("id", self.id.into()),
            ("level", self.level.name().into()),
            ("evidence", self.evidence.as_str().into()),
            ("fix", (!self.fix.is_empty()).then_some(self.fix.as_str()).into()),
        ])
    }
}
