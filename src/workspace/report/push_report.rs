//! Report of a push.

use std::path::Path;

use crate::os::{atomic_file, own_uid};
use crate::text::Time;
use crate::text::json::Value;
use crate::workspace::findings::SyncFindings;
use crate::workspace::oid::Oid;
use crate::workspace::report::fields::{Field, report_object};
use crate::workspace::report::list_file::{self, REPORT_MODE};
use crate::workspace::report::name_list::{LISTS_SIZE_LIMIT, NameList};
use crate::workspace::report::outcome::PushOutcome;
use crate::workspace::report::read::{self, ReportError};
use crate::workspace::safe_text::{append_detail, safe_details};

report_object! {
    /// Report of one push.
    pub struct PushReport {
        /// Start, by the wall clock.
        pub started_at: Time,
        /// End, by the wall clock.
        pub ended_at: Time,
        /// Outcome of the push.
        pub outcome: PushOutcome,
        /// Start of the last push, as far as known, after which the remote had everything.
        pub last_complete_at: Option<Time>,
        /// Commit that is checked out.
        pub commit: Option<Oid>,
        /// Branches pushed in this run.
        pub pushed_branches: NameList,
        /// Standbys' branches that were merged into the primary's.
        pub merged_branches: NameList,
        /// Standbys' branches in conflict with the primary's, with the files: a person has to merge them.
        pub conflicts: NameList,
        /// Files that are not committed, with the reason.
        pub withheld: NameList,
        /// New names of files that were moved aside.
        pub moved_aside: NameList,
        /// Archived work that the gateway's next start would have resumed.
        pub archived: NameList,
        /// Error while archiving, so that the next start may resume old work; empty if there was none.
        pub archive_error: String,
        /// True if the remote can be read by the public.
        pub is_public: bool,
        /// Time of the last check of that.
        pub visibility_checked_at: Option<Time>,
        /// Id of the last operator's request made before the push began.
        pub request_id: Option<String>,
        /// Further text, printable; empty if there is none.
        pub details: String,
    }
}

impl PushReport {
    pub(crate) fn new(started: Time, outcome: PushOutcome, text: &str) -> Self {
        Self {
            started_at: started,
            ended_at: started,
            outcome,
            last_complete_at: None,
            commit: None,
            pushed_branches: NameList::default(),
            merged_branches: NameList::default(),
            conflicts: NameList::default(),
            withheld: NameList::default(),
            moved_aside: NameList::default(),
            archived: NameList::default(),
            archive_error: String::new(),
            is_public: false,
            visibility_checked_at: None,
            request_id: None,
            details: safe_details(text),
        }
    }

    /// Records the lists and sentences that do not depend on the outcome.
    pub(crate) fn set_findings(&mut self, findings: &SyncFindings) {
        self.withheld = findings.withheld_names();
        self.moved_aside = findings.moved_aside_names();
        self.add_detail(&findings.sentences());
    }

    /// Appends a sentence.
    pub(crate) fn add_detail(&mut self, more: &str) {
        append_detail(&mut self.details, more);
    }

    /// Copies from the last report what a failed push cannot know.
    pub(crate) fn keep_last_complete(&mut self, last: Option<&Self>) {
        let before = last.and_then(|last| last.last_complete_at).filter(|returned| *returned <= self.ended_at);
        self.last_complete_at = if self.is_complete() { Some(self.started_at) } else { before };
    }

    /// True if the remote has everything that this host has written.
    pub fn is_complete(&self) -> bool {
        self.outcome.is_complete()
    }

    /// True if everything is pushed, and the gateway's next start resumes no old work.
    pub fn is_complete_and_archived(&self) -> bool {
        self.is_complete() && self.archive_error.is_empty()
    }

    /// True if no action is needed.
    pub fn is_ok(&self) -> bool {
        self.is_complete_and_archived() && self.conflicts.is_empty() && !self.is_public
    }

    /// Returns all lists with their titles, in the order in which they are printed.
    pub fn titled_lists(&self) -> [(&'static str, &NameList); 6] {
        [
            ("pushed", &self.pushed_branches),
            ("merged", &self.merged_branches),
            ("in conflict", &self.conflicts),
            ("not committed", &self.withheld),
            ("renamed", &self.moved_aside),
            ("archived", &self.archived),
        ]
    }

    /// Replaces the report at `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<(), atomic_file::FileError> {
        list_file::write_or_remove(path, &self.titled_lists())?;
        atomic_file::write(path, REPORT_MODE, format!("{}\n", self.to_json()).as_bytes())
    }

    /// Converts the report to its file format.
    pub fn to_json(&self) -> Value {
        Field::to_json(self, &mut LISTS_SIZE_LIMIT.clone())
    }
}

/// Reads a push report that must be a regular file of the user id `owner`. `None` if there is none yet.
///
/// # Errors
/// If it is not such a file, is longer than 96 KiB, or holds a value that no report can hold.
pub fn read_push_report(path: &Path, owner: u32) -> Result<Option<PushReport>, ReportError> {
    read::read_report(path, owner)
}

/// Reads this user's own last report; an invalid one counts as absent.
pub(crate) fn read_own_push_report(path: &Path) -> Option<PushReport> {
    read_push_report(path, own_uid().ok()?).ok().flatten()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_report_reads_back_as_it_was_written_and_fits_into_its_limit() {
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        let mut report = PushReport::new(at(10), PushOutcome::Refused, &"words ".repeat(400));
        let long = NameList::from_names((0..5).map(|n| format!("{n}\u{1f600}\"").repeat(200)));
        for names in
            [&mut report.pushed_branches, &mut report.merged_branches, &mut report.conflicts, &mut report.withheld]
        {
            *names = long.clone();
        }
        (report.moved_aside, report.archived) = (long.clone(), long);
        report.commit = Oid::parse(&"0123456789".repeat(4));
        report.archive_error = "sqlite3 is not installed".to_owned();
        report.last_complete_at = Some(at(3));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("push.json");
        report.write(&path).unwrap();
        assert!(read_own_push_report(&path).as_ref() == Some(&report));
        fs::write(&path, report.to_json().to_string().replace("refused", "levitated")).unwrap();
        report.withheld = NameList::from_names((0..9000).map(|n| format!("notes/{n}.env looks like a secret")));
        report.write(&path).unwrap();
        let read = read_own_push_report(&path).unwrap();
        assert_eq!((read.withheld.count, read.archived.count, read.archived.listed.len()), (9000, 5, 0));
        assert!((500..2000).contains(&read.withheld.listed.len()), "{}", read.withheld.listed.len());
        fs::write(&path, report.to_json().to_string().replace("refused", "levitated")).unwrap();
        let problem = read_push_report(&path, own_uid().unwrap()).unwrap_err().to_string();
        assert!(problem.contains("outcome is missing or invalid for a push"), "{problem}");
        assert!(problem.contains("openclaw-sync-push.service"), "{problem}");
    }

    #[test]
    fn a_push_that_failed_remembers_when_all_was_returned() {
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        let mut good = PushReport::new(at(1), PushOutcome::Pushed, "");
        good.keep_last_complete(None);
        assert_eq!(good.last_complete_at, Some(at(1)));
        let mut bad = PushReport::new(at(8), PushOutcome::NotPushed, "no route");
        bad.keep_last_complete(Some(&good));
        assert_eq!((bad.last_complete_at, bad.is_complete()), (Some(at(1)), false));
    }
}
