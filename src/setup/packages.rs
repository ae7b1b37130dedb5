//! Debian packages, and the check that polkit can evaluate the monitor's rule.

use std::thread;
use std::time::Duration;

use crate::setup::error::SetupError;
use crate::setup::firewall;
use crate::setup::options::StandbyOptions;
use crate::setup::plan::StepState;
use crate::setup::target::SetupTarget;

const STANDBY_PACKAGES: [&str; 10] = [
    // For workspaces that are reached by https.
    "ca-certificates",
    "fail2ban",
    "git",
    "openssh-client",
    "polkitd",
    // fail2ban needs it to read sshd's log from the journal.
    "python3-systemd",
    "rsync",
    "sqlite3",
    "ufw",
    "unattended-upgrades",
];

/// Packages of a primary. `rrsync`, which lets a standby's key read one folder, is a Python script.
const PRIMARY_PACKAGES: [&str; 4] = ["git", "openssh-client", "python3", "rsync"];

/// First polkit release of Debian and Ubuntu with JavaScript rules; the one before was 0.105.
const POLKIT_MINIMUM_MINOR: u32 = 106;

const RELEASE_ADVICE: &str = "use Debian 12, Ubuntu 24.04 or newer";

/// Number of attempts, and the delay between them, while another apt runs: new hosts often update themselves.
const APT_RETRIES: (u32, Duration) = (60, Duration::from_secs(10));

/// Reads the state of a standby's packages.
pub(super) fn read_standby_state(target: &SetupTarget, options: &StandbyOptions) -> StepState {
    match check_polkit_version(target) {
        Ok(_) => packages_state(target, &standby_packages(target, options)),
        Err(old) => StepState::Refused(old),
    }
}

/// Reads the state of a primary's packages.
pub(super) fn read_primary_state(target: &SetupTarget) -> StepState {
    packages_state(target, &PRIMARY_PACKAGES)
}

/// Installs a standby's packages.
pub(super) fn install_standby(target: &SetupTarget, options: &StandbyOptions) -> Result<(), SetupError> {
    let stale = update_package_lists(target)?;
    if check_polkit_version(target)?.is_none() {
        let missing = || SetupError::with_remedy("this release has no package polkitd", RELEASE_ADVICE);
        return Err(stale.unwrap_or_else(missing));
    }
    install_packages(target, &missing_packages(target, &standby_packages(target, options)))
}

/// Installs a primary's packages.
pub(super) fn install_primary(target: &SetupTarget) -> Result<(), SetupError> {
    update_package_lists(target)?;
    install_packages(target, &missing_packages(target, &PRIMARY_PACKAGES))
}

fn packages_state(target: &SetupTarget, wanted: &[&'static str]) -> StepState {
    let missing = missing_packages(target, wanted);
    match missing.is_empty() {
        true => StepState::Done("all are installed".into()),
        false => StepState::Pending(format!("apt-get install {}", missing.join(" "))),
    }
}

/// Returns the packages that a standby with these options needs.
fn standby_packages(target: &SetupTarget, options: &StandbyOptions) -> Vec<&'static str> {
    let mut wanted = STANDBY_PACKAGES.to_vec();
    if options.grant_sudo {
        wanted.push("sudo");
    }
    if options.install_openclaw || options.install_tailscale {
        wanted.push("curl");
    }
    // Installing ufw would remove another firewall.
    if firewall::find_other_firewall(target).is_some() {
        wanted.retain(|name| *name != "ufw");
    }
    wanted
}

fn missing_packages(target: &SetupTarget, wanted: &[&'static str]) -> Vec<&'static str> {
    let format = "--showformat=${Package} ${db:Status-Status}\n";
    // dpkg-query exits with an error if one package is unknown, but still lists the others.
    let asked = target.context.new_command("dpkg-query").args(["--show", format]).args(wanted).run_any_exit_code();
    let known = asked.map(|(_, said)| said.stdout).unwrap_or_default();
    let is_there = |name: &&str| known.lines().any(|line| line == format!("{name} installed"));
    wanted.iter().copied().filter(|name| !is_there(name)).collect()
}

/// Returns the version of this release's polkit; `None` if there is none, or before the first `apt-get update`.
fn query_polkit_version(target: &SetupTarget) -> Option<String> {
    let known = target.context.run_program("apt-cache", &["policy", "polkitd"]).ok()?;
    let version = |key| known.lines().find_map(|line| line.trim().strip_prefix(key)).map(str::trim);
    let version = [version("Installed:"), version("Candidate:")].into_iter().flatten().find(|known| *known != "(none)");
    version.map(str::to_owned)
}

/// Returns the version of this release's polkit, unless it is too old.
fn check_polkit_version(target: &SetupTarget) -> Result<Option<String>, SetupError> {
    let Some(version) = query_polkit_version(target) else { return Ok(None) };
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if major > 0 || minor >= POLKIT_MINIMUM_MINOR {
        return Ok(Some(version));
    }
    Err(SetupError::with_remedy(
        format_args!(
            "this release's polkit is {version}, without JavaScript rules, which the monitor needs to start the gateway"
        ),
        RELEASE_ADVICE,
    ))
}

/// Runs `apt-get update`. A failure is logged and returned, not fatal: a third-party repository that is gone does not
/// block Debian's own packages.
fn update_package_lists(target: &SetupTarget) -> Result<Option<SetupError>, SetupError> {
    // A killed dpkg leaves packages half installed.
    run_with_retries(target, "dpkg", &["--force-confdef", "--force-confold", "--configure", "-a"])?;
    let failed = run_with_retries(target, "apt-get", &["-q", "-o", "APT::Update::Error-Mode=any", "update"]).err();
    if let Some(why) = &failed {
        log::warn!("{why}; continuing with the package lists on disk");
    }
    Ok(failed)
}

fn install_packages(target: &SetupTarget, packages: &[&str]) -> Result<(), SetupError> {
    let options = ["-q", "-y", "--no-install-recommends", "--no-remove", "-o", "Dpkg::Options::=--force-confdef", "-o"];
    let words = options.into_iter().chain(["Dpkg::Options::=--force-confold", "install"]);
    run_with_retries(target, "apt-get", &words.chain(packages.iter().copied()).collect::<Vec<_>>())
}

fn run_with_retries(target: &SetupTarget, program: &str, args: &[&str]) -> Result<(), SetupError> {
    for left in (0..APT_RETRIES.0).rev() {
        match target.run_installer(program, args) {
            Ok(()) => return Ok(()),
            Err(why) if left > 0 && !target.cancel.is_cancelled() && why.last_output().contains(" lock") => {
                if left == APT_RETRIES.0 - 1 {
                    log::info!("another apt or dpkg is running, as on a new host; waiting up to 10 minutes");
                }
                thread::sleep(APT_RETRIES.1);
            }
            Err(why) => return Err(why.into()),
        }
    }
    Ok(())
}
