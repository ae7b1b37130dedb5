//! A pull or a push by way of systemd, for every user who is not the workspace's owner.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::apply::MOVE_CAP;
use super::report::{Pushed, ReadError, Report, read, read_push};
use super::secrets::DEADLINE;
use super::{Lock, Paths, Reach, now, request};
use crate::config::{Secret, Workspace};
use crate::failover::Time;
use crate::host::Cancel;
use crate::host::systemd::{Systemctl, SystemdError};

/// The unit that pushes.
pub const PUSH: &str = "openclaw-sync-push.service";

/// The unit that pulls.
pub const PULL: &str = "openclaw-sync-pull.service";

/// The timer that starts a primary's push.
pub const TIMER: &str = "openclaw-sync-push.timer";

/// Number of times that a push which an operator asks for is started, until one ran after it was asked for.
const REQUEST_TRIES: usize = 3;

/// Interval at which a sync that waits for another looks again.
const TURN_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Time for git beside the network and the move of the tree.
const SLACK: Duration = Duration::from_secs(30);

/// A sync that moves the tree ends within a minute of being told to stop; its unit's `TimeoutStopSec` is 75 s.
const STOP: Duration = Duration::from_secs(80);

/// Never the one that pulls, whoever owns the folders: an agent writes in them.
const ROOT: u32 = 0;

/// Why a sync by way of its unit has no report.
#[derive(Debug)]
pub enum UnitError {
    /// systemd has not run it.
    Systemd(SystemdError),
    /// The unit ran, and its report cannot be read.
    Unreadable(ReadError),
    /// The unit ran and left no report.
    NoReport(&'static str),
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Systemd(why) => why.fmt(f),
            Self::Unreadable(why) => why.fmt(f),
            Self::NoReport(unit) => {
                write!(f, "{unit} ran and left no report; `journalctl -u {unit}` says why")
            }
        }
    }
}

impl std::error::Error for UnitError {}

/// Files of the home that a sync unit's sandbox shows beside workspace and secrets: those that ssh and git need to
/// reach their hosts, and the settings of the user's git.
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

/// True if this process runs in one of the sync units.
pub(super) fn is_in_unit() -> bool {
    // systemd says this to the unit, and to no user who types a command.
    env::var_os("STATE_DIRECTORY").is_some_and(|state| Path::new(&state) == Paths::default().state)
}

/// True if this process is the one that pulls: inside the unit, or as the user to whom the workspace belongs.
#[must_use]
pub fn is_ours(workspace: &Path) -> bool {
    let in_unit = is_in_unit();
    let own = fs::metadata("/proc/self").map_or(ROOT, |own| own.uid());
    in_unit || (own != ROOT && owner(workspace).is_ok_and(|owner| own == owner))
}

/// The owner of a path, or of the nearest folder above it that exists.
fn owner(path: &Path) -> io::Result<u32> {
    let missing =
        |found: &io::Result<fs::Metadata>| found.as_ref().is_err_and(|why| why.kind() == io::ErrorKind::NotFound);
    let mut found = path.ancestors().map(fs::symlink_metadata).skip_while(missing);
    found.next().unwrap_or_else(|| Err(io::ErrorKind::NotFound.into())).map(|found| found.uid())
}

/// The reach of a pull at this moment: no workspace is moved in which an agent may be at work.
///
/// Where systemd does not answer, the gateway counts as down: a fast-forward loses nothing, and without one a
/// promotion would start with an old workspace.
#[must_use]
pub fn reach(systemctl: &Systemctl, gateway: &str) -> Reach {
    match systemctl.show(gateway) {
        Ok(unit) if !unit.is_down() => Reach::Fetch,
        Ok(_) => Reach::Move,
        Err(why) => {
            log::warn!("{why}; pulling as if the gateway were down");
            Reach::Move
        }
    }
}

/// Runs the unit that pulls to its end, for `limit` at most (see [`longest`]), and reads its report.
///
/// # Errors
/// When systemd does not run it, or there is no report of it. When `cancel` ends the wait, the unit is stopped, which
/// lets it finish a move of the tree, and leaves a report too.
pub fn pull(systemctl: &Systemctl, limit: Duration, paths: &Paths, cancel: &Cancel) -> Result<Report, UnitError> {
    run(systemctl, (PULL, limit), cancel, || last_report(paths), |report| report.ended)
}

/// Runs the unit that pushes to its end, for `limit` at most (see [`longest_push`]), and reads its report.
///
/// # Errors
/// As for [`pull`].
pub fn push(systemctl: &Systemctl, limit: Duration, paths: &Paths, cancel: &Cancel) -> Result<Pushed, UnitError> {
    run(systemctl, (PUSH, limit), cancel, || last_push(paths), |report| report.ended)
}

/// Has the unit push what is in the workspace at this moment, although its timer may have started it meanwhile: one
/// that is under way ends first, and then the unit is started once more. Returns the report of the push that ran last.
///
/// # Errors
/// As for [`pull`].
pub fn push_now(systemctl: &Systemctl, limit: Duration, paths: &Paths, cancel: &Cancel) -> Result<Pushed, UnitError> {
    let request = request::announce(&paths.request);
    let mut result = push(systemctl, limit, paths, cancel);
    for _ in 1..REQUEST_TRIES {
        let is_answered = match &result {
            Ok(report) => request.is_none() || report.request == request,
            Err(why) => !matches!(why, UnitError::NoReport(_)),
        };
        if is_answered || cancel.is_cancelled() {
            break;
        }
        result = push(systemctl, limit, paths, cancel);
    }
    result
}

/// Time that a sync waits for another one. Two that overlap meet for seconds; a lock that is held for longer is reported.
pub const TURN_LIMIT: Duration = Duration::from_secs(5);

/// Waits until no other sync is under way, for `limit` at most.
pub fn wait_for_turn(paths: &Paths, limit: Duration, cancel: &Cancel) {
    let begun = Instant::now();
    while matches!(Lock::take(&paths.state), Ok(None)) && begun.elapsed() < limit && !cancel.is_cancelled() {
        thread::sleep(TURN_POLL_INTERVAL);
    }
}

fn run<R>(
    systemctl: &Systemctl,
    (unit, limit): (&'static str, Duration),
    cancel: &Cancel,
    last: impl Fn() -> Result<Option<R>, ReadError>,
    ended: impl Fn(&R) -> Time,
) -> Result<R, UnitError> {
    // A report is a new one if it is not the one from before: clocks may be set meanwhile.
    let before = last().ok().flatten().as_ref().map(&ended);
    let mut started = systemctl.start(unit, limit, cancel);
    if started.is_err() && cancel.is_cancelled() {
        started = systemctl.stop(unit, STOP, &Cancel::new());
    }
    // One that has something to complain of ends with an exit code too, but its report says more.
    match (last(), started) {
        (Ok(Some(report)), _) if Some(ended(&report)) != before => Ok(report),
        (_, Err(why)) => Err(UnitError::Systemd(why)),
        (Err(why), Ok(())) => Err(UnitError::Unreadable(why)),
        (Ok(_), Ok(())) => Err(UnitError::NoReport(unit)),
    }
}

/// The report of the last push; `None` if there has been none. Its owner is judged as that of a pull's.
///
/// # Errors
/// As for [`read`].
pub fn last_push(paths: &Paths) -> Result<Option<Pushed>, ReadError> {
    match fs::symlink_metadata(&paths.state) {
        Ok(folder) => read_push(&paths.push_report(), folder.uid()),
        Err(_) => Ok(None),
    }
}

/// The report of the last pull; `None` if there has been none.
///
/// Its owner must be the owner of the folder, which systemd has made for the unit's user: no name is looked up, and
/// it holds in a sandbox that knows no other users.
///
/// # Errors
/// As for [`read`].
pub fn last_report(paths: &Paths) -> Result<Option<Report>, ReadError> {
    match fs::symlink_metadata(&paths.state) {
        Ok(folder) => read(&paths.pull_report(), folder.uid()),
        Err(_) => Ok(None),
    }
}

/// Time limit of a pull.
#[must_use]
pub fn longest(workspace: &Workspace, secrets: &[Secret]) -> Duration {
    let sources = u32::try_from(secrets.len()).unwrap_or(u32::MAX);
    let each = DEADLINE.saturating_mul(sources);
    workspace.timeout.saturating_add(MOVE_CAP).saturating_add(each).saturating_add(SLACK)
}

/// Time limit of a push: on a primary it fetches, sends and removes, and may begin again.
#[must_use]
pub fn longest_push(workspace: &Workspace) -> Duration {
    workspace.timeout.saturating_mul(3).saturating_add(MOVE_CAP).saturating_add(SLACK)
}

/// True if a primary's push is due: one that the timer started after `workspace.push_interval`, which the timer itself
/// does not know, and any other at once.
#[must_use]
pub fn is_due(systemctl: &Systemctl, workspace: &Workspace, paths: &Paths) -> bool {
    if env::var_os("TRIGGER_UNIT").is_none() {
        return true;
    }
    // systemd keeps this variable for all later starts. The timer is `running` only while a push runs that it started.
    let is_timers = match systemctl.show(TIMER) {
        Ok(timer) => timer.sub == "running",
        Err(why) => {
            log::warn!("cannot tell who started this push: {why}");
            true
        }
    };
    !is_timers || is_interval_over(workspace, paths)
}

/// True if the last push is `workspace.push_interval` ago, or an operator has asked for one since.
fn is_interval_over(workspace: &Workspace, paths: &Paths) -> bool {
    let Ok(Some(last)) = last_push(paths) else { return true };
    let request = request::last(&paths.request);
    if request.is_some() && request != last.request {
        return true;
    }
    // Both times are the wall clock's, for a push may be another boot's. A clock that is set back makes one from the
    // future, which is due, or one interval longer; one that is set forward makes the push come early.
    let now = now();
    last.ended > now || now.since(last.ended) >= workspace.push_interval
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Command;
    use crate::sync::report::PushOutcome;

    #[test]
    fn a_unit_lives_as_long_as_the_longest_sync() {
        let workspace = Workspace { timeout: Duration::from_secs(30 * 60), ..Workspace::default() };
        let secret = Secret { source: "o@h:a".into(), target: "/home/o/a/".into() };
        let longest = longest(&workspace, &vec![secret; 64]).max(longest_push(&workspace));
        assert!(longest < Duration::from_secs(2 * 60 * 60), "{longest:?}");
        let units =
            [include_str!("../setup/openclaw-sync-pull.service"), include_str!("../setup/openclaw-sync-push.service")];
        assert!(units.iter().all(|unit| unit.contains("\nTimeoutStartSec=2h\n")));
    }

    /// A stand-in for systemctl whose unit is the script `unit`, run with the state folder as `$1`.
    fn systemctl(dir: &Path, unit: &str) -> Systemctl {
        let program = dir.join("systemctl");
        let script = format!("#!/bin/sh\nset -- {}\n{unit}\n", dir.display());
        let write = r#"printf '%s' "$SCRIPT" >"$NAME" && chmod 755 "$NAME""#;
        let write = Command::new("sh").args(["-c", write]).env("SCRIPT", script).env("NAME", &program);
        write.run().unwrap();
        Systemctl::with_program(program)
    }

    fn paths(dir: &Path) -> Paths {
        Paths { state: dir.into(), request: dir.join("request"), ..Paths::default() }
    }

    /// Writes a report that ends now and carries the request that is in the file.
    fn report(dir: &Path) {
        let mut pushed = Pushed::new(now(), PushOutcome::Pushed, "");
        pushed.request = request::last(&dir.join("request"));
        pushed.write(&dir.join("push.json")).unwrap();
    }

    #[test]
    fn what_an_operator_types_runs_after_a_run_of_the_timers_that_had_nothing_to_do() {
        let dir = tempfile::tempdir().unwrap();
        report(dir.path());
        // The first start joins a run that ends without a report; the second pushes.
        let unit = "[ -e $1/joined ] || { : >$1/joined; exit 0; }\n\
                    sed \"s/\\\"request\\\":null/\\\"request\\\":\\\"$(cat $1/request)\\\"/; \
                    s/\\\"ended\\\":\\\"..../\\\"ended\\\":\\\"2999/\" $1/push.json >$1/new; mv $1/new $1/push.json";
        let systemctl = systemctl(dir.path(), unit);
        let pushed = push_now(&systemctl, Duration::from_secs(60), &paths(dir.path()), &Cancel::new()).unwrap();
        assert_eq!(pushed.request, request::last(&dir.path().join("request")));
        assert!(pushed.request.is_some());
    }

    #[test]
    fn a_unit_that_never_leaves_a_report_is_not_started_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let systemctl = systemctl(dir.path(), "echo >>$1/starts");
        let failed = push_now(&systemctl, Duration::from_secs(60), &paths(dir.path()), &Cancel::new()).unwrap_err();
        assert!(failed.to_string().ends_with("`journalctl -u openclaw-sync-push.service` says why"), "{failed}");
        assert_eq!(fs::read_to_string(dir.path().join("starts")).unwrap().lines().count(), REQUEST_TRIES);
    }

    #[test]
    fn a_request_ends_the_interval_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (paths, workspace) = (paths(dir.path()), Workspace::default());
        assert!(is_interval_over(&workspace, &paths), "there was none");
        report(dir.path());
        assert!(!is_interval_over(&workspace, &paths));
        request::announce(&paths.request).unwrap();
        assert!(is_interval_over(&workspace, &paths));
        report(dir.path());
        assert!(!is_interval_over(&workspace, &paths));
    }

    #[test]
    fn every_sandbox_shows_the_same_files_of_the_home() {
        let units =
            [include_str!("../setup/openclaw-sync-pull.service"), include_str!("../setup/openclaw-sync-push.service")];
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
        let lock = Lock::take(&paths.state).unwrap().unwrap();
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
        // One that is told to stop waits no longer.
        let _lock = Lock::take(&paths.state).unwrap().unwrap();
        let cancel = Cancel::new();
        cancel.cancel();
        wait_for_turn(&paths, Duration::from_secs(60), &cancel);
    }

    #[test]
    fn a_missing_workspace_belongs_to_whoever_owns_the_nearest_folder() {
        let dir = tempfile::tempdir().unwrap();
        let own = fs::metadata("/proc/self").unwrap().uid();
        assert_eq!(owner(&dir.path().join("not/yet/there")).unwrap(), own);
        assert_eq!(is_ours(&dir.path().join("workspace")), own != ROOT);
        let root = fs::metadata("/").unwrap().uid();
        assert_eq!(owner(Path::new("/nonexistent/nothing")).unwrap(), root);
    }
}
