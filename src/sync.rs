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

mod advice;
mod agent;
mod apply;
mod boot;
mod checkout;
mod contents;
mod filters;
mod git;
mod image;
mod index;
mod left_over;
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
mod repair;
mod replaced;
pub mod report;
mod request;
mod rescue;
mod room;
mod secrets;
pub mod setting_files;
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
mod writers;

use std::ffi::OsString;
use std::path::PathBuf;

use checkout::Checkout;
use lock::Lock;
use repair::Repairs;
pub use report::Report;
use report::{Outcome, Pulled, PushOutcome, Pushed};
use setting_files::Hidden;

use crate::config::{Secret, Workspace};
use crate::doctor::Checked;
use crate::host::Cancel;
use crate::report::clock::wall_clock as now;
use crate::report::paths::SYNC;

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
        Self { state: SYNC.into(), ssh: "ssh".into(), host: names::host(), request: request::FILE.into() }
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
    let checkout = Checkout { workspace, host: &paths.host, paths, cancel };
    let hidden = Hidden::find(&workspace.path, &paths.state);
    let refusal = hidden.content(unit::PULL);
    // What was fetched helps all the same.
    let is_refused = refusal.is_some();
    let reach = || if is_refused { Reach::Fetch } else { reach() };
    let mut repairs = Repairs::new(&checkout, &names::own(&paths.host), started);
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
        match queue::put_away(&workspace.path, paths, started, cancel) {
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

/// Pushes, and once more if the repository was damaged and could be repaired.
fn push_repaired(checkout: &Checkout<'_>, role: Role<'_>, pushed: &mut Pushed) {
    let branch = match role {
        Role::Standby { .. } => names::own(checkout.host),
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
