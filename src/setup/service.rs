//! What runs in the end: the configuration, the workspace, the monitor; on a primary the timer.

use std::time::Duration;

use super::State;
use super::hardening::until;
use super::keys;
use super::site::Site;
use crate::config::{DEFAULT_FILE, Source, Workspace};
use crate::doctor::{is_of, read};
use crate::host::Cancel;
use crate::host::systemd::Systemctl;
use crate::report::clock::wall_clock;
use crate::sync::unit;

/// The monitor's unit.
pub(super) const MONITOR: &str = "openclaw-failover.service";

/// The gateway's unit.
pub(super) const GATEWAY: &str = "openclaw.service";

/// What makes a primary push.
pub(super) const TIMER: &str = "openclaw-sync-push.timer";

/// How long a monitor may take to write its first status.
const FIRST: Duration = Duration::from_secs(30);

/// The configuration is where the units read it.
pub(super) fn configuration(site: &Site) -> State {
    let (config, default) = (&site.world.config, Workspace::default());
    if config.gateway.unit != GATEWAY || config.workspace.path != default.path {
        return State::Refused(format!(
            "the units are for {GATEWAY} and {}; leave out gateway.unit and workspace.path, or install as the README \
             says",
            default.path.display()
        ));
    }
    match text(site) {
        Ok(text) if site.has(DEFAULT_FILE, 0o644, text.as_bytes()) => State::Done(DEFAULT_FILE.into()),
        Ok(_) => State::Todo(format!("{DEFAULT_FILE}, from {}", site.world.source)),
        Err(why) => State::Refused(why),
    }
}

/// Puts it there.
pub(super) fn configure(site: &Site) -> Result<(), String> {
    site.put(DEFAULT_FILE, 0o644, text(site)?.as_bytes())?;
    site.refresh_monitor()
}

fn text(site: &Site) -> Result<String, String> {
    match &site.world.source {
        Source::File(file) => {
            if site.owner().is_ok_and(|owner| is_of(file, &owner)) {
                return Err(format!(
                    "{} is the agent's, and root reads nothing of its; give root a copy",
                    file.display()
                ));
            }
            read(file).map_err(|why| format!("{}: {why}", file.display()))
        }
        Source::Environment(_) => {
            Ok(format!("// From the variables of the shell monitor.\n{}\n", site.world.config.to_json().pretty()))
        }
    }
}

/// The workspace is a checkout.
pub(super) fn workspace(site: &Site) -> State {
    let workspace = &site.world.config.workspace;
    let path = workspace.path.display().to_string();
    if site.agent_sees("git -C \"$1\" rev-parse --quiet --verify HEAD", &[&path]) {
        return State::Done(path);
    }
    match &workspace.url {
        Some(url) => State::Todo(format!("clone {url}")),
        None => State::Left(format!("name its repository as workspace.url in {DEFAULT_FILE}, or clone it to {path}")),
    }
}

/// Clones it, by a pull.
pub(super) fn clone(site: &Site) -> Result<(), String> {
    let config = &site.world.config;
    let limit = unit::longest(&config.workspace, &config.secrets);
    let report = unit::pull(&Systemctl::default(), limit, &site.world.sync_paths(), &Cancel::new());
    let workspace = report.map_err(|why| why.to_string())?.workspace;
    if workspace.outcome.is_ok() {
        return Ok(());
    }
    let key = keys::public_half(site).map(|key| format!("; does the git host know this key? {key}"));
    Err(format!("{}: {}{}", workspace.outcome.words(), workspace.said, key.unwrap_or_default()))
}

/// The monitor watches, now and after a reboot.
pub(super) fn monitor(site: &Site) -> State {
    match site.unit(MONITOR).is_enabled() && is_watching(site) {
        true => State::Done("it watches".into()),
        false => State::Todo("enable and start it; the gateway stays down until it is needed".into()),
    }
}

/// Starts it.
pub(super) fn watch(site: &Site) -> Result<(), String> {
    site.run("systemctl", &["enable", MONITOR])?;
    if !is_watching(site) {
        site.run("systemctl", &["restart", MONITOR])?;
    }
    until(FIRST, || is_watching(site));
    Ok(())
}

/// Whether it runs, in this version, and says so now.
fn is_watching(site: &Site) -> bool {
    let says = site
        .world
        .status()
        .is_some_and(|said| said.is_fresh(wall_clock()) && said.version == env!("CARGO_PKG_VERSION"));
    says && site.unit(MONITOR).is_up()
}

/// The primary pushes.
pub(super) fn timer(site: &Site) -> State {
    let timer = site.unit(TIMER);
    match timer.is_enabled() && timer.is_up() {
        true => State::Done("it pushes regularly".into()),
        false => State::Todo(format!("enable and start {TIMER}")),
    }
}

/// Has it push.
pub(super) fn tick(site: &Site) -> Result<(), String> {
    site.run("systemctl", &["enable", "--now", TIMER])
}
