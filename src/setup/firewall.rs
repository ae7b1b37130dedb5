//! The firewall, managed with `ufw`. It never locks the operator out: it is enabled only after the rule that admits the
//! operator's session is confirmed, ahead of every deny rule. A firewall that another tool manages is left alone.

use crate::doctor::FIREWALL_UNITS;
use crate::os::CommandError;
use crate::setup::error::SetupError;
use crate::setup::plan::StepState;
use crate::setup::ports;
use crate::setup::target::SetupTarget;

/// Interface of the tailnet.
const TAILNET_INTERFACE: &str = "tailscale0";

/// Number of ports that a plan names, at most.
const NAMED_PORTS_LIMIT: usize = 12;

const IPV6_REMEDY: &str = "set IPV6=yes in /etc/default/ufw";

/// State of ufw.
struct Firewall {
    is_enabled: bool,
    denies_incoming: bool,
    /// Rules, as the ufw commands that add them.
    rules: String,
}

impl Firewall {
    /// Asks ufw for its state; `None` if ufw is not installed.
    fn query(target: &SetupTarget) -> Result<Option<Self>, SetupError> {
        let failed = |why: CommandError| SetupError::new(format_args!("ufw failed: {}", why.reason()));
        let status = match target.context.run_program("ufw", &["status", "verbose"]) {
            Err(why) if why.is_missing_program() => return Ok(None),
            said => said.map_err(failed)?,
        };
        let rules = target.context.run_program("ufw", &["show", "added"]).map_err(failed)?;
        let denies = ["deny (incoming)", "reject (incoming)"].iter().any(|word| status.contains(word));
        Ok(Some(Self { is_enabled: status.contains("Status: active"), denies_incoming: denies, rules }))
    }

    /// True if ufw is active and denies incoming connections by default. The operator's session was then admitted by
    /// its rules, so they stay as they are, however narrow.
    fn is_effective(&self) -> bool {
        self.is_enabled && self.denies_incoming
    }

    /// True if ufw, once enabled, admits everyone at a port: a rule allows it ahead of every deny rule.
    fn admits_port(&self, port: u16) -> bool {
        for line in self.rules.lines() {
            let mut words = line.split_whitespace().skip_while(|word| *word == "ufw");
            match words.next() {
                Some("allow" | "limit") if words.next().is_some_and(|word| names_port(word, port)) => return true,
                Some("deny" | "reject") => return false,
                _ => {}
            }
        }
        false
    }

    /// Returns the missing rules, as ufw commands.
    fn missing_rules(&self, ssh: &[u16], gateway: u16) -> Vec<String> {
        let mut lacks = Vec::new();
        if !self.is_effective() {
            let ports = ssh.iter().filter(|port| !self.admits_port(**port));
            lacks.extend(ports.map(|port| format!("prepend allow {port}/tcp")));
        }
        let gateway = format!("allow in on {TAILNET_INTERFACE} to any port {gateway} proto tcp");
        if !self.rules.contains(&gateway) {
            lacks.push(gateway);
        }
        lacks
    }
}

/// True if a word of a rule names this port.
fn names_port(word: &str, port: u16) -> bool {
    let number = word.strip_suffix("/tcp").unwrap_or(word);
    number.parse() == Ok(port) || (port == 22 && matches!(word, "ssh" | "OpenSSH"))
}

/// Reads the state of the firewall.
pub(super) fn read_state(target: &SetupTarget) -> StepState {
    let gateway = target.context.gateway_port();
    if let Some(other) = find_other_firewall(target) {
        return StepState::Skipped(format!(
            "{other} manage the firewall; allow ssh there, and port {gateway} on {TAILNET_INTERFACE} only"
        ));
    }
    let (ssh, firewall) = match ports::find_ssh_ports(target).and_then(|ssh| Ok((ssh, Firewall::query(target)?))) {
        Ok(found) => found,
        Err(why) => return StepState::Refused(why),
    };
    let Some(firewall) = firewall else {
        let ports: Vec<String> = ssh.iter().map(u16::to_string).collect();
        let shut = describe_closed_ports(target, "", &ssh);
        return StepState::Pending(format!("deny incoming by default; allow ssh, port {}{shut}", ports.join(", ")));
    };
    if !firewall.is_effective() && would_drop_ipv6(target) {
        return StepState::refused("your session uses IPv6, which ufw would drop", IPV6_REMEDY);
    }
    let mut todo = firewall.missing_rules(&ssh, gateway);
    todo.extend((!firewall.denies_incoming).then(|| "default deny incoming".to_owned()));
    todo.extend((!firewall.is_enabled).then(|| "enable".to_owned()));
    match (todo.is_empty(), firewall.admits_port(gateway)) {
        (true, false) => StepState::Done("ufw denies incoming by default".into()),
        (true, true) => StepState::Skipped(format!(
            "ufw opens the gateway's port to everyone; run `ufw delete allow {gateway}/tcp`"
        )),
        (false, _) => {
            let shut = if firewall.is_effective() {
                String::new()
            } else {
                describe_closed_ports(target, &firewall.rules, &ssh)
            };
            StepState::Pending(format!("ufw {}{shut}", todo.join("; ")))
        }
    }
}

/// Enables ufw, after it has added the ssh rule and confirmed it.
pub(super) fn enable_firewall(target: &SetupTarget) -> Result<(), SetupError> {
    let ssh = ports::find_ssh_ports(target)?;
    let ask = || Firewall::query(target)?.ok_or_else(|| SetupError::new("ufw is not installed"));
    for rule in ask()?.missing_rules(&ssh, target.context.gateway_port()) {
        target.run_program("ufw", &rule.split(' ').collect::<Vec<_>>())?;
    }
    let firewall = ask()?;
    if firewall.is_effective() {
        return Ok(());
    }
    if let Some(port) = ssh.iter().find(|port| !firewall.admits_port(**port)) {
        return Err(SetupError::with_remedy(
            format_args!("ufw was not enabled: no rule ahead of its deny rules allows ssh on port {port}"),
            "see `ufw show added`",
        ));
    }
    if would_drop_ipv6(target) {
        return Err(SetupError::with_remedy("ufw would drop IPv6, which your session uses", IPV6_REMEDY));
    }
    target.run_program("ufw", &["default", "deny", "incoming"])?;
    target.run_program("ufw", &["--force", "enable"])
}

/// True if enabling ufw would drop the operator's IPv6 session.
fn would_drop_ipv6(target: &SetupTarget) -> bool {
    let settings = target.context.read_system_file("/etc/default/ufw").unwrap_or_default();
    let is_off = settings.lines().any(|line| line.trim().eq_ignore_ascii_case("IPV6=no"));
    is_off && ports::find_ssh_session(target).is_some_and(|session| session.is_ipv6)
}

/// Describes what will no longer be reachable once ufw is enabled.
fn describe_closed_ports(target: &SetupTarget, rules: &str, ssh: &[u16]) -> String {
    let is_named = |port: u16| rules.split_whitespace().any(|word| names_port(word, port));
    let shut = ports::open_ports(target).into_iter().filter(|port| !ssh.contains(port) && !is_named(*port));
    let shut: Vec<String> = shut.take(NAMED_PORTS_LIMIT).map(|port| port.to_string()).collect();
    let docker =
        if target.query_unit("docker.service").is_up() { "; ports published by docker bypass ufw" } else { "" };
    match shut.is_empty() {
        true => docker.to_owned(),
        false => {
            format!("; this closes port {} unless you allow it first{docker}", shut.join(", "))
        }
    }
}

/// Returns what else manages the packet filter: a service, or rules that were loaded by hand.
pub(super) fn find_other_firewall(target: &SetupTarget) -> Option<String> {
    if let Some(unit) = FIREWALL_UNITS.iter().find(|unit| target.query_unit(unit).is_up()) {
        return Some(format!("the rules of {unit}"));
    }
    let rules =
        ["iptables", "ip6tables"].map(|program| target.context.run_program(program, &["-S"]).unwrap_or_default());
    // ufw's own chains are there, so ufw manages the filter.
    if rules.iter().any(|rules| rules.contains("ufw-")) {
        return None;
    }
    let refuses = |line: &str| {
        line == "-P INPUT DROP"
            || (line.starts_with("-A INPUT ") && ["-j DROP", "-j REJECT"].iter().any(|action| line.contains(action)))
    };
    if rules.iter().any(|rules| rules.lines().any(refuses)) {
        return Some("rules of iptables".into());
    }
    let tables = target.context.run_program("nft", &["list", "ruleset"]).unwrap_or_default();
    let is_other = |table: &&str| {
        // Tables of fail2ban and of iptables are checked above.
        let is_known = ["inet f2b-", "ip filter ", "ip6 filter "].iter().any(|name| table.starts_with(name));
        !is_known && table.contains("hook input") && ["drop", "reject"].iter().any(|verdict| table.contains(verdict))
    };
    tables.trim_start_matches("table ").split("\ntable ").find(is_other).map(|_| "rules of nftables".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firewall_that_is_off_must_admit_everybody_by_ssh() {
        let admits = |rules: &str, port| {
            Firewall { is_enabled: false, denies_incoming: true, rules: rules.into() }.admits_port(port)
        };
        for rules in
            ["ufw allow 22", "ufw allow 22/tcp", "ufw limit ssh", "x\nufw allow OpenSSH", "ufw allow 22\nufw deny 22"]
        {
            assert!(admits(rules, 22), "{rules}");
        }
        for rules in [
            "ufw allow from 192.0.2.1 to any port 22 proto tcp",
            "ufw allow in on eth1 to any port 22",
            "ufw deny 22\nufw allow 22/tcp",
            "ufw deny from 203.0.113.0/24\nufw allow 22/tcp",
            "ufw allow 222/tcp",
            "ufw allow 22/udp",
            "",
        ] {
            assert!(!admits(rules, 22), "{rules}");
        }
        assert!(!admits("ufw allow OpenSSH", 2222));
    }

    #[test]
    fn rules_that_are_in_force_stay_as_narrow_as_they_are() {
        let gateway = "allow in on tailscale0 to any port 18789 proto tcp";
        let lacks = |is_on, denies| {
            Firewall { is_enabled: is_on, denies_incoming: denies, rules: "ufw allow in on eth1".into() }
                .missing_rules(&[22], 18789)
        };
        assert_eq!(lacks(true, true), [gateway]);
        assert_eq!(lacks(true, false), ["prepend allow 22/tcp", gateway]);
        assert_eq!(lacks(false, false), ["prepend allow 22/tcp", gateway]);
    }
}
