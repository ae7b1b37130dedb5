//! Debian packages, and the check that polkit can evaluate the monitor's rule.

use std::thread;
use std::time::Duration;

use crate::setup::target::Site;
use crate::setup::{State, firewall};

const STANDBY: [&str; 10] = [
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
const PRIMARY: [&str; 4] = ["git", "openssh-client", "python3", "rsync"];

/// First polkit release of Debian and Ubuntu with JavaScript rules; its predecessor was 0.105.
const POLKIT: u32 = 106;

const NEWER: &str = "use Debian 12, Ubuntu 24.04 or newer";

/// Number of attempts, and the delay between them, while another apt runs: new hosts often update themselves.
const TRIES: (u32, Duration) = (60, Duration::from_secs(10));

/// Reads the state of a standby's packages.
pub(super) fn standby(site: &Site) -> State {
    if let Some(old) = old_polkit(site) {
        return State::Refused(old);
    }
    look(site, &STANDBY)
}

/// Reads the state of a primary's packages.
pub(super) fn primary(site: &Site) -> State {
    look(site, &PRIMARY)
}

/// Installs a standby's packages.
pub(super) fn install_standby(site: &Site) -> Result<(), String> {
    let stale = update(site)?;
    match (old_polkit(site), polkit(site)) {
        (Some(old), _) => Err(old),
        (None, None) => Err(stale.unwrap_or_else(|| format!("this release has no package polkitd; {NEWER}"))),
        (None, Some(_)) => install(site, &missing(site, &STANDBY)),
    }
}

/// Installs a primary's packages.
pub(super) fn install_primary(site: &Site) -> Result<(), String> {
    update(site)?;
    install(site, &missing(site, &PRIMARY))
}

fn look(site: &Site, wanted: &[&'static str]) -> State {
    let missing = missing(site, wanted);
    match missing.is_empty() {
        true => State::Done("all are installed".into()),
        false => State::Todo(format!("apt-get install {}", missing.join(" "))),
    }
}

fn missing(site: &Site, wanted: &[&'static str]) -> Vec<&'static str> {
    let (wishes, mut wanted) = (&site.wishes, wanted.to_vec());
    if wishes.sudo {
        wanted.push("sudo");
    }
    if wishes.install_openclaw || wishes.install_tailscale {
        wanted.push("curl");
    }
    // Installing ufw would remove another firewall.
    if wanted.contains(&"ufw") && firewall::another(site).is_some() {
        wanted.retain(|name| *name != "ufw");
    }
    let format = "--showformat=${Package} ${db:Status-Status}\n";
    // dpkg-query exits with an error if one package is unknown, but still lists the others.
    let asked = site.world.command("dpkg-query").args(["--show", format]).args(&wanted).attempt();
    let known = asked.map(|(_, said)| said.stdout).unwrap_or_default();
    let is_there = |name: &&str| known.lines().any(|line| line == format!("{name} installed"));
    wanted.retain(|name| !is_there(name));
    wanted
}

/// Returns the version of this release's polkit; `None` if there is none, or before the first `apt-get update`.
fn polkit(site: &Site) -> Option<String> {
    let known = site.world.ask("apt-cache", &["policy", "polkitd"]).ok()?;
    let version = |key| known.lines().find_map(|line| line.trim().strip_prefix(key)).map(str::trim);
    let version = [version("Installed:"), version("Candidate:")].into_iter().flatten().find(|known| *known != "(none)");
    version.map(str::to_owned)
}

/// Returns an error message if polkit is too old.
fn old_polkit(site: &Site) -> Option<String> {
    let version = polkit(site)?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major == 0 && minor < POLKIT).then(|| {
        format!(
            "this release's polkit is {version}, without JavaScript rules, which the monitor needs to \
             start the gateway; {NEWER}"
        )
    })
}

/// Runs `apt-get update`. A failure is logged and returned, not fatal: a third-party repository that is gone does not
/// block Debian's own packages.
fn update(site: &Site) -> Result<Option<String>, String> {
    // A killed dpkg leaves packages half installed.
    retry(site, "dpkg", &["--force-confdef", "--force-confold", "--configure", "-a"])?;
    let failed = retry(site, "apt-get", &["-q", "-o", "APT::Update::Error-Mode=any", "update"]).err();
    if let Some(why) = &failed {
        log::warn!("{why}; continuing with the package lists on disk");
    }
    Ok(failed)
}

fn install(site: &Site, packages: &[&str]) -> Result<(), String> {
    let options = ["-q", "-y", "--no-install-recommends", "--no-remove", "-o", "Dpkg::Options::=--force-confdef", "-o"];
    let words = options.into_iter().chain(["Dpkg::Options::=--force-confold", "install"]);
    retry(site, "apt-get", &words.chain(packages.iter().copied()).collect::<Vec<_>>())
}

fn retry(site: &Site, program: &str, args: &[&str]) -> Result<(), String> {
    for left in (0..TRIES.0).rev() {
        match site.install(program, args) {
            Ok(()) => return Ok(()),
            Err(why) if left > 0 && !site.cancel.is_cancelled() && why.said().contains(" lock") => {
                if left == TRIES.0 - 1 {
                    log::info!("another apt or dpkg is running, as on a new host; waiting up to 10 minutes");
                }
                thread::sleep(TRIES.1);
            }
            Err(why) => return Err(why.to_string()),
        }
    }
    Ok(())
}
