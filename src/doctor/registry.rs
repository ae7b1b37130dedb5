//! Registry of all checks, and how one half of them runs.

use crate::doctor::context::{HostContext, Identity};
use crate::doctor::{
    channels, gateway, hardening, host, monitor, network, openclaw, polkit, sync_units, workspace_checks,
};
use crate::finding::{CheckOutcome, CheckResult, Level, ReportedCheck, remedy};
use crate::text::json::Value;
use crate::workspace::unit::PULL_SERVICE;

/// User that a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privilege {
    /// Any user.
    AnyUser,
    /// root only.
    Root,
    /// The workspace's owner only.
    Owner,
    /// The workspace's owner, in the sandbox of a sync unit.
    Sandbox,
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

/// Check of one host.
pub(super) struct Check {
    pub(super) id: &'static str,
    pub(super) privilege: Privilege,
    cost: Cost,
    pub(super) run: fn(&HostContext) -> CheckResult,
}

const fn new_check(id: &'static str, privilege: Privilege, cost: Cost, run: fn(&HostContext) -> CheckResult) -> Check {
    Check { id, privilege, cost, run }
}

impl Check {
    fn half(&self) -> CheckHalf {
        match self.privilege {
            Privilege::AnyUser | Privilege::Root => CheckHalf::Host,
            Privilege::Owner | Privilege::Sandbox => CheckHalf::Owner,
        }
    }

    /// Runs the check, or says who could.
    fn run_permitted(&self, context: &HostContext) -> CheckResult {
        match (context.identity, self.privilege) {
            (Identity::Owner, Privilege::AnyUser | Privilege::Root) => CheckResult::skipped(&"run as root to check it"),
            (Identity::Other, Privilege::Root) => CheckResult::skipped(&"only root can check it"),
            (Identity::Root | Identity::Other, Privilege::Owner | Privilege::Sandbox) => {
                CheckResult::skipped(&"only the workspace's owner can check it")
            }
            (_, Privilege::Sandbox) if !context.is_sandboxed => CheckResult::skipped(&format_args!(
                "{} runs in the sandbox of {PULL_SERVICE}, which only root can start",
                self.id
            )),
            _ => (self.run)(context),
        }
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
    new_check("unpushed", Privilege::AnyUser, Cost::ReportedElsewhere, sync_units::check_unpushed),
    new_check("memory", Privilege::AnyUser, Cost::Cheap, host::check_memory),
    new_check("disk", Privilege::AnyUser, Cost::Cheap, host::check_disk),
    new_check("firewall", Privilege::Root, Cost::Cheap, hardening::check_firewall),
    new_check("fail2ban", Privilege::Root, Cost::Cheap, hardening::check_fail2ban),
    new_check("upgrades", Privilege::AnyUser, Cost::ReportedElsewhere, hardening::check_upgrades),
    new_check("gateway-program", Privilege::Owner, Cost::Cheap, openclaw::check_installed),
    new_check("node", Privilege::Owner, Cost::Expensive, openclaw::check_node),
    new_check("openclaw", Privilege::Owner, Cost::Expensive, openclaw::check_starts),
    new_check("openclaw-config", Privilege::Owner, Cost::Expensive, openclaw::check_config),
    new_check("openclaw-settings", Privilege::Owner, Cost::Cheap, channels::check_settings),
    new_check("channels", Privilege::Owner, Cost::Cheap, channels::check_channels),
    new_check("crons", Privilege::Owner, Cost::Cheap, channels::check_crons),
    new_check("user-gateway", Privilege::Owner, Cost::Cheap, workspace_checks::check_user_units),
    new_check("workspace", Privilege::Owner, Cost::ReportedElsewhere, workspace_checks::check_workspace),
    new_check("workspace-disk", Privilege::Owner, Cost::Cheap, workspace_checks::check_disk),
    new_check("git-fetch", Privilege::Sandbox, Cost::Expensive, workspace_checks::check_fetch),
    new_check("secrets", Privilege::Sandbox, Cost::Expensive, workspace_checks::check_secrets),
];

/// Ids of the comparisons with the primary.
pub(super) const COMPARISONS: [&str; 3] = ["same-account", "same-token", "versions"];

/// Returns the checks of one half, in the order in which they are printed.
pub(super) fn checks_of(half: CheckHalf) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().filter(move |check| check.half() == half)
}

/// Runs the checks of one half, one after the other.
pub(super) fn run_checks(context: &HostContext, depth: Depth, half: CheckHalf) -> Vec<CheckOutcome> {
    context.clear_unit_cache();
    let is_wanted = |check: &&Check| depth == Depth::Full || check.cost == Cost::Cheap;
    let run = |check: &Check| CheckOutcome { id: check.id, result: check.run_permitted(context) };
    checks_of(half).filter(is_wanted).map(run).collect()
}

/// Parses a list of checks from an untrusted process.
pub(super) fn parse_outcomes(list: &Value, half: CheckHalf) -> Vec<CheckOutcome> {
    validate_reported(&ReportedCheck::parse_list(list), half)
}

/// Validates untrusted results; the first valid entry per check of that half wins.
pub(crate) fn validate_reported(reported: &[ReportedCheck], half: CheckHalf) -> Vec<CheckOutcome> {
    let find = |id: &'static str| {
        let ReportedCheck { level, evidence, fix, .. } = reported.iter().find(|check| check.id == id)?;
        Some(CheckOutcome {
            id,
            result: CheckResult::new(Level::from_name(level)?, evidence, remedy::find_remedy(fix)),
        })
    };
    checks_of(half).filter_map(|check| find(check.id)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{CHECKS, COMPARISONS};

    #[test]
    fn each_id_is_given_once() {
        for (index, check) in CHECKS.iter().enumerate() {
            assert!(CHECKS.iter().skip(index + 1).all(|other| other.id != check.id), "{}", check.id);
        }
    }

    #[test]
    fn the_readme_names_the_checks_that_exist() {
        let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
        let examples = readme.split("$ openclaw-failover doctor\n").skip(1).filter_map(|part| part.split("```").next());
        let lines: Vec<&str> = examples.flat_map(str::lines).collect();
        let is_level = |word: &str| ["ok", "warn", "fail", "skipped"].contains(&word);
        let known = |id: &str| CHECKS.iter().any(|check| check.id == id) || COMPARISONS.contains(&id);
        let ids: Vec<&str> = lines
            .iter()
            .filter_map(|line| {
                Some(line.split_once(' ')?).filter(|(level, _)| is_level(level))?.1.split_whitespace().next()
            })
            .collect();
        assert!(ids.len() > 10 && ids.iter().all(|id| known(id)), "{ids:?}");
        // The answer of the owner's child is one more line.
        let count = CHECKS.len() + COMPARISONS.len() + 1;
        for totals in lines.iter().filter(|line| line.ends_with(" skipped")) {
            let numbers = totals.split(' ').filter_map(|word| word.parse::<usize>().ok());
            assert_eq!(numbers.sum::<usize>(), count, "{totals}");
        }
    }
}
