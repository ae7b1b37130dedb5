//! What keeps others out of a standby beside the firewall: bans, and upgrades.

use std::fs::{
    DirEntry, {self},
};
use std::thread;
use std::time::{Duration, Instant};

use crate::finding::{Finding, Level};
use crate::setup::target::Site;
use crate::setup::{State, ports};

/// Where the jail is written, if the distribution's own does not do: Debian's looks for a log file of sshd, where there is
/// only the journal, and Ubuntu's shuts port 22 alone. Who guesses is shut out of every port, on whichever sshd listens.
const JAIL: (&str, &str) =
    ("/etc/fail2ban/jail.d/openclaw-failover.local", "[sshd]\nenabled = true\nbackend = systemd\nport = 0:65535\n");

/// Where somebody writes jails of their own.
const JAILS: [&str; 2] = ["/etc/fail2ban", "/etc/fail2ban/jail.d"];

const UPGRADES: (&str, &str) = (
    "/etc/apt/apt.conf.d/52openclaw-failover",
    "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n",
);

const TIMERS: [&str; 2] = ["apt-daily.timer", "apt-daily-upgrade.timer"];

/// How many files of one of these folders are looked at.
const ENTRIES: usize = 1000;

/// How long fail2ban may take to come up.
const FAIL2BAN: Duration = Duration::from_secs(30);

/// Bans for those who guess passwords.
pub(super) fn fail2ban(site: &Site) -> State {
    match wanted(site.judge("fail2ban")) {
        State::Done(_) if !site.unit("fail2ban.service").is_enabled() => {
            State::Todo("it does not start with the host".into())
        }
        State::Done(_) if misses_a_port(site) => {
            State::Todo("its jail shuts port 22 alone, and ssh has another".into())
        }
        state => state,
    }
}

/// Whether ssh comes in where the distribution's jail does not look. Whoever has written a jail has chosen its ports.
fn misses_a_port(site: &Site) -> bool {
    let is_jail = |entry: DirEntry| entry.file_name().to_string_lossy().ends_with(".local");
    let jails = JAILS.iter().filter_map(|folder| fs::read_dir(site.world.path(folder)).ok());
    let is_chosen = || jails.flat_map(|folder| folder.take(ENTRIES).flatten()).any(is_jail);
    ports::ssh(site).is_ok_and(|ports| ports != [22]) && !is_chosen()
}

/// Watches sshd.
pub(super) fn ban(site: &Site) -> Result<(), String> {
    let is_missing = !site.is_well("fail2ban") || misses_a_port(site);
    if is_missing {
        site.put(JAIL.0, 0o644, JAIL.1.as_bytes())?;
    }
    site.run("systemctl", &["enable", "fail2ban.service"])?;
    if is_missing {
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
