//! Reports of pulls and pushes.
//!
//! The workspace's owner writes them, and an agent runs arbitrary tools as that user, so the monitor does not trust
//! them. A report holds only times, object ids, terms from fixed lists and short printable text; the reader rejects
//! everything else.

mod names;
mod outcome;
pub mod overflow;
mod pushed;
mod read;
mod write;

use crate::finding::ReportedCheck;
use crate::text::{Time, printable};
use crate::workspace::commit_snapshot::Told;
use crate::workspace::git::refs::Refs;
pub use crate::workspace::report::names::Names;
pub use crate::workspace::report::outcome::{Outcome, PushOutcome};
pub(super) use crate::workspace::report::pushed::read_own_push;
pub use crate::workspace::report::pushed::{Pushed, read_push};
pub(crate) use crate::workspace::report::read::read_untrusted;
pub(super) use crate::workspace::report::read::{O_NOFOLLOW, O_NONBLOCK, read_own};
pub use crate::workspace::report::read::{ReadError, read};

/// Length limit of a program's output in a report, in characters.
const SAID: usize = 400;

/// Length limit of a git host's reasons, in characters.
const LONG_SAID: usize = 1000;

/// Limit for the number of secrets in a report.
const MAX_SECRETS: usize = 64;

/// Report of one pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Start, by the wall clock.
    pub started: Time,
    /// End, by the wall clock.
    pub ended: Time,
    /// Start of the last pull, as far as known, after which the workspace had everything from the remote.
    pub fresh: Option<Time>,
    /// Result for the workspace.
    pub workspace: Pulled,
    /// Results for the secrets, in the order of the configuration.
    pub secrets: Vec<Copied>,
    /// Readiness checks that only the workspace's owner can make.
    pub checks: Vec<ReportedCheck>,
}

/// Result of a pull for the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Outcome of the pull.
    pub outcome: Outcome,
    /// Commit before the pull.
    pub before: Option<Commit>,
    /// Commit after the pull: the remote's, or one of this host that contains it.
    pub after: Option<Commit>,
    /// Last commit of the remote that the workspace contains.
    pub remote: Option<Commit>,
    /// Time of that commit, as recorded in it.
    pub committed: Option<Time>,
    /// True if this host has changes that it has not pushed.
    pub unreturned: bool,
    /// Conflict branches that are not pushed yet.
    pub kept: Names,
    /// Branches that could not be merged in this run, each with its files in conflict.
    pub conflicts: Names,
    /// Files that are not committed, with the reason.
    pub withheld: Names,
    /// New names of files that were moved aside.
    pub aside: Names,
    /// Further text, printable; empty if there is none.
    pub said: String,
}

/// Result for one set of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// True if the copy matches the source. Otherwise the last good copy is still in place.
    pub ok: bool,
    /// Error, printable; empty on success.
    pub said: String,
}

/// Object id of a commit: 40 or 64 hexadecimal digits, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit(String);

impl Report {
    /// Creates the report of a pull that has just started or ended early.
    pub(super) fn new(started: Time, workspace: Pulled) -> Self {
        let fresh = workspace.outcome.is_fresh().then_some(started);
        Self { started, ended: started, fresh, workspace, secrets: Vec::new(), checks: Vec::new() }
    }

    /// Copies the freshness from the last report if this pull failed.
    pub(super) fn remember(&mut self, last: Option<Self>) {
        let last = last.and_then(|last| last.fresh);
        self.fresh = self.fresh.or(last.filter(|fresh| *fresh <= self.ended));
    }

    /// True if the workspace and all secrets are up to date.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.workspace.outcome.is_ok() && self.secrets.iter().all(|secret| secret.ok)
    }
}

impl Pulled {
    pub(super) fn new(outcome: Outcome, said: &str) -> Self {
        Self {
            outcome,
            before: None,
            after: None,
            remote: None,
            committed: None,
            unreturned: false,
            kept: Names::default(),
            conflicts: Names::default(),
            withheld: Names::default(),
            aside: Names::default(),
            said: text_of(said, LONG_SAID),
        }
    }

    /// Records the commits after the pull.
    pub(super) fn tell_refs(&mut self, refs: &Refs) {
        self.after = refs.head.commit.as_deref().and_then(Commit::parse);
        self.remote = refs.merged.as_deref().and_then(Commit::parse);
        if refs.merged == refs.remote {
            let made = refs.remote_made.and_then(|seconds| seconds.checked_mul(1000));
            self.committed = made.map(Time::from_millis);
        }
        self.unreturned = refs.has_unreturned();
        self.kept = Names::of(refs.kept.iter().map(|(branch, _)| branch.clone()));
    }

    /// Records the lists and sentences that do not depend on the outcome.
    pub(super) fn tell(&mut self, told: &Told) {
        self.withheld = told.withheld_names();
        self.aside = told.aside_names();
        self.conflicts = told.conflict_names();
        self.add(&told.words());
    }

    /// Appends a sentence.
    pub(super) fn add(&mut self, more: &str) {
        if !more.is_empty() {
            let gap = if self.said.is_empty() { "" } else { "; " };
            self.said = text_of(&format!("{}{gap}{more}", self.said), LONG_SAID);
        }
    }

    /// Returns all lists with their titles, in the order in which they are printed.
    #[must_use]
    pub fn lists(&self) -> [(&'static str, &Names); 4] {
        [
            ("kept on a branch", &self.kept),
            ("in conflict", &self.conflicts),
            ("not committed", &self.withheld),
            ("renamed", &self.aside),
        ]
    }
}

impl Copied {
    pub(super) fn of(result: Result<(), String>) -> Self {
        let said = result.err().map(|why| text(&why));
        Self { ok: said.is_none(), said: said.unwrap_or_default() }
    }
}

impl Commit {
    /// Parses a full object id.
    #[must_use]
    pub fn parse(hash: &str) -> Option<Self> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_whole = matches!(hash.len(), 40 | 64) && hash.bytes().all(is_hex);
        is_whole.then(|| Self(hash.to_owned()))
    }

    /// Returns the full object id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns an abbreviated object id for people.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

/// Makes text safe for a report: short, printable, and without the `user:token@` of a URL.
pub(super) fn text(said: &str) -> String {
    text_of(said, SAID)
}

/// Makes text safe for a report, with a limit of `length` characters.
fn text_of(said: &str, length: usize) -> String {
    let mut clean = String::new();
    let mut rest = said;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let is_end = |c: char| c.is_whitespace() || c == '/';
        let authority = after.find(is_end).unwrap_or(after.len());
        let secret = after.get(..authority).and_then(|authority| authority.rfind('@'));
        rest = secret.and_then(|at| after.get(at + 1..)).unwrap_or(after);
    }
    clean.push_str(rest);
    printable(&clean, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_an_address_never_reaches_a_report() {
        let said = "fatal: Authentication failed for 'https://user:ghp_x@y@git.example/a.git/'\nssh://git@h/ x";
        assert_eq!(text(said), "fatal: Authentication failed for 'https://git.example/a.git/' ssh://h/ x");
        assert_eq!(text("https://git.example/@a"), "https://git.example/@a");
    }

    #[test]
    fn a_hash_is_whole_or_none() {
        assert!(Commit::parse(&"0a".repeat(20)).is_some());
        assert!(Commit::parse(&"0a".repeat(32)).is_some());
        assert_eq!(Commit::parse(&"0A".repeat(20)), None);
        assert_eq!(Commit::parse("0a0a"), None);
        assert_eq!(Commit::parse(&"--".repeat(20)), None);
    }

    #[test]
    fn a_failed_pull_remembers_when_the_workspace_was_fresh() {
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        let good = Report::new(at(1), Pulled::new(Outcome::UpToDate, ""));
        assert_eq!(good.fresh, Some(at(1)));
        let mut bad = Report::new(at(8), Pulled::new(Outcome::NotFetched, "no route"));
        bad.remember(Some(good));
        assert_eq!(bad.fresh, Some(at(1)));
        bad.remember(None);
        assert_eq!(bad.fresh, Some(at(1)));
    }
}
