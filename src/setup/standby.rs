//! Steps of a standby, in order: packages and users, access restrictions, what needs a person's decision, and what is
//! installed. The migration runs right before this program takes over. The workspace comes last: a git host that does
//! not accept openclaw's key yet must not delay the monitor.

use crate::setup::target::Site;
use crate::setup::{
    State, Step, channel, files, firewall, hardening, keys, migration, openclaw, packages, service, step, tailnet,
    users,
};

pub(super) static STEPS: [Step; 19] = [
    step(
        "packages",
        "git, rsync and ssh move the workspace; the rest keeps the host in order",
        packages::standby,
        packages::install_standby,
    ),
    step(
        "user",
        "workspace, gateway and agent belong to it; the monitor is somebody else",
        users::user,
        users::create_user,
    ),
    step("operator", "you can log in as openclaw as you log in here", users::operator, users::copy_keys),
    step("firewall", "ssh for everybody, the gateway for the tailnet alone", firewall::look, firewall::raise),
    step("fail2ban", "who guesses passwords is shut out", hardening::fail2ban, hardening::ban),
    step("upgrades", "security fixes install themselves", hardening::upgrades, hardening::upgrade),
    step("home", "the sandboxes of the syncs bind these folders", users::home, users::make_home),
    step("ssh-key", "git host and primary know openclaw by it", keys::own, keys::make_own),
    step("known-hosts", "no sync ever trusts a host that nobody has vouched for", keys::known, keys::learn),
    step("tailscale", "the way to the primary", tailnet::look, tailnet::join),
    // A new program reads an old configuration, but not the reverse.
    step("program", "the units start it from there", files::program, files::install_program),
    step("config", "what the monitor watches, and when it takes over", service::configuration, service::configure),
    step("openclaw", "the gateway's unit starts it from where it is", openclaw::program, openclaw::install),
    step(
        "tokens",
        "the gateway's unit hands them to it, and no other user sees them",
        channel::tokens,
        channel::write_tokens,
    ),
    step(
        "openclaw-config",
        "a standby answers on a channel of its own, and runs no crons",
        channel::configuration,
        channel::configure,
    ),
    step("predecessor", "two monitors, or two gateways, would fight", migration::look, migration::set_aside),
    step("units", "monitor, gateway, syncs, and what the monitor may do", files::standby, files::install_standby),
    step("monitor", "from now on the primary is watched", service::monitor, service::watch),
    step("workspace", "what the agent remembers", service::workspace, service::clone),
];

/// Returns what is left for a person to do elsewhere.
pub(super) fn notes(site: &Site, is_done: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(key) = keys::public_half(site) {
        notes.push(format!("openclaw's key goes to the git host, as a deploy key that may write: {key}"));
        notes.push(format!(
            "and to the primary, where secrets come from there: openclaw-failover setup primary --standby-key '{key}'; \
             by hand, into ~/.ssh/authorized_keys: {}",
            keys::restricted("/home/USER/.openclaw/standby", &key)
        ));
    }
    if !is_done {
        return notes;
    }
    if let State::Left(what) = channel::tokens(site) {
        notes.push(what);
    }
    let port = site.judge("gateway-port");
    if port.level == crate::finding::Level::Fail {
        notes.push(format!("{}; {}", port.evidence, port.fix));
    }
    notes.push("now: openclaw-failover doctor".to_owned());
    notes
}
