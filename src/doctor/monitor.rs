//! Checks of the monitor: it runs, systemd would restart it if it hung, and no hold stops it.

use crate::doctor::context::HostContext;
use crate::failover::HoldKind;
use crate::finding::{CheckResult, remedy};
use crate::text::utc::{format_age, format_span};

/// Unit of the monitor.
pub(super) const MONITOR_UNIT: &str = "openclaw-failover.service";

/// Unit of the replaced shell monitor, and an alias of the monitor's unit.
const SHELL_MONITOR_UNIT: &str = "openclaw-health-monitor.service";

/// Checks that it runs and that its status is fresh.
pub(super) fn check_running(context: &HostContext) -> CheckResult {
    let unit = match context.cached_unit(MONITOR_UNIT) {
        Ok(unit) => unit,
        Err(why) => return CheckResult::fail(&why, remedy::DBUS),
    };
    if unit.value("LoadState") != "loaded" {
        return CheckResult::fail(
            &format_args!("{MONITOR_UNIT} is {}", unit.value("LoadState")),
            remedy::INSTALL_UNITS,
        );
    }
    if unit.value("ActiveState") != "active" {
        return CheckResult::fail(
            &format_args!("{MONITOR_UNIT} is {}", unit.value("ActiveState")),
            remedy::START_MONITOR,
        );
    }
    match context.read_status() {
        Some(status) if status.is_fresh(context.now) => {
            let wrote = format_age(status.age(context.now));
            CheckResult::ok(&format_args!("{}; status written {wrote}", status.role.kind))
        }
        Some(status) => {
            let wrote = format_age(status.age(context.now));
            CheckResult::fail(
                &format_args!("the monitor is running, but its last status was written {wrote}"),
                remedy::RESTART_MONITOR,
            )
        }
        None => {
            let path = context.paths.status_file();
            CheckResult::fail(
                &format_args!("the monitor is running, but there is no status in {}", path.display()),
                remedy::RESTART_MONITOR,
            )
        }
    }
}

/// Checks that it starts at boot.
pub(super) fn check_enabled(context: &HostContext) -> CheckResult {
    match context.cached_unit(MONITOR_UNIT) {
        Ok(unit) if !unit.is_loaded() => CheckResult::skipped(&"the monitor's unit is not loaded"),
        Ok(unit) if unit.is_enabled() => CheckResult::ok(&"the monitor starts at boot"),
        Ok(_) => CheckResult::fail(&"not enabled: the monitor does not start at boot", remedy::ENABLE_MONITOR),
        Err(why) => CheckResult::skipped(&why),
    }
}

/// Checks that systemd's watchdog restarts it if it hangs.
pub(super) fn check_watchdog(context: &HostContext) -> CheckResult {
    let unit = match context.cached_unit(MONITOR_UNIT) {
        Ok(unit) if unit.is_loaded() => unit,
        _ => return CheckResult::skipped(&"the monitor's unit is not loaded"),
    };
    let timeout = unit.value("WatchdogUSec");
    if unit.value("Type").starts_with("notify") && !matches!(timeout, "" | "0" | "infinity") {
        return CheckResult::ok(&format_args!("systemd restarts the monitor if it hangs for {timeout}"));
    }
    CheckResult::fail(&"no watchdog: systemd would not restart the monitor if it hung", remedy::INSTALL_UNITS)
}

/// Checks that the running version is the installed one.
pub(super) fn check_version(context: &HostContext) -> CheckResult {
    let own = env!("CARGO_PKG_VERSION");
    match context.read_status().filter(|status| status.is_fresh(context.now)) {
        Some(status) if status.version == own => CheckResult::ok(&own),
        Some(status) => {
            let result = format!("version {} is running, but {own} is installed", status.version);
            CheckResult::warn(&result, remedy::RESTART_MONITOR)
        }
        None => CheckResult::skipped(&"the monitor is not running"),
    }
}

/// Checks that no operator's hold prevents a failover.
pub(super) fn check_hold(context: &HostContext) -> CheckResult {
    let Some(status) = context.read_status() else { return CheckResult::skipped(&"no status from the monitor") };
    let Some(hold) = &status.hold else { return CheckResult::ok(&"no hold") };
    let left = hold.until.map_or("until `resume`".to_owned(), |until| {
        let left = until.since(status.updated_at).saturating_sub(status.age(context.now));
        format!("for another {}", format_span(left))
    });
    match hold.kind {
        HoldKind::Promoted => CheckResult::warn(&format_args!("held promoted {left}"), remedy::RESUME),
        HoldKind::Standby => {
            CheckResult::fail(&format_args!("held in standby {left}: automatic failover is off"), remedy::RESUME)
        }
        HoldKind::Paused => {
            CheckResult::fail(&format_args!("paused {left}: automatic failover is off"), remedy::RESUME)
        }
    }
}

/// Checks that the replaced shell monitor is off.
pub(super) fn check_shell_monitor(context: &HostContext) -> CheckResult {
    let Ok(unit) = context.cached_unit(SHELL_MONITOR_UNIT) else {
        return CheckResult::skipped(&"systemd does not answer");
    };
    let is_ours = unit.value("FragmentPath").ends_with(MONITOR_UNIT);
    let runs = unit.is_enabled() || unit.is_up();
    match unit.is_loaded() && !is_ours && runs {
        true => CheckResult::fail(
            &format_args!("{SHELL_MONITOR_UNIT} would start and stop the gateway too"),
            remedy::OLD_MONITOR,
        ),
        false => CheckResult::ok(&"no other monitor is running"),
    }
}
