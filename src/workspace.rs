//! Sync of the workspace between the hosts, and copies of the secrets.
//!
//! A sync runs as the user that owns the workspace, because git must not run as root, or as anyone else, in folders
//! that an agent writes to. Other users start the sync unit and read its report. A sync never blocks a promotion:
//! errors are reported.
//!
//! - [`pull`]: on a standby, commits local changes, fetches, merges, updates the files, and copies the secrets.
//! - [`push`]: on a standby, commits local changes and pushes them; on the primary also merges the standbys' branches.
//! - [`report`]: result of a sync, read by the monitor as untrusted input.
//! - [`dry_run`]: checks of a sync without its changes.
//! - [`mod@unit`]: syncs run as systemd units, one at a time.
//!
//! A sync loses no data. Only the primary writes the branch that is pulled; each standby has its own branch
//! (`ref_names`). A run takes a `snapshot` of every file, leaves out secrets and the like (`exclusion`), commits the
//! rest (`commit_snapshot`), merges it with the remote's branch in the object store (`git::merge`), and only then
//! updates the files (`checkout`). The changes of an interrupted checkout are told apart from edits (`crash_recovery`).

mod advice;
mod boot;
mod checkout;
mod commit_snapshot;
mod crash_recovery;
pub mod dry_run;
mod error;
mod exclusion;
pub mod git;
mod left_over;
mod lock;
mod preflight;
mod primary;
mod ref_names;
mod repair;
mod repo_cleanup;
pub mod report;
mod request;
mod secrets;
mod session_archive;
mod snapshot;
mod special_files;
mod staging;
mod standby;
pub mod summary;
pub mod unit;
mod visibility;

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::paths::SYNC;
use crate::config::{Secret, Workspace};
use crate::finding::ReportedCheck;
use crate::os::Cancel;
use crate::os::clock::wall_clock as now;
use crate::workspace::git::repository::Checkout;
use crate::workspace::git::setting_files::Hidden;
use crate::workspace::lock::Lock;
use crate::workspace::repair::Repairs;
pub use crate::workspace::report::Report;
use crate::workspace::report::{Outcome, Pulled, PushOutcome, Pushed};

/// Paths and names that every sync uses.
#[derive(Clone, Debug)]
pub struct Paths {
    /// State folder with the reports and the lock; the workspace's owner owns it.
    pub state: PathBuf,
    /// ssh program for git and rsync, by name or path.
    pub ssh: OsString,
    /// Name of this host, used in its branches.
    pub host: String,
    /// File in which root requests a push.
    pub request: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self { state: SYNC.into(), ssh: "ssh".into(), host: ref_names::host(), request: request::FILE.into() }
    }
}

impl Paths {
    /// Returns the path of the last pull's report.
    #[must_use]
    pub fn pull_report(&self) -> PathBuf {
        self.state.join("pull.json")
    }

    /// Returns the path of the last push's report.
    #[must_use]
    pub fn push_report(&self) -> PathBuf {
        self.state.join("push.json")
    }
}

/// Permission to update the files of the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Fetch, and update the files.
    Move,
    /// Fetch only, because an agent may be using the files.
    Fetch,
}

/// Pulls once, writes the report to `paths.state`, and returns it.
///
/// `cancel` ends a fetch or a copy. It does not end a checkout: a half-updated tree is worse than an old one. Two syncs
/// never overlap: the second returns [`Outcome::Busy`] and writes no report.
///
/// `reach` is called once no other sync runs, after the fetch, and again before the first file is replaced. If the
/// gateway was started meanwhile, the files stay as they are. A gateway that starts later is not held up; replacing the
/// files takes about a second and is safe while other processes write to them.
///
/// `looked` returns the readiness checks made meanwhile; they become part of the report.
#[must_use]
pub fn pull(
    workspace: &Workspace,
    secrets: &[Secret],
    paths: &Paths,
    reach: &dyn Fn() -> Reach,
    cancel: &Cancel,
    looked: &dyn Fn() -> Vec<ReportedCheck>,
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
    let checkout = Checkout { workspace, host: &paths.host, paths, cancel };
    let hidden = Hidden::find(&workspace.path, &paths.state);
    let refusal = hidden.content(unit::PULL);
    // The fetch is still useful.
    let is_refused = refusal.is_some();
    let reach = || if is_refused { Reach::Fetch } else { reach() };
    let mut repairs = Repairs::new(&checkout, &ref_names::own(&paths.host), started);
    repairs.repair_files();
    let mut pulled = standby::pull(&checkout, &reach);
    if pulled.outcome == Outcome::Damaged && repairs.repair_objects() {
        pulled = standby::pull(&checkout, &reach);
    }
    if pulled.outcome == Outcome::Damaged {
        pulled.add(&repairs.advice());
    }
    pulled.add(&repairs.words());
    if let Some(why) = refusal {
        pulled.outcome = Outcome::Failed;
        pulled.add(&why);
    }
    if !pulled.outcome.is_ok() {
        pulled.add(&hidden.access(unit::PULL).unwrap_or_default());
    }
    let mut report = Report::new(started, pulled);
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

/// Runs `git gc --auto` after a push.
fn tidy(checkout: &Checkout<'_>, pushed: &Pushed) {
    if pushed.outcome != PushOutcome::Pushed {
        return;
    }
    let tidied = checkout.open().and_then(|git| {
        let args = ["-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"];
        git.scan(&args, git::SCAN).map(drop).map_err(Into::into)
    });
    if let Err(stop) = tidied {
        log::warn!("git gc failed in {}: {}", checkout.workspace.path.display(), stop.said);
    }
}

/// Role of this host's workspace in a failover.
#[derive(Clone, Copy)]
pub enum Role<'a> {
    /// Works on its own branch.
    Standby {
        /// Decides whether local changes are committed first. Called once no other sync runs, and again before files
        /// are replaced.
        reach: &'a dyn Fn() -> Reach,
        /// Decides what happens to work that the gateway would resume at its next start. Called once no other sync
        /// runs.
        queue: &'a dyn Fn() -> Queue,
    },
    /// Writes the branch that all hosts pull, while its gateway runs.
    Primary,
}

impl Role<'_> {
    /// Returns the role with commits disabled if `is_limited`. Existing commits are still pushed.
    fn limited(self, is_limited: bool) -> Self {
        match self {
            Self::Standby { queue, .. } if is_limited => Self::Standby { reach: &|| Reach::Fetch, queue },
            role => role,
        }
    }
}

/// Handling of messages, turns and tasks that were in progress when a standby's gateway stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Left in place; the next start resumes them.
    Keep,
    /// Archived, so that no start resumes them. Only for a gateway that is down.
    PutAway,
}

/// Pushes once, writes the report to `paths.state`, and returns it.
///
/// `cancel` ends a fetch or a push to the remote. Two syncs never overlap.
#[must_use]
pub fn push(workspace: &Workspace, paths: &Paths, role: Role<'_>, cancel: &Cancel) -> Pushed {
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
    let request = request::last(&paths.request);
    let checkout = Checkout { workspace, host: &paths.host, paths, cancel };
    let mut pushed = Pushed::new(started, PushOutcome::Failed, "");
    pushed.request = request;
    let hidden = Hidden::find(&workspace.path, &paths.state);
    let refusal = hidden.content(unit::PUSH);
    if let Role::Standby { reach, queue } = role
        && reach() == Reach::Move
        && queue() == Queue::PutAway
    {
        match session_archive::put_away(&workspace.path, paths, started, cancel) {
            Ok(archived) => pushed.archived = archived,
            Err(why) => pushed.not_put_away = report::text(&why),
        }
    }
    if refusal.is_none() || !matches!(role, Role::Primary) {
        push_repaired(&checkout, role.limited(refusal.is_some()), &mut pushed);
    }
    if let Some(why) = refusal {
        pushed.outcome = PushOutcome::Failed;
        pushed.add(&why);
    }
    if !pushed.is_returned() {
        pushed.add(&hidden.access(unit::PUSH).unwrap_or_default());
    }
    visibility::ask(&checkout, last.as_ref(), &mut pushed);
    tidy(&checkout, &pushed);
    pushed.ended = now();
    pushed.remember(last.as_ref());
    if let Err(why) = pushed.write(&paths.push_report()) {
        log::error!("{why}");
    }
    drop(lock);
    pushed
}

/// Pushes, and once more if the repository was damaged and could be repaired.
fn push_repaired(checkout: &Checkout<'_>, role: Role<'_>, pushed: &mut Pushed) {
    let branch = match role {
        Role::Standby { .. } => ref_names::own(checkout.host),
        Role::Primary => checkout.workspace.branch.clone(),
    };
    let mut repairs = Repairs::new(checkout, &branch, pushed.started);
    repairs.repair_files();
    let before = pushed.clone();
    push_once(checkout, role, pushed);
    if pushed.outcome == PushOutcome::Damaged && repairs.repair_objects() {
        *pushed = before;
        push_once(checkout, role, pushed);
    }
    if pushed.outcome == PushOutcome::Damaged {
        pushed.add(&repairs.advice());
    }
    pushed.add(&repairs.words());
}

fn push_once(checkout: &Checkout<'_>, role: Role<'_>, pushed: &mut Pushed) {
    match role {
        Role::Standby { reach, .. } => standby::push(checkout, reach, pushed),
        Role::Primary => primary::push(checkout, pushed),
    }
}
