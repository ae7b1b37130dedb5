//! A pull or a push by way of systemd, for everybody who is not the workspace's owner.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::apply::MOVE_CAP;
use super::report::{Pushed, ReadError, Report, read, read_push};
use super::secrets::DEADLINE;
use super::{Paths, Reach, now};
use crate::config::{Secret, Workspace};
use crate::failover::Time;
use crate::host::Cancel;
use crate::host::systemd::{Systemctl, SystemdError};

/// The unit that pushes.
pub const PUSH: &str = "openclaw-sync-push.service";

/// The unit that pulls.
pub const PULL: &str = "openclaw-sync-pull.service";

/// What git needs beside the network and the move of the tree.
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
    /// It ran, and its report cannot be read.
    Unreadable(ReadError),
    /// It ran and left no report.
    NoReport(&'static str),
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Systemd(why) => why.fmt(f),
            Self::Unreadable(why) => why.fmt(f),
            Self::NoReport(unit) => {
                write!(f, "cannot tell how it went: {unit} left no report; see `journalctl -u {unit}`")
            }
        }
    }
}

impl std::error::Error for UnitError {}

/// Whether this process is the one that pulls: inside the unit, or as the user to whom the workspace belongs.
#[must_use]
pub fn is_ours(workspace: &Path) -> bool {
    // systemd says this to the unit and to nobody who types a command.
    let in_unit = env::var_os("STATE_DIRECTORY").is_some_and(|state| Path::new(&state) == Paths::default().state);
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

/// How far a pull may go now: an agent that may be at work in the workspace must not have it moved under its hands.
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

/// How long a pull takes at the very most.
#[must_use]
pub fn longest(workspace: &Workspace, secrets: &[Secret]) -> Duration {
    let sources = u32::try_from(secrets.len()).unwrap_or(u32::MAX);
    let each = DEADLINE.saturating_mul(sources);
    workspace.timeout.saturating_add(MOVE_CAP).saturating_add(each).saturating_add(SLACK)
}

/// How long a push takes at the very most: on a primary it fetches, sends and removes, and may begin anew.
#[must_use]
pub fn longest_push(workspace: &Workspace) -> Duration {
    workspace.timeout.saturating_mul(3).saturating_add(MOVE_CAP).saturating_add(SLACK)
}

/// Whether a primary's push that its timer started is one that `workspace.push_interval` asks for; the timer comes round
/// every minute. What a person starts is always due.
#[must_use]
pub fn is_due(workspace: &Workspace, paths: &Paths) -> bool {
    if env::var_os("TRIGGER_UNIT").is_none() {
        return true;
    }
    let Ok(Some(last)) = last_push(paths) else { return true };
    let now = now();
    last.ended > now || now.since(last.ended) >= workspace.push_interval
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_missing_workspace_belongs_to_whoever_owns_the_nearest_folder() {
        let dir = tempfile::tempdir().unwrap();
        let own = fs::metadata("/proc/self").unwrap().uid();
        assert_eq!(owner(&dir.path().join("not/yet/there")).unwrap(), own);
        assert_eq!(is_ours(&dir.path().join("workspace")), own != ROOT);
        assert_eq!(owner(Path::new("/proc/1/nothing")).unwrap(), 0);
    }
}
