//! Hardening of a standby beside the firewall: bans after failed logins, and automatic upgrades.

use std::fs::{
    DirEntry, {self},
};
use std::thread;
use std::time::{Duration, Instant};

use crate::finding::{Finding, Level};
use crate::setup::target::Site;
use crate::setup::{State, ports};

/// Jail for sshd and its path, for where the distribution's jail is not enough: Debian's reads a log file of sshd,
/// while there is only the journal; Ubuntu's bans from port 22 only. This one bans an address from every port.
const JAIL: (&str, &str) =
    ("/etc/fail2ban/jail.d/openclaw-failover.local", "[sshd]\nenabled = true\nbackend = systemd\nport = 0:65535\n");

/// Folders of locally written jails.
const JAILS: [&str; 2] = ["/etc/fail2ban", "/etc/fail2ban/jail.d"];

const UPGRADES: (&str, &str) = (
    "/etc/apt/apt.conf.d/52openclaw-failover",
    "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n",
);

const TIMERS: [&str; 2] = ["apt-daily.timer", "apt-daily-upgrade.timer"];

/// Number of entries read per folder, at most.
const ENTRIES: usize = 1000;

/// Time limit for fail2ban to start.
const FAIL2BAN: Duration = Duration::from_secs(30);

/// Reads the state of fail2ban.
pub(super) fn fail2ban(site: &Site) -> State {
    match wanted(site.judge("fail2ban")) {
        State::Done(_) if !site.unit("fail2ban.service").is_enabled() => State::Todo("enable fail2ban at boot".into()),
        State::Done(_) if misses_a_port(site) => {
            State::Todo("its jail covers port 22 only, but ssh uses another port".into())
        }
        state => state,
    }
}

/// True if ssh uses a port that the distribution's jail does not cover. A locally written jail has chosen its ports.
fn misses_a_port(site: &Site) -> bool {
    let is_jail = |entry: DirEntry| entry.file_name().to_string_lossy().ends_with(".local");
    let jails = JAILS.iter().filter_map(|folder| fs::read_dir(site.world.path(folder)).ok());
    let is_chosen = || jails.flat_map(|folder| folder.take(ENTRIES).flatten()).any(is_jail);
    ports::ssh(site).is_ok_and(|ports| ports != [22]) && !is_chosen()
}

/// Enables the jail for sshd.
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

/// Reads the state of automatic security upgrades. They count as turned off on purpose if a later file overrides ours
/// or a timer is masked.
pub(super) fn upgrades(site: &Site) -> State {
    let found = site.judge("upgrades");
    let is_put =
        || site.has(UPGRADES.0, 0o644, UPGRADES.1.as_bytes()) && TIMERS.iter().all(|timer| site.unit(timer).is_up());
    if found.level != Level::Ok && (TIMERS.iter().any(|timer| site.unit(timer).is_masked()) || is_put()) {
        return State::Left(format!("{}: turned off on purpose; see `apt-config dump APT::Periodic`", found.evidence));
    }
    wanted(found)
}

/// Maps a finding to a step's state.
fn wanted(found: Finding) -> State {
    if found.level == Level::Ok { State::Done(found.evidence) } else { State::Todo(found.evidence) }
}

/// Enables automatic security upgrades.
pub(super) fn upgrade(site: &Site) -> Result<(), String> {
    site.put(UPGRADES.0, 0o644, UPGRADES.1.as_bytes())?;
    TIMERS.iter().try_for_each(|timer| site.run("systemctl", &["enable", "--now", timer]))
}

/// Polls a condition until it holds or the time limit passes.
pub(super) fn until(limit: Duration, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() && start.elapsed() < limit {
        thread::sleep(Duration::from_millis(500));
    }
}
