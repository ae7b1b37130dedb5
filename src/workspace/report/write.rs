//! Serialisation of reports.

use std::path::Path;

use crate::finding::ReportedCheck;
use crate::os::atomic_file;
use crate::text::json::Value;
use crate::text::{Time, utc};
use crate::workspace::report::names::LISTS_LIMIT;
use crate::workspace::report::{Commit, Copied, Pulled, Report, overflow};

/// Readable by all users, because the monitor is another user. Reports hold no secrets.
pub(super) const MODE: u32 = 0o644;

impl Report {
    /// Replaces the report at `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<(), atomic_file::Error> {
        overflow::write(path, &self.workspace.lists())?;
        atomic_file::write(path, MODE, format!("{}\n", self.to_json()).as_bytes())
    }

    /// Converts the report to its file format.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::object([
            ("schema", 1u64.into()),
            ("started", time(self.started)),
            ("ended", time(self.ended)),
            ("fresh", self.fresh.map(time).into()),
            ("workspace", self.workspace.to_json()),
            ("secrets", Value::array(self.secrets.iter().map(Copied::to_json))),
            ("checks", ReportedCheck::list_to_json(&self.checks)),
        ])
    }
}

impl Pulled {
    fn to_json(&self) -> Value {
        let hash = |commit: &Option<Commit>| commit.as_ref().map(Commit::as_str).into();
        let mut space = LISTS_LIMIT;
        Value::object([
            ("outcome", self.outcome.name().into()),
            ("before", hash(&self.before)),
            ("after", hash(&self.after)),
            ("remote", hash(&self.remote)),
            ("committed", self.committed.map(time).into()),
            ("unreturned", self.unreturned.into()),
            ("kept", self.kept.to_json(&mut space)),
            ("conflicts", self.conflicts.to_json(&mut space)),
            ("withheld", self.withheld.to_json(&mut space)),
            ("aside", self.aside.to_json(&mut space)),
            ("said", self.said.as_str().into()),
        ])
    }
}

impl Copied {
    fn to_json(&self) -> Value {
        Value::object([("ok", self.ok.into()), ("said", self.said.as_str().into())])
    }
}

fn time(time: Time) -> Value {
    utc::rfc3339(time).into()
}
