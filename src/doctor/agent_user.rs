//! The agent's user: the one whom systemd names for the sync units. The owner of files below the home is no source: an
//! agent can change it.

use std::ffi::OsStr;
use std::time::Duration;

use crate::os::systemd::UnitProperties;
use crate::os::{ChildCommand, Owner, OwnerError};
use crate::workspace::unit::PULL_SERVICE;

/// Time limit for one program to answer.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(10);

/// Owner of the workspace if no unit names one.
pub const DEFAULT_USER: &str = "openclaw";

/// Looks up the user of the sync units.
pub(super) fn find_agent_user(programs: Option<&OsStr>) -> Result<Owner, OwnerError> {
    let unit = UnitProperties::query(new_command("systemctl", programs), PULL_SERVICE).ok();
    let user = unit.as_ref().map(|unit| unit.value("User")).filter(|user| !user.is_empty()).unwrap_or(DEFAULT_USER);
    Owner::look_up(new_command("getent", programs), user)
}

/// Returns a command for a program in these folders, or in `PATH`.
pub(super) fn new_command(program: &str, programs: Option<&OsStr>) -> ChildCommand {
    let command = ChildCommand::new(program).dir("/").deadline(PROGRAM_TIMEOUT);
    match programs {
        Some(path) => command.env("PATH", path),
        None => command,
    }
}
