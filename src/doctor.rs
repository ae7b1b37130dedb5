//! `doctor`: checks that this standby could take over right now, each with a remedy.
//!
//! Each check inspects one thing and returns one line: a level, the evidence, and a command that fixes it. Checks
//! change nothing. `SANDBOX_CHECKS` lists them in the order in which they are printed.
//!
//! The checks come in two halves. The host's half runs as root, or as any user with what that user can see. The owner's
//! half reads what belongs to the agent, so it runs as the agent's user only; root starts a child that runs as that
//! user (`owner`). A check that cannot run is `skipped`, never `ok`.
//!
//! Cheap checks also run unattended: the host's half in a child of the monitor (`subprocess`), the owner's half in each
//! pull (`background`). A failure there becomes a condition of the monitor.
//!
//! - `gateway`, `monitor`, `network`, `host`, `polkit`, `sync_units`, `hardening`: the host's half.
//! - `workspace_checks`, `openclaw`, `channels`: the owner's half.
//! - `channel_overlap`: comparison of both hosts' channels, if the primary's configuration is given.
//! - `untrusted_file`: the rules for files that the agent can change.
//! - `sandbox`: the checks that only the sandbox of a sync unit can answer.

mod background;
mod channel_overlap;
mod channels;
mod context;
mod environment;
mod gateway;
mod hardening;
mod host;
mod monitor;
mod network;
mod openclaw;
mod owner;
mod polkit;
mod sandbox;
pub mod subprocess;
mod sync_units;
mod systemd;
mod untrusted_file;
mod workspace_checks;

pub use crate::doctor::background::BackgroundChecks;
use crate::doctor::channel_overlap::StandbyAccounts;
pub use crate::doctor::context::{DEFAULT_USER, HostContext, Identity};
pub(crate) use crate::doctor::hardening::FIREWALL_UNITS;
pub(crate) use crate::doctor::owner::validate_reported;
pub(crate) use crate::doctor::systemd::UnitProperties;
pub use crate::doctor::untrusted_file::refuse_agents_file;
pub(crate) use crate::doctor::untrusted_file::{belongs_to, read_text_file, refuse_owned_file};
pub use crate::finding::{CheckOutcome, Finding, Level};
use crate::finding::{CheckResult, ReportedCheck, remedy};
use crate::text::json;

/// User that a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Privilege {
    /// Any user.
    AnyUser,
    /// root only.
    Root,
    /// The workspace's owner only.
    Owner,
}

/// Cost of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cost {
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

struct Check {
    id: &'static str,
    privilege: Privilege,
    cost: Cost,
    run: fn(&HostContext) -> CheckResult,
}

const fn new_check(id: &'static str, who: Privilege, cost: Cost, look: fn(&HostContext) -> CheckResult) -> Check {
    Check { id, privilege: who, cost, run: look }
}

impl Check {
    fn belongs_to(&self, half: CheckHalf) -> bool {
        (self.privilege == Privilege::Owner) == (half == CheckHalf::Owner)
    }
}

/// All checks of one host.
static CHECKS: [Check; 41] = [
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

/// Runs all checks that this process can run.
#[must_use]
pub fn run_all_checks(world: &HostContext) -> Vec<Finding> {
    let mut found = run_host_half(world, Depth::Full);
    let mut standby = None;
    match world.identity {
        Identity::Root => {
            let wants_accounts = world.primary_config.is_some();
            match owner::run_owner_half(world, wants_accounts) {
                Ok(mut answer) => {
                    sandbox::replace_outcomes(world, &mut answer.outcomes);
                    found.push(world.new_finding("owner", CheckResult::ok(&"the checks of the owner's half ran")));
                    found.extend(answer.outcomes.iter().map(|checked| world.to_finding(checked)));
                    standby = answer.standby;
                }
                Err((why, fix)) => {
                    found.push(world.new_finding("owner", CheckResult::fail(&why, fix)));
                    found.extend(
                        checks_needing(Privilege::Owner)
                            .map(|check| world.new_finding(check.id, CheckResult::skipped(&"see owner"))),
                    );
                }
            }
        }
        Identity::Owner => {
            let said = run_checks(world, Depth::Full, CheckHalf::Owner);
            if world.primary_config.is_some() {
                standby = Some(describe_standby(world, &said));
            }
            found.extend(said.iter().map(|checked| world.to_finding(checked)));
        }
        Identity::Other => {
            let unseen = CheckResult::skipped(&"only root and the workspace's owner can check it");
            found.extend(checks_needing(Privilege::Owner).map(|check| world.new_finding(check.id, unseen.clone())));
        }
    }
    found.extend(compare_hosts(world, standby));
    found
}

/// Runs the host's half, as far as this process can see it.
#[must_use]
pub fn run_host_half(world: &HostContext, depth: Depth) -> Vec<Finding> {
    run_checks(world, depth, CheckHalf::Host).iter().map(|checked| world.to_finding(checked)).collect()
}

/// Runs one check of the host's half by its id, for a setup step.
#[must_use]
pub(crate) fn run_host_check(world: &HostContext, id: &str) -> Finding {
    world.clear_unit_cache();
    let check = CHECKS.iter().find(|check| check.id == id && check.privilege != Privilege::Owner);
    check.map_or_else(
        || world.new_finding("unknown", CheckResult::skipped(&id)),
        |check| world.new_finding(check.id, (check.run)(world)),
    )
}

/// Runs the owner's half; other users see none of it.
#[must_use]
pub fn run_owner_half(world: &HostContext, depth: Depth) -> Vec<Finding> {
    run_checks(world, depth, CheckHalf::Owner).iter().map(|checked| world.to_finding(checked)).collect()
}

/// Returns the owner's half for root to read, as one JSON object. `with_accounts` adds the channels and their tokens.
#[must_use]
pub fn owner_half_to_json(world: &HostContext, with_accounts: bool) -> String {
    let said = run_checks(world, Depth::Full, CheckHalf::Owner);
    let standby = with_accounts.then(|| describe_standby(world, &said));
    owner::to_json(&said, standby.as_ref()).to_string()
}

/// Returns the checks of a sync unit's sandbox for root to read. This process must run in one; it ends when root does.
#[must_use]
pub fn sandbox_checks_to_json(world: &mut HostContext) -> String {
    sandbox::end_with_root();
    world.is_sandboxed = true;
    let is_inside = |check: &&Check| sandbox::SANDBOX_CHECKS.contains(&check.id);
    let found: Vec<CheckOutcome> = CHECKS
        .iter()
        .filter(is_inside)
        .map(|check| CheckOutcome { id: check.id, result: (check.run)(world) })
        .collect();
    ReportedCheck::list_to_json(&found).to_string()
}

/// True if no check has failed.
#[must_use]
pub fn all_passed(found: &[Finding]) -> bool {
    found.iter().all(|finding| finding.level != Level::Fail)
}

fn checks_needing(who: Privilege) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().filter(move |check| check.privilege == who)
}

/// Runs the checks of one half, one after the other.
fn run_checks(world: &HostContext, depth: Depth, half: CheckHalf) -> Vec<CheckOutcome> {
    world.clear_unit_cache();
    let mut found = Vec::new();
    for check in CHECKS.iter().filter(|check| check.belongs_to(half)) {
        if depth == Depth::Cheap && check.cost != Cost::Cheap {
            continue;
        }
        let said = match (world.identity, check.privilege) {
            (Identity::Owner, Privilege::AnyUser | Privilege::Root) => CheckResult::skipped(&"run as root to check it"),
            (Identity::Other, Privilege::Root) => CheckResult::skipped(&"only root can check it"),
            (Identity::Root | Identity::Other, Privilege::Owner) => {
                CheckResult::skipped(&"only the workspace's owner can check it")
            }
            _ if sandbox::SANDBOX_CHECKS.contains(&check.id) && !world.is_sandboxed => {
                sandbox::skip_outside_sandbox(check.id)
            }
            _ => (check.run)(world),
        };
        found.push(CheckOutcome { id: check.id, result: said });
    }
    found
}

/// Describes a syntax error in a configuration of OpenClaw. Its text is not quoted: it may be a token.
fn describe_syntax_error(why: &json::JsonError) -> String {
    format!("invalid JSON5 at line {}", why.position.line)
}

fn describe_standby(world: &HostContext, said: &[CheckOutcome]) -> StandbyAccounts {
    let program = said.iter().find(|checked| checked.id == "openclaw" && checked.result.level == Level::Ok);
    let version = program.and_then(|checked| openclaw::parse_version(&checked.result.evidence));
    let accounts =
        channels::read_own_config(world).map(|config| channels::enabled_accounts(&config)).unwrap_or_default();
    StandbyAccounts { version, accounts }
}

/// Compares the accounts and versions of both hosts.
fn compare_hosts(world: &HostContext, standby: Option<StandbyAccounts>) -> Vec<Finding> {
    const IDS: [&str; 3] = ["same-account", "same-token", "versions"];
    let none = |said: CheckResult| IDS.map(|id| world.new_finding(id, said.clone())).into();
    let Some(primary) = &world.primary_config else {
        return none(CheckResult::skipped(&"give --primary-config FILE to compare both hosts' channels"));
    };
    let primary = match json::parse_json5(primary) {
        Ok(primary) => primary,
        Err(why) => {
            return none(CheckResult::fail(
                &format_args!("the primary's configuration: {}", describe_syntax_error(&why)),
                remedy::NONE,
            ));
        }
    };
    let Some(mut standby) = standby else { return none(CheckResult::skipped(&"this host's channels are unknown")) };
    if world.identity == Identity::Root {
        let values = environment::read_gateway_environment(world);
        let value = |name: &str| values.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.clone());
        channel_overlap::resolve_variables(&mut standby.accounts, value);
    }
    let there = channels::enabled_accounts(&primary);
    let said = [
        channel_overlap::check_accounts(&standby.accounts, &there),
        channel_overlap::check_tokens(&standby.accounts, &there),
        channel_overlap::check_versions(standby.version.as_deref(), &primary),
    ];
    IDS.into_iter().zip(said).map(|(id, said)| world.new_finding(id, said)).collect()
}

impl HostContext {
    fn new_finding(&self, id: &'static str, said: CheckResult) -> Finding {
        self.to_finding(&CheckOutcome { id, result: said })
    }
}
