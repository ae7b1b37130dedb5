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
        "git, rsync and ssh for the workspace; the rest for the host's security",
        packages::standby,
        packages::install_standby,
    ),
    step(
        "user",
        "owns the workspace and runs the gateway; the monitor has its own user",
        users::user,
        users::create_user,
    ),
    step("operator", "lets you log in as openclaw with your own keys", users::operator, users::copy_keys),
    step("firewall", "ssh from everywhere, the gateway from the tailnet only", firewall::look, firewall::raise),
    step("fail2ban", "ban addresses after failed logins", hardening::fail2ban, hardening::ban),
    step("upgrades", "install security updates automatically", hardening::upgrades, hardening::upgrade),
    step("home", "folders that the sync units need", users::home, users::make_home),
    step("ssh-key", "identifies openclaw to the git host and the primary", keys::own, keys::make_own),
    step("known-hosts", "syncs connect only to hosts with confirmed keys", keys::known, keys::learn),
    step("tailscale", "network to the primary", tailnet::look, tailnet::join),
    // A new program reads an old configuration, but not the reverse.
    step("program", "the units run it from there", files::program, files::install_program),
    step("config", "what the monitor watches, and when it fails over", service::configuration, service::configure),
    step("openclaw", "path of OpenClaw for the gateway's unit", openclaw::program, openclaw::install),
    step("tokens", "passed to the gateway by its unit, readable by root only", channel::tokens, channel::write_tokens),
    step(
        "openclaw-config",
        "a standby has its own channel and runs no crons",
        channel::configuration,
        channel::configure,
    ),
    step("predecessor", "two monitors or two gateways would conflict", migration::look, migration::set_aside),
    step(
        "units",
        "monitor, gateway and sync units, and the monitor's permissions",
        files::standby,
        files::install_standby,
    ),
    step("monitor", "watch the primary", service::monitor, service::watch),
    step("workspace", "clone the agent's workspace", service::workspace, service::clone),
];

/// Returns what is left for a person to do elsewhere.
pub(super) fn notes(site: &Site, is_done: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(key) = keys::public_half(site) {
        notes.push(format!("add openclaw's key to the git host, as a deploy key with write access: {key}"));
        notes.push(format!(
            "if secrets come from the primary, run there: openclaw-failover setup primary --standby-key '{key}'; or \
             add to its ~/.ssh/authorized_keys: {}",
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
    notes.push("next: openclaw-failover doctor".to_owned());
    notes
}
