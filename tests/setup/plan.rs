//! Contents of the plan; making one changes nothing.

use openclaw_failover::setup::{HostKeys, StepState};

use crate::host::{Host, read_states, refusal_text};

fn is_pending(state: &StepState) -> bool {
    matches!(state, StepState::Pending(_))
}

#[test]
fn a_bare_host_has_everything_to_do_and_looking_changes_nothing() {
    let host = Host::bare();
    host.write("etc/new.json", "");
    let before = host.list_files();
    let plan = read_states(&host.standby_plan());
    let not: Vec<_> = plan.iter().filter(|(_, state)| !is_pending(state)).collect();
    // No tailnet is used, the operator has no keys, and there was no other monitor.
    let names: Vec<_> = not.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["operator", "tailscale", "migration"], "{not:?}");
    assert_eq!(host.list_files(), before);
    assert_eq!(
        host.standby_step_state("packages"),
        StepState::Pending(
            "apt-get install ca-certificates fail2ban openssh-client polkitd python3-systemd rsync sqlite3 ufw \
             unattended-upgrades"
                .into()
        )
    );
}

#[test]
fn a_polkit_without_rules_in_javascript_is_refused_before_anything_is_done() {
    let host = Host::bare();
    host.write_program("apt-cache", "echo '  Installed: 0.105-33'; echo '  Candidate: 0.105-33'");
    let why = refusal_text(host.standby_step_state("packages"));
    assert!(why.contains("0.105-33") && why.contains("JavaScript"), "{why}");
}

#[test]
fn a_host_is_never_trusted_without_a_word() {
    let mut host = Host::bare();
    assert!(is_pending(&host.standby_step_state("known-hosts")));
    host.options.is_interactive = false;
    let why = refusal_text(host.standby_step_state("known-hosts"));
    assert!(why.contains("[git.example]:2222") && why.contains("--known-hosts FILE"), "{why}");
    host.options.host_keys = Some(HostKeys::File(host.path("known_hosts")));
    assert!(refusal_text(host.standby_step_state("known-hosts")).contains("cannot read"));
    host.write("known_hosts", "elsewhere ssh-ed25519 AAAA\n");
    host.write_program("ssh-keygen", "grep -qF \"$2\" \"$4\"");
    let missing_key = "no key of [git.example]:2222";
    assert!(refusal_text(host.standby_step_state("known-hosts")).contains(missing_key));
    host.write("known_hosts", "[git.example]:2222 ssh-ed25519 AAAA\n");
    assert!(is_pending(&host.standby_step_state("known-hosts")));
}

#[test]
fn other_units_and_workspaces_are_not_guessed_at() {
    let mut host = Host::bare();
    host.config = r#"{ "upstreams": [{ "name": "p", "urls": ["http://192.0.2.1"] }],
        "workspace": { "path": "/srv/agent" } }"#
        .into();
    assert!(refusal_text(host.standby_step_state("config")).contains("workspace.path"));
}

#[test]
fn a_removal_takes_what_is_there_and_no_more() {
    let host = Host::bare();
    assert!(read_states(&host.uninstall_plan()).iter().all(|(_, state)| matches!(state, StepState::Done(_))));
    host.write("etc/polkit-1/rules.d/50-openclaw-failover.rules", "");
    let plan = read_states(&host.uninstall_plan());
    let removed = StepState::Pending("remove /etc/polkit-1/rules.d/50-openclaw-failover.rules".into());
    assert!(plan.contains(&("units", removed)), "{plan:?}");
}
