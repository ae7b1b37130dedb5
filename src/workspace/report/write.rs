//! Serialisation of reports.

use std::path::Path;

use crate::finding::ReportedCheck;
use crate::os::atomic_file;
use crate::text::json::Value;
use crate::text::{Time, utc};
use crate::workspace::report::name_list::LISTS_SIZE_LIMIT;
use crate::workspace::report::{CommitId, PullReport, SecretResult, WorkspacePull, list_file};

/// Readable by all users, because the monitor is another user. Reports hold no secrets.
pub(super) const REPORT_MODE: u32 = 0o644;

impl PullReport {
    /// Replaces the report at `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<(), atomic_file::FileError> {
        list_file::write_or_remove(path, &self.workspace.titled_lists())?;
        atomic_file::write(path, REPORT_MODE, format!("{}\n", self.to_json()).as_bytes())
    }

    /// Converts the report to its file format.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::from_entries([
            ("schema", 1u64.into()),
            ("started", time_to_json(self.started_at)),
            ("ended", time_to_json(self.ended_at)),
            ("fresh", self.last_complete_at.map(time_to_json).into()),
            ("workspace", self.workspace.to_json()),
            ("secrets", Value::from_items(self.secrets.iter().map(SecretResult::to_json))),
            ("checks", ReportedCheck::list_to_json(&self.checks)),
        ])
    }
}

impl WorkspacePull {
    fn to_json(&self) -> Value {
        let hash = |commit: &Option<CommitId>| commit.as_ref().map(CommitId::as_str).into();
        let mut space = LISTS_SIZE_LIMIT;
        Value::from_entries([
            ("outcome", self.outcome.name().into()),
            ("before", hash(&self.commit_before)),
            ("after", hash(&self.commit_after)),
            ("remote", hash(&self.remote_commit)),
            ("committed", self.committed_at.map(time_to_json).into()),
            ("unreturned", self.has_unpushed.into()),
            ("kept", self.unpushed_conflict_branches.to_json(&mut space)),
            ("conflicts", self.conflicts.to_json(&mut space)),
            ("withheld", self.withheld.to_json(&mut space)),
            ("aside", self.moved_aside.to_json(&mut space)),
            ("said", self.details.as_str().into()),
        ])
    }
}

impl SecretResult {
    fn to_json(&self) -> Value {
        Value::from_entries([("ok", self.is_copied.into()), ("said", self.error.as_str().into())])
    }
}

fn time_to_json(time: Time) -> Value {
    utc::format_rfc3339(time).into()
}
