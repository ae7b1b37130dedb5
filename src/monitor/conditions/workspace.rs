//! How the workspace's way in and back out go: what was told of it last, and what is wrong with it.

use crate::report::clock::wall_clock;
use crate::report::entry::MonitorNote;
use crate::report::status::{Pull, Push};
use crate::sync::Report;
use crate::sync::report::{Outcome, PushOutcome, Pushed};

/// What the last syncs came to.
#[derive(Default)]
pub(in crate::monitor) struct Workspace {
    pull: Option<Pull>,
    push: Option<Push>,
    not_put_away: Option<String>,
    open: bool,
}

impl Workspace {
    pub(in crate::monitor) fn pulled(&mut self, result: &Result<Report, String>) -> Option<MonitorNote> {
        let pull = match result {
            Ok(report) if report.workspace.outcome == Outcome::Busy => return None,
            Ok(report) => of_report(report),
            Err(why) => Pull {
                outcome: "not_run".to_owned(),
                at: wall_clock(),
                error: Some(why.clone()),
                // What lies on the disk is what the last one left there.
                ..self.pull.clone().unwrap_or_default()
            },
        };
        let told = |pull: &Pull| Pull { at: Default::default(), fresh: None, ..pull.clone() };
        let is_news = self.pull.as_ref().is_none_or(|before| told(before) != told(&pull));
        self.pull = Some(pull.clone());
        is_news.then_some(MonitorNote::PullChanged(pull))
    }

    pub(in crate::monitor) fn pushed(&mut self, result: &Result<Pushed, String>) -> Vec<MonitorNote> {
        let mut notes = Vec::new();
        let push = match result {
            // Another one will be tried, or has just ended.
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
            None => {
                let branches = result.as_ref().map(|pushed| pushed.pushed.words()).unwrap_or_default();
                notes.push(MonitorNote::Returned { branches });
            }
            Some(_) => {}
        }
        notes
    }

    fn told_beside(&mut self, pushed: &Pushed) -> Vec<MonitorNote> {
        let mut notes = Vec::new();
        if !pushed.archived.is_empty() {
            notes.push(MonitorNote::PutAway { what: pushed.archived.words() });
        }
        let before = self.not_put_away.take();
        if !pushed.not_put_away.is_empty() {
            let why = pushed.not_put_away.clone();
            if before.as_ref() != Some(&why) {
                notes.push(MonitorNote::NotPutAway { why: why.clone() });
            }
            self.not_put_away = Some(why);
        }
        if pushed.open && !std::mem::replace(&mut self.open, pushed.open) {
            notes.push(MonitorNote::WorkspaceOpen);
        }
        notes
    }

    /// Tells what a gateway that is started now finds.
    pub(in crate::monitor) fn starts_with(&self) -> MonitorNote {
        MonitorNote::StartsWith(self.pull.clone())
    }

    pub(in crate::monitor) fn pull(&self) -> Option<&Pull> {
        self.pull.as_ref()
    }

    pub(in crate::monitor) fn push(&self) -> Option<&Push> {
        self.push.as_ref()
    }

    /// What is wrong, by name.
    pub(super) fn wrong(&self) -> [(&'static str, Option<String>); 4] {
        let open = self.open.then(|| "the git remote shows the workspace to everybody: make it private".to_owned());
        let replays = self.not_put_away.as_ref();
        let replays = replays.map(|why| format!("the gateway's next start would act on what is long past: {why}"));
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
        kept: workspace.kept.words(),
        withheld: workspace.withheld.words(),
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
