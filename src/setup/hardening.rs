//! What keeps others out of a standby beside the firewall: bans, and upgrades.

use std::thread;
use std::time::{Duration, Instant};

use super::State;
use super::site::Site;
use crate::doctor::{Finding, Level};

/// Where the jail is written, if Debian's own does not work: there sshd has no log file, only the journal. Who guesses is
/// shut out of every port, on whichever sshd listens.
const JAIL: (&str, &str) =
    ("/etc/fail2ban/jail.d/openclaw-failover.local", "[sshd]\nenabled = true\nbackend = systemd\nport = 0:65535\n");

const UPGRADES: (&str, &str) = (
    "/etc/apt/apt.conf.d/52openclaw-failover",
    "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n",
);

const TIMERS: [&str; 2] = ["apt-daily.timer", "apt-daily-upgrade.timer"];

/// How long fail2ban may take to come up.
const FAIL2BAN: Duration = Duration::from_secs(30);

/// Bans for those who guess passwords.
pub(super) fn fail2ban(site: &Site) -> State {
    match wanted(site.judge("fail2ban")) {
        State::Done(_) if !site.unit("fail2ban.service").is_enabled() => {
            State::Todo("it does not start with the host".into())
        }
        state => state,
    }
}

/// Watches sshd.
pub(super) fn ban(site: &Site) -> Result<(), String> {
    if !site.is_well("fail2ban") {
        site.put(JAIL.0, 0o644, JAIL.1.as_bytes())?;
    }
    site.run("systemctl", &["enable", "fail2ban.service"])?;
    if !site.is_well("fail2ban") {
        site.run("systemctl", &["restart", "fail2ban.service"])?;
    }
    until(FAIL2BAN, || site.is_well("fail2ban"));
    Ok(())
}

/// Security upgrades. Whoever has switched them off on purpose has done so in a file that comes after ours, or has masked
/// a timer.
pub(super) fn upgrades(site: &Site) -> State {
    let found = site.judge("upgrades");
    let is_put =
        || site.has(UPGRADES.0, 0o644, UPGRADES.1.as_bytes()) && TIMERS.iter().all(|timer| site.unit(timer).is_up());
    if found.level != Level::Ok && (TIMERS.iter().any(|timer| site.unit(timer).is_masked()) || is_put()) {
        return State::Left(format!(
            "{}: somebody has switched them off; see `apt-config dump APT::Periodic`",
            found.evidence
        ));
    }
    wanted(found)
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
