//! Hardening of a standby beside the firewall: bans after failed logins, and automatic upgrades.

use std::fs::{self, DirEntry};
use std::time::Duration;

use crate::finding::{Finding, Level};
use crate::setup::error::SetupError;
use crate::setup::plan::StepState;
use crate::setup::ports;
use crate::setup::target::{SetupTarget, wait_until};

/// Jail for sshd and its path, for where the distribution's jail is not enough: Debian's reads a log file of sshd,
/// while there is only the journal; Ubuntu's bans from port 22 only. This one bans an address from every port.
const SSHD_JAIL: (&str, &str) =
    ("/etc/fail2ban/jail.d/openclaw-failover.local", "[sshd]\nenabled = true\nbackend = systemd\nport = 0:65535\n");

/// Folders of locally written jails.
const JAIL_FOLDERS: [&str; 2] = ["/etc/fail2ban", "/etc/fail2ban/jail.d"];

const UPGRADES_FILE: (&str, &str) = (
    "/etc/apt/apt.conf.d/52openclaw-failover",
    "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n",
);

const UPGRADE_TIMERS: [&str; 2] = ["apt-daily.timer", "apt-daily-upgrade.timer"];

/// Number of entries read per folder, at most.
const FOLDER_ENTRY_LIMIT: usize = 1000;

/// Time limit for fail2ban to start.
const FAIL2BAN_START_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the state of fail2ban.
pub(super) fn read_fail2ban_state(target: &SetupTarget) -> StepState {
    match state_of_finding(target.run_check("fail2ban")) {
        StepState::Done(_) if !target.query_unit("fail2ban.service").is_enabled() => {
            StepState::Pending("enable fail2ban at boot".into())
        }
        StepState::Done(_) if misses_ssh_port(target) => {
            StepState::Pending("its jail covers port 22 only, but ssh uses another port".into())
        }
        state => state,
    }
}

/// True if ssh uses a port that the distribution's jail does not cover. A locally written jail has chosen its ports.
fn misses_ssh_port(target: &SetupTarget) -> bool {
    let is_jail = |entry: DirEntry| entry.file_name().to_string_lossy().ends_with(".local");
    let jails = JAIL_FOLDERS.iter().filter_map(|folder| fs::read_dir(target.context.system_path(folder)).ok());
    let is_chosen = || jails.flat_map(|folder| folder.take(FOLDER_ENTRY_LIMIT).flatten()).any(is_jail);
    ports::find_ssh_ports(target).is_ok_and(|ports| ports != [22]) && !is_chosen()
}

/// Enables the jail for sshd.
pub(super) fn enable_fail2ban(target: &SetupTarget) -> Result<(), SetupError> {
    let is_missing = !target.passes_check("fail2ban") || misses_ssh_port(target);
    if is_missing {
        target.write_file(SSHD_JAIL.0, 0o644, SSHD_JAIL.1.as_bytes())?;
    }
    target.run_program("systemctl", &["enable", "fail2ban.service"])?;
    if is_missing {
        target.run_program("systemctl", &["restart", "fail2ban.service"])?;
    }
    wait_until(FAIL2BAN_START_TIMEOUT, || target.passes_check("fail2ban"));
    Ok(())
}

/// Reads the state of automatic security upgrades. They count as turned off on purpose if a later file overrides ours
/// or a timer is masked.
pub(super) fn read_upgrades_state(target: &SetupTarget) -> StepState {
    let found = target.run_check("upgrades");
    let is_put = || {
        target.has_file(UPGRADES_FILE.0, 0o644, UPGRADES_FILE.1.as_bytes())
            && UPGRADE_TIMERS.iter().all(|timer| target.query_unit(timer).is_up())
    };
    if found.level != Level::Ok && (UPGRADE_TIMERS.iter().any(|timer| target.query_unit(timer).is_masked()) || is_put())
    {
        return StepState::Skipped(format!(
            "{}: turned off on purpose; see `apt-config dump APT::Periodic`",
            found.evidence
        ));
    }
    state_of_finding(found)
}

/// Maps a finding to a step's state.
fn state_of_finding(found: Finding) -> StepState {
    if found.level == Level::Ok { StepState::Done(found.evidence) } else { StepState::Pending(found.evidence) }
}

/// Enables automatic security upgrades.
pub(super) fn enable_upgrades(target: &SetupTarget) -> Result<(), SetupError> {
    target.write_file(UPGRADES_FILE.0, 0o644, UPGRADES_FILE.1.as_bytes())?;
    UPGRADE_TIMERS.iter().try_for_each(|timer| target.run_program("systemctl", &["enable", "--now", timer]))
}
