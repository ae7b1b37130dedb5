//! What the plan says, and that making one changes nothing.

use openclaw_failover::setup::{Role, State};

use crate::host::Host;

fn is_todo(state: &State) -> bool {
    matches!(state, State::Todo(_))
}

#[test]
fn a_bare_host_has_everything_to_do_and_looking_changes_nothing() {
    let host = Host::bare();
    host.write("etc/new.json", "");
    let before = host.files();
    let plan = host.look(Role::Standby);
    let not: Vec<_> = plan.iter().filter(|(_, state)| !is_todo(state)).collect();
    // No tailnet is used, no operator has keys, and nothing was there before.
    let names: Vec<_> = not.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["operator", "tailscale", "predecessor"], "{not:?}");
    assert_eq!(host.files(), before);
    assert_eq!(
        host.step("packages"),
        State::Todo(
            "apt-get install fail2ban openssh-client polkitd python3-systemd rsync sqlite3 ufw unattended-upgrades"
                .into()
        )
    );
}

#[test]
fn a_polkit_without_rules_in_javascript_is_refused_before_anything_is_done() {
    let host = Host::bare();
    host.program("apt-cache", "echo '  Installed: 0.105-33'; echo '  Candidate: 0.105-33'");
    let State::Refused(why) = host.step("packages") else { panic!("{:?}", host.step("packages")) };
    assert!(why.contains("0.105-33") && why.contains("JavaScript"), "{why}");
}

#[test]
fn a_host_is_never_trusted_without_a_word() {
    let mut host = Host::bare();
    assert!(is_todo(&host.step("known-hosts")));
    host.ask = None;
    let State::Refused(why) = host.step("known-hosts") else { panic!("--yes without host keys goes on") };
    assert!(why.contains("[git.example]:2222") && why.contains("--known-hosts FILE"), "{why}");
    host.wishes.known_hosts = Some(host.path("known_hosts"));
    assert!(is_todo(&host.step("known-hosts")));
}

#[test]
fn a_firewall_of_somebody_else_is_left_alone() {
    let host = Host::bare();
    host.program(
        "systemctl",
        "for unit; do :; done; case $unit in firewalld*) state=active;; *) state=inactive;; esac
        echo LoadState=loaded; echo ActiveState=$state",
    );
    let State::Left(said) = host.step("firewall") else { panic!("{:?}", host.step("firewall")) };
    assert!(said.contains("firewalld") && said.contains("18789 on tailscale0"), "{said}");
}

#[test]
fn ufw_is_done_only_with_ssh_the_gateway_and_the_default() {
    let host = Host::bare();
    let ufw = |on: &str, default: &str, rules: &str| {
        host.program(
            "ufw",
            &format!(
                "case $1 in status) echo 'Status: {on}'; echo 'Default: {default} (incoming)';; *) echo '{rules}';; esac"
            ),
        );
        host.step("firewall")
    };
    let gateway = "ufw allow in on tailscale0 to any port 18789 proto tcp";
    let all = format!("ufw allow 22/tcp\nufw allow 2222/tcp\n{gateway}");
    assert_eq!(ufw("active", "deny", &all), State::Done("ufw denies what nobody has allowed".into()));
    assert_eq!(ufw("inactive", "deny", &all), State::Todo("ufw enable".into()));
    assert_eq!(ufw("active", "allow", &all), State::Todo("ufw default deny incoming".into()));
    let open = State::Todo(
        "ufw allow 22/tcp; allow 2222/tcp; allow in on tailscale0 to any port 18789 proto tcp; \
                            default deny incoming; enable"
            .into(),
    );
    assert_eq!(ufw("inactive", "allow", ""), open);
}

#[test]
fn other_units_and_workspaces_are_not_guessed_at() {
    let mut host = Host::bare();
    host.config = r#"{ "upstreams": [{ "name": "p", "urls": ["http://192.0.2.1"] }],
        "workspace": { "path": "/srv/agent" } }"#
        .into();
    assert!(matches!(host.step("config"), State::Refused(why) if why.contains("workspace.path")));
}

#[test]
fn what_somebody_wrote_by_hand_is_named_and_what_is_ours_is_not() {
    let host = Host::bare();
    host.write("etc/systemd/system/openclaw.service", "[Service]\nExecStart=/usr/bin/openclaw\n");
    host.write("etc/systemd/system/openclaw-health-monitor.service", "[Service]\n");
    host.write("etc/systemd/system/openclaw-gateway-work.service", "[Service]\n");
    let State::Todo(said) = host.step("predecessor") else { panic!("{:?}", host.step("predecessor")) };
    for name in ["openclaw-gateway-work.service", "openclaw-health-monitor.service", "openclaw.service"] {
        assert!(said.contains(name), "{said}");
    }
    let ours = include_str!("../../src/setup/openclaw.service");
    host.write("etc/systemd/system/openclaw.service", &format!("{ours}# of another version\n"));
    let State::Todo(said) = host.step("predecessor") else { panic!("{:?}", host.step("predecessor")) };
    assert!(!said.contains(" openclaw.service"), "{said}");
}

#[test]
fn a_removal_takes_what_is_there_and_no_more() {
    let host = Host::bare();
    assert!(host.look(Role::Nobody).iter().all(|(_, state)| matches!(state, State::Done(_))));
    host.write("etc/polkit-1/rules.d/50-openclaw-failover.rules", "");
    let plan = host.look(Role::Nobody);
    let removed = State::Todo("remove /etc/polkit-1/rules.d/50-openclaw-failover.rules".into());
    assert!(plan.contains(&("units", removed)), "{plan:?}");
}

#[test]
fn a_channel_that_the_primary_has_is_refused() {
    let mut host = Host::bare();
    host.config =
        r#"{ "upstreams": [{ "name": "home", "urls": ["http://192.0.2.1"], "channels": ["telegram"] }] }"#.into();
    host.wishes.channel = Some("telegram".into());
    let State::Refused(why) = host.step("openclaw-config") else { panic!("{:?}", host.step("openclaw-config")) };
    assert!(why.contains("telegram is home's"), "{why}");
    host.wishes.channel = Some("discord".into());
    assert!(is_todo(&host.step("openclaw-config")));
}
