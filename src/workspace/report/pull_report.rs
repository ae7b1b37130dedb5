//! Report of a pull.

use std::path::Path;

use crate::finding::ReportedCheck;
use crate::os::{atomic_file, own_uid};
use crate::text::Time;
use crate::text::json::Value;
use crate::workspace::error::SyncError;
use crate::workspace::findings::SyncFindings;
use crate::workspace::git::refs::Refs;
use crate::workspace::oid::Oid;
use crate::workspace::report::fields::{Field, report_object};
use crate::workspace::report::list_file::{self, REPORT_MODE};
use crate::workspace::report::name_list::{LISTS_SIZE_LIMIT, NameList};
use crate::workspace::report::outcome::PullOutcome;
use crate::workspace::report::read::{ReportError, read_report};
use crate::workspace::safe_text::{append_detail, safe_details};

/// Limit for the number of secrets in a report.
const SECRET_LIMIT: usize = 64;

report_object! {
    /// Report of one pull.
    pub struct PullReport {
        /// Result for the workspace.
        pub workspace: WorkspacePull,
        /// Start, by the wall clock.
        pub started_at: Time,
        /// End, by the wall clock.
        pub ended_at: Time,
        /// Start of the last pull, as far as known, after which the workspace had everything from the remote.
        pub last_complete_at: Option<Time>,
        /// Results for the secrets, in the order of the configuration.
        pub secrets: Vec<SecretResult>,
        /// Readiness checks that only the workspace's owner can make.
        pub checks: Vec<ReportedCheck>,
    }
}

report_object! {
    /// Result of a pull for the workspace.
    pub struct WorkspacePull {
        /// Outcome of the pull.
        pub outcome: PullOutcome,
        /// Commit before the pull.
        pub commit_before: Option<Oid>,
        /// Commit after the pull: the remote's, or one of this host that contains it.
        pub commit_after: Option<Oid>,
        /// Last commit of the remote that the workspace contains.
        pub remote_commit: Option<Oid>,
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
}

report_object! {
    /// Result for one set of secrets.
    pub struct SecretResult {
        /// True if the copy matches the source. Otherwise the last good copy is still in place.
        pub is_copied: bool,
        /// Error, printable; empty on success.
        pub error: String,
    }
}

impl PullReport {
    /// Creates the report of a pull that has just started or ended early.
    pub(crate) fn new(started: Time, workspace: WorkspacePull) -> Self {
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
    pub(crate) fn keep_last_complete(&mut self, last: Option<Self>) {
        let last = last.and_then(|last| last.last_complete_at);
        self.last_complete_at = self.last_complete_at.or(last.filter(|fresh| *fresh <= self.ended_at));
    }

    /// True if the workspace and all secrets are up to date.
    pub fn is_ok(&self) -> bool {
        self.workspace.outcome.is_ok() && self.secrets.iter().all(|secret| secret.is_copied)
    }
}

impl WorkspacePull {
    pub(crate) fn new(outcome: PullOutcome, text: &str) -> Self {
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
            details: safe_details(text),
        }
    }

    /// Records the commits after the pull.
    pub(crate) fn set_refs(&mut self, refs: &Refs) {
        self.commit_after = refs.head.commit.clone();
        self.remote_commit = refs.merged_remote.clone();
        if refs.merged_remote == refs.remote_branch {
            let made = refs.remote_commit_time.and_then(|seconds| seconds.checked_mul(1000));
            self.committed_at = made.map(Time::from_millis);
        }
        self.has_unpushed = refs.has_unpushed();
        self.unpushed_conflict_branches =
            NameList::from_names(refs.conflict_branches.iter().map(|(branch, _)| branch.clone()));
    }

    /// Records the lists and sentences that do not depend on the outcome.
    pub(crate) fn set_findings(&mut self, findings: &SyncFindings) {
        self.withheld = findings.withheld_names();
        self.moved_aside = findings.moved_aside_names();
        self.conflicts = findings.conflict_names();
        self.add_detail(&findings.sentences());
    }

    /// Appends a sentence.
    pub(crate) fn add_detail(&mut self, more: &str) {
        append_detail(&mut self.details, more);
    }

    /// Returns all lists with their titles, in the order in which they are printed.
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
    pub(crate) fn from_result(result: Result<(), SyncError>) -> Self {
        let text = result.err().map(|error| error.into_safe().message);
        Self { is_copied: text.is_none(), error: text.unwrap_or_default() }
    }
}

impl PullReport {
    /// Replaces the report at `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<(), atomic_file::FileError> {
        list_file::write_or_remove(path, &self.workspace.titled_lists())?;
        atomic_file::write(path, REPORT_MODE, format!("{}\n", self.to_json()).as_bytes())
    }

    /// Converts the report to its file format.
    pub fn to_json(&self) -> Value {
        Field::to_json(self, &mut LISTS_SIZE_LIMIT.clone())
    }
}

/// Reads a report that must be a regular file of the user id `owner`. `None` if there is none yet.
///
/// # Errors
/// If it is not such a file, is longer than 96 KiB, or holds a value that no report can hold.
pub fn read_pull_report(path: &Path, owner: u32) -> Result<Option<PullReport>, ReportError> {
    read_report(path, owner)
}

/// Reads this user's own last report; an invalid one counts as absent.
pub(crate) fn read_own_pull_report(path: &Path) -> Option<PullReport> {
    read_pull_report(path, own_uid().ok()?).ok().flatten()
}

impl Field for Vec<SecretResult> {
    fn to_json(&self, space: &mut usize) -> Value {
        Value::from_items(self.iter().map(|secret| secret.to_json(space)))
    }

    fn parse(value: &Value, key: &'static str) -> Result<Self, &'static str> {
        value.as_array().ok_or(key)?.iter().take(SECRET_LIMIT).map(|secret| SecretResult::parse(secret, key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;
    use crate::text::json;

    fn report() -> PullReport {
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        let commit = Oid::parse(&"0123456789".repeat(4));
        let mut report = PullReport::new(at(10), WorkspacePull::new(PullOutcome::Updated, "three files"));
        report.ended_at = at(12);
        report.workspace.commit_before = commit.clone();
        report.workspace.commit_after = commit;
        report.workspace.committed_at = Some(at(5));
        report.secrets =
            vec![SecretResult::from_result(Ok(())), SecretResult::from_result(Err(SyncError::failed("no route")))];
        report.checks = checks(r#"[{"id": "crons", "level": "ok", "evidence": "off", "fix": ""}]"#);
        report
    }

    fn checks(text: &str) -> Vec<ReportedCheck> {
        ReportedCheck::parse_list(&json::parse(text).unwrap())
    }

    fn own() -> u32 {
        own_uid().unwrap()
    }

    fn refusal(content: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pull.json");
        fs::write(&path, content).unwrap();
        read_pull_report(&path, own()).unwrap_err().to_string()
    }

    #[test]
    fn a_report_reads_back_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pull.json");
        assert_eq!(read_pull_report(&path, own()).unwrap(), None);
        report().write(&path).unwrap();
        assert_eq!(read_pull_report(&path, own()).unwrap(), Some(report()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
    }

    #[test]
    fn only_a_regular_file_of_its_owner_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        report().write(&real).unwrap();
        let foreign = read_pull_report(&real, own() + 1).unwrap_err().to_string();
        assert!(foreign.contains("it is not a regular file owned by user"), "{foreign}");
        let link = dir.path().join("link");
        symlink(&real, &link).unwrap();
        assert!(read_pull_report(&link, own()).is_err());
        assert!(read_pull_report(dir.path(), own()).is_err());
        assert!(read_pull_report(Path::new("/dev/zero"), 0).is_err());
        let pipe = dir.path().join("pipe");
        let made = crate::os::ChildCommand::new("mkfifo").arg(&pipe).run();
        assert!(made.is_ok());
        assert!(read_pull_report(&pipe, own()).is_err());
    }

    #[test]
    fn what_no_pull_writes_is_refused() {
        let good = report().to_json().to_string();
        let bad = |from: &str, to: &str| refusal(&good.replace(from, to));
        assert!(bad("\"moved\"", "\"levitated\"").contains("outcome is missing or invalid for a pull"));
        assert!(bad(&"0123456789".repeat(4), "$(reboot)").contains("before is missing"));
        assert!(bad("1970-01-01T00:00:10.000Z", "10").contains("started"));
        assert!(bad("\"is_copied\":true", "\"is_copied\":\"yes\"").contains("is_copied is missing"));
        assert!(bad("\"checks\":[", "\"checks\":7,\"more\":[").contains("checks is missing"));
        assert!(refusal("").contains("line 1"));
        assert!(refusal("[]").contains("workspace"));
        assert!(refusal(&"[".repeat(10_000)).contains("line 1"));
        assert!(refusal(&" ".repeat(96 * 1024 + 1)).contains("larger than 98304 bytes"));
    }

    #[test]
    fn checks_of_an_enemy_are_bounded_and_printable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pull.json");
        let checks_read = |checks: &str| {
            let good = report().to_json().to_string();
            let (before, _) = good.split_once("\"checks\":").unwrap();
            fs::write(&path, format!("{before}\"checks\":{checks}}}")).unwrap();
            read_pull_report(&path, own()).unwrap().unwrap().checks
        };
        let hostile = checks_read(
            r#"[{"id":"crons","level":"fail","evidence":"\u001b[2Jon\nok","fix":""}, 7, [], {"level":"ok"},
                {"id":"channels","level":"ok","evidence":7,"fix":""}]"#,
        );
        let harmless = r#"[{"id":"crons","level":"fail","evidence":"[2Jon ok","fix":""}, {"id":"channels"}]"#;
        assert_eq!(hostile, checks(harmless));
        let older = report().to_json().to_string().replace("\"checks\"", "\"other\"");
        fs::write(&path, older).unwrap();
        assert_eq!(read_pull_report(&path, own()).unwrap().unwrap().checks, []);
        let many = format!("[{}7]", r#"{"id":"crons","level":"ok","evidence":"off","fix":""},"#.repeat(200));
        assert_eq!(checks_read(&many).len(), 128);
    }

    #[test]
    fn text_of_an_enemy_is_harmless() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pull.json");
        let hostile = format!("\\u001b[2J\\u202e{}", "x".repeat(2000));
        fs::write(&path, report().to_json().to_string().replace("three files", &hostile)).unwrap();
        let said = read_pull_report(&path, own()).unwrap().unwrap().workspace.details;
        assert!(said.starts_with("[2J xxx"), "{said}");
        assert_eq!(said.chars().count(), 1001);
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
