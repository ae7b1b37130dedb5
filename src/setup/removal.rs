//! Takes this program away again: its units and what allows them to act. What it has written, and what keeps the host
//! in order, stays.

use super::files::{PRIMARY, PROGRAM, STANDBY};
use super::service::{GATEWAY, MONITOR, TIMER};
use super::site::Site;
use super::{State, Step, openclaw, predecessor, primary, step};
use crate::sync::unit::{PULL, PUSH};

pub(super) static STEPS: [Step; 3] = [
    step("stop", "nobody watches any more, and this host's gateway goes down", running, stop),
    step("units", "systemd and polkit forget them", units, remove_units),
    step("program", "nothing starts it any more", program, remove_program),
];

/// First what starts others.
const UNITS: [&str; 5] = [MONITOR, TIMER, GATEWAY, PULL, PUSH];

fn running(site: &Site) -> State {
    let is_to_go = |unit: &&&str| {
        let unit = site.unit(unit);
        unit.is_up() || unit.is_enabled()
    };
    let found: Vec<&str> = UNITS.iter().filter(is_to_go).copied().collect();
    match found.is_empty() {
        true => State::Done("none of its units runs".into()),
        false => State::Todo(format!("stop and disable {}", found.join(", "))),
    }
}

fn stop(site: &Site) -> Result<(), String> {
    for unit in UNITS {
        if site.unit(unit).is_loaded() {
            site.run("systemctl", &["disable", "--now", unit])?;
        }
    }
    Ok(())
}

fn paths(site: &Site) -> Vec<&'static str> {
    let shipped = STANDBY.iter().chain(&PRIMARY).map(|file| file.path);
    let ours = shipped.chain([openclaw::DROP_IN, predecessor::VARIABLES, primary::DROP_IN]);
    ours.filter(|path| site.world.path(path).symlink_metadata().is_ok()).collect()
}

fn units(site: &Site) -> State {
    let found = paths(site);
    match found.is_empty() {
        true => State::Done("they are gone".into()),
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
        Err(_) => State::Done("it is gone".into()),
    }
}

fn remove_program(site: &Site) -> Result<(), String> {
    site.remove(PROGRAM)
}

/// What stays.
pub(super) fn notes(site: &Site) -> Vec<String> {
    let mut notes = vec![
        "left as they are: /etc/openclaw-failover, /etc/openclaw, /var/lib/openclaw-failover, /var/lib/openclaw-sync, the \
         users and their homes, the workspace"
            .to_owned(),
        "left as they are: the firewall, fail2ban, upgrades, and all packages".to_owned(),
    ];
    if predecessor::aside(&site.world.root) {
        notes.push("what this program had replaced is in /etc/systemd/system/*.replaced-by-openclaw-failover".into());
    }
    notes
}
