//! Results of pulls and pushes: the latest ones, and the problems that follow from them.

use crate::events::MonitorNotice;
use crate::os::clock::{WallClockOffset, read_wall_clock};
use crate::text::Time;
use crate::workspace::PullReport;
use crate::workspace::report::{PullOutcome, PushOutcome, PushReport};
use crate::workspace::summary::{PullSummary, PushSummary};
use crate::workspace::unit::SyncUnitError;

/// Reports with the complete lists, which a sentence shortens.
const PULL_REPORT: &str = "/var/lib/openclaw-sync/pull.json";
const PUSH_REPORT: &str = "/var/lib/openclaw-sync/push.json";

/// Latest results of pulls and pushes.
#[derive(Default)]
pub(crate) struct SyncResults {
    last_pull: Option<PullSummary>,
    last_push: Option<PushSummary>,
    archive_error: Option<String>,
    is_public: bool,
    /// Wall clock that the times above refer to.
    wall: Option<WallClockOffset>,
    /// Time of the last fresh workspace as the last report states it. A later report repeats it, even if the clock was
    /// set.
    reported_fresh: Option<Time>,
}

impl SyncResults {
    /// Converts the times to the current wall clock, so that they keep their age after the clock was set.
    pub(crate) fn follow_clock(&mut self, wall: WallClockOffset) {
        let Some(before) = self.wall.replace(wall) else { return };
        let moved = |at: &mut Time| *at = wall.to_wall_clock(before.to_machine_time(*at));
        if let Some(pull) = &mut self.last_pull {
            moved(&mut pull.ended_at);
            pull.last_complete_at.iter_mut().for_each(moved);
        }
        if let Some(push) = &mut self.last_push {
            moved(&mut push.ended_at);
            push.last_complete_at.iter_mut().for_each(moved);
        }
    }

    pub(crate) fn record_pull(&mut self, result: &Result<PullReport, SyncUnitError>) -> Option<MonitorNotice> {
        let pull = match result {
            Ok(report) if report.workspace.outcome == PullOutcome::Busy => return None,
            Ok(report) => {
                let is_repeated = report.last_complete_at.is_some() && self.reported_fresh == report.last_complete_at;
                self.reported_fresh = report.last_complete_at;
                let known = self.last_pull.as_ref().filter(|_| is_repeated).and_then(|pull| pull.last_complete_at);
                PullSummary { last_complete_at: known.or(report.last_complete_at), ..pull_from_report(report) }
            }
            Err(why) => PullSummary {
                outcome: "not_run".to_owned(),
                ended_at: read_wall_clock(),
                error: Some(why.to_string()),
                is_stale: true,
                // The disk still has the workspace that the last pull left there.
                ..self.last_pull.clone().unwrap_or_default()
            },
        };
        let but_for_times =
            |pull: &PullSummary| PullSummary { ended_at: Time::default(), last_complete_at: None, ..pull.clone() };
        let is_news = self.last_pull.as_ref().is_none_or(|before| but_for_times(before) != but_for_times(&pull));
        self.last_pull = Some(pull.clone());
        is_news.then_some(MonitorNotice::PullChanged(pull))
    }

    pub(crate) fn record_push(&mut self, result: &Result<PushReport, SyncUnitError>) -> Vec<MonitorNotice> {
        let mut notices = Vec::new();
        let had_archive_error = self.archive_error.is_some();
        let push = match result {
            // Another push follows, or has just ended.
            Ok(pushed) if matches!(pushed.outcome, PushOutcome::Cancelled | PushOutcome::Busy) => return notices,
            Ok(pushed) => {
                notices.extend(self.archive_notices(pushed));
                push_from_report(pushed)
            }
            Err(why) => {
                let returned = self.last_push.as_ref().and_then(|push| push.last_complete_at);
                PushSummary {
                    outcome: "not_run".to_owned(),
                    ended_at: read_wall_clock(),
                    last_complete_at: returned,
                    error: Some(why.to_string()),
                }
            }
        };
        let before = self.last_push.replace(push.clone()).and_then(|before| before.error);
        match push.error {
            Some(why) if before.as_ref() != Some(&why) => {
                notices.push(MonitorNotice::PushFailed { outcome: push.outcome, why });
            }
            None if before.is_some() || !had_archive_error => {
                let branches = result
                    .as_ref()
                    .map(|pushed| pushed.pushed_branches.to_sentence_with_source(PUSH_REPORT))
                    .unwrap_or_default();
                notices.push(MonitorNotice::ChangesPushed { branches });
            }
            _ => {}
        }
        notices
    }

    fn archive_notices(&mut self, pushed: &PushReport) -> Vec<MonitorNotice> {
        let mut notices = Vec::new();
        if !pushed.archived.is_empty() {
            notices.push(MonitorNotice::WorkArchived { what: pushed.archived.to_sentence_with_source(PUSH_REPORT) });
        }
        let before = self.archive_error.take();
        if !pushed.archive_error.is_empty() {
            let why = pushed.archive_error.clone();
            if before.as_ref() != Some(&why) {
                notices.push(MonitorNotice::ArchiveFailed { why: why.clone() });
            }
            self.archive_error = Some(why);
        }
        let was_public = std::mem::replace(&mut self.is_public, pushed.is_public);
        if pushed.is_public && !was_public {
            notices.push(MonitorNotice::WorkspacePublic);
        }
        notices
    }

    /// Returns the notice about the workspace that a gateway finds if it starts now.
    pub(crate) fn start_notice(&self) -> MonitorNotice {
        MonitorNotice::StartsWith(self.last_pull.clone())
    }

    pub(crate) fn last_pull(&self) -> Option<&PullSummary> {
        self.last_pull.as_ref()
    }

    pub(crate) fn last_push(&self) -> Option<&PushSummary> {
        self.last_push.as_ref()
    }

    /// Returns the problems, each with its stable name.
    pub(super) fn list_problems(&self) -> [(&'static str, Option<String>); 4] {
        let public_remote = self.is_public.then(|| "the git remote is public; make the repository private".to_owned());
        let replays = self.archive_error.as_ref();
        let replays = replays.map(|why| format!("the gateway's next start would resume old work: {why}"));
        [
            ("sync_failing", self.last_pull.as_ref().and_then(|pull| pull.error.clone())),
            ("unpushed", self.last_push.as_ref().and_then(|push| push.error.clone())),
            ("stale_replay", replays),
            ("workspace_public", public_remote),
        ]
    }
}

fn pull_from_report(report: &PullReport) -> PullSummary {
    let workspace = &report.workspace;
    let secret = report.secrets.iter().find(|secret| !secret.is_copied).map(|secret| secret.error.clone());
    let is_well = workspace.outcome.is_ok() || workspace.outcome == PullOutcome::Cancelled;
    PullSummary {
        outcome: workspace.outcome.name().to_owned(),
        commit: workspace.commit_after.as_ref().map(|commit| commit.as_str().to_owned()),
        committed_at: workspace.committed_at,
        ended_at: report.ended_at,
        last_complete_at: report.last_complete_at,
        is_stale: !workspace.outcome.is_complete(),
        conflict_branches: workspace.unpushed_conflict_branches.to_sentence_with_source(PULL_REPORT),
        withheld: workspace.withheld.to_sentence_with_source(PULL_REPORT),
        error: if is_well { secret } else { Some(with_detail(workspace.outcome.description(), &workspace.details)) },
    }
}

fn push_from_report(pushed: &PushReport) -> PushSummary {
    PushSummary {
        outcome: pushed.outcome.name().to_owned(),
        ended_at: pushed.ended_at,
        last_complete_at: pushed.last_complete_at,
        error: (!pushed.is_complete()).then(|| with_detail(pushed.outcome.description(), &pushed.details)),
    }
}

fn with_detail(words: &str, details: &str) -> String {
    if details.is_empty() { words.to_owned() } else { format!("{words}: {details}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Time;

    /// Returns the report of a push with this result.
    fn pushed(outcome: &str, details: &str, archive_error: &str) -> Result<PushReport, SyncUnitError> {
        let outcome = PushOutcome::from_name(outcome).unwrap();
        let mut report = PushReport::new(Time::from_millis(1_795_298_400_000), outcome, details);
        report.archive_error = archive_error.to_owned();
        Ok(report)
    }

    fn names(notes: &[MonitorNotice]) -> Vec<&'static str> {
        let name = |note: &MonitorNotice| match note {
            MonitorNotice::ChangesPushed { .. } => "pushed",
            MonitorNotice::PushFailed { .. } => "push_failed",
            MonitorNotice::ArchiveFailed { .. } => "archive_failed",
            _ => "other",
        };
        notes.iter().map(name).collect()
    }

    fn wrong(workspace: &SyncResults) -> Vec<(&'static str, String)> {
        workspace.list_problems().into_iter().filter_map(|(what, text)| Some((what, text?))).collect()
    }

    #[test]
    fn announces_a_failed_push_once_per_reason() {
        let mut workspace = SyncResults::default();
        let tell =
            |workspace: &mut SyncResults, outcome, said| names(&workspace.record_push(&pushed(outcome, said, "")));
        assert_eq!(tell(&mut workspace, "not_pushed", "no route"), ["push_failed"]);
        assert_eq!(tell(&mut workspace, "not_pushed", "no route"), [""; 0]);
        assert_eq!(tell(&mut workspace, "stopped", ""), [""; 0]);
        assert_eq!(wrong(&workspace), [("unpushed", "cannot push: no route".to_owned())]);
        assert_eq!(tell(&mut workspace, "refused", "no force"), ["push_failed"]);
        assert_eq!(names(&workspace.record_push(&Err(SyncUnitError::NoReport("x.service")))), ["push_failed"]);
        assert_eq!(tell(&mut workspace, "pushed", ""), ["pushed"]);
        assert_eq!(wrong(&workspace), []);
    }

    #[test]
    fn reports_unarchived_work_until_it_is_archived() {
        let mut workspace = SyncResults::default();
        let lacking = pushed("pushed", "", "sqlite3 is not installed");
        assert_eq!(names(&workspace.record_push(&lacking)), ["archive_failed", "pushed"]);
        assert_eq!(names(&workspace.record_push(&lacking)), [""; 0]);
        assert!(wrong(&workspace)[0].1.ends_with("old work: sqlite3 is not installed"), "{:?}", wrong(&workspace));
        workspace.record_push(&pushed("up_to_date", "", ""));
        assert_eq!(wrong(&workspace), []);
    }

    #[test]
    fn keeps_the_known_commit_when_a_pull_cannot_run() {
        let pull = PullSummary { commit: Some("1a2b".to_owned()), ..PullSummary::default() };
        let mut workspace = SyncResults { last_pull: Some(pull), ..SyncResults::default() };
        assert!(workspace.record_pull(&Err(SyncUnitError::NoReport("x.service"))).is_some());
        assert!(workspace.record_pull(&Err(SyncUnitError::NoReport("x.service"))).is_none());
        let pull = workspace.last_pull().unwrap();
        assert_eq!((pull.outcome.as_str(), pull.commit.as_deref()), ("not_run", Some("1a2b")));
    }
}
