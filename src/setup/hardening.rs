//! What keeps others out of a standby: a firewall, bans, upgrades. The operator is never locked out: no firewall is
//! switched on before the rule that lets the operator's session in is seen to be there.

use std::thread;
use std::time::{Duration, Instant};

use super::State;
use super::site::Site;
use crate::doctor::{Finding, Level, MANAGERS};
use crate::report::durable;

/// The interface of the tailnet.
const TAILNET: &str = "tailscale0";

/// Where the jail is written, if Debian's own does not work.
const JAIL: &str = "/etc/fail2ban/jail.d/openclaw-failover.local";

const UPGRADES: (&str, &str) = (
    "/etc/apt/apt.conf.d/52openclaw-failover",
    "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n",
);

const TIMERS: [&str; 2] = ["apt-daily.timer", "apt-daily-upgrade.timer"];

/// How many ancestors of this process are asked for their session.
const ANCESTORS: usize = 32;

/// How long fail2ban may take to come up.
const FAIL2BAN: Duration = Duration::from_secs(30);

/// How things stand with ufw.
struct Firewall {
    is_on: bool,
    denies: bool,
    /// Its rules, as the commands that would make them.
    rules: String,
}

impl Firewall {
    fn ask(site: &Site) -> Option<Self> {
        let status = site.world.ask("ufw", &["status", "verbose"]).ok()?;
        let rules = site.world.ask("ufw", &["show", "added"]).ok()?;
        let denies = ["deny (incoming)", "reject (incoming)"].iter().any(|word| status.contains(word));
        Some(Self { is_on: status.contains("Status: active"), denies, rules })
    }

    /// Whether ssh is let in. Where the firewall is on already the operator has come in under its rules, however narrow
    /// they are; where it is off only a rule for everybody is known not to lock the operator out.
    fn admits(&self, port: u16) -> bool {
        let (bare, tcp) = (port.to_string(), format!("{port}/tcp"));
        let names_it = |word: &str| word == bare || word == tcp || (port == 22 && matches!(word, "ssh" | "OpenSSH"));
        self.rules.lines().any(|line| {
            let mut words = line.split_whitespace().skip_while(|word| *word == "ufw");
            let admits = matches!(words.next(), Some("allow" | "limit"));
            admits && if self.is_on { words.any(names_it) } else { words.next().is_some_and(names_it) }
        })
    }

    /// What it lacks, as commands of ufw's.
    fn lacks(&self, ports: &[u16], gateway: &str) -> Vec<String> {
        let mut lacks: Vec<String> =
            ports.iter().filter(|port| !self.admits(**port)).map(|port| format!("allow {port}/tcp")).collect();
        if !self.rules.contains(gateway) {
            lacks.push(gateway.to_owned());
        }
        lacks
    }
}

/// The firewall.
pub(super) fn firewall(site: &Site) -> State {
    if let Some(other) = MANAGERS.iter().find(|unit| site.unit(unit).is_up()) {
        let port = site.world.port();
        return State::Left(format!("{other} manages it; let it admit ssh, and port {port} on {TAILNET} only"));
    }
    let (ports, firewall) = match (ports(site), Firewall::ask(site)) {
        (Ok(ports), Some(firewall)) => (ports, firewall),
        (Ok(_), None) => return State::Todo("deny what nobody has allowed; allow ssh".into()),
        (Err(why), _) => return State::Refused(why),
    };
    let mut todo = firewall.lacks(&ports, &gateway_rule(site));
    todo.extend((!firewall.denies).then(|| "default deny incoming".to_owned()));
    todo.extend((!firewall.is_on).then(|| "enable".to_owned()));
    match todo.is_empty() {
        true => State::Done("ufw denies what nobody has allowed".into()),
        false => State::Todo(format!("ufw {}", todo.join("; "))),
    }
}

/// Switches it on; the rule for ssh comes first, and is looked at.
pub(super) fn raise(site: &Site) -> Result<(), String> {
    let ports = ports(site)?;
    let ask = || Firewall::ask(site).ok_or("ufw does not answer".to_owned());
    for rule in ask()?.lacks(&ports, &gateway_rule(site)) {
        site.run("ufw", &rule.split(' ').collect::<Vec<_>>())?;
    }
    if let Some(port) = ports.iter().find(|port| !ask().is_ok_and(|firewall| firewall.admits(**port))) {
        return Err(format!("the rule for ssh on port {port} is not there, so the firewall stays as it was"));
    }
    site.run("ufw", &["default", "deny", "incoming"])?;
    site.run("ufw", &["--force", "enable"])
}

fn gateway_rule(site: &Site) -> String {
    format!("allow in on {TAILNET} to any port {} proto tcp", site.world.port())
}

/// Bans for those who guess passwords.
pub(super) fn fail2ban(site: &Site) -> State {
    match wanted(site.judge("fail2ban")) {
        State::Done(_) if !site.unit("fail2ban.service").is_enabled() => {
            State::Todo("it does not start with the host".into())
        }
        state => state,
    }
}

/// Watches sshd. Debian 12 has no log file of its, only the journal.
pub(super) fn ban(site: &Site) -> Result<(), String> {
    if !site.is_well("fail2ban") {
        let ports: Vec<String> = ports(site)?.iter().map(u16::to_string).collect();
        let jail = format!("[sshd]\nenabled = true\nbackend = systemd\nport = {}\n", ports.join(","));
        site.put(JAIL, 0o644, jail.as_bytes())?;
    }
    site.run("systemctl", &["enable", "fail2ban.service"])?;
    if !site.is_well("fail2ban") {
        site.run("systemctl", &["restart", "fail2ban.service"])?;
    }
    until(FAIL2BAN, || site.is_well("fail2ban"));
    Ok(())
}

/// Security upgrades.
pub(super) fn upgrades(site: &Site) -> State {
    wanted(site.judge("upgrades"))
}

/// What a check has found, of something that is wanted.
fn wanted(found: Finding) -> State {
    if found.level == Level::Ok { State::Done(found.evidence) } else { State::Todo(found.evidence) }
}

/// Switches them on.
pub(super) fn upgrade(site: &Site) -> Result<(), String> {
    site.put(UPGRADES.0, 0o644, UPGRADES.1.as_bytes())?;
    TIMERS.iter().try_for_each(|timer| site.run("systemctl", &["enable", "--now", timer]))
}

/// Waits for something, for so long at most.
pub(super) fn until(limit: Duration, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() && start.elapsed() < limit {
        thread::sleep(Duration::from_millis(500));
    }
}

/// Where ssh comes in: what sshd is configured for, and what this session has come by.
fn ports(site: &Site) -> Result<Vec<u16>, String> {
    let mut ports: Vec<u16> = session(site).into_iter().collect();
    match site.world.ask("sshd", &["-T"]) {
        Ok(said) => {
            for port in said.lines().filter_map(|line| line.strip_prefix("port ")?.trim().parse().ok()) {
                if !ports.contains(&port) {
                    ports.push(port);
                }
            }
        }
        Err(why) if why.is_missing_program() => {}
        Err(why) if ports.is_empty() => return Err(format!("sshd does not say where it listens: {}", why.reason())),
        Err(_) => {}
    }
    if ports.is_empty() {
        ports.push(22);
    }
    Ok(ports)
}

/// The port by which this session has come in, if it has come by ssh. `sudo` keeps that from us, but not from our
/// ancestors.
fn session(site: &Site) -> Option<u16> {
    let mut process = "self".to_owned();
    for _ in 0..ANCESTORS {
        let file =
            |name: &str| durable::read(&site.world.path(&format!("/proc/{process}/{name}")), 1 << 20).ok().flatten();
        let environment = file("environ").unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0).filter_map(|pair| std::str::from_utf8(pair).ok());
        if let Some(connection) = variables.find_map(|pair| pair.strip_prefix("SSH_CONNECTION=")) {
            return connection.split(' ').nth(3)?.parse().ok();
        }
        let status = String::from_utf8(file("status")?).ok()?;
        process = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().to_owned();
        if process == "0" {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firewall_that_is_off_must_admit_everybody_by_ssh() {
        let firewall = |is_on, rules: &str| Firewall { is_on, denies: true, rules: rules.into() };
        for rules in ["ufw allow 22", "ufw allow 22/tcp", "ufw limit ssh", "x\nufw allow OpenSSH"] {
            assert!(firewall(false, rules).admits(22), "{rules}");
        }
        let narrow = "ufw allow from 192.0.2.1 to any port 22 proto tcp";
        assert!(firewall(true, narrow).admits(22));
        for rules in [narrow, "ufw allow in on eth1 to any port 22", "ufw deny 22/tcp", "ufw allow 222/tcp", ""] {
            assert!(!firewall(false, rules).admits(22), "{rules}");
        }
        assert!(!firewall(true, "ufw allow OpenSSH").admits(2222));
    }
}
