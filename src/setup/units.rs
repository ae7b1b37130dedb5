//! Unit files, the polkit rule and the sysusers entry that a setup installs. They exist once, in `units`; the Nix
//! package installs the same ones.

/// Unit of the monitor.
pub(super) const MONITOR_UNIT: &str = "openclaw-failover.service";

/// Unit of the gateway.
pub(super) const GATEWAY_UNIT_NAME: &str = "openclaw.service";

/// Timer of regular drills, disabled by default.
pub(super) const DRILL_TIMER: &str = "openclaw-failover-drill.timer";

/// Unit of the shell monitor, and now an alias of the monitor's unit.
pub(super) const SHELL_MONITOR_UNIT: &str = "openclaw-health-monitor.service";

/// Drop-in that names OpenClaw's path to the gateway's unit.
pub(super) const OPENCLAW_DROP_IN: &str = "/etc/systemd/system/openclaw.service.d/openclaw.conf";

/// Drop-in that carries over the environment of the replaced unit.
pub(super) const ENVIRONMENT_DROP_IN: &str = "/etc/systemd/system/openclaw.service.d/10-from-replaced.conf";

/// Drop-in that makes a host push to the primary's branch, which every standby pulls.
pub(super) const PRIMARY_DROP_IN: &str = "/etc/systemd/system/openclaw-sync-push.service.d/primary.conf";

/// Drop-in that names this host's user and paths to the push unit.
pub(super) const USER_DROP_IN: &str = "/etc/systemd/system/openclaw-sync-push.service.d/user.conf";

/// A shipped file.
pub(super) struct ShippedFile {
    pub(super) path: &'static str,
    pub(super) text: &'static str,
}

macro_rules! shipped {
    ($folder:literal, $name:literal) => {
        ShippedFile { path: concat!($folder, "/", $name), text: include_str!(concat!("units/", $name)) }
    };
}

/// Unit file of the gateway.
pub(super) const GATEWAY_UNIT: ShippedFile = shipped!("/etc/systemd/system", "openclaw.service");
const PUSH_UNIT: ShippedFile = shipped!("/etc/systemd/system", "openclaw-sync-push.service");

/// Files of a standby.
pub(super) static STANDBY_FILES: [ShippedFile; 9] = [
    GATEWAY_UNIT,
    shipped!("/etc/systemd/system", "openclaw-failover.service"),
    shipped!("/etc/systemd/system", "openclaw-failover-check.service"),
    shipped!("/etc/systemd/system", "openclaw-failover-drill.service"),
    shipped!("/etc/systemd/system", "openclaw-failover-drill.timer"),
    shipped!("/etc/systemd/system", "openclaw-sync-pull.service"),
    PUSH_UNIT,
    shipped!("/etc/polkit-1/rules.d", "50-openclaw-failover.rules"),
    shipped!("/etc/sysusers.d", "openclaw-failover.conf"),
];

/// Files of a primary.
pub(super) static PRIMARY_FILES: [ShippedFile; 3] = [
    PUSH_UNIT,
    shipped!("/etc/systemd/system", "openclaw-sync-push.timer"),
    ShippedFile { path: PRIMARY_DROP_IN, text: include_str!("units/openclaw-sync-push-primary.conf") },
];

/// Returns every file that a setup installs, as its path and its text.
pub fn shipped_files() -> impl Iterator<Item = (&'static str, &'static str)> {
    STANDBY_FILES.iter().chain(&PRIMARY_FILES).map(|file| (file.path, file.text))
}
