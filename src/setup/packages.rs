//! Debian's packages, and a polkit that understands the monitor's rule.

use std::thread;
use std::time::Duration;

use super::State;
use super::site::Site;

const STANDBY: [&str; 9] = [
    "fail2ban",
    "git",
    "openssh-client",
    "polkitd",
    // fail2ban needs it where sshd's log is the journal.
    "python3-systemd",
    "rsync",
    "sqlite3",
    "ufw",
    "unattended-upgrades",
];

/// `rrsync`, which lets a standby's key read one folder, is a Python script.
const PRIMARY: [&str; 4] = ["git", "openssh-client", "python3", "rsync"];

/// Downloads what is installed by a script of its own.
const DOWNLOAD: [&str; 2] = ["ca-certificates", "curl"];

/// The first polkit of Debian's and Ubuntu's with rules in JavaScript; before it came 0.105.
const POLKIT: u32 = 106;

/// How long apt may take over a slow network.
const APT: Duration = Duration::from_secs(60 * 60);

/// A new host often updates itself while it is set up: how often, and after how long, apt is tried again.
const TRIES: (u32, Duration) = (60, Duration::from_secs(10));

/// On a standby.
pub(super) fn standby(site: &Site) -> State {
    if let Some(old) = old_polkit(site) {
        return State::Refused(old);
    }
    look(site, &STANDBY)
}

/// On a primary.
pub(super) fn primary(site: &Site) -> State {
    look(site, &PRIMARY)
}

/// Installs the standby's.
pub(super) fn install_standby(site: &Site) -> Result<(), String> {
    update(site)?;
    match old_polkit(site) {
        Some(old) => Err(old),
        None => install(site, &missing(site, &STANDBY)),
    }
}

/// Installs the primary's.
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
        wanted.extend(DOWNLOAD);
    }
    let format = "--showformat=${Package} ${db:Status-Status}\n";
    // It fails where it knows nothing of one of them, and still tells of the others.
    let asked = site.world.command("dpkg-query").args(["--show", format]).args(&wanted).attempt();
    let known = asked.map(|(_, said)| said.stdout).unwrap_or_default();
    let is_there = |name: &&str| known.lines().any(|line| line == format!("{name} installed"));
    wanted.retain(|name| !is_there(name));
    wanted
}

/// What is wrong with this release's polkit; `None` also while nobody knows its version.
fn old_polkit(site: &Site) -> Option<String> {
    let known = site.world.ask("apt-cache", &["policy", "polkitd"]).ok()?;
    let version = |key| known.lines().find_map(|line| line.trim().strip_prefix(key)).map(str::trim);
    let version =
        [version("Installed:"), version("Candidate:")].into_iter().flatten().find(|known| *known != "(none)")?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major == 0 && minor < POLKIT).then(|| {
        format!(
            "this release's polkit is {version}, which has no JavaScript rules, so nothing could let the monitor start \
             the gateway and nothing else; use Debian 12, Ubuntu 24.04 or newer"
        )
    })
}

fn update(site: &Site) -> Result<(), String> {
    // A dpkg that was killed has left packages half installed.
    retry(site, "dpkg", &["--configure", "-a"])?;
    retry(site, "apt-get", &["-q", "update"])
}

fn install(site: &Site, packages: &[&str]) -> Result<(), String> {
    let options = ["-q", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confdef", "-o"].into_iter();
    let words = options.chain(["Dpkg::Options::=--force-confold", "install"]).chain(packages.iter().copied());
    retry(site, "apt-get", &words.collect::<Vec<_>>())
}

fn retry(site: &Site, program: &str, args: &[&str]) -> Result<(), String> {
    let command = || site.world.command(program).args(args).deadline(APT).env("DEBIAN_FRONTEND", "noninteractive");
    let mut tries = TRIES.0;
    loop {
        match command().env("NEEDRESTART_SUSPEND", "1").run() {
            Ok(_) => return Ok(()),
            Err(why) if tries > 0 && why.said().contains("lock") => thread::sleep(TRIES.1),
            Err(why) => return Err(why.to_string()),
        }
        tries -= 1;
    }
}
