//! Migration from what did this job before: the shell monitor, hand-written units, and gateways of the user's systemd.
//! They are stopped and renamed, never deleted.
//!
//! A gateway that runs while the primary is down is its user's only agent. One that runs as `openclaw.service` keeps
//! running under the new unit, where the monitor adopts it; any other must be stopped by a person first.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::doctor::{is_of, read};
use crate::setup::State;
use crate::setup::files::{GATEWAY_UNIT, is_ours};
use crate::setup::openclaw::DROP_IN;
use crate::setup::service::{GATEWAY, MONITOR};
use crate::setup::target::{SYSTEMD, Site};

const UNITS: &str = "/etc/systemd/system";

/// Suffix of renamed files.
pub(super) const ASIDE: &str = ".replaced-by-openclaw-failover";

/// Unit of the shell monitor, and now an alias of the monitor's unit.
pub(super) const OLD: &str = "openclaw-health-monitor.service";

/// Prefixes of the unit names to migrate.
const OTHERS: [&str; 2] = ["openclaw-gateway", "openclaw-health-monitor."];

/// Folder with drop-ins of the gateway's unit.
const DROP_INS: &str = "/etc/systemd/system/openclaw.service.d";

/// Drop-in that carries over the environment of the replaced unit.
pub(super) const VARIABLES: &str = "/etc/systemd/system/openclaw.service.d/10-from-replaced.conf";

/// Number of folder entries read, at most.
const ENTRIES: usize = 2000;

/// Lists the gateways of the user's systemd, each with its state.
const LIST: &str = "cd .config/systemd/user 2>/dev/null || exit 0; export XDG_RUNTIME_DIR=/run/user/$(id -u)\n\
    for unit in openclaw-gateway*.service; do\n\
        [ -e \"$unit\" ] || [ -L \"$unit\" ] || continue\n\
        echo \"$unit $(systemctl --user is-active \"$unit\" 2>/dev/null || :)\"\n\
    done";

/// Stops and renames the gateways of the user's systemd. If that systemd does not run, neither do they.
const SET_ASIDE: &str = "cd .config/systemd/user; export XDG_RUNTIME_DIR=/run/user/$(id -u)\n\
    aside() { to=$1$suffix; while [ -e \"$to\" ] || [ -L \"$to\" ]; do to=$to+; done; mv \"$1\" \"$to\"; }\n\
    suffix=$1; for unit in openclaw-gateway*.service; do\n\
        systemctl --user disable --now \"$unit\" 2>/dev/null || :\n\
        ! systemctl --user is-active --quiet \"$unit\" 2>/dev/null || { echo \"$unit still runs\" >&2; exit 1; }\n\
        rm -f ./*.wants/\"$unit\"; [ ! -d \"$unit.d\" ] || aside \"$unit.d\"; aside \"$unit\"\n\
    done\n\
    systemctl --user daemon-reload 2>/dev/null || :";

/// Reads the state: is anything else doing this program's work?
pub(super) fn look(site: &Site) -> State {
    let (units, own) = (units(site), own_gateways(site));
    if units.is_empty() && own.is_empty() {
        return State::Done("no other monitor or gateway found".into());
    }
    let runs = units.iter().filter(|name| name.starts_with(OTHERS[0]) && site.unit(name).is_up());
    let runs = runs.map(String::as_str).chain(own.iter().filter(|(_, is_up)| *is_up).map(|(name, _)| name.as_str()));
    if let Some(name) = { runs }.next().filter(|_| !site.is_well("upstream")) {
        return State::Refused(format!(
            "{name} is running and the primary does not answer: stopping it now would leave you \
             without an agent; run this again once the primary is back, or stop it yourself first"
        ));
    }
    let names: Vec<&str> = units.iter().chain(own.iter().map(|(name, _)| name)).map(String::as_str).collect();
    let gateway =
        if goes_on(site, &units) { "; openclaw.service keeps running: the primary does not answer" } else { "" };
    State::Todo(format!("stop and rename to *{ASIDE}: {}{gateway}", names.join(", ")))
}

/// Stops and renames what was found.
pub(super) fn set_aside(site: &Site) -> Result<(), String> {
    let units = units(site);
    let goes_on = goes_on(site, &units);
    for name in units.iter().filter(|name| !name.ends_with(".d")) {
        stop(site, name, name == GATEWAY && goes_on)?;
    }
    if units.iter().any(|name| name == GATEWAY) {
        keep_variables(site)?;
        others_drop_ins(site).iter().try_for_each(|path| rename(site, path))?;
    }
    // Drop-in folders come first: one left behind would apply to a new unit of the same name.
    let folders = units.iter().filter(|name| name.ends_with(".d"));
    for name in folders.chain(units.iter().filter(|name| !name.ends_with(".d"))) {
        let path = format!("{UNITS}/{name}");
        // A link was copied before its unit was disabled, which may have removed it.
        if name.ends_with(".d") || !site.world.path(&path).is_symlink() {
            rename(site, &path)?;
        } else {
            site.remove(&path)?;
        }
    }
    site.run("systemctl", &["daemon-reload"])?;
    if own_gateways(site).is_empty() {
        return Ok(());
    }
    site.agent_within(SYSTEMD, SET_ASIDE, &[ASIDE]).map(drop)
}

/// Returns the system units, links to units and drop-in folders to migrate.
fn units(site: &Site) -> Vec<String> {
    let Ok(entries) = fs::read_dir(site.world.path(UNITS)) else { return Vec::new() };
    let names = entries.take(ENTRIES).flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_unit =
        |name: &str| ["service", "timer"].iter().any(|kind| name.trim_end_matches(".d").ends_with(&format!(".{kind}")));
    let is_alias = |name: &str| {
        let target = fs::read_link(site.world.path(&format!("{UNITS}/{name}")));
        target.is_ok_and(|target| target.file_name().is_some_and(|target| target == MONITOR))
    };
    let is_to_go = |name: &String| match name.as_str() {
        GATEWAY => !is_ours(site, &GATEWAY_UNIT),
        name => is_unit(name) && OTHERS.iter().any(|other| name.starts_with(other)) && !is_alias(name),
    };
    names.filter(is_to_go).collect()
}

/// Returns the gateways of the user's systemd, each with true if it runs.
fn own_gateways(site: &Site) -> Vec<(String, bool)> {
    let said = site.agent(LIST, &[]).unwrap_or_default();
    let lines = said.lines().filter_map(|line| line.split_once(' '));
    let is_up = |state: &str| matches!(state, "active" | "activating" | "reloading");
    lines.map(|(name, state)| (format!("{}'s user unit {name}", site.user()), is_up(state))).collect()
}

/// True if a foreign `openclaw.service` is the only gateway that its user has now: it runs, and the primary is down.
fn goes_on(site: &Site, units: &[String]) -> bool {
    units.iter().any(|name| name == GATEWAY) && site.unit(GATEWAY).is_up() && !site.is_well("upstream")
}

fn stop(site: &Site, name: &str, goes_on: bool) -> Result<(), String> {
    let unit = site.unit(name);
    if unit.is_up() && !goes_on {
        site.run("systemctl", &["stop", name])?;
    }
    // `systemctl disable` removes the link of a linked unit, so it is copied first.
    let path = format!("{UNITS}/{name}");
    if let Ok(target) = fs::read_link(site.world.path(&path)) {
        symlink(target, free(site, &path)).map_err(|why| format!("cannot copy the link {path}: {why}"))?;
    }
    if unit.is_masked() { Ok(()) } else { site.run("systemctl", &["disable", name]) }
}

/// Carries over the gateway's environment, which may hold its keys. Files below the agent's home are left to OpenClaw,
/// which reads its own.
fn keep_variables(site: &Site) -> Result<(), String> {
    let is_kept = |line: &&str| {
        let file = line.strip_prefix("EnvironmentFile=").map(|file| file.trim_start_matches('-'));
        file.is_some_and(|file| !file.starts_with("/home/") && !file.starts_with('%'))
            || line.starts_with("Environment=")
    };
    let owner = site.owner();
    let mut kept: Vec<String> = Vec::new();
    // The result of an interrupted run comes first: its sources may be renamed by now.
    for path in [VARIABLES.to_owned(), GATEWAY_UNIT.path.to_owned()].into_iter().chain(others_drop_ins(site)) {
        let file = site.world.path(&path);
        // root reads no file of the agent's, and a link may lead to one.
        if file.is_file() && !owner.as_ref().is_ok_and(|owner| is_of(&file, owner)) {
            let text = read(&file).map_err(|why| format!("cannot read {path}: {why}"))?.replace("\\\n", " ");
            for line in text.lines().map(str::trim).filter(is_kept) {
                if !kept.iter().any(|known| known == line) {
                    kept.push(line.to_owned());
                }
            }
        }
    }
    if kept.is_empty() {
        return Ok(());
    }
    let text = format!("# Carried over from the unit that is *{ASIDE} now.\n[Service]\n{}\n", kept.join("\n"));
    site.put(VARIABLES, 0o600, text.as_bytes())
}

/// Returns the drop-ins of the gateway's unit that setup did not write.
fn others_drop_ins(site: &Site) -> Vec<String> {
    let Ok(entries) = fs::read_dir(site.world.path(DROP_INS)) else { return Vec::new() };
    let names = entries.take(ENTRIES).flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let paths = names.filter(|name| name.ends_with(".conf")).map(|name| format!("{DROP_INS}/{name}"));
    paths.filter(|path| path != DROP_IN && path != VARIABLES).collect()
}

/// Returns an unused path for a renamed file.
fn free(site: &Site, path: &str) -> PathBuf {
    let mut to = format!("{path}{ASIDE}");
    while site.world.path(&to).symlink_metadata().is_ok() {
        to.push('+');
    }
    site.world.path(&to)
}

/// Renames a file or a folder, if it is still there.
fn rename(site: &Site, path: &str) -> Result<(), String> {
    match fs::rename(site.world.path(path), free(site, path)) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(format!("cannot rename {path}: {why}")),
        _ => Ok(()),
    }
}

/// Returns the renamed files, relative to the folder of units.
pub(super) fn aside(site: &Site) -> Vec<String> {
    let names = |folder: &str| {
        let entries = fs::read_dir(site.world.path(folder)).into_iter().flatten().take(ENTRIES).flatten();
        entries.map(|entry| entry.path().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let root = site.world.path(UNITS).display().to_string();
    let found = names(UNITS).into_iter().chain(names(DROP_INS));
    let found = found.filter(|name| name.trim_end_matches('+').ends_with(ASIDE));
    found.filter_map(|name| Some(name.strip_prefix(&root)?.trim_start_matches('/').to_owned())).collect()
}
