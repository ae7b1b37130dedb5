//! Uninstallation of the program, its units and its polkit rule. Its data stays, and so does what keeps the host
//! secure. A foreign gateway, such as a primary's, stays whatever its unit is called.

use crate::gateway_check::CHECK;
use crate::setup::files::{GATEWAY_UNIT, PRIMARY, PROGRAM, STANDBY, is_ours};
use crate::setup::service::{DRILL_TIMER, GATEWAY, MONITOR, TIMER};
use crate::setup::target::Site;
use crate::setup::{State, Step, migration, openclaw, primary, step};
use crate::workspace::unit::{PULL, PUSH};

pub(super) static STEPS: [Step; 3] = [
    step("stop", "stop the monitor and this host's gateway", running, stop),
    step("units", "remove them from systemd and polkit", units, remove_units),
    step("program", "no unit uses it any more", program, remove_program),
];

/// Units to stop; those that start others come first.
const UNITS: [&str; 7] = [DRILL_TIMER, MONITOR, TIMER, GATEWAY, CHECK, PULL, PUSH];

fn units_to_stop(site: &Site) -> Vec<&'static str> {
    let is_to_go = |name: &&str| {
        let unit = site.unit(name);
        (unit.is_up() || unit.is_enabled()) && (*name != GATEWAY || is_ours(site, &GATEWAY_UNIT))
    };
    UNITS.into_iter().filter(is_to_go).collect()
}

fn running(site: &Site) -> State {
    let found = units_to_stop(site);
    let serves = if site.unit(GATEWAY).is_up() && found.contains(&GATEWAY) { "; it is serving now" } else { "" };
    match found.is_empty() {
        true => State::Done("no unit is running".into()),
        false => State::Todo(format!("stop and disable {}{serves}", found.join(", "))),
    }
}

fn stop(site: &Site) -> Result<(), String> {
    units_to_stop(site).iter().try_for_each(|unit| site.run("systemctl", &["disable", "--now", unit]))
}

fn paths(site: &Site) -> Vec<&'static str> {
    let is_to_go = |path: &&str| {
        let is_there = site.world.path(path).symlink_metadata().is_ok();
        is_there
            && match *path {
                path if path == GATEWAY_UNIT.path => is_ours(site, &GATEWAY_UNIT),
                openclaw::DROP_IN => openclaw::is_our_drop_in(site),
                _ => true,
            }
    };
    let shipped = STANDBY.iter().chain(&PRIMARY).map(|file| file.path);
    let mut found: Vec<_> = Vec::new();
    for path in shipped.chain([openclaw::DROP_IN, migration::VARIABLES, primary::DROP_IN]).filter(is_to_go) {
        if !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

fn units(site: &Site) -> State {
    let found = paths(site);
    match found.is_empty() {
        true => State::Done("already removed".into()),
        false => State::Todo(format!("remove {}", found.join(", "))),
    }
}

fn remove_units(site: &Site) -> Result<(), String> {
    paths(site).iter().try_for_each(|path| site.remove(path))?;
    site.run("systemctl", &["daemon-reload"])
}

fn program(site: &Site) -> State {
    match site.world.path(PROGRAM).symlink_metadata() {
        Ok(_) => State::Todo(format!("remove {PROGRAM}")),
        Err(_) => State::Done("already removed".into()),
    }
}

fn remove_program(site: &Site) -> Result<(), String> {
    site.remove(PROGRAM)
}

/// Returns what was left on the host.
pub(super) fn notes(site: &Site) -> Vec<String> {
    let mut notes = vec![
        "kept: /etc/openclaw-failover, /etc/openclaw, /var/lib/openclaw-failover, /var/lib/openclaw-sync, the users \
         and their homes, the workspace"
            .to_owned(),
        "kept: the firewall, fail2ban, upgrades, and all packages".to_owned(),
    ];
    for name in migration::aside(site) {
        let (unit, _) = name.split_once(migration::ASIDE).unwrap_or((&name, ""));
        notes.push(format!(
            "to restore {unit}: cd /etc/systemd/system && mv {name} {unit} && systemctl daemon-reload; then enable the \
             units that you need"
        ));
    }
    notes.push("renamed user units of openclaw are in ~openclaw/.config/systemd/user".into());
    notes
}
