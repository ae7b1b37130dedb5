//! The monitor: does it run, would systemd notice if it hung, and is it free to act?

use super::finding::Said;
use super::fix;
use super::world::World;
use crate::failover::HoldKind;
use crate::report::clock::{ago_by, span};

/// The monitor's unit.
pub(super) const UNIT: &str = "openclaw-failover.service";

/// The unit of the shell script that the monitor replaces, and an alias of the monitor's own.
const OLD: &str = "openclaw-health-monitor.service";

/// It runs, and says so.
pub(super) fn running(world: &World) -> Said {
    let unit = match world.known(UNIT) {
        Ok(unit) => unit,
        Err(why) => return Said::fail(&why, fix::DBUS),
    };
    if unit.value("LoadState") != "loaded" {
        return Said::fail(&format_args!("{UNIT} is {}", unit.value("LoadState")), fix::INSTALL_UNITS);
    }
    if unit.value("ActiveState") != "active" {
        return Said::fail(&format_args!("{UNIT} is {}", unit.value("ActiveState")), fix::START_MONITOR);
    }
    match world.status() {
        Some(status) if status.is_fresh(world.now) => {
            let wrote = ago_by(status.age(world.now));
            Said::ok(&format_args!("{}; it wrote its status {wrote}", status.role.name))
        }
        Some(status) => {
            let wrote = ago_by(status.age(world.now));
            Said::fail(&format_args!("it runs, and wrote its status {wrote}"), fix::RESTART_MONITOR)
        }
        None => {
            let path = world.paths.status();
            Said::fail(&format_args!("it runs, and there is no status in {}", path.display()), fix::RESTART_MONITOR)
        }
    }
}

/// It starts with the host.
pub(super) fn enabled(world: &World) -> Said {
    match world.known(UNIT) {
        Ok(unit) if !unit.is_loaded() => Said::skipped(&"its unit is not loaded"),
        Ok(unit) if unit.is_enabled() => Said::ok(&"it starts with the host"),
        Ok(_) => Said::fail(&"after a reboot nobody would watch", fix::ENABLE_MONITOR),
        Err(why) => Said::skipped(&why),
    }
}

/// systemd restarts it if it hangs.
pub(super) fn watchdog(world: &World) -> Said {
    let unit = match world.known(UNIT) {
        Ok(unit) if unit.is_loaded() => unit,
        _ => return Said::skipped(&"its unit is not loaded"),
    };
    let patience = unit.value("WatchdogUSec");
    if unit.value("Type").starts_with("notify") && !matches!(patience, "" | "0" | "infinity") {
        return Said::ok(&format_args!("systemd restarts it after {patience} of silence"));
    }
    Said::fail(&"systemd would not notice if it hung", fix::INSTALL_UNITS)
}

/// It is the version that is installed.
pub(super) fn version(world: &World) -> Said {
    let own = env!("CARGO_PKG_VERSION");
    match world.status().filter(|status| status.is_fresh(world.now)) {
        Some(status) if status.version == own => Said::ok(&own),
        Some(status) => {
            let said = format!("version {} runs, and {own} is installed", status.version);
            Said::warn(&said, fix::RESTART_MONITOR)
        }
        None => Said::skipped(&"no monitor runs"),
    }
}

/// No operator keeps it from taking over.
pub(super) fn hold(world: &World) -> Said {
    let Some(status) = world.status() else { return Said::skipped(&"no monitor has said anything") };
    let Some(hold) = &status.hold else { return Said::ok(&"no hold stands") };
    let left = hold.until.map_or("until it is ended by hand".to_owned(), |until| {
        let left = until.since(status.updated_at).saturating_sub(status.age(world.now));
        format!("for another {}", span(left))
    });
    match hold.kind {
        HoldKind::Promoted => Said::warn(&format_args!("held promoted {left}"), fix::RESUME),
        HoldKind::Standby => Said::fail(&format_args!("held in standby {left}: it would not take over"), fix::RESUME),
        HoldKind::Paused => Said::fail(&format_args!("paused {left}: it would not take over"), fix::RESUME),
    }
}

/// The shell script that it replaces is gone.
pub(super) fn old(world: &World) -> Said {
    let Ok(unit) = world.known(OLD) else { return Said::skipped(&"systemd does not answer") };
    let is_ours = unit.value("FragmentPath").ends_with(UNIT);
    let runs = unit.is_enabled() || unit.is_up();
    match unit.is_loaded() && !is_ours && runs {
        true => Said::fail(&format_args!("{OLD} would start and stop the gateway, too"), fix::OLD_MONITOR),
        false => Said::ok(&"no other monitor runs"),
    }
}
