//! Steps of a standby, in order: packages and users, access restrictions, what needs a person's decision, and what is
//! installed. The migration runs right before this program takes over. The workspace comes last: a git host that does
//! not accept openclaw's key yet must not delay the monitor.

use crate::setup::target::SetupTarget;
use crate::setup::{
    Step, StepState, channel, files, firewall, hardening, keys, migration, new_step, openclaw, packages, service,
    tailnet, users,
};

pub(super) static STEPS: [Step; 19] = [
    new_step(
        "packages",
        "git, rsync and ssh for the workspace; the rest for the host's security",
        packages::read_standby_state,
        packages::install_standby,
    ),
    new_step(
        "user",
        "owns the workspace and runs the gateway; the monitor has its own user",
        users::read_user_state,
        users::create_user,
    ),
    new_step(
        "operator",
        "lets you log in as openclaw with your own keys",
        users::read_operator_keys_state,
        users::copy_operator_keys,
    ),
    new_step(
        "firewall",
        "ssh from everywhere, the gateway from the tailnet only",
        firewall::read_state,
        firewall::enable_firewall,
    ),
    new_step(
        "fail2ban",
        "ban addresses after failed logins",
        hardening::read_fail2ban_state,
        hardening::enable_fail2ban,
    ),
    new_step(
        "upgrades",
        "install security updates automatically",
        hardening::read_upgrades_state,
        hardening::enable_upgrades,
    ),
    new_step("home", "folders that the sync units need", users::read_home_state, users::create_home_folders),
    new_step(
        "ssh-key",
        "identifies openclaw to the git host and the primary",
        keys::read_own_key_state,
        keys::create_own_key,
    ),
    new_step(
        "known-hosts",
        "syncs connect only to hosts with confirmed keys",
        keys::read_known_hosts_state,
        keys::add_host_keys,
    ),
    new_step("tailscale", "network to the primary", tailnet::read_state, tailnet::install_tailscale),
    // A new program reads an old configuration, but not the reverse.
    new_step("program", "the units run it from there", files::read_program_state, files::install_program),
    new_step(
        "config",
        "what the monitor watches, and when it fails over",
        service::read_config_state,
        service::write_config,
    ),
    new_step("openclaw", "path of OpenClaw for the gateway's unit", openclaw::read_state, openclaw::install_openclaw),
    new_step(
        "tokens",
        "passed to the gateway by its unit, readable by root only",
        channel::read_token_state,
        channel::write_tokens,
    ),
    new_step(
        "openclaw-config",
        "a standby has its own channel and runs no crons",
        channel::read_config_state,
        channel::write_config,
    ),
    new_step(
        "predecessor",
        "two monitors or two gateways would conflict",
        migration::read_state,
        migration::migrate_units,
    ),
    new_step(
        "units",
        "monitor, gateway and sync units, and the monitor's permissions",
        files::read_standby_state,
        files::install_standby,
    ),
    new_step("monitor", "watch the primary", service::read_monitor_state, service::start_monitor),
    new_step("workspace", "clone the agent's workspace", service::read_workspace_state, service::clone_workspace),
];

/// Returns what is left for a person to do elsewhere.
pub(super) fn follow_up_notes(target: &SetupTarget, is_done: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(key) = keys::read_public_key(target) {
        notes.push(format!("add openclaw's key to the git host, as a deploy key with write access: {key}"));
        notes.push(format!(
            "if secrets come from the primary, run there: openclaw-failover setup primary --standby-key '{key}'; or \
             add to its ~/.ssh/authorized_keys: {}",
            keys::restricted_line("/home/USER/.openclaw/standby", &key)
        ));
    }
    if !is_done {
        return notes;
    }
    if let StepState::Manual(what) = channel::read_token_state(target) {
        notes.push(what);
    }
    let port = target.run_check("gateway-port");
    if port.level == crate::finding::Level::Fail {
        notes.push(format!("{}; {}", port.evidence, port.fix));
    }
    notes.push("next: openclaw-failover doctor".to_owned());
    notes
}
