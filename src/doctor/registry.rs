//! Registry of all checks, and how one half of them runs.

use crate::doctor::context::{HostContext, Identity};
use crate::doctor::{
    channels, gateway, hardening, host, monitor, network, openclaw, polkit, sync_units, workspace_checks,
};
use crate::finding::{CheckOutcome, CheckResult, Level, ReportedCheck, remedy};
use crate::text::json::Value;
use crate::workspace::unit::PULL_SERVICE;

/// Ids of the checks that only the sandbox of a sync unit can answer.
pub(super) const SANDBOX_CHECKS: [&str; 2] = ["git-fetch", "secrets"];

/// User that a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privilege {
    /// Any user.
    AnyUser,
    /// root only.
    Root,
    /// The workspace's owner only.
    Owner,
}

/// Cost of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// Milliseconds. It runs unattended: the owner's half in each pull, the host's half in the monitor's child.
    Cheap,
    /// Milliseconds, but unattended runs leave it out: the monitor or the pull reports it already, or it never fails.
    ReportedElsewhere,
    /// Network access, or seconds of Node.
    Expensive,
}

/// Selection of checks by their cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Cheap checks that nothing else reports.
    Cheap,
    /// All checks.
    Full,
}

/// Half of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckHalf {
    /// Checks that any user or root can make.
    Host,
    /// Checks of what belongs to the agent.
    Owner,
}

pub(super) struct Check {
    pub(super) id: &'static str,
    pub(super) privilege: Privilege,
    pub(super) cost: Cost,
    pub(super) run: fn(&HostContext) -> CheckResult,
}

pub(super) const fn new_check(
    id: &'static str,
    privilege: Privilege,
    cost: Cost,
    run: fn(&HostContext) -> CheckResult,
) -> Check {
    Check { id, privilege, cost, run }
}

impl Check {
    pub(super) fn belongs_to(&self, half: CheckHalf) -> bool {
        (self.privilege == Privilege::Owner) == (half == CheckHalf::Owner)
    }
}

/// All checks of one host.
pub(super) static CHECKS: [Check; 41] = [
    new_check("config", Privilege::AnyUser, Cost::Cheap, host::check_config),
    new_check("credentials", Privilege::Root, Cost::Cheap, host::check_credentials),
    new_check("programs", Privilege::AnyUser, Cost::Cheap, host::check_programs),
    new_check("dbus", Privilege::AnyUser, Cost::ReportedElsewhere, host::check_dbus),
    new_check("monitor", Privilege::AnyUser, Cost::ReportedElsewhere, monitor::check_running),
    new_check("monitor-enabled", Privilege::AnyUser, Cost::Cheap, monitor::check_enabled),
    new_check("monitor-version", Privilege::AnyUser, Cost::ReportedElsewhere, monitor::check_version),
    new_check("watchdog", Privilege::AnyUser, Cost::Cheap, monitor::check_watchdog),
    new_check("hold", Privilege::AnyUser, Cost::ReportedElsewhere, monitor::check_hold),
    new_check("old-monitor", Privilege::AnyUser, Cost::Cheap, monitor::check_shell_monitor),
    new_check("polkit", Privilege::Root, Cost::Cheap, polkit::check_permissions),
    new_check("upstream", Privilege::AnyUser, Cost::Expensive, network::check_upstreams),
    new_check("armed", Privilege::AnyUser, Cost::ReportedElsewhere, network::check_armed),
    new_check("tailscale", Privilege::AnyUser, Cost::Cheap, network::check_tailscale),
    new_check("dns", Privilege::AnyUser, Cost::Cheap, network::check_dns),
    new_check("clock", Privilege::AnyUser, Cost::Cheap, network::check_clock),
    new_check("gateway-unit", Privilege::AnyUser, Cost::Cheap, gateway::check_unit),
    new_check("gateway-disabled", Privilege::AnyUser, Cost::Cheap, gateway::check_disabled),
    new_check("gateway-user", Privilege::AnyUser, Cost::Cheap, gateway::check_user),
    new_check("gateway-port", Privilege::AnyUser, Cost::ReportedElsewhere, gateway::check_port),
    new_check("other-gateway", Privilege::AnyUser, Cost::Cheap, gateway::check_other_gateways),
    new_check("sync-units", Privilege::AnyUser, Cost::Cheap, sync_units::check_units),
    new_check("pull", Privilege::AnyUser, Cost::ReportedElsewhere, sync_units::check_pull),
    new_check("unreturned", Privilege::AnyUser, Cost::ReportedElsewhere, sync_units::check_unpushed),
    new_check("memory", Privilege::AnyUser, Cost::Cheap, host::check_memory),
    new_check("disk", Privilege::AnyUser, Cost::Cheap, host::check_disk),
    new_check("firewall", Privilege::Root, Cost::Cheap, hardening::check_firewall),
    new_check("fail2ban", Privilege::Root, Cost::Cheap, hardening::check_fail2ban),
    new_check("upgrades", Privilege::AnyUser, Cost::ReportedElsewhere, hardening::check_upgrades),
    new_check("gateway-program", Privilege::Owner, Cost::Cheap, openclaw::check_installed),
    new_check("node", Privilege::Owner, Cost::Expensive, openclaw::check_node),
    new_check("openclaw", Privilege::Owner, Cost::Expensive, openclaw::check_starts),
    new_check("openclaw-config", Privilege::Owner, Cost::Expensive, openclaw::check_config),
    new_check("openclaw-places", Privilege::Owner, Cost::Cheap, channels::check_places),
    new_check("channels", Privilege::Owner, Cost::Cheap, channels::check_channels),
    new_check("crons", Privilege::Owner, Cost::Cheap, channels::check_crons),
    new_check("user-gateway", Privilege::Owner, Cost::Cheap, workspace_checks::check_user_units),
    new_check("workspace", Privilege::Owner, Cost::ReportedElsewhere, workspace_checks::check_workspace),
    new_check("workspace-disk", Privilege::Owner, Cost::Cheap, workspace_checks::check_disk),
    new_check("git-fetch", Privilege::Owner, Cost::Expensive, workspace_checks::check_fetch),
    new_check("secrets", Privilege::Owner, Cost::Expensive, workspace_checks::check_secrets),
];

/// Returns the checks that need this user.
pub(super) fn checks_needing(privilege: Privilege) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().filter(move |check| check.privilege == privilege)
}

/// Runs the checks of one half, one after the other.
pub(super) fn run_checks(context: &HostContext, depth: Depth, half: CheckHalf) -> Vec<CheckOutcome> {
    context.clear_unit_cache();
    let mut found = Vec::new();
    for check in CHECKS.iter().filter(|check| check.belongs_to(half)) {
        if depth == Depth::Cheap && check.cost != Cost::Cheap {
            continue;
        }
        let result = match (context.identity, check.privilege) {
            (Identity::Owner, Privilege::AnyUser | Privilege::Root) => CheckResult::skipped(&"run as root to check it"),
            (Identity::Other, Privilege::Root) => CheckResult::skipped(&"only root can check it"),
            (Identity::Root | Identity::Other, Privilege::Owner) => {
                CheckResult::skipped(&"only the workspace's owner can check it")
            }
            _ if SANDBOX_CHECKS.contains(&check.id) && !context.is_sandboxed => skip_outside_sandbox(check.id),
            _ => (check.run)(context),
        };
        found.push(CheckOutcome { id: check.id, result });
    }
    found
}

/// Skips a check that no process has made in the sandbox.
fn skip_outside_sandbox(check: &str) -> CheckResult {
    CheckResult::skipped(&format_args!("{check} runs in the sandbox of {PULL_SERVICE}, which only root can start"))
}

/// Parses a list of checks from an untrusted process.
pub(super) fn parse_outcomes(list: &Value, half: CheckHalf) -> Vec<CheckOutcome> {
    validate_reported(&ReportedCheck::parse_list(list), half)
}

/// Validates untrusted results; the first valid entry per check of that half wins.
pub(crate) fn validate_reported(reported: &[ReportedCheck], half: CheckHalf) -> Vec<CheckOutcome> {
    let find = |id: &'static str| {
        let ReportedCheck { level, evidence, fix, .. } = reported.iter().find(|check| check.id == id)?;
        Some(CheckOutcome { id, result: CheckResult::new(Level::parse(level)?, evidence, remedy::find_remedy(fix)) })
    };
    CHECKS.iter().filter(|check| check.belongs_to(half)).filter_map(|check| find(check.id)).collect()
}
