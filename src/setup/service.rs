//! Configuration, workspace, monitor, and the push timer of a primary.

use std::time::Duration;

use crate::config::endpoint::Endpoint;
use crate::config::{DEFAULT_FILE, Source, Workspace};
use crate::finding::Level;
use crate::os::atomic_file;
use crate::os::clock::wall_clock;
use crate::os::systemd::Systemctl;
use crate::setup::State;
use crate::setup::files::IS_PRIMARY;
use crate::setup::hardening::until;
use crate::setup::target::Site;
use crate::workspace::unit;

/// Unit of the monitor.
pub(super) const MONITOR: &str = "openclaw-failover.service";

/// Unit of the gateway.
pub(super) const GATEWAY: &str = "openclaw.service";

/// Timer of a primary's push.
pub(super) const TIMER: &str = "openclaw-sync-push.timer";

/// Timer of regular drills, disabled by default.
pub(super) const DRILL_TIMER: &str = "openclaw-failover-drill.timer";

/// Backup of the replaced configuration.
const OLD_FILE: &str = "/etc/openclaw-failover/config.json.old";

/// Folder below which the pull's sandbox can write secrets.
const SECRETS: &str = "/home/openclaw/.openclaw/secrets";

/// Size limit of the configuration, in bytes.
const LONGEST: usize = 1 << 20;

/// Time limit for the monitor to write its first status.
const FIRST: Duration = Duration::from_secs(30);

/// Reads the state of the configuration file.
pub(super) fn configuration(site: &Site) -> State {
    if let Some(why) = misfit(site) {
        return State::Refused(why);
    }
    match text(site) {
        Ok(text) if site.has(DEFAULT_FILE, 0o644, text.as_bytes()) => State::Done(DEFAULT_FILE.into()),
        Ok(_) if site.world.path(DEFAULT_FILE).exists() => {
            State::Todo(format!("install {DEFAULT_FILE} from {}; keep the old one as {OLD_FILE}", site.world.source))
        }
        Ok(_) => State::Todo(format!("install {DEFAULT_FILE} from {}", site.world.source)),
        Err(why) => State::Refused(why),
    }
}

/// Installs the configuration file.
pub(super) fn configure(site: &Site) -> Result<(), String> {
    let text = text(site)?;
    keep_old(site, &text)?;
    site.outdate_monitor()?;
    site.put(DEFAULT_FILE, 0o644, text.as_bytes())
}

/// Backs up the installed configuration if it differs from the new one.
pub(super) fn keep_old(site: &Site, new: &str) -> Result<(), String> {
    match atomic_file::read(&site.world.path(DEFAULT_FILE), LONGEST) {
        Ok(Some(old)) if old != new.as_bytes() => site.put(OLD_FILE, 0o644, &old),
        Ok(_) => Ok(()),
        Err(why) => Err(why.to_string()),
    }
}

/// Returns the reason why this configuration does not fit a standby with the shipped units.
fn misfit(site: &Site) -> Option<String> {
    let (config, default) = (&site.world.config, Workspace::default());
    if site.world.path(IS_PRIMARY).exists() {
        return Some(format!("this host is a primary ({IS_PRIMARY}); run `openclaw-failover uninstall` first"));
    }
    let urls = config.upstreams.iter().flat_map(|upstream| &upstream.urls);
    if let Some(url) = urls.into_iter().find(|url| is_here(url)) {
        return Some(format!("{url} is this host itself; a standby must be another host than its primary"));
    }
    if config.gateway.unit != GATEWAY || config.workspace.path != default.path {
        return Some(format!(
            "the units need {GATEWAY} and {}; remove gateway.unit and workspace.path, or install by hand \
             as in the README",
            default.path.display()
        ));
    }
    let hidden = config.secrets.iter().find(|secret| !secret.target.starts_with(SECRETS));
    if let Some(secret) = hidden {
        let target = secret.target.display();
        return Some(format!("the units can write secrets to {SECRETS} only, and not to {target}"));
    }
    let files = config.upstreams.iter().filter_map(|upstream| upstream.ca_file.as_ref());
    let file =
        files.into_iter().find(|file| ["/home", "/root", "/run/user"].iter().any(|home| file.starts_with(home)))?;
    Some(format!("the monitor cannot read homes, and so not {}; move it to /etc/openclaw-failover", file.display()))
}

/// True if a URL's host is an address of this host. A tunnel's local end does not count: it leads to another host.
fn is_here(url: &str) -> bool {
    Endpoint::from_url(url).is_ok_and(|endpoint| endpoint.is_own_interface())
}

/// Returns the text of this host's configuration.
pub(super) fn text(site: &Site) -> Result<String, String> {
    match &site.world.source {
        Source::File(file) => site.given(file),
        Source::Environment(_) => {
            Ok(format!("// From the variables of the shell monitor.\n{}\n", site.world.config.to_json().pretty()))
        }
    }
}

/// Reads the state of the workspace, which must be a git checkout.
pub(super) fn workspace(site: &Site) -> State {
    let workspace = &site.world.config.workspace;
    let path = workspace.path.display().to_string();
    // OpenClaw initialises a repository of its own if there is none; the next pull adds the remote.
    let is_checkout = "cd \"$1\"; git rev-parse --quiet --verify HEAD; [ -z \"$2\" ] || git config \"remote.$3.url\"";
    let url = workspace.url.as_deref().unwrap_or_default();
    if site.agent_sees(is_checkout, &[&path, url, &workspace.remote]) {
        return State::Done(path);
    }
    match &workspace.url {
        Some(url) => State::Todo(format!("clone {url}")),
        None => State::Left(format!("set workspace.url in {DEFAULT_FILE}, or clone the repository to {path}")),
    }
}

/// Clones the workspace by running a pull.
pub(super) fn clone(site: &Site) -> Result<(), String> {
    let config = &site.world.config;
    let limit = unit::longest(&config.workspace, &config.secrets);
    let report = unit::pull(&Systemctl::default(), limit, &site.world.sync_paths(), &site.cancel);
    let workspace = report.map_err(|why| why.to_string())?.workspace;
    if workspace.outcome.is_ok() {
        return Ok(());
    }
    let (outcome, said) = (workspace.outcome.words(), workspace.said);
    Err(format!("{outcome}: {said}; check that the git host accepts openclaw's key, shown above"))
}

/// Reads the state of the monitor, now and for the next boot.
pub(super) fn monitor(site: &Site) -> State {
    match (site.unit(MONITOR).is_enabled() && is_watching(site), site.is_outdated()) {
        (true, false) => match refusal(site) {
            None => State::Done("running".into()),
            Some(why) => State::Todo(why),
        },
        (true, true) => State::Todo("restart it; the gateway is not affected".into()),
        (false, _) => State::Todo("enable and start it; the gateway stays down until it is needed".into()),
    }
}

/// Enables and starts the monitor.
pub(super) fn watch(site: &Site) -> Result<(), String> {
    site.run("systemctl", &["enable", MONITOR])?;
    if site.is_outdated() || !is_watching(site) {
        site.run("systemctl", &["restart", MONITOR])?;
        site.is_anew()?;
    }
    until(FIRST, || is_watching(site));
    // polkit reloads changed rules by itself, unless their folder was removed and created again.
    if refusal(site).is_some() { site.run("systemctl", &["restart", "polkit.service"]) } else { Ok(()) }
}

/// Returns the failed polkit check: a permission that the monitor lacks, or one too many.
fn refusal(site: &Site) -> Option<String> {
    let found = site.judge("polkit");
    (found.level == Level::Fail).then_some(found.evidence)
}

/// True if the monitor runs this version and its status is fresh.
fn is_watching(site: &Site) -> bool {
    let says = site
        .world
        .status()
        .is_some_and(|said| said.is_fresh(wall_clock()) && said.version == env!("CARGO_PKG_VERSION"));
    says && site.unit(MONITOR).is_up()
}

/// Reads the state of the push timer.
pub(super) fn timer(site: &Site) -> State {
    let timer = site.unit(TIMER);
    match timer.is_enabled() && timer.is_up() {
        true => State::Done("enabled and running".into()),
        false => State::Todo(format!("enable and start {TIMER}")),
    }
}

/// Enables and starts the push timer.
pub(super) fn tick(site: &Site) -> Result<(), String> {
    site.run("systemctl", &["enable", "--now", TIMER])
}
