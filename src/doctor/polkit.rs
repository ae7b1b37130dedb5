//! Check of the monitor's permissions: polkit grants it what it needs and nothing else. polkit is asked for its
//! decision on the monitor's process; nothing is executed.

use crate::doctor::context::HostContext;
use crate::doctor::monitor;
use crate::finding::{CheckResult, remedy};
use crate::gateway_check::CHECK_UNIT;
use crate::workspace::unit::{PULL_SERVICE, PUSH_SERVICE};

const MANAGE_UNITS: &str = "org.freedesktop.systemd1.manage-units";
const MANAGE_FILES: &str = "org.freedesktop.systemd1.manage-unit-files";

/// Exit codes of `pkcheck` for a refusal: not authorized, only with a password, dismissed.
const REFUSAL_CODES: [i32; 3] = [1, 2, 3];

/// Permissions that the monitor needs; an empty name is the gateway's unit.
const NEEDED_PERMISSIONS: [(&str, &str); 11] = [
    ("", "start"),
    ("", "stop"),
    ("", "restart"),
    ("", "reset-failed"),
    ("", "kill"),
    (CHECK_UNIT, "start"),
    (CHECK_UNIT, "stop"),
    (PULL_SERVICE, "start"),
    (PULL_SERVICE, "stop"),
    (PUSH_SERVICE, "start"),
    (PUSH_SERVICE, "stop"),
];

/// Permissions that the monitor must not have.
const FORBIDDEN_PERMISSIONS: [(&str, &str, &str); 3] = [
    (MANAGE_UNITS, "ssh.service", "stop"),
    (MANAGE_UNITS, PULL_SERVICE, "kill"),
    (MANAGE_FILES, PULL_SERVICE, "enable"),
];

/// Checks the permissions of the running monitor.
pub(super) fn check_permissions(context: &HostContext) -> CheckResult {
    let pid = match context.cached_unit(monitor::MONITOR_UNIT).map(|unit| unit.main_pid()) {
        Ok(Some(pid)) => pid.to_string(),
        _ => return CheckResult::skipped(&"the monitor is not running"),
    };
    for (unit, verb) in NEEDED_PERMISSIONS {
        let unit = if unit.is_empty() { &context.config.gateway.unit } else { unit };
        match is_permitted(context, &pid, MANAGE_UNITS, unit, verb) {
            Ok(true) => {}
            Ok(false) => return CheckResult::fail(&format_args!("the monitor may not {verb} {unit}"), remedy::POLKIT),
            Err(result) => return result,
        }
    }
    for (action, unit, verb) in FORBIDDEN_PERMISSIONS {
        match is_permitted(context, &pid, action, unit, verb) {
            Ok(false) => {}
            Ok(true) => return CheckResult::fail(&format_args!("the monitor may {verb} {unit}"), remedy::POLKIT_OTHER),
            Err(result) => return result,
        }
    }
    CheckResult::ok(&"11 permissions granted, 3 others refused")
}

/// Asks polkit. The error is the result to report if it does not answer.
fn is_permitted(context: &HostContext, pid: &str, action: &str, unit: &str, verb: &str) -> Result<bool, CheckResult> {
    let args = ["--action-id", action, "--process", pid, "--detail", "unit", unit, "--detail", "verb", verb];
    match context.run_program("pkcheck", &args) {
        Ok(_) => Ok(true),
        Err(why) if why.exit_code().is_some_and(|code| REFUSAL_CODES.contains(&code)) => Ok(false),
        Err(why) => {
            Err(CheckResult::fail(&format_args!("polkit does not answer: {}", why.reason()), remedy::POLKIT_UP))
        }
    }
}
