//! The workspace's way in and back out, and the secrets' way in.
//!
//! A sync belongs to whoever owns the workspace: it runs git in folders where an agent writes, so nobody else, and
//! least of all root, may run it there. Everybody else starts its unit and reads its report. It is only ever a
//! helper: what goes wrong is reported, and never stands in the way of a promotion.
//!
//! - [`pull`]: on a standby, commit what is here, fetch, merge, move the tree; copy the secrets.
//! - [`push`]: on a standby, commit what is here and send it; on the primary also merge what standbys have sent.
//! - [`report`]: what came of it, and how the monitor reads that without trusting it.
//! - [`dry_run`]: what a sync would meet, without doing it.
//! - [`mod@unit`]: whose turn it is, and the same by way of systemd.
//!
//! Nothing is ever lost. Only the primary writes the branch that is pulled; a standby works on one of its own
//! (`ref_names`). A run takes a `snapshot` of every file, leaves out what must not travel (`exclusion`), commits the rest
//! (`commit_snapshot`), merges it with the remote's branch without touching a file (`git::merge`), and only then moves the
//! tree (`checkout`). Changes of a run that was killed are told apart from edits (`crash_recovery`).

mod advice;
mod boot;
mod checkout;
mod commit_snapshot;
mod crash_recovery;
pub mod dry_run;
mod error;
mod exclusion;
pub mod git;
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

/// The folder of the reports, and the way to other hosts.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The folder of the report and the lock; it belongs to the workspace's owner.
    pub state: PathBuf,
    /// The ssh that git and rsync use, by name or path.
    pub ssh: OsString,
    /// The name of this host, under which it keeps branches.
    pub host: String,
    /// The file in which root asks for a push.
    pub request: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self { state: SYNC.into(), ssh: "ssh".into(), host: ref_names::host(), request: request::FILE.into() }
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

/// The reach of a pull in the workspace.
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
/// `reach` is asked when no other sync runs, after the fetch, and again before the first file is replaced: a gateway that
/// was started meanwhile has its workspace left as it is. One that starts later is not held up. The files are replaced in
/// a way that is safe beside a process that writes to them, within the second that this takes.
///
/// `looked` hands over what was seen meanwhile of whether this host could take over; it travels in the report.
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
    // What was fetched helps all the same.
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

/// Lets git pack what has piled up, after something was pushed.
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
#[derive(Clone, Copy)]
pub enum Role<'a> {
    /// Works on a branch of its own.
    Standby {
        /// Decides whether files on the disk are committed first. Asked when no other sync runs, and again before files
        /// move.
        reach: &'a dyn Fn() -> Reach,
        /// Handling of the work that its gateway would continue at its next start. Asked when no other sync runs.
        queue: &'a dyn Fn() -> Queue,
    },
    /// Writes the branch that all hosts pull, and its gateway runs.
    Primary,
}

impl Role<'_> {
    /// The same, but nothing is committed if `is_limited`: what was committed before can still be returned.
    fn limited(self, is_limited: bool) -> Self {
        match self {
            Self::Standby { queue, .. } if is_limited => Self::Standby { reach: &|| Reach::Fetch, queue },
            role => role,
        }
    }
}

/// Handling of messages, turns and tasks that were under way when a standby's gateway stopped.
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
