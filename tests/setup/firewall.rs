//! The firewall step denies incoming connections and never locks the operator out.

use openclaw_failover::setup::StepState;

use crate::host::{Host, refusal_text};

const GATEWAY: &str = "ufw allow in on tailscale0 to any port 18789 proto tcp";

/// Sets the state that ufw reports.
fn firewall_state(host: &Host, is_on: bool, default: &str, rules: &str) -> StepState {
    let on =
        if is_on { format!("echo 'Status: active'; echo 'Default: {default} (incoming)'") } else { "echo off".into() };
    host.write_program("ufw", &format!("case $1 in status) {on};; *) echo '{rules}';; esac"));
    host.standby_step_state("firewall")
}

#[test]
fn it_is_done_only_with_ssh_the_gateway_and_the_default() {
    let host = Host::bare();
    let all = format!("ufw allow 22/tcp\nufw allow 2222/tcp\n{GATEWAY}");
    let done = StepState::Done("ufw denies incoming by default".into());
    assert_eq!(firewall_state(&host, true, "deny", &all), done);
    assert_eq!(firewall_state(&host, false, "", &all), StepState::Pending("ufw default deny incoming; enable".into()));
    assert_eq!(firewall_state(&host, true, "allow", &all), StepState::Pending("ufw default deny incoming".into()));
    let all_of_it = "ufw prepend allow 22/tcp; prepend allow 2222/tcp; \
                     allow in on tailscale0 to any port 18789 proto tcp; \
                     default deny incoming; enable";
    assert_eq!(firewall_state(&host, false, "", ""), StepState::Pending(all_of_it.into()));
    // ssh may be limited to one network: the operator is connected, so the rules stay as they are.
    assert_eq!(firewall_state(&host, true, "deny", &format!("ufw allow in on eth1\n{GATEWAY}")), done);
    let StepState::Skipped(said) = firewall_state(&host, true, "deny", &format!("{GATEWAY}\nufw allow 18789")) else {
        panic!("not said")
    };
    assert!(said.contains("ufw delete allow 18789"), "{said}");
}

#[test]
fn another_ones_is_left_alone_and_ufw_is_not_installed_beside_it() {
    let host = Host::bare();
    let active = |unit: &str| {
        let says = format!("for unit; do :; done; case $unit in {unit}) state=active;; *) state=inactive;; esac");
        host.write_program("systemctl", &format!("{says}; echo LoadState=loaded; echo ActiveState=$state"));
    };
    let is_left = |what: &str| {
        let StepState::Skipped(said) = host.standby_step_state("firewall") else {
            panic!("{:?}", host.standby_step_state("firewall"))
        };
        assert!(said.contains(what) && said.contains("18789 on tailscale0"), "{said}");
        let StepState::Pending(packages) = host.standby_step_state("packages") else {
            panic!("nothing is to be installed")
        };
        assert!(!packages.contains("ufw"), "{packages}");
    };
    active("firewalld.service");
    is_left("firewalld");
    active("netfilter-persistent.service");
    is_left("netfilter-persistent");
    active("none");
    host.write_program("iptables", "echo -P INPUT ACCEPT; echo -A INPUT -s 203.0.113.7/32 -j DROP");
    is_left("iptables");
    host.write_program(
        "iptables",
        "echo -P INPUT ACCEPT; echo -A INPUT -p tcp -j f2b-sshd; echo -A f2b-sshd -j REJECT",
    );
    assert!(matches!(host.standby_step_state("firewall"), StepState::Pending(_)));
    let table = |name: &str| {
        host.write_program(
            "nft",
            &format!("echo 'table inet {name} {{ chain c {{ type filter hook input priority 0; drop; }} }}'"),
        );
    };
    table("mine");
    is_left("nftables");
    table("f2b-table");
    assert!(matches!(host.standby_step_state("firewall"), StepState::Pending(_)));
}

#[test]
fn whatever_ssh_listens_on_is_let_in() {
    let host = Host::bare();
    host.write_program("ufw", "exit 1");
    host.write_program("ss", "echo 'LISTEN 0 128 [::]:2022 [::]:* users:((\"sshd\",pid=1,fd=3))'");
    host.write_program(
        "systemctl",
        "for unit; do :; done; case $unit in ssh.socket) state=active;; *) state=inactive;; esac
        echo LoadState=loaded; echo ActiveState=$state; echo 'Listen=[::]:2322 (Stream)'",
    );
    host.write("proc/self/environ", "A=b\0SSH_CONNECTION=192.0.2.9 50000 192.0.2.1 2422\0");
    host.write_program("ufw", "case $1 in status) echo off;; esac");
    let StepState::Pending(said) = host.standby_step_state("firewall") else {
        panic!("{:?}", host.standby_step_state("firewall"))
    };
    for port in [22, 2222, 2022, 2322, 2422] {
        assert!(said.contains(&format!("allow {port}/tcp")), "{port}: {said}");
    }
}

#[test]
fn a_session_by_ipv6_is_not_cut_off() {
    let host = Host::bare();
    host.write("proc/self/environ", "SSH_CONNECTION=2001:db8::9 50000 2001:db8::1 22\0");
    host.write("etc/default/ufw", "IPV6=no\n");
    assert!(refusal_text(firewall_state(&host, false, "", "")).contains("IPV6=yes"));
    host.write("etc/default/ufw", "IPV6=yes\n");
    assert!(matches!(firewall_state(&host, false, "", ""), StepState::Pending(_)));
}

#[test]
fn who_is_shut_out_is_said_before() {
    let host = Host::bare();
    // 0.0.0.0:443, 127.0.0.1:5432 and [::]:80 listen; 0.0.0.0:8080 is a connection.
    host.write(
        "proc/self/net/tcp",
        "  sl  local_address rem_address   st\n   \
         0: 00000000:01BB 00000000:0000 0A x\n   \
         1: 0100007F:1538 00000000:0000 0A x\n   \
         2: 00000000:1F90 0A00000A:0016 01 x\n",
    );
    host.write(
        "proc/self/net/tcp6",
        "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A x\n",
    );
    let StepState::Pending(said) = firewall_state(&host, false, "", "") else { panic!("nothing to do") };
    assert!(said.ends_with("; this closes port 80, 443 unless you allow it first"), "{said}");
}

#[test]
fn it_is_not_switched_on_before_ssh_is_let_in() {
    let host = Host::with_agent();
    let log = host.path("log");
    // ufw ignores the new rule: a deny rule stays first.
    host.write_program(
        "ufw",
        &format!("echo \"ufw $*\" >>{}; case $1 in status) echo off;; show) echo ufw deny 22;; esac", log.display()),
    );
    let why = host.apply_step("firewall").unwrap_err();
    assert!(why.to_string().contains("port 22"), "{why}");
    assert!(!host.read("log").contains("enable"), "{}", host.read("log"));
}
