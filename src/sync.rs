//! The workspace's way in and back out, and the secrets' way in.
//!
//! A sync belongs to whoever owns the workspace: it runs git in folders where an agent writes, so nobody else, and
//! least of all root, may run it there. Everybody else starts its unit and reads its report. It is only ever a
//! helper: what goes wrong is reported, and never stands in the way of a promotion.
//!
//! - [`pull`]: on a standby, commit what is here, fetch, merge, move the tree; copy the secrets.
//! - [`push`]: on a standby, commit what is here and send it; on the primary also merge what standbys have sent.
//! - [`report`]: what came of it, and how the monitor reads that without trusting it.
//! - [`rehearse`]: what a sync would meet, without doing it.
//! - [`mod@unit`]: whose turn it is, and the same by way of systemd.
//!
//! Nothing is ever lost. Only the primary writes the branch that is pulled; a standby works on one of its own (`names`).
//! A run looks at every file (`image`) and leaves out what must not travel (`withhold`); makes a commit of it (`local`);
//! brings it together with the remote's without touching a file (`merge`); and only then moves the tree (`apply`), in a
//! way that a run that is killed at any point can be told from somebody's edits (`torn`).

mod agent;
mod apply;
mod checkout;
mod filters;
mod git;
mod image;
mod index;
mod lfs;
mod local;
mod lock;
mod merge;
mod names;
mod primary;
mod privacy;
mod push_urls;
mod queue;
mod raw;
mod refs;
pub mod rehearse;
mod remote;
pub mod report;
mod room;
mod secrets;
pub mod settings;
mod smudge;
mod ssh;
mod stage;
mod standby;
mod stop;
mod swap;
mod torn;
pub mod unit;
mod walk;
mod withhold;

use std::ffi::OsString;
use std::path::PathBuf;

use checkout::Checkout;
use lock::Lock;
pub use report::Report;
use report::{Outcome, Pulled, PushOutcome, Pushed};

use crate::config::{Secret, Workspace};
use crate::doctor::Checked;
use crate::host::Cancel;
use crate::report::clock::wall_clock as now;
use crate::report::paths::SYNC;

/// Where a pull keeps its report, and how it reaches other hosts.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The folder of the report and the lock; it belongs to the workspace's owner.
    pub state: PathBuf,
    /// The ssh that git and rsync use, by name or path.
    pub ssh: OsString,
    /// The name of this host, under which it keeps branches.
    pub host: String,
}

impl Default for Paths {
    fn default() -> Self {
        Self { state: SYNC.into(), ssh: "ssh".into(), host: names::host() }
    }
}

impl Paths {
    /// The report of the last pull.
    #[must_use]
    pub fn pull_report(&self) -> PathBuf {
        self.state.join("pull.json")
    }

    /// The report of the last push.
    #[must_use]
    pub fn push_report(&self) -> PathBuf {
        self.state.join("push.json")
    }
}

/// What a pull may do to the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Fetch, and move the workspace to what was fetched.
    Move,
    /// Fetch only: an agent may be at work in it.
    Fetch,
}

/// Pulls once and leaves a report behind, in `paths.state` and as the answer.
///
/// `cancel` stops it while it fetches or copies; a move of the tree runs to its end, for half a tree is worse than an
/// old one. Two pulls never overlap: the second says [`Outcome::Busy`] and leaves no report.
///
/// `looked` hands over what was seen meanwhile of whether this host could take over; it travels in the report.
#[must_use]
pub fn pull(
    workspace: &Workspace,
    secrets: &[Secret],
    paths: &Paths,
    reach: Reach,
    cancel: &Cancel,
    looked: &dyn Fn() -> Vec<Checked>,
) -> Report {
    let started = now();
    let lock = match Lock::take(&paths.state) {
        Ok(Some(lock)) => lock,
        Ok(None) => return Report::new(started, Pulled::new(Outcome::Busy, "")),
        Err(why) => {
            let why = format!("cannot lock {}: {why}", paths.state.display());
            return Report::new(started, Pulled::new(Outcome::Failed, &why));
        }
    };
    let checkout = Checkout { workspace, host: &paths.host, paths, lock: &lock, cancel };
    let mut report = Report::new(started, standby::pull(&checkout, reach));
    report.secrets = secrets::copy(secrets, paths, cancel);
    report.checks = looked();
    report.ended = now();
    report.remember(report::read_own(&paths.pull_report()));
    if let Err(why) = report.write(&paths.pull_report()) {
        log::error!("{why}");
    }
    drop(lock);
    report
}

/// Lets git pack what has piled up, where something was pushed and nobody waits.
fn tidy(checkout: &Checkout<'_>, pushed: &Pushed) {
    if pushed.outcome != PushOutcome::Pushed {
        return;
    }
    let tidied = checkout.open().and_then(|git| {
        let args = ["-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"];
        git.scan(&args, git::SCAN).map(drop).map_err(Into::into)
    });
    if let Err(stop) = tidied {
        log::warn!("git could not tidy up in {}: {}", checkout.workspace.path.display(), stop.said);
    }
}

/// Which end of a failover a workspace is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It works on a branch of its own.
    Standby {
        /// Whether what lies on the disk is committed first.
        reach: Reach,
        /// What becomes of what its gateway would go on with at its next start.
        queue: Queue,
    },
    /// It writes the branch that everybody pulls, and its gateway runs.
    Primary,
}

/// What becomes of messages, turns and tasks that were under way when a standby's gateway stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// The next start goes on with them.
    Keep,
    /// They are archived, so that no start ever acts on them. Only for a gateway that is down.
    PutAway,
}

/// Pushes once and leaves a report behind, in `paths.state` and as the answer.
///
/// `cancel` stops it while it fetches or sends. It never overlaps with another push or a pull.
#[must_use]
pub fn push(workspace: &Workspace, paths: &Paths, role: Role, cancel: &Cancel) -> Pushed {
    let started = now();
    let lock = match Lock::take(&paths.state) {
        Ok(Some(lock)) => lock,
        Ok(None) => return Pushed::new(started, PushOutcome::Busy, ""),
        Err(why) => {
            let why = format!("cannot lock {}: {why}", paths.state.display());
            return Pushed::new(started, PushOutcome::Failed, &why);
        }
    };
    let last = report::read_own_push(&paths.push_report());
    let checkout = Checkout { workspace, host: &paths.host, paths, lock: &lock, cancel };
    let mut pushed = Pushed::new(started, PushOutcome::Failed, "");
    match role {
        Role::Standby { reach, queue } => {
            if queue == Queue::PutAway {
                match queue::put_away(&workspace.path, paths, started, cancel) {
                    Ok(archived) => pushed.archived = archived,
                    Err(why) => pushed.not_put_away = report::text(&why),
                }
            }
            standby::push(&checkout, reach, &mut pushed);
        }
        Role::Primary => primary::push(&checkout, &mut pushed),
    }
    privacy::ask(&checkout, last.as_ref(), &mut pushed);
    tidy(&checkout, &pushed);
    pushed.ended = now();
    pushed.remember(last.as_ref());
    if let Err(why) = pushed.write(&paths.push_report()) {
        log::error!("{why}");
    }
    drop(lock);
    pushed
}
