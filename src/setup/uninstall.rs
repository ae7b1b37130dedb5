//! Uninstallation of the program, its units and its polkit rule. Its data stays, and so does what keeps the host
//! secure. A foreign gateway, such as a primary's, stays whatever its unit is called.

use crate::doctor::{DEFAULT_USER, HostContext};
use crate::gateway_check::CHECK_UNIT;
use crate::setup::error::SetupError;
use crate::setup::files::{PROGRAM_PATH, is_shipped_file};
use crate::setup::plan::{Plan, Step, StepState};
use crate::setup::target::SetupTarget;
use crate::setup::units::{
    DRILL_TIMER, ENVIRONMENT_DROP_IN, GATEWAY_UNIT, GATEWAY_UNIT_NAME, MONITOR_UNIT, OPENCLAW_DROP_IN, USER_DROP_IN,
    shipped_files,
};
use crate::setup::{migration, openclaw};
use crate::workspace::unit::{PULL_SERVICE, PUSH_SERVICE, PUSH_TIMER};

static STEPS: [Step<()>; 3] = [
    Step::new(
        "stop",
        "stop the monitor and this host's gateway",
        |target, ()| read_running_state(target),
        |target, ()| stop_units(target),
    ),
    Step::new(
        "units",
        "remove them from systemd and polkit",
        |target, ()| read_files_state(target),
        |target, ()| remove_units(target),
    ),
    Step::new(
        "program",
        "no unit uses it any more",
        |target, ()| read_program_state(target),
        |target, ()| target.remove_file(PROGRAM_PATH),
    ),
];

impl Plan<()> {
    /// Returns the plan that removes what a setup has installed.
    pub fn for_uninstall(context: HostContext) -> Self {
        let target = SetupTarget::new(context, DEFAULT_USER);
        let notes = |target: &SetupTarget, (): &(), is_done| if is_done { follow_up_notes(target) } else { Vec::new() };
        Self { target, options: (), steps: &STEPS, notes }
    }
}

/// Units to stop; those that start others come first.
const STOP_ORDER: [&str; 7] =
    [DRILL_TIMER, MONITOR_UNIT, PUSH_TIMER, GATEWAY_UNIT_NAME, CHECK_UNIT, PULL_SERVICE, PUSH_SERVICE];

fn units_to_stop(target: &SetupTarget) -> Vec<&'static str> {
    let is_to_go = |name: &&str| {
        let unit = target.query_unit(name);
        (unit.is_up() || unit.is_enabled()) && (*name != GATEWAY_UNIT_NAME || is_shipped_file(target, &GATEWAY_UNIT))
    };
    STOP_ORDER.into_iter().filter(is_to_go).collect()
}

fn read_running_state(target: &SetupTarget) -> StepState {
    let found = units_to_stop(target);
    let serves = if target.query_unit(GATEWAY_UNIT_NAME).is_up() && found.contains(&GATEWAY_UNIT_NAME) {
        "; it is serving now"
    } else {
        ""
    };
    match found.is_empty() {
        true => StepState::Done("no unit is running".into()),
        false => StepState::Pending(format!("stop and disable {}{serves}", found.join(", "))),
    }
}

fn stop_units(target: &SetupTarget) -> Result<(), SetupError> {
    units_to_stop(target).iter().try_for_each(|unit| target.run_program("systemctl", &["disable", "--now", unit]))
}

fn find_installed_files(target: &SetupTarget) -> Vec<&'static str> {
    let is_to_go = |path: &&str| {
        let is_there = target.context.system_path(path).symlink_metadata().is_ok();
        is_there
            && match *path {
                path if path == GATEWAY_UNIT.path => is_shipped_file(target, &GATEWAY_UNIT),
                OPENCLAW_DROP_IN => openclaw::is_our_drop_in(target),
                _ => true,
            }
    };
    let shipped = shipped_files().map(|(path, _)| path);
    let mut found: Vec<_> = Vec::new();
    for path in shipped.chain([OPENCLAW_DROP_IN, ENVIRONMENT_DROP_IN, USER_DROP_IN]).filter(is_to_go) {
        if !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

fn read_files_state(target: &SetupTarget) -> StepState {
    let found = find_installed_files(target);
    match found.is_empty() {
        true => StepState::Done("already removed".into()),
        false => StepState::Pending(format!("remove {}", found.join(", "))),
    }
}

fn remove_units(target: &SetupTarget) -> Result<(), SetupError> {
    find_installed_files(target).iter().try_for_each(|path| target.remove_file(path))?;
    target.run_program("systemctl", &["daemon-reload"])
}

fn read_program_state(target: &SetupTarget) -> StepState {
    match target.context.system_path(PROGRAM_PATH).symlink_metadata() {
        Ok(_) => StepState::Pending(format!("remove {PROGRAM_PATH}")),
        Err(_) => StepState::Done("already removed".into()),
    }
}

/// Returns what was left on the host.
fn follow_up_notes(target: &SetupTarget) -> Vec<String> {
    let mut notes = vec![
        "kept: /etc/openclaw-failover, /etc/openclaw, /var/lib/openclaw-failover, /var/lib/openclaw-sync, the users \
         and their homes, the workspace"
            .to_owned(),
        "kept: the firewall, fail2ban, upgrades, and all packages".to_owned(),
    ];
    for name in migration::list_renamed(target) {
        let (unit, _) = name.split_once(migration::RENAMED_SUFFIX).unwrap_or((&name, ""));
        notes.push(format!(
            "to restore {unit}: cd /etc/systemd/system && mv {name} {unit} && systemctl daemon-reload; then enable the \
             units that you need"
        ));
    }
    notes.push("renamed user units of openclaw are in ~openclaw/.config/systemd/user".into());
    notes
}
