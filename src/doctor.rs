//! `doctor`: could this standby take over right now, and what is to be done if not?
//!
//! Each check looks at one thing and answers with one line: a level, what was seen, and a command that mends it. Nothing
//! is changed by looking. `CHECKS` lists them all, in the order in which they are printed.
//!
//! The checks fall in two halves. The host's half is looked at by root, and as far as they can see it by everybody. What
//! is the agent's is looked at by the agent's own user and nobody else; root sends a child that has become that user
//! (`owner`). What cannot be seen is `skipped`, and never `ok`.
//!
//! What is cheap is looked at without being asked for: the host's half by a child of the monitor (`subprocess`), the owner's by
//! each pull ([`Beside`]). What fails then is a condition of the monitor's.
//!
//! - `gateway`, `monitor`, `network`, `host`, `polkit`, `syncing`, `hardening`: the host's half.
//! - `agent`, `openclaw`, `channels`: the owner's half.
//! - `split`: both hosts' channels, where the primary's configuration was given.
//! - `reading`: which files are read, and by whom.
//! - `sandbox`: what only the sandbox of a sync unit can tell.

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

/// Who can look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Everybody.
    Anybody,
    /// root alone.
    Root,
    /// The workspace's owner alone.
    Owner,
}

/// What looking costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cost {
    /// Milliseconds: it is looked at again and again, the owner's half by each pull and the rest by the monitor.
    Cheap,
    /// Milliseconds too. But the monitor has a word of its own for it, or the pull has, or it never fails.
    Told,
    /// The network, or seconds of a Node.
    Dear,
}

/// Which checks are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Those that cost next to nothing, and that nobody else looks at all the time.
    Cheap,
    /// All.
    Whole,
}

/// Which half of the checks is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// What everybody or root can see.
    Hosts,
    /// What is the agent's.
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

/// Every check of one host.
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

/// Looks at everything that can be seen from here.
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
                    found.push(world.finding("owner", Said::ok(&"looked at what is the agent's")));
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
            let unseen = Said::skipped(&"only root and the workspace's owner can see it");
            found.extend(of(Who::Owner).map(|check| world.finding(check.id, unseen.clone())));
        }
    }
    found.extend(compare(world, standby));
    found
}

/// The host's half alone, as far as it can be seen from here.
#[must_use]
pub fn host_half(world: &World, depth: Depth) -> Vec<Finding> {
    look(world, depth, Half::Hosts).iter().map(|checked| world.show(checked)).collect()
}

/// One check of the host's half by its name, for a setup that wants to know whether something is done.
#[must_use]
pub(crate) fn look_at(world: &World, id: &str) -> Finding {
    world.begin();
    let check = CHECKS.iter().find(|check| check.id == id && check.who != Who::Owner);
    check.map_or_else(
        || world.finding("unknown", Said::skipped(&id)),
        |check| world.finding(check.id, (check.look)(world)),
    )
}

/// The owner's half alone; nobody else sees any of it.
#[must_use]
pub fn owner_half(world: &World, depth: Depth) -> Vec<Finding> {
    look(world, depth, Half::Owners).iter().map(|checked| world.show(checked)).collect()
}

/// The owner's half, for root to read: one JSON object. `with_accounts` also tells its channels, with their tokens.
#[must_use]
pub fn answer(world: &World, with_accounts: bool) -> String {
    let said = look(world, Depth::Whole, Half::Owners);
    let standby = with_accounts.then(|| describe(world, &said));
    owner::to_json(&said, standby.as_ref()).to_string()
}

/// What only a sync unit's sandbox can tell, for root to read. This process must be in one, and ends with root's.
#[must_use]
pub fn answer_from_sandbox(world: &mut World) -> String {
    sandbox::end_with_root();
    world.is_sandboxed = true;
    let is_inside = |check: &&Check| sandbox::CHECKS.contains(&check.id);
    let found: Vec<Checked> =
        CHECKS.iter().filter(is_inside).map(|check| Checked { id: check.id, said: (check.look)(world) }).collect();
    ReportedCheck::list_to_json(&found).to_string()
}

/// Whether nothing has failed.
#[must_use]
pub fn is_well(found: &[Finding]) -> bool {
    found.iter().all(|finding| finding.level != Level::Fail)
}

fn of(who: Who) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().filter(move |check| check.who == who)
}

/// Looks at one thing after the other.
fn look(world: &World, depth: Depth, half: Half) -> Vec<Checked> {
    world.begin();
    let mut found = Vec::new();
    for check in CHECKS.iter().filter(|check| check.is_of(half)) {
        if depth == Depth::Cheap && check.cost != Cost::Cheap {
            continue;
        }
        let said = match (world.identity, check.who) {
            (Identity::Owner, Who::Anybody | Who::Root) => Said::skipped(&"run it as root"),
            (Identity::Other, Who::Root) => Said::skipped(&"only root can see it"),
            (Identity::Root | Identity::Other, Who::Owner) => Said::skipped(&"only the workspace's owner can see it"),
            _ if sandbox::CHECKS.contains(&check.id) && !world.is_sandboxed => sandbox::unseen(check.id),
            _ => (check.look)(world),
        };
        found.push(Checked { id: check.id, said });
    }
    found
}

/// Where a configuration of OpenClaw's makes no sense. What stands there is not repeated: it may be a token.
fn unread(why: &json::Error) -> String {
    format!("it is no JSON5 at line {}", why.at.line)
}

fn describe(world: &World, said: &[Checked]) -> Standby {
    let program = said.iter().find(|checked| checked.id == "openclaw" && checked.said.level == Level::Ok);
    let version = program.and_then(|checked| openclaw::version(&checked.said.evidence));
    let accounts = channels::own(world).map(|config| channels::accounts(&config)).unwrap_or_default();
    Standby { version, accounts }
}

/// The channel split: both hosts' accounts, and their versions.
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
    let Some(mut standby) = standby else { return none(Said::skipped(&"this host's channels are not known")) };
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
