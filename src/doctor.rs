//! `doctor`: checks that this standby could take over right now, each with a remedy.
//!
//! Each check inspects one thing and returns one line: a level, the evidence, and a command that fixes it. Checks
//! change nothing. `CHECKS` lists them in the order in which they are printed.
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

pub use crate::doctor::background::Beside;
use crate::doctor::channel_overlap::Standby;
pub use crate::doctor::context::{DEFAULT_USER, Identity, World};
pub(crate) use crate::doctor::hardening::MANAGERS;
pub(crate) use crate::doctor::owner::validate_reported;
pub(crate) use crate::doctor::systemd::Unit;
pub use crate::doctor::untrusted_file::refuse_agents;
pub(crate) use crate::doctor::untrusted_file::{is_of, read, refuse};
pub use crate::finding::{Checked, Finding, Level};
use crate::finding::{ReportedCheck, Said, remedy};
use crate::text::json;

/// User that a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Any user.
    Anybody,
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
    Told,
    /// Network access, or seconds of Node.
    Dear,
}

/// Selection of checks by their cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Cheap checks that nothing else reports.
    Cheap,
    /// All checks.
    Whole,
}

/// Half of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// Checks that any user or root can make.
    Hosts,
    /// Checks of what belongs to the agent.
    Owners,
}

struct Check {
    id: &'static str,
    who: Who,
    cost: Cost,
    look: fn(&World) -> Said,
}

const fn check(id: &'static str, who: Who, cost: Cost, look: fn(&World) -> Said) -> Check {
    Check { id, who, cost, look }
}

impl Check {
    fn is_of(&self, half: Half) -> bool {
        (self.who == Who::Owner) == (half == Half::Owners)
    }
}

/// All checks of one host.
static CHECKS: [Check; 41] = [
    check("config", Who::Anybody, Cost::Cheap, host::config),
    check("credentials", Who::Root, Cost::Cheap, host::credentials),
    check("programs", Who::Anybody, Cost::Cheap, host::programs),
    check("dbus", Who::Anybody, Cost::Told, host::dbus),
    check("monitor", Who::Anybody, Cost::Told, monitor::running),
    check("monitor-enabled", Who::Anybody, Cost::Cheap, monitor::enabled),
    check("monitor-version", Who::Anybody, Cost::Told, monitor::version),
    check("watchdog", Who::Anybody, Cost::Cheap, monitor::watchdog),
    check("hold", Who::Anybody, Cost::Told, monitor::hold),
    check("old-monitor", Who::Anybody, Cost::Cheap, monitor::old),
    check("polkit", Who::Root, Cost::Cheap, polkit::check),
    check("upstream", Who::Anybody, Cost::Dear, network::upstream),
    check("armed", Who::Anybody, Cost::Told, network::armed),
    check("tailscale", Who::Anybody, Cost::Cheap, network::tailscale),
    check("dns", Who::Anybody, Cost::Cheap, network::dns),
    check("clock", Who::Anybody, Cost::Cheap, network::clock),
    check("gateway-unit", Who::Anybody, Cost::Cheap, gateway::unit),
    check("gateway-disabled", Who::Anybody, Cost::Cheap, gateway::disabled),
    check("gateway-user", Who::Anybody, Cost::Cheap, gateway::user),
    check("gateway-port", Who::Anybody, Cost::Told, gateway::port),
    check("other-gateway", Who::Anybody, Cost::Cheap, gateway::other),
    check("sync-units", Who::Anybody, Cost::Cheap, sync_units::units),
    check("pull", Who::Anybody, Cost::Told, sync_units::pull),
    check("unreturned", Who::Anybody, Cost::Told, sync_units::unreturned),
    check("memory", Who::Anybody, Cost::Cheap, host::memory),
    check("disk", Who::Anybody, Cost::Cheap, host::disk),
    check("firewall", Who::Root, Cost::Cheap, hardening::firewall),
    check("fail2ban", Who::Root, Cost::Cheap, hardening::fail2ban),
    check("upgrades", Who::Anybody, Cost::Told, hardening::upgrades),
    check("gateway-program", Who::Owner, Cost::Cheap, openclaw::present),
    check("node", Who::Owner, Cost::Dear, openclaw::node),
    check("openclaw", Who::Owner, Cost::Dear, openclaw::program),
    check("openclaw-config", Who::Owner, Cost::Dear, openclaw::configuration),
    check("openclaw-places", Who::Owner, Cost::Cheap, channels::places),
    check("channels", Who::Owner, Cost::Cheap, channels::check),
    check("crons", Who::Owner, Cost::Cheap, channels::crons),
    check("user-gateway", Who::Owner, Cost::Cheap, workspace_checks::units),
    check("workspace", Who::Owner, Cost::Told, workspace_checks::workspace),
    check("workspace-disk", Who::Owner, Cost::Cheap, workspace_checks::disk),
    check("git-fetch", Who::Owner, Cost::Dear, workspace_checks::fetch),
    check("secrets", Who::Owner, Cost::Dear, workspace_checks::secrets),
];

/// Runs all checks that this process can run.
#[must_use]
pub fn examine(world: &World) -> Vec<Finding> {
    let mut found = host_half(world, Depth::Whole);
    let mut standby = None;
    match world.identity {
        Identity::Root => {
            let wants_accounts = world.primary.is_some();
            match owner::ask(world, wants_accounts) {
                Ok(mut answer) => {
                    sandbox::replace(world, &mut answer.found);
                    found.push(world.finding("owner", Said::ok(&"the checks of the owner's half ran")));
                    found.extend(answer.found.iter().map(|checked| world.show(checked)));
                    standby = answer.standby;
                }
                Err((why, fix)) => {
                    found.push(world.finding("owner", Said::fail(&why, fix)));
                    found.extend(of(Who::Owner).map(|check| world.finding(check.id, Said::skipped(&"see owner"))));
                }
            }
        }
        Identity::Owner => {
            let said = look(world, Depth::Whole, Half::Owners);
            if world.primary.is_some() {
                standby = Some(describe(world, &said));
            }
            found.extend(said.iter().map(|checked| world.show(checked)));
        }
        Identity::Other => {
            let unseen = Said::skipped(&"only root and the workspace's owner can check it");
            found.extend(of(Who::Owner).map(|check| world.finding(check.id, unseen.clone())));
        }
    }
    found.extend(compare(world, standby));
    found
}

/// Runs the host's half, as far as this process can see it.
#[must_use]
pub fn host_half(world: &World, depth: Depth) -> Vec<Finding> {
    look(world, depth, Half::Hosts).iter().map(|checked| world.show(checked)).collect()
}

/// Runs one check of the host's half by its id, for a setup step.
#[must_use]
pub(crate) fn look_at(world: &World, id: &str) -> Finding {
    world.begin();
    let check = CHECKS.iter().find(|check| check.id == id && check.who != Who::Owner);
    check.map_or_else(
        || world.finding("unknown", Said::skipped(&id)),
        |check| world.finding(check.id, (check.look)(world)),
    )
}

/// Runs the owner's half; other users see none of it.
#[must_use]
pub fn owner_half(world: &World, depth: Depth) -> Vec<Finding> {
    look(world, depth, Half::Owners).iter().map(|checked| world.show(checked)).collect()
}

/// Returns the owner's half for root to read, as one JSON object. `with_accounts` adds the channels and their tokens.
#[must_use]
pub fn answer(world: &World, with_accounts: bool) -> String {
    let said = look(world, Depth::Whole, Half::Owners);
    let standby = with_accounts.then(|| describe(world, &said));
    owner::to_json(&said, standby.as_ref()).to_string()
}

/// Returns the checks of a sync unit's sandbox for root to read. This process must run in one; it ends when root does.
#[must_use]
pub fn answer_from_sandbox(world: &mut World) -> String {
    sandbox::end_with_root();
    world.is_sandboxed = true;
    let is_inside = |check: &&Check| sandbox::CHECKS.contains(&check.id);
    let found: Vec<Checked> =
        CHECKS.iter().filter(is_inside).map(|check| Checked { id: check.id, said: (check.look)(world) }).collect();
    ReportedCheck::list_to_json(&found).to_string()
}

/// True if no check has failed.
#[must_use]
pub fn is_well(found: &[Finding]) -> bool {
    found.iter().all(|finding| finding.level != Level::Fail)
}

fn of(who: Who) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().filter(move |check| check.who == who)
}

/// Runs the checks of one half, one after the other.
fn look(world: &World, depth: Depth, half: Half) -> Vec<Checked> {
    world.begin();
    let mut found = Vec::new();
    for check in CHECKS.iter().filter(|check| check.is_of(half)) {
        if depth == Depth::Cheap && check.cost != Cost::Cheap {
            continue;
        }
        let said = match (world.identity, check.who) {
            (Identity::Owner, Who::Anybody | Who::Root) => Said::skipped(&"run as root to check it"),
            (Identity::Other, Who::Root) => Said::skipped(&"only root can check it"),
            (Identity::Root | Identity::Other, Who::Owner) => Said::skipped(&"only the workspace's owner can check it"),
            _ if sandbox::CHECKS.contains(&check.id) && !world.is_sandboxed => sandbox::unseen(check.id),
            _ => (check.look)(world),
        };
        found.push(Checked { id: check.id, said });
    }
    found
}

/// Describes a syntax error in a configuration of OpenClaw. Its text is not quoted: it may be a token.
fn unread(why: &json::Error) -> String {
    format!("invalid JSON5 at line {}", why.at.line)
}

fn describe(world: &World, said: &[Checked]) -> Standby {
    let program = said.iter().find(|checked| checked.id == "openclaw" && checked.said.level == Level::Ok);
    let version = program.and_then(|checked| openclaw::version(&checked.said.evidence));
    let accounts = channels::own(world).map(|config| channels::accounts(&config)).unwrap_or_default();
    Standby { version, accounts }
}

/// Compares the accounts and versions of both hosts.
fn compare(world: &World, standby: Option<Standby>) -> Vec<Finding> {
    const IDS: [&str; 3] = ["same-account", "same-token", "versions"];
    let none = |said: Said| IDS.map(|id| world.finding(id, said.clone())).into();
    let Some(primary) = &world.primary else {
        return none(Said::skipped(&"give --primary-config FILE to compare both hosts' channels"));
    };
    let primary = match json::parse_json5(primary) {
        Ok(primary) => primary,
        Err(why) => {
            return none(Said::fail(&format_args!("the primary's configuration: {}", unread(&why)), remedy::NONE));
        }
    };
    let Some(mut standby) = standby else { return none(Said::skipped(&"this host's channels are unknown")) };
    if world.identity == Identity::Root {
        let values = environment::values(world);
        let value = |name: &str| values.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.clone());
        channel_overlap::resolve(&mut standby.accounts, value);
    }
    let there = channels::accounts(&primary);
    let said = [
        channel_overlap::accounts(&standby.accounts, &there),
        channel_overlap::tokens(&standby.accounts, &there),
        channel_overlap::versions(standby.version.as_deref(), &primary),
    ];
    IDS.into_iter().zip(said).map(|(id, said)| world.finding(id, said)).collect()
}

impl World {
    fn finding(&self, id: &'static str, said: Said) -> Finding {
        self.show(&Checked { id, said })
    }
}
