//! Checks that only a sync unit's sandbox can answer: git and rsync reach their hosts from inside.
//!
//! Outside, the owner sees its whole home, including keys and passwords that the sandbox hides. So root starts a
//! transient unit with the user and the file system of the pull unit, and treats its answer as untrusted.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::process;
use std::time::Duration;

use crate::config::paths::DEFAULT_SYNC_DIR;
use crate::doctor::context::HostContext;
use crate::doctor::registry::{Check, CheckHalf, Privilege, checks_of, parse_outcomes};
use crate::doctor::subprocess;
use crate::finding::{CheckOutcome, CheckResult};
use crate::os::spawn;
use crate::os::systemd::UnitProperties;
use crate::text::json;
use crate::workspace::unit::PULL_SERVICE;

/// Properties of the unit that decide what it sees and reaches.
const COPIED_PROPERTIES: [&str; 19] = [
    "User",
    "Group",
    "Environment",
    "ProtectHome",
    "ProtectSystem",
    "ProtectProc",
    "ProcSubset",
    "PrivateTmp",
    "PrivateDevices",
    "PrivateUsers",
    "PrivateNetwork",
    "BindPaths",
    "BindReadOnlyPaths",
    "TemporaryFileSystem",
    "InaccessiblePaths",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "RestrictAddressFamilies",
    "NoNewPrivileges",
];

/// Time limit of the transient unit, in case this process is killed while it waits.
const RUN_LIMIT: &str = "RuntimeMaxSec=5min";

/// Time limit of the whole run: each remote has a minute.
const SANDBOX_TIMEOUT: Duration = Duration::from_secs(6 * 60);

/// Size limit of the answer, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Returns the checks that run in the sandbox.
pub(super) fn sandbox_checks() -> impl Iterator<Item = &'static Check> {
    checks_of(CheckHalf::Owner).filter(|check| check.privilege == Privilege::Sandbox)
}

/// Replaces the owner's results with those from the sandbox.
pub(super) fn replace_outcomes(context: &HostContext, found: &mut [CheckOutcome]) {
    let answer = run_in_sandbox(context);
    for checked in found.iter_mut().filter(|checked| sandbox_checks().any(|check| check.id == checked.id)) {
        let id = checked.id;
        checked.result = match &answer {
            Ok(answer) => answer.iter().find(|inside| inside.id == id).map_or_else(
                || CheckResult::skipped(&format_args!("no result from the sandbox of {PULL_SERVICE}")),
                |inside| inside.result.clone(),
            ),
            Err(result) => result.clone(),
        };
    }
}

/// Runs the checks. The error is the result to report if that is not possible.
fn run_in_sandbox(context: &HostContext) -> Result<Vec<CheckOutcome>, CheckResult> {
    let known = context.cached_unit(PULL_SERVICE).map_err(|why| skipped(&why))?;
    let program = known.start_command().first().map(|program| (*program).to_owned());
    let program = program.ok_or_else(|| skipped(&format_args!("{PULL_SERVICE} has no ExecStart=")))?;
    let systemctl = context.new_command("systemctl");
    let unit = UnitProperties::query_named(systemctl, PULL_SERVICE, &COPIED_PROPERTIES.join(","));
    let unit = unit.map_err(|why| skipped(&why))?;
    let mut words: Vec<OsString> = ["--quiet", "--collect", "--pipe", "--wait", "-p", RUN_LIMIT].map(Into::into).into();
    for property in unit_properties(&unit) {
        words.extend(["-p".into(), property.into()]);
    }
    // The child finds the reports' folder by this variable.
    words.extend(["-p".into(), format!("Environment=STATE_DIRECTORY={DEFAULT_SYNC_DIR}").into()]);
    for (name, value) in subprocess::config_variables(&context.source) {
        words.extend(["-p".into(), format!("Environment={name}={value}").into()]);
    }
    words.extend(["--".into(), program.into(), "doctor".into(), "--as-owner".into(), "--in-sandbox".into()]);
    words.extend(subprocess::config_options(&context.source));
    // The unit ends with this process: it reads until the other end of this pipe is closed.
    let (reader, _held) = io::pipe().map_err(|why| skipped(&why))?;
    let command = context.new_command("systemd-run").args(words).stdin(File::from(OwnedFd::from(reader)));
    let output = command.deadline(SANDBOX_TIMEOUT).limit(ANSWER_LIMIT).run();
    let output = output.map_err(|why| skipped(&why.reason()))?;
    let output = json::parse(&output.stdout).map_err(|_| skipped(&"cannot parse its answer"))?;
    Ok(parse_outcomes(&output, CheckHalf::Owner))
}

fn skipped(why: &dyn Display) -> CheckResult {
    CheckResult::skipped(&format_args!("cannot run in the sandbox of {PULL_SERVICE}: {why}"))
}

/// Returns the properties in the format of `systemd-run`.
fn unit_properties(unit: &UnitProperties) -> Vec<String> {
    let mut found = Vec::new();
    for name in COPIED_PROPERTIES {
        let value = unit.value(name);
        if value.is_empty() {
            continue;
        }
        match name {
            // `systemd-run` takes one variable per assignment.
            "Environment" => found.extend(value.split_whitespace().map(|one| format!("{name}={one}"))),
            _ => found.push(format!("{name}={value}")),
        }
    }
    found
}

/// Ends this process when the root process that started it ends.
pub(super) fn end_with_root() {
    let watch = || {
        let mut nothing = [0; 64];
        while io::stdin().lock().read(&mut nothing).is_ok_and(|length| length > 0) {}
        process::exit(1);
    };
    if let Err(why) = spawn("root", watch) {
        log::warn!("cannot watch the parent process: {why}");
    }
}
