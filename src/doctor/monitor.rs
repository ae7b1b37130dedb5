//! Checks of the monitor: it runs, systemd would restart it if it hung, and no hold stops it.

use crate::doctor::context::World;
use crate::failover::HoldKind;
use crate::finding::{Said, remedy};
use crate::text::utc::{ago_by, span};

/// Unit of the monitor.
pub(super) const UNIT: &str = "openclaw-failover.service";

/// Unit of the replaced shell monitor, and an alias of the monitor's unit.
const OLD: &str = "openclaw-health-monitor.service";

/// Checks that it runs and that its status is fresh.
pub(super) fn running(world: &World) -> Said {
    let unit = match world.known(UNIT) {
        Ok(unit) => unit,
        Err(why) => return Said::fail(&why, remedy::DBUS),
    };
    if unit.value("LoadState") != "loaded" {
        return Said::fail(&format_args!("{UNIT} is {}", unit.value("LoadState")), remedy::INSTALL_UNITS);
    }
    if unit.value("ActiveState") != "active" {
        return Said::fail(&format_args!("{UNIT} is {}", unit.value("ActiveState")), remedy::START_MONITOR);
    }
    match world.status() {
        Some(status) if status.is_fresh(world.now) => {
            let wrote = ago_by(status.age(world.now));
            Said::ok(&format_args!("{}; status written {wrote}", status.role.name))
        }
        Some(status) => {
            let wrote = ago_by(status.age(world.now));
            Said::fail(
                &format_args!("the monitor is running, but its last status was written {wrote}"),
                remedy::RESTART_MONITOR,
            )
        }
        None => {
            let path = world.paths.status();
            Said::fail(
                &format_args!("the monitor is running, but there is no status in {}", path.display()),
                remedy::RESTART_MONITOR,
            )
        }
    }
}

/// Checks that it starts at boot.
pub(super) fn enabled(world: &World) -> Said {
    match world.known(UNIT) {
        Ok(unit) if !unit.is_loaded() => Said::skipped(&"the monitor's unit is not loaded"),
        Ok(unit) if unit.is_enabled() => Said::ok(&"the monitor starts at boot"),
        Ok(_) => Said::fail(&"not enabled: the monitor does not start at boot", remedy::ENABLE_MONITOR),
        Err(why) => Said::skipped(&why),
    }
}

/// Checks that systemd's watchdog restarts it if it hangs.
pub(super) fn watchdog(world: &World) -> Said {
    let unit = match world.known(UNIT) {
        Ok(unit) if unit.is_loaded() => unit,
        _ => return Said::skipped(&"the monitor's unit is not loaded"),
    };
    let patience = unit.value("WatchdogUSec");
    if unit.value("Type").starts_with("notify") && !matches!(patience, "" | "0" | "infinity") {
        return Said::ok(&format_args!("systemd restarts the monitor if it hangs for {patience}"));
    }
    Said::fail(&"no watchdog: systemd would not restart the monitor if it hung", remedy::INSTALL_UNITS)
}

/// Checks that the running version is the installed one.
pub(super) fn version(world: &World) -> Said {
    let own = env!("CARGO_PKG_VERSION");
    match world.status().filter(|status| status.is_fresh(world.now)) {
        Some(status) if status.version == own => Said::ok(&own),
        Some(status) => {
            let said = format!("version {} is running, but {own} is installed", status.version);
            Said::warn(&said, remedy::RESTART_MONITOR)
        }
        None => Said::skipped(&"the monitor is not running"),
    }
}

/// Checks that no operator's hold prevents a failover.
pub(super) fn hold(world: &World) -> Said {
    let Some(status) = world.status() else { return Said::skipped(&"no status from the monitor") };
    let Some(hold) = &status.hold else { return Said::ok(&"no hold") };
    let left = hold.until.map_or("until `resume`".to_owned(), |until| {
        let left = until.since(status.updated_at).saturating_sub(status.age(world.now));
        format!("for another {}", span(left))
    });
    match hold.kind {
        HoldKind::Promoted => Said::warn(&format_args!("held promoted {left}"), remedy::RESUME),
        HoldKind::Standby => {
            Said::fail(&format_args!("held in standby {left}: automatic failover is off"), remedy::RESUME)
        }
        HoldKind::Paused => Said::fail(&format_args!("paused {left}: automatic failover is off"), remedy::RESUME),
    }
}

/// Checks that the replaced shell monitor is off.
pub(super) fn old(world: &World) -> Said {
    let Ok(unit) = world.known(OLD) else { return Said::skipped(&"systemd does not answer") };
    let is_ours = unit.value("FragmentPath").ends_with(UNIT);
    let runs = unit.is_enabled() || unit.is_up();
    match unit.is_loaded() && !is_ours && runs {
        true => Said::fail(&format_args!("{OLD} would start and stop the gateway too"), remedy::OLD_MONITOR),
        false => Said::ok(&"no other monitor is running"),
    }
}
