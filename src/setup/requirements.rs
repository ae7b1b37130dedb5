//! Requirements of a setup, checked before anything else.

use std::path::Path;

use crate::os::{ChildCommand, own_uid};
use crate::setup::error::SetupError;
use crate::setup::target::ROOT_PATH;

/// Checks the requirements of a setup and names everything that is missing.
///
/// # Errors
/// When the process is not root, or the host does not run Debian or Ubuntu with systemd.
pub fn check_requirements() -> Result<(), SetupError> {
    let apt = ChildCommand::new("apt-get").env("PATH", ROOT_PATH).args(["--version"]).run();
    // As in sd_booted(3).
    let has_systemd = Path::new("/run/systemd/system").is_dir();
    check_found(own_uid().is_ok_and(|own| own == 0), apt.is_ok(), has_systemd)
}

fn check_found(is_root: bool, has_apt: bool, has_systemd: bool) -> Result<(), SetupError> {
    let requirements = [
        (is_root, "only root can set up this host", "run the command with sudo"),
        (has_apt, "this is not a Debian or Ubuntu host: apt-get not found", "see the README for other systems"),
        (has_systemd, "systemd is not running", "boot this host with systemd; most containers run without it"),
    ];
    let missing = requirements.iter().filter(|(is_met, ..)| !is_met);
    let missing: Vec<_> = missing.map(|(_, problem, remedy)| format!("{problem}; {remedy}")).collect();
    if missing.is_empty() { Ok(()) } else { Err(SetupError::new(missing.join(". Also: "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        assert_eq!(check_found(true, true, true), Ok(()));
        assert_eq!(
            check_found(false, true, false).unwrap_err().to_string(),
            "only root can set up this host; run the command with sudo. \
             Also: systemd is not running; boot this host with systemd; most containers run without it"
        );
    }
}
