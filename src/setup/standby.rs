//! Steps of a standby, in order: packages and users, access restrictions, what needs a person's decision, and what is
//! installed. The migration runs right before this program takes over. The workspace comes last: a git host that does
//! not accept openclaw's key yet must not delay the monitor.

use crate::doctor::{DEFAULT_USER, HostContext};
use crate::finding::Level;
use crate::setup::options::{MissingInput, StandbyOptions};
use crate::setup::plan::{Plan, Step, StepState};
use crate::setup::target::SetupTarget;
use crate::setup::{channel, files, firewall, hardening, keys, migration, openclaw, packages, service, tailnet, users};

static STEPS: [Step<StandbyOptions>; 19] = [
    Step::new(
        "packages",
        "git, rsync and ssh for the workspace; the rest for the host's security",
        packages::read_standby_state,
        packages::install_standby,
    ),
    Step::new(
        "user",
        "owns the workspace and runs the gateway; the monitor has its own user",
        users::read_user_state,
        users::create_user,
    ),
    Step::new(
        "operator",
        "lets you log in as openclaw with your own keys",
        |target, _| users::read_operator_keys_state(target),
        |target, _| users::copy_operator_keys(target),
    ),
    Step::new(
        "firewall",
        "ssh from everywhere, the gateway from the tailnet only",
        |target, _| firewall::read_state(target),
        |target, _| firewall::enable_firewall(target),
    ),
    Step::new(
        "fail2ban",
        "ban addresses after failed logins",
        |target, _| hardening::read_fail2ban_state(target),
        |target, _| hardening::enable_fail2ban(target),
    ),
    Step::new(
        "upgrades",
        "install security updates automatically",
        |target, _| hardening::read_upgrades_state(target),
        |target, _| hardening::enable_upgrades(target),
    ),
    Step::new(
        "home",
        "folders that the sync units need",
        |target, _| users::read_home_state(target),
        |target, _| users::create_home_folders(target),
    ),
    Step::new(
        "ssh-key",
        "identifies openclaw to the git host and the primary",
        |target, _| keys::read_own_key_state(target),
        |target, _| keys::create_own_key(target),
    ),
    Step::new(
        "known-hosts",
        "syncs connect only to hosts with confirmed keys",
        keys::read_known_hosts_state,
        keys::add_host_keys,
    ),
    Step::new("tailscale", "network to the primary", tailnet::read_state, |target, _| {
        tailnet::install_tailscale(target)
    }),
    // A new program reads an old configuration, but not the reverse.
    Step::new(
        "program",
        "the units run it from there",
        |target, _| files::read_program_state(target),
        |target, _| files::install_program(target),
    ),
    Step::new(
        "config",
        "what the monitor watches, and when it fails over",
        |target, _| service::read_config_state(target),
        |target, _| service::write_config(target),
    ),
    Step::new("openclaw", "path of OpenClaw for the gateway's unit", openclaw::read_state, openclaw::install_openclaw),
    Step::new(
        "tokens",
        "passed to the gateway by its unit, readable by root only",
        channel::read_token_state,
        channel::write_tokens,
    ),
    Step::new(
        "openclaw-config",
        "a standby has its own channel and runs no crons",
        channel::read_config_state,
        channel::write_config,
    ),
    Step::new(
        "migration",
        "two monitors or two gateways would conflict",
        |target, _| migration::read_state(target),
        |target, _| migration::migrate_units(target),
    ),
    Step::new(
        "units",
        "monitor, gateway and sync units, and the monitor's permissions",
        |target, _| files::read_standby_state(target),
        |target, _| files::install_standby(target),
    ),
    Step::new(
        "monitor",
        "watch the primary",
        |target, _| service::read_monitor_state(target),
        |target, _| service::start_monitor(target),
    ),
    Step::new(
        "workspace",
        "clone the agent's workspace",
        |target, _| service::read_workspace_state(target),
        |target, _| service::clone_workspace(target),
    ),
];

impl Plan<StandbyOptions> {
    /// Returns the plan that makes a host a standby.
    pub fn for_standby(context: HostContext, options: StandbyOptions) -> Self {
        Self { target: SetupTarget::new(context, DEFAULT_USER), options, steps: &STEPS, notes: follow_up_notes }
    }

    /// Returns the hosts reached by ssh whose keys are neither known nor given.
    pub fn unknown_hosts(&self) -> Vec<String> {
        keys::unknown_hosts(&self.target, &self.options)
    }

    /// Returns the missing inputs for the channel; none if OpenClaw has a configuration.
    pub fn missing_inputs(&self) -> Vec<MissingInput> {
        channel::missing_inputs(&self.target, &self.options)
    }
}

/// Returns what is left for a person to do elsewhere.
fn follow_up_notes(target: &SetupTarget, options: &StandbyOptions, is_done: bool) -> Vec<String> {
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
    if let StepState::Skipped(what) = channel::read_token_state(target, options) {
        notes.push(what);
    }
    let port = target.run_check("gateway-port");
    if port.level == Level::Fail {
        notes.push(format!("{}; {}", port.evidence, port.fix));
    }
    notes.push("next: openclaw-failover doctor".to_owned());
    notes
}
