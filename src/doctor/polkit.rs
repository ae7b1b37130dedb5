//! Check of the monitor's permissions: polkit grants it what it needs and nothing else. polkit is asked for its
//! decision on the monitor's process; nothing is executed.

use crate::doctor::context::World;
use crate::doctor::monitor;
use crate::finding::{Said, remedy};
use crate::gateway_check::CHECK;
use crate::workspace::unit::{PULL, PUSH};

const MANAGE_UNITS: &str = "org.freedesktop.systemd1.manage-units";
const MANAGE_FILES: &str = "org.freedesktop.systemd1.manage-unit-files";

/// Exit codes of `pkcheck` for a refusal: not authorized, only with a password, dismissed.
const REFUSED: [i32; 3] = [1, 2, 3];

/// Permissions that the monitor needs; an empty name is the gateway's unit.
const NEEDED: [(&str, &str); 11] = [
    ("", "start"),
    ("", "stop"),
    ("", "restart"),
    ("", "reset-failed"),
    ("", "kill"),
    (CHECK, "start"),
    (CHECK, "stop"),
    (PULL, "start"),
    (PULL, "stop"),
    (PUSH, "start"),
    (PUSH, "stop"),
];

/// Permissions that the monitor must not have.
const FORBIDDEN: [(&str, &str, &str); 3] =
    [(MANAGE_UNITS, "ssh.service", "stop"), (MANAGE_UNITS, PULL, "kill"), (MANAGE_FILES, PULL, "enable")];

/// Checks the permissions of the running monitor.
pub(super) fn check(world: &World) -> Said {
    let pid = match world.known(monitor::UNIT).map(|unit| unit.main_pid()) {
        Ok(Some(pid)) => pid.to_string(),
        _ => return Said::skipped(&"the monitor is not running"),
    };
    for (unit, verb) in NEEDED {
        let unit = if unit.is_empty() { &world.config.gateway.unit } else { unit };
        match may(world, &pid, MANAGE_UNITS, unit, verb) {
            Ok(true) => {}
            Ok(false) => return Said::fail(&format_args!("the monitor may not {verb} {unit}"), remedy::POLKIT),
            Err(why) => return Said::fail(&why, remedy::POLKIT_UP),
        }
    }
    for (action, unit, verb) in FORBIDDEN {
        match may(world, &pid, action, unit, verb) {
            Ok(false) => {}
            Ok(true) => return Said::fail(&format_args!("the monitor may {verb} {unit}"), remedy::POLKIT_OTHER),
            Err(why) => return Said::fail(&why, remedy::POLKIT_UP),
        }
    }
    Said::ok(&"11 permissions granted, 3 others refused")
}

fn may(world: &World, pid: &str, action: &str, unit: &str, verb: &str) -> Result<bool, String> {
    let args = ["--action-id", action, "--process", pid, "--detail", "unit", unit, "--detail", "verb", verb];
    match world.ask("pkcheck", &args) {
        Ok(_) => Ok(true),
        Err(why) if why.code().is_some_and(|code| REFUSED.contains(&code)) => Ok(false),
        Err(why) => Err(format!("polkit does not answer: {}", why.reason())),
    }
}
