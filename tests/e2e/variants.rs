//! Setup of hosts that are not bare: with another ssh port, a firewall, and users.

use crate::doctor::{failed_checks, run_doctor};
use crate::host::Host;
use crate::lab::{Lab, PRIMARY, STANDBY};
use crate::setup::{SETUP_COMMAND, authorise_key};
use crate::shell::CommandResult;

/// Runs a command on the standby as its operator does, by ssh from the other host.
fn run_by_ssh(lab: &Lab, user: &str, port: u16, command: &str) -> CommandResult {
    let ssh = format!("ssh -oBatchMode=yes -oStrictHostKeyChecking=no -oLogLevel=ERROR -p {port} {user}@{STANDBY}");
    lab.primary.run_unchecked(&format!("runuser -u openclaw -- {ssh} '{command}'"))
}

fn check_is_well(host: &Host) {
    let found = run_doctor(host, "");
    assert!(failed_checks(&found).is_empty(), "{:?}", failed_checks(&found));
}

#[test]
fn another_port_another_rule_and_an_operator_with_keys() {
    let (lab, _stub) = Lab::with_bare_standby_and_stub();
    let host = &lab.standby;
    let key = lab.primary.run("cat /home/openclaw/.ssh/id_ed25519.pub");
    host.run(&format!(
        "printf 'Port 2222\nPermitRootLogin prohibit-password\n' > /etc/ssh/sshd_config.d/port.conf; \
         systemctl daemon-reload; \
         if systemctl is-active --quiet ssh.socket; then systemctl restart ssh.socket; else systemctl restart ssh; fi; \
         install -d -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/other; \
         printf '# mine\n%s\nrestrict,command=\"backup\" %s\n' '{}' \"$(cat /root/other.pub)\" > \
         /root/.ssh/authorized_keys; \
         apt-get -q update; apt-get -q -y --no-install-recommends install ufw; ufw allow 2222/tcp; \
         ufw allow from {PRIMARY} to any port 8080 proto tcp; ufw --force enable",
        key.trim()
    ));
    let setup = format!("{SETUP_COMMAND} --yes --sudo --model anthropic/claude-opus-4-6 --allow 42");
    let first = run_by_ssh(&lab, "root", 2222, &setup);
    assert!(!first.ok && first.text.contains("workspace, failed: cannot fetch"), "{}", first.text);
    authorise_key(&lab);
    let second = run_by_ssh(&lab, "root", 2222, &setup);
    assert!(second.ok, "{}", second.text);
    check_is_well(host);

    let rules = host.run("ufw show added");
    let expected = format!(
        "ufw allow 2222/tcp\nufw allow from {PRIMARY} to any port 8080 proto tcp\n\
         ufw allow in on tailscale0 to any port 18789 proto tcp\n"
    );
    assert!(rules.ends_with(&expected), "one rule is new: {rules}");
    assert!(host.run("cat /etc/fail2ban/jail.d/openclaw-failover.local").contains("port = 0:65535\n"));
    assert!(host.run("id -nG openclaw").split_whitespace().any(|group| group == "sudo"));
    assert_eq!(
        host.run("cat /home/openclaw/.ssh/authorized_keys"),
        key,
        "the operator's key, and not that of a backup"
    );
    assert!(run_by_ssh(&lab, "openclaw", 2222, "id -un").ok, "the operator comes in as openclaw, too");

    let config = host.run("cat /home/openclaw/.openclaw/openclaw.json");
    for said in
        [r#""primary": "anthropic/claude-opus-4-6""#, r#""allowFrom": ["1234567890", "42"]"#, r#""bind": "tailnet""#]
    {
        assert!(config.contains(said), "{said}: {config}");
    }
    let token = host.run("cat /root/token");
    assert!(!config.contains(token.trim()), "no secret is in it: {config}");
    assert_eq!(host.run("stat -c '%a %U' /etc/openclaw/gateway.env"), "600 root\n");
    assert!(host.run("cat /etc/openclaw/gateway.env").contains(&format!("TELEGRAM_BOT_TOKEN={token}")));

    let gone = run_by_ssh(&lab, "root", 2222, "openclaw-failover uninstall --yes");
    assert!(gone.ok && run_by_ssh(&lab, "root", 2222, "id -un").ok, "{}", gone.text);
    assert_eq!(host.run("ufw show added"), rules, "the firewall is unchanged");
}

/// Hand-written firewall.
const RULES: &str = r#"flush ruleset
table inet filter {
    chain input {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        iif lo accept
        meta l4proto { 1, 58 } accept
        tcp dport 22 accept
        iifname "tailscale0" tcp dport 18789 accept
    }
}
"#;

/// Script that leaves what `openclaw gateway install` installs.
const USER_UNIT: &str = "[Service]\nExecStart=/bin/bash -c \"exec -a openclaw-gateway sleep 10000\"\nRestart=always\n\
    [Install]\nWantedBy=default.target\n";

#[test]
fn a_firewall_of_ones_own_and_a_gateway_that_lingers() {
    let (lab, _stub) = Lab::with_bare_standby_and_stub();
    let host = &lab.standby;
    host.run(
        "apt-get -q update; apt-get -q -y --no-install-recommends install nftables; useradd --create-home openclaw",
    );
    host.write("/etc/nftables.conf", RULES);
    host.run("systemctl enable --quiet --now nftables.service; loginctl enable-linger openclaw");
    host.run_as_openclaw(&format!(
        "mkdir -p .config/systemd/user; printf '{USER_UNIT}' > .config/systemd/user/openclaw-gateway.service; \
         export XDG_RUNTIME_DIR=/run/user/$(id -u); until systemctl --user is-system-running --quiet; do sleep 0.1; \
         done; \
         systemctl --user enable --quiet --now openclaw-gateway.service; \
         systemctl --user is-active openclaw-gateway.service"
    ));
    let runs = || host.run_unchecked("grep -sqa ^openclaw-gateway /proc/[0-9]*/cmdline").ok;
    assert!(runs(), "the other gateway is there");
    let rules = host.run("nft --numeric list table inet filter");

    let setup = format!("{SETUP_COMMAND} --yes");
    let first = host.run_unchecked(&setup);
    assert!(
        first.text.contains("skipped  firewall         the rules of nftables.service manage the firewall"),
        "{}",
        first.text
    );
    assert!(first.text.contains("openclaw's user unit openclaw-gateway.service"), "{}", first.text);
    authorise_key(&lab);
    let second = host.run_unchecked(&setup);
    assert!(second.ok, "{}", second.text);
    assert!(!runs(), "the other gateway is gone");
    host.run_as_openclaw(
        "export XDG_RUNTIME_DIR=/run/user/$(id -u); ! systemctl --user is-enabled openclaw-gateway.service; \
         cd .config/systemd/user; ls *.replaced-by-openclaw-failover; ! ls default.target.wants/* 2>/dev/null",
    );
    assert_eq!(host.run("nft --numeric list table inet filter"), rules, "the firewall is left alone");
    assert!(!host.run_unchecked("command -v ufw").ok, "no second firewall is installed");
    check_is_well(host);
    host.reboot();
    lab.monitor().wait_sees_healthy();
    assert!(!runs(), "the other gateway stays away");
    assert_eq!(host.run("nft --numeric list table inet filter"), rules);
    check_is_well(host);
}
