//! Reports of pulls and pushes.
//!
//! The workspace's owner writes them, and an agent runs arbitrary tools as that user, so the monitor does not trust
//! them. A report holds only times, object ids, terms from fixed lists and short printable text; the reader rejects
//! everything else.

pub mod list_file;
mod name_list;
mod outcome;
mod push_report;
mod read;
mod write;

use crate::finding::ReportedCheck;
use crate::text::{Time, to_printable};
use crate::workspace::commit_snapshot::SyncFindings;
use crate::workspace::git::refs::Refs;
pub use crate::workspace::report::name_list::NameList;
pub use crate::workspace::report::outcome::{PullOutcome, PushOutcome};
pub(super) use crate::workspace::report::push_report::read_own_push_report;
pub use crate::workspace::report::push_report::{PushReport, read_push_report};
pub(crate) use crate::workspace::report::read::read_untrusted;
pub(super) use crate::workspace::report::read::{O_NOFOLLOW, O_NONBLOCK, read_own_pull_report};
pub use crate::workspace::report::read::{ReportError, read_pull_report};

/// Length limit of a program's output in a report, in characters.
const TEXT_LENGTH_LIMIT: usize = 400;

/// Length limit of a git host's reasons, in characters.
const DETAILS_LENGTH_LIMIT: usize = 1000;

/// Limit for the number of secrets in a report.
const SECRET_LIMIT: usize = 64;

/// Report of one pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullReport {
    /// Start, by the wall clock.
    pub started_at: Time,
    /// End, by the wall clock.
    pub ended_at: Time,
    /// Start of the last pull, as far as known, after which the workspace had everything from the remote.
    pub last_complete_at: Option<Time>,
    /// Result for the workspace.
    pub workspace: WorkspacePull,
    /// Results for the secrets, in the order of the configuration.
    pub secrets: Vec<SecretResult>,
    /// Readiness checks that only the workspace's owner can make.
    pub checks: Vec<ReportedCheck>,
}

/// Result of a pull for the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspacePull {
    /// Outcome of the pull.
    pub outcome: PullOutcome,
    /// Commit before the pull.
    pub commit_before: Option<CommitId>,
    /// Commit after the pull: the remote's, or one of this host that contains it.
    pub commit_after: Option<CommitId>,
    /// Last commit of the remote that the workspace contains.
    pub remote_commit: Option<CommitId>,
    /// Time of that commit, as recorded in it.
    pub committed_at: Option<Time>,
    /// True if this host has changes that it has not pushed.
    pub has_unpushed: bool,
    /// Conflict branches that are not pushed yet.
    pub unpushed_conflict_branches: NameList,
    /// Branches that could not be merged in this run, each with its files in conflict.
    pub conflicts: NameList,
    /// Files that are not committed, with the reason.
    pub withheld: NameList,
    /// New names of files that were moved aside.
    pub moved_aside: NameList,
    /// Further text, printable; empty if there is none.
    pub details: String,
}

/// Result for one set of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretResult {
    /// True if the copy matches the source. Otherwise the last good copy is still in place.
    pub is_copied: bool,
    /// Error, printable; empty on success.
    pub error: String,
}

/// Object id of a commit: 40 or 64 hexadecimal digits, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitId(String);

impl PullReport {
    /// Creates the report of a pull that has just started or ended early.
    pub(super) fn new(started: Time, workspace: WorkspacePull) -> Self {
        let fresh = workspace.outcome.is_complete().then_some(started);
        Self {
            started_at: started,
            ended_at: started,
            last_complete_at: fresh,
            workspace,
            secrets: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Copies the freshness from the last report if this pull failed.
    pub(super) fn keep_last_complete(&mut self, last: Option<Self>) {
        let last = last.and_then(|last| last.last_complete_at);
        self.last_complete_at = self.last_complete_at.or(last.filter(|fresh| *fresh <= self.ended_at));
    }

    /// True if the workspace and all secrets are up to date.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.workspace.outcome.is_ok() && self.secrets.iter().all(|secret| secret.is_copied)
    }
}

impl WorkspacePull {
    pub(super) fn new(outcome: PullOutcome, text: &str) -> Self {
        Self {
            outcome,
            commit_before: None,
            commit_after: None,
            remote_commit: None,
            committed_at: None,
            has_unpushed: false,
            unpushed_conflict_branches: NameList::default(),
            conflicts: NameList::default(),
            withheld: NameList::default(),
            moved_aside: NameList::default(),
            details: safe_text_within(text, DETAILS_LENGTH_LIMIT),
        }
    }

    /// Records the commits after the pull.
    pub(super) fn set_refs(&mut self, refs: &Refs) {
        self.commit_after = refs.head.commit.as_deref().and_then(CommitId::parse);
        self.remote_commit = refs.merged_remote.as_deref().and_then(CommitId::parse);
        if refs.merged_remote == refs.remote_branch {
            let made = refs.remote_commit_time.and_then(|seconds| seconds.checked_mul(1000));
            self.committed_at = made.map(Time::from_millis);
        }
        self.has_unpushed = refs.has_unpushed();
        self.unpushed_conflict_branches =
            NameList::from_names(refs.conflict_branches.iter().map(|(branch, _)| branch.clone()));
    }

    /// Records the lists and sentences that do not depend on the outcome.
    pub(super) fn set_findings(&mut self, findings: &SyncFindings) {
        self.withheld = findings.withheld_names();
        self.moved_aside = findings.moved_aside_names();
        self.conflicts = findings.conflict_names();
        self.add_detail(&findings.sentences());
    }

    /// Appends a sentence.
    pub(super) fn add_detail(&mut self, more: &str) {
        if !more.is_empty() {
            let gap = if self.details.is_empty() { "" } else { "; " };
            self.details = safe_text_within(&format!("{}{gap}{more}", self.details), DETAILS_LENGTH_LIMIT);
        }
    }

    /// Returns all lists with their titles, in the order in which they are printed.
    #[must_use]
    pub fn titled_lists(&self) -> [(&'static str, &NameList); 4] {
        [
            ("kept on a branch", &self.unpushed_conflict_branches),
            ("in conflict", &self.conflicts),
            ("not committed", &self.withheld),
            ("renamed", &self.moved_aside),
        ]
    }
}

impl SecretResult {
    pub(super) fn from_result(result: Result<(), String>) -> Self {
        let text = result.err().map(|why| safe_text(&why));
        Self { is_copied: text.is_none(), error: text.unwrap_or_default() }
    }
}

impl CommitId {
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
    pub fn abbreviated(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}

/// Makes text safe for a report: short, printable, and without the `user:token@` of a URL.
pub(super) fn safe_text(text: &str) -> String {
    safe_text_within(text, TEXT_LENGTH_LIMIT)
}

/// Makes text safe for a report, with a limit of `length` characters.
fn safe_text_within(text: &str, length: usize) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let is_end = |c: char| c.is_whitespace() || c == '/';
        let authority = after.find(is_end).unwrap_or(after.len());
        let secret = after.get(..authority).and_then(|authority| authority.rfind('@'));
        rest = secret.and_then(|at| after.get(at + 1..)).unwrap_or(after);
    }
    clean.push_str(rest);
    to_printable(&clean, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_an_address_never_reaches_a_report() {
        let text = "fatal: Authentication failed for 'https://user:ghp_x@y@git.example/a.git/'\nssh://git@h/ x";
        assert_eq!(safe_text(text), "fatal: Authentication failed for 'https://git.example/a.git/' ssh://h/ x");
        assert_eq!(safe_text("https://git.example/@a"), "https://git.example/@a");
    }

    #[test]
    fn a_hash_is_whole_or_none() {
        assert!(CommitId::parse(&"0a".repeat(20)).is_some());
        assert!(CommitId::parse(&"0a".repeat(32)).is_some());
        assert_eq!(CommitId::parse(&"0A".repeat(20)), None);
        assert_eq!(CommitId::parse("0a0a"), None);
        assert_eq!(CommitId::parse(&"--".repeat(20)), None);
    }

    #[test]
    fn a_failed_pull_remembers_when_the_workspace_was_fresh() {
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        let good = PullReport::new(at(1), WorkspacePull::new(PullOutcome::UpToDate, ""));
        assert_eq!(good.last_complete_at, Some(at(1)));
        let mut bad = PullReport::new(at(8), WorkspacePull::new(PullOutcome::NotFetched, "no route"));
        bad.keep_last_complete(Some(good));
        assert_eq!(bad.last_complete_at, Some(at(1)));
        bad.keep_last_complete(None);
        assert_eq!(bad.last_complete_at, Some(at(1)));
    }
}
