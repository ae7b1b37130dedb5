//! Brings the workspace up to date: fetch, then fast-forward, and nothing that could lose a byte.

use std::time::Duration;

use super::git::Git;
use super::report::{Commit, Outcome, Pulled};
use super::{Paths, Reach, ssh};
use crate::config::Workspace;
use crate::failover::Time;
use crate::host::{Cancel, CommandError};

/// How long a move of the tree may take. Nothing else cuts it: half a tree is worse than an old one.
pub(super) const MOVE_CAP: Duration = Duration::from_secs(60);

/// Why the workspace is not up to date.
struct Stop {
    outcome: Outcome,
    said: String,
}

/// Pulls once and says what became of it.
pub(super) fn pull(workspace: &Workspace, paths: &Paths, reach: Reach, cancel: &Cancel) -> Pulled {
    let checkout = workspace.path.join(".git");
    if let Err(why) = checkout.metadata() {
        return Pulled::not(Outcome::NoCheckout, &format!("{}: {why}", checkout.display()));
    }
    let git = match Git::open(&workspace.path, &paths.ssh, cancel) {
        Ok(git) => git,
        Err(why) => {
            let stop = Stop::or(Outcome::NoCheckout, why);
            return Pulled::not(stop.outcome, &stop.said);
        }
    };
    let before = commit_at_head(&git);
    let mut pulled = match bring_up_to_date(&git, workspace, reach, cancel) {
        Ok(outcome) => Pulled::not(outcome, ""),
        Err(stop) => Pulled::not(stop.outcome, &stop.said),
    };
    let (after, committed) = commit_at_head(&git).unzip();
    pulled.before = before.map(|(commit, _)| commit);
    pulled.after = after;
    pulled.committed = committed;
    pulled
}

fn bring_up_to_date(git: &Git<'_>, workspace: &Workspace, reach: Reach, cancel: &Cancel) -> Result<Outcome, Stop> {
    let branch = &workspace.branch;
    let target = fetch(git, workspace)?;
    match git.ask(&["symbolic-ref", "--quiet", "--short", "HEAD"])? {
        Some(checked_out) if checked_out == *branch => {}
        Some(checked_out) => return Err(Stop::new(Outcome::OtherBranch, format!("{checked_out}, not {branch}"))),
        None => return Err(Stop::new(Outcome::Detached, format!("`git switch {branch}` ends that"))),
    }
    if let Some(head) = git.ask(&["rev-parse", "--quiet", "--verify", "HEAD^{commit}"])? {
        if head == target {
            return Ok(Outcome::UpToDate);
        }
        if contains(git, &head, &target)? {
            return Ok(Outcome::LocalCommits);
        }
        if !contains(git, &target, &head)? {
            return Err(Stop::new(Outcome::Diverged, format!("{branch} of {} is {target}", workspace.remote)));
        }
    }
    if reach == Reach::Fetch {
        return Ok(Outcome::Fetched);
    }
    refuse_edited_files(git)?;
    if cancel.is_cancelled() {
        return Err(Stop::new(Outcome::Stopped, String::new()));
    }
    fast_forward(git, &target)?;
    Ok(Outcome::Moved)
}

/// Fetches the branch and says at which commit it stands. The remote may even have moved backwards.
fn fetch(git: &Git<'_>, workspace: &Workspace) -> Result<String, Stop> {
    let Workspace { remote, branch, timeout, .. } = workspace;
    let tracking = format!("refs/remotes/{remote}/{branch}");
    let refspec = format!("+refs/heads/{branch}:{tracking}");
    let options = ["--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--refmap="];
    let args: Vec<&str> = ["fetch"].into_iter().chain(options).chain(["--end-of-options", remote, &refspec]).collect();
    git.over_network(&args, *timeout).map_err(|why| match why {
        CommandError::TimedOut { .. } => Stop::or(Outcome::TimedOut, why),
        why => Stop::or(Outcome::NotFetched, why),
    })?;
    Ok(git.run(&["rev-parse", "--verify", &format!("{tracking}^{{commit}}")])?.trim().to_owned())
}

/// Whether `part` is in the history of `whole`.
fn contains(git: &Git<'_>, whole: &str, part: &str) -> Result<bool, Stop> {
    Ok(git.ask(&["merge-base", "--is-ancestor", part, whole])?.is_some())
}

fn refuse_edited_files(git: &Git<'_>) -> Result<(), Stop> {
    let edited = git.run(&["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all"])?;
    let Some(first) = edited.lines().next() else {
        return Ok(());
    };
    let others = match edited.lines().count() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let name = first.get(3..).unwrap_or(first);
    Err(Stop::new(Outcome::Dirty, format!("{name}{others}")))
}

/// By default git overwrites files that are ignored here and tracked there; they may be somebody's only copy.
fn fast_forward(git: &Git<'_>, target: &str) -> Result<(), Stop> {
    let args = ["merge", "--ff-only", "--quiet", "--no-stat", "--no-overwrite-ignore", target];
    git.to_its_end(&args, MOVE_CAP).map_err(|why| match why {
        CommandError::Failed { .. } => Stop::or(Outcome::Conflict, why),
        why => Stop::or(Outcome::Failed, why),
    })
}

/// The commit that is checked out, and when it was made. `None` in a checkout without any, and where git is unwell:
/// what is wrong then is said by whatever is done next.
fn commit_at_head(git: &Git<'_>) -> Option<(Commit, Time)> {
    let line = git.run(&["log", "-1", "--format=%H %ct", "HEAD", "--"]).ok()?;
    let (hash, seconds) = line.trim().split_once(' ')?;
    let millis = seconds.parse::<u64>().ok()?.checked_mul(1000)?;
    Some((Commit::parse(hash)?, Time::from_millis(millis)))
}

impl Stop {
    fn new(outcome: Outcome, said: String) -> Self {
        Self { outcome, said }
    }

    /// `outcome`, unless the error is one that means the same wherever it happens.
    fn or(outcome: Outcome, error: CommandError) -> Self {
        let outcome = match &error {
            CommandError::Cancelled { .. } => Outcome::Stopped,
            error if error.is_missing_program() => Outcome::NoGit,
            _ => outcome,
        };
        let said = match outcome {
            Outcome::Stopped => String::new(),
            _ => format!("{}{}", without_commonplace(&error.reason()), ssh::advice(error.said())),
        };
        Self { outcome, said }
    }
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::or(Outcome::Failed, error)
    }
}

/// What git says after every failure to reach a remote.
fn without_commonplace(said: &str) -> &str {
    said.split("; Please make sure you have the correct access rights").next().unwrap_or(said)
}
