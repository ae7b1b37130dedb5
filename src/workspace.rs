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

mod boot_clock;
mod checkout;
mod commit_snapshot;
mod crash_recovery;
pub mod dry_run;
pub mod error;
mod exclusion;
mod files;
mod findings;
mod gateway_activity;
pub mod git;
mod left_over;
pub mod oid;
pub mod paths;
mod primary;
mod push_request;
mod ref_names;
mod remedy;
mod repair;
mod repo_cleanup;
pub mod report;
mod safe_text;
mod secrets;
mod session_archive;
mod snapshot;
mod special_files;
mod staging;
mod standby;
pub mod summary;
mod sync_lock;
pub mod unit;
mod visibility;

use crate::config::{SecretConfig, WorkspaceConfig};
use crate::finding::ReportedCheck;
use crate::os::Cancel;
use crate::os::clock::read_wall_clock as now;
pub use crate::workspace::gateway_activity::CheckoutMode;
use crate::workspace::git::repository::RepositorySpec;
use crate::workspace::git::setting_files::HiddenSettingFiles;
pub use crate::workspace::paths::SyncPaths;
use crate::workspace::repair::Repairs;
pub use crate::workspace::report::PullReport;
use crate::workspace::report::{PullOutcome, PushOutcome, PushReport, WorkspacePull};
use crate::workspace::sync_lock::SyncLock;

/// Pulls once, writes the report to `paths.state_folder`, and returns it.
///
/// `cancel` ends a fetch or a copy. It does not end a checkout: a half-updated tree is worse than an old one. Two syncs
/// never overlap: the second returns [`PullOutcome::Busy`] and writes no report.
///
/// `reach` is called once no other sync runs, after the fetch, and again before the first file is replaced. If the
/// gateway was started meanwhile, the files stay as they are. A gateway that starts later is not held up; replacing the
/// files takes about a second and is safe while other processes write to them.
///
/// `finish_checks` returns the readiness checks made meanwhile; they become part of the report.
#[must_use]
pub fn pull(
    workspace: &WorkspaceConfig,
    secrets: &[SecretConfig],
    paths: &SyncPaths,
    reach: &dyn Fn() -> CheckoutMode,
    cancel: &Cancel,
    finish_checks: &dyn Fn() -> Vec<ReportedCheck>,
) -> PullReport {
    let started = now();
    let lock = match SyncLock::acquire(&paths.state_folder) {
        Ok(Some(lock)) => lock,
        Ok(None) => return PullReport::new(started, WorkspacePull::new(PullOutcome::Busy, "")),
        Err(why) => {
            let why = format!("cannot lock {}: {why}", paths.state_folder.display());
            return PullReport::new(started, WorkspacePull::new(PullOutcome::Failed, &why));
        }
    };
    let checkout = RepositorySpec { workspace, host_name: &paths.host_name, paths, cancel };
    let hidden = HiddenSettingFiles::find(&workspace.path, &paths.state_folder);
    let refusal = hidden.content_refusal(unit::PULL_SERVICE);
    // The fetch is still useful.
    let is_refused = refusal.is_some();
    let reach = || if is_refused { CheckoutMode::FetchOnly } else { reach() };
    let mut repairs = Repairs::new(&checkout, &ref_names::own_branch(&paths.host_name), started);
    repairs.repair_files();
    let mut pulled = standby::pull_standby(&checkout, &reach);
    if pulled.outcome == PullOutcome::Damaged && repairs.repair_objects() {
        pulled = standby::pull_standby(&checkout, &reach);
    }
    if pulled.outcome == PullOutcome::Damaged {
        pulled.add_detail(&repairs.remedy());
    }
    pulled.add_detail(&repairs.summary());
    if let Some(why) = refusal {
        pulled.outcome = PullOutcome::Failed;
        pulled.add_detail(&why);
    }
    if !pulled.outcome.is_ok() {
        pulled.add_detail(&hidden.access_advice(unit::PULL_SERVICE).unwrap_or_default());
    }
    let mut report = PullReport::new(started, pulled);
    report.secrets = secrets::copy_secrets(secrets, paths, cancel);
    report.checks = finish_checks();
    report.ended_at = now();
    report.keep_last_complete(report::read_own_pull_report(&paths.pull_report_file()));
    if let Err(why) = report.write(&paths.pull_report_file()) {
        log::error!("{why}");
    }
    drop(lock);
    report
}

/// Runs `git gc --auto` after a push.
fn run_garbage_collection(checkout: &RepositorySpec<'_>, pushed: &PushReport) {
    if pushed.outcome != PushOutcome::Pushed {
        return;
    }
    let tidied = checkout.open().and_then(|git| {
        let args = ["-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"];
        git.run_scan(&args, git::SCAN_TIME_LIMIT).map(drop).map_err(Into::into)
    });
    if let Err(error) = tidied {
        log::warn!("git gc failed in {}: {}", checkout.workspace.path.display(), error.message);
    }
}

/// Role of this host's workspace in a failover.
#[derive(Clone, Copy)]
pub enum SyncRole<'a> {
    /// Works on its own branch.
    Standby {
        /// Decides whether local changes are committed first. Called once no other sync runs, and again before files
        /// are replaced.
        reach: &'a dyn Fn() -> CheckoutMode,
        /// Decides what happens to work that the gateway would resume at its next start. Called once no other sync
        /// runs.
        queue: &'a dyn Fn() -> SessionHandling,
    },
    /// Writes the branch that all hosts pull, while its gateway runs.
    Primary,
}

impl SyncRole<'_> {
    /// Returns the role with commits disabled if `is_limited`. Existing commits are still pushed.
    fn without_commits_if(self, is_limited: bool) -> Self {
        match self {
            Self::Standby { queue, .. } if is_limited => Self::Standby { reach: &|| CheckoutMode::FetchOnly, queue },
            role => role,
        }
    }
}

/// Handling of messages, turns and tasks that were in progress when a standby's gateway stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionHandling {
    /// Left in place; the next start resumes them.
    Resume,
    /// Archived, so that no start resumes them. Only for a gateway that is down.
    Archive,
}

/// Pushes once, writes the report to `paths.state_folder`, and returns it.
///
/// `cancel` ends a fetch or a push to the remote. Two syncs never overlap.
#[must_use]
pub fn push(workspace: &WorkspaceConfig, paths: &SyncPaths, role: SyncRole<'_>, cancel: &Cancel) -> PushReport {
    let started = now();
    let lock = match SyncLock::acquire(&paths.state_folder) {
        Ok(Some(lock)) => lock,
        Ok(None) => return PushReport::new(started, PushOutcome::Busy, ""),
        Err(why) => {
            let why = format!("cannot lock {}: {why}", paths.state_folder.display());
            return PushReport::new(started, PushOutcome::Failed, &why);
        }
    };
    let last = report::read_own_push_report(&paths.push_report_file());
    let request = push_request::read_last_request(&paths.push_request_file);
    let checkout = RepositorySpec { workspace, host_name: &paths.host_name, paths, cancel };
    let mut pushed = PushReport::new(started, PushOutcome::Failed, "");
    pushed.request_id = request;
    let hidden = HiddenSettingFiles::find(&workspace.path, &paths.state_folder);
    let refusal = hidden.content_refusal(unit::PUSH_SERVICE);
    if let SyncRole::Standby { reach, queue } = role
        && reach() == CheckoutMode::UpdateFiles
        && queue() == SessionHandling::Archive
    {
        match session_archive::archive_sessions(&workspace.path, paths, started, cancel) {
            Ok(archived) => pushed.archived = archived,
            Err(error) => pushed.archive_error = error.into_safe().message,
        }
    }
    if refusal.is_none() || !matches!(role, SyncRole::Primary) {
        push_repaired(&checkout, role.without_commits_if(refusal.is_some()), &mut pushed);
    }
    if let Some(why) = refusal {
        pushed.outcome = PushOutcome::Failed;
        pushed.add_detail(&why);
    }
    if !pushed.is_complete() {
        pushed.add_detail(&hidden.access_advice(unit::PUSH_SERVICE).unwrap_or_default());
    }
    visibility::check_visibility(&checkout, last.as_ref(), &mut pushed);
    run_garbage_collection(&checkout, &pushed);
    pushed.ended_at = now();
    pushed.keep_last_complete(last.as_ref());
    if let Err(why) = pushed.write(&paths.push_report_file()) {
        log::error!("{why}");
    }
    drop(lock);
    pushed
}

/// Pushes, and once more if the repository was damaged and could be repaired.
fn push_repaired(checkout: &RepositorySpec<'_>, role: SyncRole<'_>, pushed: &mut PushReport) {
    let branch = match role {
        SyncRole::Standby { .. } => ref_names::own_branch(checkout.host_name),
        SyncRole::Primary => checkout.workspace.branch.clone(),
    };
    let mut repairs = Repairs::new(checkout, &branch, pushed.started_at);
    repairs.repair_files();
    let before = pushed.clone();
    push_once(checkout, role, pushed);
    if pushed.outcome == PushOutcome::Damaged && repairs.repair_objects() {
        *pushed = before;
        push_once(checkout, role, pushed);
    }
    if pushed.outcome == PushOutcome::Damaged {
        pushed.add_detail(&repairs.remedy());
    }
    pushed.add_detail(&repairs.summary());
}

fn push_once(checkout: &RepositorySpec<'_>, role: SyncRole<'_>, pushed: &mut PushReport) {
    match role {
        SyncRole::Standby { reach, .. } => standby::push_standby(checkout, reach, pushed),
        SyncRole::Primary => primary::push_primary(checkout, pushed),
    }
}
