//! Report of a push.

use std::path::Path;

use crate::os::atomic_file;
use crate::text::json::Value;
use crate::text::{Time, utc};
use crate::workspace::commit_snapshot::Told;
use crate::workspace::report::names::LISTS_LIMIT;
use crate::workspace::report::outcome::PushOutcome;
use crate::workspace::report::read::{
    ReadError, {self},
};
use crate::workspace::report::{Commit, LONG_SAID, Names, SAID, overflow, text_of};
use crate::workspace::request;

/// Report of one push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Start, by the wall clock.
    pub started: Time,
    /// End, by the wall clock.
    pub ended: Time,
    /// Outcome of the push.
    pub outcome: PushOutcome,
    /// Start of the last push, as far as known, after which the remote had everything.
    pub returned: Option<Time>,
    /// Commit that is checked out.
    pub commit: Option<Commit>,
    /// Branches pushed in this run.
    pub pushed: Names,
    /// Standbys' branches that were merged into the primary's.
    pub merged: Names,
    /// Standbys' branches in conflict with the primary's, with the files: a person has to merge them.
    pub conflicts: Names,
    /// Files that are not committed, with the reason.
    pub withheld: Names,
    /// New names of files that were moved aside.
    pub aside: Names,
    /// Archived work that the gateway's next start would have resumed.
    pub archived: Names,
    /// Error while archiving, so that the next start may resume old work; empty if there was none.
    pub not_put_away: String,
    /// True if the remote can be read by the public.
    pub open: bool,
    /// Time of the last check of that.
    pub open_asked: Option<Time>,
    /// Id of the last operator's request made before the push began.
    pub request: Option<String>,
    /// Further text, printable; empty if there is none.
    pub said: String,
}

impl Pushed {
    pub(crate) fn new(started: Time, outcome: PushOutcome, said: &str) -> Self {
        Self {
            started,
            ended: started,
            outcome,
            returned: None,
            commit: None,
            pushed: Names::default(),
            merged: Names::default(),
            conflicts: Names::default(),
            withheld: Names::default(),
            aside: Names::default(),
            archived: Names::default(),
            not_put_away: String::new(),
            open: false,
            open_asked: None,
            request: None,
            said: text_of(said, LONG_SAID),
        }
    }

    /// Records the lists and sentences that do not depend on the outcome.
    pub(in crate::workspace) fn tell(&mut self, told: &Told) {
        self.withheld = told.withheld_names();
        self.aside = told.aside_names();
        self.add(&told.words());
    }

    /// Appends a sentence.
    pub(crate) fn add(&mut self, more: &str) {
        if !more.is_empty() {
            let gap = if self.said.is_empty() { "" } else { "; " };
            self.said = text_of(&format!("{}{gap}{more}", self.said), LONG_SAID);
        }
    }

    /// Copies from the last report what a failed push cannot know.
    pub(crate) fn remember(&mut self, last: Option<&Self>) {
        let before = last.and_then(|last| last.returned).filter(|returned| *returned <= self.ended);
        self.returned = if self.is_returned() { Some(self.started) } else { before };
    }

    /// True if the remote has everything that this host has written.
    #[must_use]
    pub fn is_returned(&self) -> bool {
        self.outcome.is_returned()
    }

    /// True if everything is pushed, and the gateway's next start resumes no old work.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_returned() && self.not_put_away.is_empty()
    }

    /// True if no action is needed.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.is_done() && self.conflicts.is_empty() && !self.open
    }

    /// Returns all lists with their titles, in the order in which they are printed.
    #[must_use]
    pub fn lists(&self) -> [(&'static str, &Names); 6] {
        [
            ("pushed", &self.pushed),
            ("merged", &self.merged),
            ("in conflict", &self.conflicts),
            ("not committed", &self.withheld),
            ("renamed", &self.aside),
            ("archived", &self.archived),
        ]
    }

    /// Replaces the report at `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<(), atomic_file::Error> {
        overflow::write(path, &self.lists())?;
        atomic_file::write(path, crate::workspace::report::write::MODE, format!("{}\n", self.to_json()).as_bytes())
    }

    /// Converts the report to its file format.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let time = |time: Time| -> Value { utc::rfc3339(time).into() };
        let mut space = LISTS_LIMIT;
        Value::object([
            ("schema", 1u64.into()),
            ("started", time(self.started)),
            ("ended", time(self.ended)),
            ("outcome", self.outcome.name().into()),
            ("returned", self.returned.map(time).into()),
            ("commit", self.commit.as_ref().map(Commit::as_str).into()),
            ("pushed", self.pushed.to_json(&mut space)),
            ("merged", self.merged.to_json(&mut space)),
            ("conflicts", self.conflicts.to_json(&mut space)),
            ("withheld", self.withheld.to_json(&mut space)),
            ("aside", self.aside.to_json(&mut space)),
            ("archived", self.archived.to_json(&mut space)),
            ("not_put_away", self.not_put_away.as_str().into()),
            ("open", self.open.into()),
            ("open_asked", self.open_asked.map(time).into()),
            ("request", self.request.as_deref().into()),
            ("said", self.said.as_str().into()),
        ])
    }
}

/// Reads a push report that must be a regular file of the user id `owner`. `None` if there is none yet.
///
/// # Errors
/// If it is not such a file, is longer than 96 KiB, or holds a value that no report can hold.
pub fn read_push(path: &Path, owner: u32) -> Result<Option<Pushed>, ReadError> {
    read::read_as(path, owner, parse)
}

/// Reads this user's own last report; an invalid one counts as absent.
pub(crate) fn read_own_push(path: &Path) -> Option<Pushed> {
    read_push(path, read::own_user()?).ok().flatten()
}

fn parse(report: &Value) -> Result<Pushed, &'static str> {
    Ok(Pushed {
        started: read::required(report, "started", utc::parse_rfc3339)?,
        ended: read::required(report, "ended", utc::parse_rfc3339)?,
        outcome: read::required(report, "outcome", PushOutcome::parse)?,
        returned: read::optional(report, "returned", utc::parse_rfc3339)?,
        commit: read::optional(report, "commit", Commit::parse)?,
        pushed: read::names(report, "pushed")?,
        merged: read::names(report, "merged")?,
        conflicts: read::names(report, "conflicts")?,
        withheld: read::names(report, "withheld")?,
        aside: read::names(report, "aside")?,
        archived: read::names(report, "archived")?,
        not_put_away: read::required(report, "not_put_away", |why| Some(text_of(why, SAID)))?,
        open: read::truth(report, "open")?,
        open_asked: read::optional(report, "open_asked", utc::parse_rfc3339)?,
        // Older versions have no requests.
        request: report.get("request").and_then(|request| request.as_str()).and_then(request::parse),
        said: read::required(report, "said", |said| Some(text_of(said, LONG_SAID)))?,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_report_reads_back_as_it_was_written_and_fits_into_its_limit() {
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        let mut report = Pushed::new(at(10), PushOutcome::Refused, &"words ".repeat(400));
        let long = Names::of((0..5).map(|n| format!("{n}\u{1f600}\"").repeat(200)));
        for names in [&mut report.pushed, &mut report.merged, &mut report.conflicts, &mut report.withheld] {
            *names = long.clone();
        }
        (report.aside, report.archived) = (long.clone(), long);
        report.commit = Commit::parse(&"0123456789".repeat(4));
        report.not_put_away = "sqlite3 is not installed".to_owned();
        report.returned = Some(at(3));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("push.json");
        report.write(&path).unwrap();
        assert!(read_own_push(&path).as_ref() == Some(&report));
        fs::write(&path, report.to_json().to_string().replace("refused", "levitated")).unwrap();
        report.withheld = Names::of((0..9000).map(|n| format!("notes/{n}.env looks like a secret")));
        report.write(&path).unwrap();
        let read = read_own_push(&path).unwrap();
        assert_eq!((read.withheld.count, read.archived.count, read.archived.listed.len()), (9000, 5, 0));
        assert!((500..2000).contains(&read.withheld.listed.len()), "{}", read.withheld.listed.len());
        fs::write(&path, report.to_json().to_string().replace("refused", "levitated")).unwrap();
        let problem = read_push(&path, read::own_user().unwrap()).unwrap_err().to_string();
        assert!(problem.contains("outcome is missing or invalid for a push"), "{problem}");
        assert!(problem.contains("openclaw-sync-push.service"), "{problem}");
    }

    #[test]
    fn a_push_that_failed_remembers_when_all_was_returned() {
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        let mut good = Pushed::new(at(1), PushOutcome::Pushed, "");
        good.remember(None);
        assert_eq!(good.returned, Some(at(1)));
        let mut bad = Pushed::new(at(8), PushOutcome::NotPushed, "no route");
        bad.remember(Some(&good));
        assert_eq!((bad.returned, bad.is_returned()), (Some(at(1)), false));
    }
}
