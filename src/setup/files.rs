//! The program and the files that it ships. They exist once, beside this source; the Nix package installs the same
//! ones.

use std::fs;

use crate::gateway_check::CHECK;
use crate::os::atomic_file;
use crate::setup::State;
use crate::setup::service::{GATEWAY, MONITOR};
use crate::setup::target::Site;
use crate::workspace::unit::{PULL, PUSH};

/// Path of the installed program.
pub(super) const PROGRAM: &str = "/usr/local/bin/openclaw-failover";

/// Folders of the configuration and of the monitor's credentials (one file each), with their modes.
const FOLDERS: [(&str, u32); 2] = [("/etc/openclaw-failover", 0o755), ("/etc/openclaw-failover/credentials", 0o700)];

/// Size limit of an installed file whose first line is compared, in bytes.
const LONGEST: usize = 1 << 20;

/// A shipped file.
pub(super) struct Shipped {
    pub(super) path: &'static str,
    pub(super) text: &'static str,
}

macro_rules! shipped {
    ($folder:literal, $name:literal) => {
        Shipped { path: concat!($folder, "/", $name), text: include_str!($name) }
    };
}

/// Unit of the gateway.
pub(super) const GATEWAY_UNIT: Shipped = shipped!("/etc/systemd/system", "openclaw.service");
const PUSH_UNIT: Shipped = shipped!("/etc/systemd/system", "openclaw-sync-push.service");

/// Drop-in that makes a host push to the primary's branch, which every standby pulls.
pub(super) const IS_PRIMARY: &str = "/etc/systemd/system/openclaw-sync-push.service.d/primary.conf";

/// Files of a standby.
pub(super) static STANDBY: [Shipped; 9] = [
    GATEWAY_UNIT,
    shipped!("/etc/systemd/system", "openclaw-failover.service"),
    shipped!("/etc/systemd/system", "openclaw-failover-check.service"),
    shipped!("/etc/systemd/system", "openclaw-failover-drill.service"),
    shipped!("/etc/systemd/system", "openclaw-failover-drill.timer"),
    shipped!("/etc/systemd/system", "openclaw-sync-pull.service"),
    PUSH_UNIT,
    shipped!("/etc/polkit-1/rules.d", "50-openclaw-failover.rules"),
    shipped!("/etc/sysusers.d", "openclaw-failover.conf"),
];

/// Files of a primary.
pub(super) static PRIMARY: [Shipped; 3] = [
    PUSH_UNIT,
    shipped!("/etc/systemd/system", "openclaw-sync-push.timer"),
    Shipped { path: IS_PRIMARY, text: include_str!("openclaw-sync-push-primary.conf") },
];

/// True if a file is the shipped one or an earlier version of it: its first line is the same. Links do not count.
pub(super) fn is_ours(site: &Site, file: &Shipped) -> bool {
    let there = atomic_file::read(&site.world.path(file.path), LONGEST).ok().flatten().unwrap_or_default();
    let first = |text: &[u8]| text.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
    first(&there) == first(file.text.as_bytes())
}

/// Reads the state of the program at the path that the units name.
pub(super) fn program(site: &Site) -> State {
    match fs::read(&site.program) {
        Ok(own) if site.has(PROGRAM, 0o755, &own) => State::Done(PROGRAM.into()),
        Ok(_) => match newer(site) {
            Some(version) => State::Refused(format!(
                "{PROGRAM} is version {version}, but this program is {}; use the newer one",
                env!("CARGO_PKG_VERSION")
            )),
            None => State::Todo(format!("copy this program to {PROGRAM}")),
        },
        Err(why) => State::Refused(format!("cannot read this program: {why}")),
    }
}

/// Returns the installed version if it is newer than this program.
fn newer(site: &Site) -> Option<String> {
    let said = site.world.ask(&site.world.path(PROGRAM).to_string_lossy(), &["--version"]).ok()?;
    let version = said.trim().strip_prefix("openclaw-failover ")?;
    let numbers = |version: &str| version.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>();
    (numbers(version) > numbers(env!("CARGO_PKG_VERSION"))).then(|| version.to_owned())
}

/// Copies this program to the path that the units name.
pub(super) fn install_program(site: &Site) -> Result<(), String> {
    let own = fs::read(&site.program).map_err(|why| format!("cannot read this program: {why}"))?;
    site.outdate_monitor()?;
    site.put(PROGRAM, 0o755, &own)
}

/// Reads the state of a standby's files and of the folders and the user that they need.
pub(super) fn standby(site: &Site) -> State {
    let mut missing = missing(site, &STANDBY);
    let folders = FOLDERS.iter().filter(|(path, mode)| !site.has_folder(path, *mode));
    missing.extend(folders.map(|(path, _)| *path));
    missing.extend(site.unit(GATEWAY).is_enabled().then_some("openclaw.service disabled"));
    if site.world.ask("getent", &["passwd", MONITOR_USER]).is_err() {
        missing.push("the monitor's user");
    }
    said(site, &[GATEWAY, MONITOR, CHECK, PULL, PUSH], &missing)
}

/// Installs a standby's files.
pub(super) fn install_standby(site: &Site) -> Result<(), String> {
    site.outdate_monitor()?;
    install(site, &STANDBY)?;
    FOLDERS.iter().try_for_each(|(path, mode)| site.folder(path, *mode))?;
    site.run("systemd-sysusers", &["openclaw-failover.conf"])?;
    site.run("systemctl", &["daemon-reload"])?;
    if site.unit(GATEWAY).is_enabled() {
        site.run("systemctl", &["disable", GATEWAY])?;
    }
    Ok(())
}

/// Reads the state of a primary's files.
pub(super) fn primary(site: &Site) -> State {
    said(site, &[PUSH], &missing(site, &PRIMARY))
}

/// Installs a primary's files.
pub(super) fn install_primary(site: &Site) -> Result<(), String> {
    install(site, &PRIMARY)?;
    site.run("systemctl", &["daemon-reload"])
}

const MONITOR_USER: &str = "openclaw-failover";

fn missing(site: &Site, files: &[Shipped]) -> Vec<&'static str> {
    let is_there = |file: &&Shipped| site.has(file.path, 0o644, file.text.as_bytes());
    files.iter().filter(|file| !is_there(file)).map(|file| file.path).collect()
}

fn said(site: &Site, units: &[&str], missing: &[&str]) -> State {
    let is_stale = |unit: &&str| site.unit(unit).value("NeedDaemonReload") == "yes";
    match (missing.is_empty(), units.iter().find(|unit| is_stale(unit))) {
        (false, _) => {
            // File names are enough: a dozen full paths would be unreadable.
            let names: Vec<&str> = missing.iter().map(|path| path.rsplit('/').next().unwrap_or(path)).collect();
            State::Todo(names.join(", "))
        }
        (true, Some(stale)) => State::Todo(format!("systemctl daemon-reload: {stale} has changed")),
        (true, None) => State::Done("all files are up to date".into()),
    }
}

fn install(site: &Site, files: &[Shipped]) -> Result<(), String> {
    for file in files {
        if !site.has(file.path, 0o644, file.text.as_bytes()) {
            site.put(file.path, 0o644, file.text.as_bytes())?;
        }
    }
    Ok(())
}
