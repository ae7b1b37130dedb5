//! Results of pulls and pushes: the latest ones, and the problems that follow from them.

use crate::events::MonitorNote;
use crate::os::clock::{Wall, wall_clock};
use crate::text::Time;
use crate::workspace::Report;
use crate::workspace::report::{Outcome, PushOutcome, Pushed};
use crate::workspace::summary::{Pull, Push};

/// Reports with the complete lists, which a sentence shortens.
const PULL_REPORT: &str = "/var/lib/openclaw-sync/pull.json";
const PUSH_REPORT: &str = "/var/lib/openclaw-sync/push.json";

/// Latest results of pulls and pushes.
#[derive(Default)]
pub(crate) struct Workspace {
    pull: Option<Pull>,
    push: Option<Push>,
    not_put_away: Option<String>,
    open: bool,
    /// Wall clock that the times above refer to.
    wall: Option<Wall>,
    /// Time of the last fresh workspace as the last report states it. A later report repeats it, even if the clock was
    /// set.
    reported_fresh: Option<Time>,
}

impl Workspace {
    /// Converts the times to the current wall clock, so that they keep their age after the clock was set.
    pub(crate) fn follow_clock(&mut self, wall: Wall) {
        let Some(before) = self.wall.replace(wall) else { return };
        let moved = |at: &mut Time| *at = wall.at(before.machine_time(*at));
        if let Some(pull) = &mut self.pull {
            moved(&mut pull.at);
            pull.fresh.iter_mut().for_each(moved);
        }
        if let Some(push) = &mut self.push {
            moved(&mut push.at);
            push.returned.iter_mut().for_each(moved);
        }
    }

    pub(crate) fn pulled(&mut self, result: &Result<Report, String>) -> Option<MonitorNote> {
        let pull = match result {
            Ok(report) if report.workspace.outcome == Outcome::Busy => return None,
            Ok(report) => {
                let is_repeated = report.fresh.is_some() && self.reported_fresh == report.fresh;
                self.reported_fresh = report.fresh;
                let known = self.pull.as_ref().filter(|_| is_repeated).and_then(|pull| pull.fresh);
                Pull { fresh: known.or(report.fresh), ..of_report(report) }
            }
            Err(why) => Pull {
                outcome: "not_run".to_owned(),
                at: wall_clock(),
                error: Some(why.clone()),
                stale: true,
                // The disk still has the workspace that the last pull left there.
                ..self.pull.clone().unwrap_or_default()
            },
        };
        let but_for_times = |pull: &Pull| Pull { at: Time::default(), fresh: None, ..pull.clone() };
        let is_news = self.pull.as_ref().is_none_or(|before| but_for_times(before) != but_for_times(&pull));
        self.pull = Some(pull.clone());
        is_news.then_some(MonitorNote::PullChanged(pull))
    }

    pub(crate) fn pushed(&mut self, result: &Result<Pushed, String>) -> Vec<MonitorNote> {
        let mut notes = Vec::new();
        let puts_away_anew = self.not_put_away.is_some();
        let push = match result {
            // Another push follows, or has just ended.
            Ok(pushed) if matches!(pushed.outcome, PushOutcome::Stopped | PushOutcome::Busy) => return notes,
            Ok(pushed) => {
                notes.extend(self.told_beside(pushed));
                of_push(pushed)
            }
            Err(why) => {
                let returned = self.push.as_ref().and_then(|push| push.returned);
                Push { outcome: "not_run".to_owned(), at: wall_clock(), returned, error: Some(why.clone()) }
            }
        };
        let before = self.push.replace(push.clone()).and_then(|before| before.error);
        match push.error {
            Some(why) if before.as_ref() != Some(&why) => {
                notes.push(MonitorNote::PushFailed { outcome: push.outcome, why });
            }
            None if before.is_some() || !puts_away_anew => {
                let branches =
                    result.as_ref().map(|pushed| pushed.pushed.words_with_source(PUSH_REPORT)).unwrap_or_default();
                notes.push(MonitorNote::Returned { branches });
            }
            _ => {}
        }
        notes
    }

    fn told_beside(&mut self, pushed: &Pushed) -> Vec<MonitorNote> {
        let mut notes = Vec::new();
        if !pushed.archived.is_empty() {
            notes.push(MonitorNote::PutAway { what: pushed.archived.words_with_source(PUSH_REPORT) });
        }
        let before = self.not_put_away.take();
        if !pushed.not_put_away.is_empty() {
            let why = pushed.not_put_away.clone();
            if before.as_ref() != Some(&why) {
                notes.push(MonitorNote::NotPutAway { why: why.clone() });
            }
            self.not_put_away = Some(why);
        }
        let was_open = std::mem::replace(&mut self.open, pushed.open);
        if pushed.open && !was_open {
            notes.push(MonitorNote::WorkspaceOpen);
        }
        notes
    }

    /// Returns the notice about the workspace that a gateway finds if it starts now.
    pub(crate) fn starts_with(&self) -> MonitorNote {
        MonitorNote::StartsWith(self.pull.clone())
    }

    pub(crate) fn pull(&self) -> Option<&Pull> {
        self.pull.as_ref()
    }

    pub(crate) fn push(&self) -> Option<&Push> {
        self.push.as_ref()
    }

    /// Returns the problems, each with its stable name.
    pub(super) fn wrong(&self) -> [(&'static str, Option<String>); 4] {
        let open = self.open.then(|| "the git remote is public; make the repository private".to_owned());
        let replays = self.not_put_away.as_ref();
        let replays = replays.map(|why| format!("the gateway's next start would resume old work: {why}"));
        [
            ("sync_failing", self.pull.as_ref().and_then(|pull| pull.error.clone())),
            ("unreturned", self.push.as_ref().and_then(|push| push.error.clone())),
            ("stale_replay", replays),
            ("workspace_open", open),
        ]
    }
}

fn of_report(report: &Report) -> Pull {
    let workspace = &report.workspace;
    let secret = report.secrets.iter().find(|secret| !secret.ok).map(|secret| secret.said.clone());
    let is_well = workspace.outcome.is_ok() || workspace.outcome == Outcome::Stopped;
    Pull {
        outcome: workspace.outcome.name().to_owned(),
        commit: workspace.after.as_ref().map(|commit| commit.as_str().to_owned()),
        committed: workspace.committed,
        at: report.ended,
        fresh: report.fresh,
        stale: !workspace.outcome.is_fresh(),
        kept: workspace.kept.words_with_source(PULL_REPORT),
        withheld: workspace.withheld.words_with_source(PULL_REPORT),
        error: if is_well { secret } else { Some(told(workspace.outcome.words(), &workspace.said)) },
    }
}

fn of_push(pushed: &Pushed) -> Push {
    Push {
        outcome: pushed.outcome.name().to_owned(),
        at: pushed.ended,
        returned: pushed.returned,
        error: (!pushed.is_returned()).then(|| told(pushed.outcome.words(), &pushed.said)),
    }
}

fn told(words: &str, said: &str) -> String {
    if said.is_empty() { words.to_owned() } else { format!("{words}: {said}") }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::workspace::report;

    /// Returns the parsed report of a push with this result.
    fn pushed(outcome: &str, said: &str, not_put_away: &str) -> Result<Pushed, String> {
        let none = r#"{ "count": 0, "listed": [] }"#;
        let lists = ["pushed", "merged", "conflicts", "withheld", "aside", "archived"];
        let lists: String = lists.iter().map(|name| format!(r#""{name}": {none}, "#)).collect();
        let text = format!(
            r#"{{ "schema": 1, "started": "2026-11-21T22:00:00.000Z", "ended": "2026-11-21T22:00:01.000Z", {lists}
                 "returned": null, "commit": null, "open_asked": null, "outcome": "{outcome}",
                 "not_put_away": "{not_put_away}", "open": false, "said": "{said}" }}"#
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("push.json");
        fs::write(&path, text).unwrap();
        Ok(report::read_push(&path, fs::metadata(&path).unwrap().uid()).unwrap().unwrap())
    }

    fn names(notes: &[MonitorNote]) -> Vec<&'static str> {
        let name = |note: &MonitorNote| match note {
            MonitorNote::Returned { .. } => "returned",
            MonitorNote::PushFailed { .. } => "push_failed",
            MonitorNote::NotPutAway { .. } => "not_put_away",
            _ => "other",
        };
        notes.iter().map(name).collect()
    }

    fn wrong(workspace: &Workspace) -> Vec<(&'static str, String)> {
        workspace.wrong().into_iter().filter_map(|(what, text)| Some((what, text?))).collect()
    }

    #[test]
    fn what_cannot_be_returned_is_told_once_for_each_reason() {
        let mut workspace = Workspace::default();
        let tell = |workspace: &mut Workspace, outcome, said| names(&workspace.pushed(&pushed(outcome, said, "")));
        assert_eq!(tell(&mut workspace, "not_pushed", "no route"), ["push_failed"]);
        assert_eq!(tell(&mut workspace, "not_pushed", "no route"), [""; 0]);
        assert_eq!(tell(&mut workspace, "stopped", ""), [""; 0]);
        assert_eq!(wrong(&workspace), [("unreturned", "cannot push: no route".to_owned())]);
        assert_eq!(tell(&mut workspace, "refused", "no force"), ["push_failed"]);
        assert_eq!(names(&workspace.pushed(&Err("the unit is masked".to_owned()))), ["push_failed"]);
        assert_eq!(tell(&mut workspace, "pushed", ""), ["returned"]);
        assert_eq!(wrong(&workspace), []);
    }

    #[test]
    fn what_would_be_replayed_is_wrong_until_it_is_put_away() {
        let mut workspace = Workspace::default();
        let lacking = pushed("pushed", "", "sqlite3 is not installed");
        assert_eq!(names(&workspace.pushed(&lacking)), ["not_put_away", "returned"]);
        assert_eq!(names(&workspace.pushed(&lacking)), [""; 0]);
        assert!(wrong(&workspace)[0].1.ends_with("old work: sqlite3 is not installed"), "{:?}", wrong(&workspace));
        workspace.pushed(&pushed("up_to_date", "", ""));
        assert_eq!(wrong(&workspace), []);
    }

    #[test]
    fn a_pull_that_could_not_run_leaves_what_is_known_of_the_disk() {
        let pull = Pull { commit: Some("1a2b".to_owned()), ..Pull::default() };
        let mut workspace = Workspace { pull: Some(pull), ..Workspace::default() };
        assert!(workspace.pulled(&Err("the unit is masked".to_owned())).is_some());
        assert!(workspace.pulled(&Err("the unit is masked".to_owned())).is_none());
        let pull = workspace.pull().unwrap();
        assert_eq!((pull.outcome.as_str(), pull.commit.as_deref()), ("not_run", Some("1a2b")));
    }
}
