//! Syncs run as systemd units, for users other than the workspace's owner.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fmt, fs, io, thread};

use crate::config::{SecretConfig, WorkspaceConfig};
use crate::os::clock::read_wall_clock as now;
use crate::os::systemd::{Systemctl, SystemdError};
use crate::os::{Cancel, own_uid};
use crate::text::Time;
use crate::workspace::checkout::CHECKOUT_TIME_LIMIT;
use crate::workspace::gateway_activity::CheckoutMode;
pub use crate::workspace::paths::{PULL_SERVICE, PUSH_SERVICE};
use crate::workspace::paths::{SyncPaths, is_inside_unit};
use crate::workspace::push_request;
use crate::workspace::report::{PullReport, PushReport, ReportError, read_pull_report, read_push_report};
use crate::workspace::secrets::COPY_TIME_LIMIT;
use crate::workspace::sync_lock::SyncLock;

/// Timer that starts the primary's push.
pub const PUSH_TIMER: &str = "openclaw-sync-push.timer";

/// Starts of the push unit on an operator's request, until one push began after the request.
const REQUEST_START_LIMIT: usize = 3;

/// Poll interval while waiting for another sync.
const TURN_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Time for git commands other than network access and checkout.
const LOCAL_WORK_TIME: Duration = Duration::from_secs(30);

/// Time limit for stopping a unit. A checkout ends within a minute; the unit's `TimeoutStopSec` is 75 s.
const UNIT_STOP_TIME_LIMIT: Duration = Duration::from_secs(80);

/// User that never syncs itself, even if it owns the folders: an agent writes there.
const ROOT_USER_ID: u32 = 0;

/// Error of a sync unit that left no report.
#[derive(Debug)]
pub enum SyncUnitError {
    /// systemd did not run the unit.
    Systemd(SystemdError),
    /// The unit ran, and its report cannot be read.
    UnreadableReport(ReportError),
    /// The unit ran and left no report.
    NoReport(&'static str),
}

impl fmt::Display for SyncUnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Systemd(why) => why.fmt(f),
            Self::UnreadableReport(why) => why.fmt(f),
            Self::NoReport(unit) => {
                write!(f, "{unit} ran and left no report; see `journalctl -u {unit}`")
            }
        }
    }
}

impl std::error::Error for SyncUnitError {}

/// Files of the home that a sync unit's sandbox shows in addition to the workspace and the secrets: those that ssh and
/// git need for access, and the settings of the user's git.
pub const HOME_FILES: [&str; 11] = [
    ".ssh",
    ".gitconfig",
    ".config/git",
    ".gitignore",
    ".gitignore_global",
    ".gitattributes",
    ".gitattributes_global",
    ".git-credentials",
    ".netrc",
    ".config/gh",
    ".gitconfig.local",
];

/// True if this process syncs itself: in the unit, or as the owner of the workspace.
pub fn runs_sync_itself(workspace: &Path) -> bool {
    let in_unit = is_inside_unit();
    let own = own_uid().unwrap_or(ROOT_USER_ID);
    in_unit || (own != ROOT_USER_ID && owner_of(workspace).is_ok_and(|owner| own == owner))
}

/// Returns the owner of a path, or of its nearest existing parent.
fn owner_of(path: &Path) -> io::Result<u32> {
    let missing =
        |found: &io::Result<fs::Metadata>| found.as_ref().is_err_and(|why| why.kind() == io::ErrorKind::NotFound);
    let mut found = path.ancestors().map(fs::symlink_metadata).skip_while(missing);
    found.next().unwrap_or_else(|| Err(io::ErrorKind::NotFound.into())).map(|found| found.uid())
}

/// Returns whether a pull may update files now: not while an agent may be using them.
///
/// If systemd does not answer, the gateway counts as down: a fast-forward loses nothing, and without one a promotion
/// would start with an old workspace.
pub fn current_checkout_mode(systemctl: &Systemctl, gateway: &str) -> CheckoutMode {
    match systemctl.show(gateway) {
        Ok(unit) if !unit.is_stopped() => CheckoutMode::FetchOnly,
        Ok(_) => CheckoutMode::UpdateFiles,
        Err(why) => {
            log::warn!("{why}; pulling as if the gateway were down");
            CheckoutMode::UpdateFiles
        }
    }
}

/// Runs the pull unit to its end, for `limit` at most, and reads its report.
///
/// # Errors
/// If systemd does not run the unit, or there is no report of it. If `cancel` ends the wait, the unit is stopped; it
/// finishes a checkout and leaves a report.
pub fn run_pull_unit(
    systemctl: &Systemctl,
    limit: Duration,
    paths: &SyncPaths,
    cancel: &Cancel,
) -> Result<PullReport, SyncUnitError> {
    run_unit(systemctl, PULL_SERVICE, limit, cancel, || read_last_pull(paths), |report| report.ended_at)
}

/// Runs the push unit to its end, for `limit` at most, and reads its report.
///
/// # Errors
/// If systemd does not run the unit, or there is no report of it.
pub fn run_push_unit(
    systemctl: &Systemctl,
    limit: Duration,
    paths: &SyncPaths,
    cancel: &Cancel,
) -> Result<PushReport, SyncUnitError> {
    run_unit(systemctl, PUSH_SERVICE, limit, cancel, || read_last_push(paths), |report| report.ended_at)
}

/// Pushes the current state of the workspace. If the timer has started a push already, waits for its end and starts the
/// unit again. Returns the report of the last push.
///
/// # Errors
/// If systemd does not run the unit, or there is no report of it.
pub fn request_push(
    systemctl: &Systemctl,
    limit: Duration,
    paths: &SyncPaths,
    cancel: &Cancel,
) -> Result<PushReport, SyncUnitError> {
    let request = push_request::write_request(&paths.push_request_file);
    let mut result = run_push_unit(systemctl, limit, paths, cancel);
    for _ in 1..REQUEST_START_LIMIT {
        let is_answered = match &result {
            Ok(report) => request.is_none() || report.request_id == request,
            Err(why) => !matches!(why, SyncUnitError::NoReport(_)),
        };
        if is_answered || cancel.is_cancelled() {
            break;
        }
        result = run_push_unit(systemctl, limit, paths, cancel);
    }
    result
}

/// Time that a sync waits for another one. Overlaps last for seconds; a lock held for longer is reported.
pub const TURN_WAIT_LIMIT: Duration = Duration::from_secs(5);

/// Waits until no other sync runs, for `limit` at most.
pub fn wait_for_turn(paths: &SyncPaths, limit: Duration, cancel: &Cancel) {
    let begun = Instant::now();
    while matches!(SyncLock::acquire(&paths.state_folder), Ok(None))
        && begun.elapsed() < limit
        && !cancel.is_cancelled()
    {
        thread::sleep(TURN_POLL_INTERVAL);
    }
}

fn run_unit<R>(
    systemctl: &Systemctl,
    unit: &'static str,
    limit: Duration,
    cancel: &Cancel,
    last: impl Fn() -> Result<Option<R>, ReportError>,
    ended: impl Fn(&R) -> Time,
) -> Result<R, SyncUnitError> {
    // A report is new if its end differs from the last one's; the clock may be set meanwhile.
    let before = last().ok().flatten().as_ref().map(&ended);
    let mut started = systemctl.start(unit, limit, cancel);
    if started.is_err() && cancel.is_cancelled() {
        started = systemctl.stop(unit, UNIT_STOP_TIME_LIMIT, &Cancel::new());
    }
    // A sync with an error exits with a code other than 0, but its report says more.
    match (last(), started) {
        (Ok(Some(report)), _) if Some(ended(&report)) != before => Ok(report),
        (_, Err(why)) => Err(SyncUnitError::Systemd(why)),
        (Err(why), Ok(())) => Err(SyncUnitError::UnreadableReport(why)),
        (Ok(_), Ok(())) => Err(SyncUnitError::NoReport(unit)),
    }
}

/// Reads the report of the last push; `None` if there is none. Its owner is checked as for a pull.
///
/// # Errors
/// If the report cannot be read or is not valid.
pub fn read_last_push(paths: &SyncPaths) -> Result<Option<PushReport>, ReportError> {
    match fs::symlink_metadata(&paths.state_folder) {
        Ok(folder) => read_push_report(&paths.push_report_file(), folder.uid()),
        Err(_) => Ok(None),
    }
}

/// Reads the report of the last pull; `None` if there is none.
///
/// Its owner must own the folder, which systemd created for the unit's user. No user name is looked up, so this works
/// in a sandbox without other users.
///
/// # Errors
/// If the report cannot be read or is not valid.
pub fn read_last_pull(paths: &SyncPaths) -> Result<Option<PullReport>, ReportError> {
    match fs::symlink_metadata(&paths.state_folder) {
        Ok(folder) => read_pull_report(&paths.pull_report_file(), folder.uid()),
        Err(_) => Ok(None),
    }
}

/// Returns the time limit of a pull.
pub fn pull_time_limit(workspace: &WorkspaceConfig, secrets: &[SecretConfig]) -> Duration {
    let sources = u32::try_from(secrets.len()).unwrap_or(u32::MAX);
    let each = COPY_TIME_LIMIT.saturating_mul(sources);
    workspace.timeout.saturating_add(CHECKOUT_TIME_LIMIT).saturating_add(each).saturating_add(LOCAL_WORK_TIME)
}

/// Returns the time limit of a push: the primary fetches, pushes and deletes branches, and may start over.
pub fn push_time_limit(workspace: &WorkspaceConfig) -> Duration {
    workspace.timeout.saturating_mul(3).saturating_add(CHECKOUT_TIME_LIMIT).saturating_add(LOCAL_WORK_TIME)
}

/// True if the primary's push is due: `workspace.push_interval` has passed, or the push was not started by the timer,
/// which does not know that setting.
pub fn is_push_due(systemctl: &Systemctl, workspace: &WorkspaceConfig, paths: &SyncPaths) -> bool {
    if env::var_os("TRIGGER_UNIT").is_none() {
        return true;
    }
    // systemd keeps this variable for all later starts. The timer is `running` only during a push that it started.
    let is_timers = match systemctl.show(PUSH_TIMER) {
        Ok(timer) => timer.sub_state == "running",
        Err(why) => {
            log::warn!("cannot tell whether the timer started this push: {why}");
            true
        }
    };
    !is_timers || is_push_interval_over(workspace, paths)
}

/// True if the last push ended `workspace.push_interval` ago, or an operator has requested one since.
fn is_push_interval_over(workspace: &WorkspaceConfig, paths: &SyncPaths) -> bool {
    let Ok(Some(last)) = read_last_push(paths) else { return true };
    let request = push_request::read_last_request(&paths.push_request_file);
    if request.is_some() && request != last.request_id {
        return true;
    }
    // Both times are the wall clock's, for a push may be another boot's. A clock that is set back makes one from the
    // future, which is due, or one interval longer; one that is set forward makes the push come early.
    let now = now();
    last.ended_at > now || now.since(last.ended_at) >= workspace.push_interval
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::ChildCommand;
    use crate::workspace::report::PushOutcome;

    #[test]
    fn a_unit_lives_as_long_as_the_longest_sync() {
        let workspace = WorkspaceConfig { timeout: Duration::from_secs(30 * 60), ..WorkspaceConfig::default() };
        let secret = SecretConfig { source: "o@h:a".into(), target: "/home/o/a/".into() };
        let longest = pull_time_limit(&workspace, &vec![secret; 64]).max(push_time_limit(&workspace));
        assert!(longest < Duration::from_secs(2 * 60 * 60), "{longest:?}");
        let units = [
            include_str!("../setup/units/openclaw-sync-pull.service"),
            include_str!("../setup/units/openclaw-sync-push.service"),
        ];
        assert!(units.iter().all(|unit| unit.contains("\nTimeoutStartSec=2h\n")));
    }

    /// Creates a stand-in for systemctl that runs the script `unit` with the state folder as `$1`.
    fn systemctl(dir: &Path, unit: &str) -> Systemctl {
        let program = dir.join("systemctl");
        let script = format!("#!/bin/sh\nset -- {}\n{unit}\n", dir.display());
        let write = r#"printf '%s' "$SCRIPT" >"$NAME" && chmod 755 "$NAME""#;
        let write = ChildCommand::new("sh").args(["-c", write]).env("SCRIPT", script).env("NAME", &program);
        write.run().unwrap();
        Systemctl::with_program(program)
    }

    fn paths(dir: &Path) -> SyncPaths {
        SyncPaths { state_folder: dir.into(), push_request_file: dir.join("request"), ..SyncPaths::default() }
    }

    /// Writes a report that ends now and has the id of the current request.
    fn report(dir: &Path) {
        let mut pushed = PushReport::new(now(), PushOutcome::Pushed, "");
        pushed.request_id = push_request::read_last_request(&dir.join("request"));
        pushed.write(&dir.join("push.json")).unwrap();
    }

    #[test]
    fn what_an_operator_types_runs_after_a_run_of_the_timers_that_had_nothing_to_do() {
        let dir = tempfile::tempdir().unwrap();
        report(dir.path());
        // The first start joins a run that ends without a report; the second pushes.
        let unit = "[ -e $1/joined ] || { : >$1/joined; exit 0; }\n\
                    sed \"s/\\\"request_id\\\":null/\\\"request_id\\\":\\\"$(cat $1/request)\\\"/; \
                    s/\\\"ended_at\\\":\\\"..../\\\"ended_at\\\":\\\"2999/\" $1/push.json >$1/new; \
                    mv $1/new $1/push.json";
        let systemctl = systemctl(dir.path(), unit);
        let pushed = request_push(&systemctl, Duration::from_secs(60), &paths(dir.path()), &Cancel::new()).unwrap();
        assert_eq!(pushed.request_id, push_request::read_last_request(&dir.path().join("request")));
        assert!(pushed.request_id.is_some());
    }

    #[test]
    fn a_unit_that_never_leaves_a_report_is_not_started_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let systemctl = systemctl(dir.path(), "echo >>$1/starts");
        let failed = request_push(&systemctl, Duration::from_secs(60), &paths(dir.path()), &Cancel::new()).unwrap_err();
        assert!(failed.to_string().ends_with("see `journalctl -u openclaw-sync-push.service`"), "{failed}");
        assert_eq!(fs::read_to_string(dir.path().join("starts")).unwrap().lines().count(), REQUEST_START_LIMIT);
    }

    #[test]
    fn a_request_ends_the_interval_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (paths, workspace) = (paths(dir.path()), WorkspaceConfig::default());
        assert!(is_push_interval_over(&workspace, &paths), "there was none");
        report(dir.path());
        assert!(!is_push_interval_over(&workspace, &paths));
        push_request::write_request(&paths.push_request_file).unwrap();
        assert!(is_push_interval_over(&workspace, &paths));
        report(dir.path());
        assert!(!is_push_interval_over(&workspace, &paths));
    }

    #[test]
    fn every_sandbox_shows_the_same_files_of_the_home() {
        let units = [
            include_str!("../setup/units/openclaw-sync-pull.service"),
            include_str!("../setup/units/openclaw-sync-push.service"),
        ];
        for file in HOME_FILES {
            for unit in units {
                let bound = unit.lines().filter_map(|line| line.strip_prefix("BindReadOnlyPaths="));
                let mut bound = bound.flat_map(str::split_whitespace);
                assert!(bound.any(|path| path == format!("-/home/openclaw/{file}")), "{file}: {unit}");
            }
        }
        assert!(units.iter().all(|unit| unit.contains(" /usr/local/bin/openclaw-failover sync files\n")));
    }

    #[test]
    fn a_sync_that_meets_another_waits_for_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let paths = paths(dir.path());
        let lock = SyncLock::acquire(&paths.state_folder).unwrap().unwrap();
        let (waits, waited) = std::sync::mpsc::channel();
        let theirs = paths.clone();
        let waiting = thread::spawn(move || {
            wait_for_turn(&theirs, Duration::from_secs(60), &Cancel::new());
            waits.send(()).unwrap();
        });
        assert!(waited.try_recv().is_err());
        drop(lock);
        waited.recv_timeout(Duration::from_secs(30)).unwrap();
        waiting.join().unwrap();
        // A cancelled wait ends at once.
        let _lock = SyncLock::acquire(&paths.state_folder).unwrap().unwrap();
        let cancel = Cancel::new();
        cancel.cancel();
        wait_for_turn(&paths, Duration::from_secs(60), &cancel);
    }

    #[test]
    fn a_missing_workspace_belongs_to_whoever_owns_the_nearest_folder() {
        let dir = tempfile::tempdir().unwrap();
        let own = own_uid().unwrap();
        assert_eq!(owner_of(&dir.path().join("not/yet/there")).unwrap(), own);
        assert_eq!(runs_sync_itself(&dir.path().join("workspace")), own != ROOT_USER_ID);
        let root = fs::metadata("/").unwrap().uid();
        assert_eq!(owner_of(Path::new("/nonexistent/nothing")).unwrap(), root);
    }
}
