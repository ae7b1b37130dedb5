//! What did this program's work before: the shell monitor, units that somebody wrote by hand, and gateways of the
//! user's own. It is stopped and set aside, and never deleted.

use std::fs;
use std::path::Path;

use super::State;
use super::files::GATEWAY_UNIT;
use super::site::Site;
use crate::doctor::{Unit, read};
use crate::host::{Command, Owner};

const UNITS: &str = "/etc/systemd/system";

/// What is added to the name of what is set aside.
const ASIDE: &str = ".replaced-by-openclaw-failover";

/// The shell monitor's unit, and now an alias of this monitor's.
const OLD: &str = "openclaw-health-monitor.service";

/// What the unit that is replaced said of variables, and the new one has to say, too.
pub(super) const VARIABLES: &str = "/etc/systemd/system/openclaw.service.d/10-from-replaced.conf";

/// How many entries of a folder are looked at.
const ENTRIES: usize = 2000;

/// Names the user's own gateways.
const LIST: &str = "ls .config/systemd/user | grep '^openclaw-gateway.*\\.service$' || :";

/// Stops them and sets them aside. Where the user's systemd does not run, neither do they.
const SET_ASIDE: &str = "cd .config/systemd/user; export XDG_RUNTIME_DIR=/run/user/$(id -u)\n\
    for unit in openclaw-gateway*.service; do\n\
        systemctl --user disable --now \"$unit\" 2>/dev/null || :\n\
        ! systemctl --user is-active --quiet \"$unit\" 2>/dev/null || { echo \"$unit still runs\" >&2; exit 1; }\n\
        rm -f ./*.wants/\"$unit\"; to=$unit$1; while [ -e \"$to\" ]; do to=$to+; done; mv \"$unit\" \"$to\"\n\
    done\n\
    systemctl --user daemon-reload 2>/dev/null || :";

/// A variable of the shell monitor, as its unit or its script has it, where there is one on this host.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    let unit = Unit::ask(Command::new("systemctl"), OLD).ok().filter(Unit::is_loaded)?;
    let plain = |value: &str| value.trim().trim_matches(['"', '\'']).to_owned();
    if let Some(value) = unit.variable(name) {
        return Some(plain(value));
    }
    let pattern = format!("^[[:space:]]*(export[[:space:]]+)?{name}=");
    let files = unit.values("EnvironmentFiles").map(|file| file.split(" (").next().unwrap_or_default());
    let script = unit.command().into_iter().filter(|word| word.starts_with('/') && !word.starts_with("/bin/"));
    // The script may be the agent's: it is read as nobody, or by the agent's user, and never by root.
    let owner =
        Owner::find(Command::new("getent"), "openclaw").or_else(|_| Owner::find(Command::new("getent"), "nobody"));
    let mut words = owner.ok()?.become_it();
    words.extend(["grep", "-shE", "-m1", "--", &pattern].map(Into::into));
    let command = Command::new("setsid").args(words).args(files.chain(script)).limit(1000);
    let (_, said) = command.attempt().ok()?;
    let value = said.stdout.lines().next()?.split_once('=')?.1.to_owned();
    // `${PRIMARY_IP:-100.64.0.1}` is what it is where nobody says otherwise.
    let value = value.split(" #").next().unwrap_or_default();
    let value = plain(value);
    let inner = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    Some(inner.and_then(|rest| rest.split_once(":-")).map_or(value.clone(), |(_, default)| plain(default)))
}

/// Units of the system's that are to go.
fn units(site: &Site) -> Vec<String> {
    let Ok(entries) = fs::read_dir(site.world.path(UNITS)) else { return Vec::new() };
    let names = entries.take(ENTRIES).flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| match name.as_str() {
            "openclaw.service" => !is_ours(site),
            name => {
                let is_unit = name.ends_with(".service") || name.ends_with(".timer");
                is_unit && (name.starts_with("openclaw-gateway") || name.starts_with("openclaw-health-monitor."))
            }
        })
        .collect()
}

/// Whether the gateway's unit is one of this program's, if perhaps of an older version: it begins as the shipped one.
fn is_ours(site: &Site) -> bool {
    let there = read(&site.world.path(GATEWAY_UNIT.path)).unwrap_or_default();
    there.lines().next() == GATEWAY_UNIT.text.lines().next()
}

fn own_gateways(site: &Site) -> Vec<String> {
    let said = site.agent(LIST, &[]).unwrap_or_default();
    said.lines().map(|name| format!("{}'s own {name}", site.user())).collect()
}

/// Nothing else does this program's work.
pub(super) fn look(site: &Site) -> State {
    let mut found = units(site);
    found.extend(own_gateways(site));
    match found.is_empty() {
        true => State::Done("there is nothing else".into()),
        false => State::Todo(format!("stop, and rename to *{ASIDE}: {}", found.join(", "))),
    }
}

/// Stops it and sets it aside.
pub(super) fn set_aside(site: &Site) -> Result<(), String> {
    for name in units(site) {
        let path = format!("{UNITS}/{name}");
        if name == "openclaw.service" {
            keep_variables(site, &path)?;
        }
        site.run("systemctl", &["disable", "--now", &name])?;
        rename(site, &path)?;
        let drop_ins = format!("{path}.d");
        if name != "openclaw.service" && site.world.path(&drop_ins).is_dir() {
            rename(site, &drop_ins)?;
        }
    }
    site.run("systemctl", &["daemon-reload"])?;
    if own_gateways(site).is_empty() { Ok(()) } else { site.agent(SET_ASIDE, &[ASIDE]).map(drop) }
}

/// What the gateway has had in its environment it keeps: its keys may be there. A file below the agent's home is left
/// to OpenClaw, which reads its own.
fn keep_variables(site: &Site, path: &str) -> Result<(), String> {
    let old = read(&site.world.path(path)).map_err(|why| format!("{path}: {why}"))?;
    let is_kept = |line: &&str| {
        let file = line.strip_prefix("EnvironmentFile=").map(|file| file.trim_start_matches('-'));
        file.is_some_and(|file| !file.starts_with("/home/") && !file.starts_with('%'))
            || line.starts_with("Environment=")
    };
    let lines: Vec<&str> = old.lines().map(str::trim).filter(is_kept).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let text = format!("# From {path}{ASIDE}\n[Service]\n{}\n", lines.join("\n"));
    site.put(VARIABLES, 0o600, text.as_bytes())
}

fn rename(site: &Site, path: &str) -> Result<(), String> {
    let mut to = format!("{path}{ASIDE}");
    while site.world.path(&to).symlink_metadata().is_ok() {
        to.push('+');
    }
    let (from, to) = (site.world.path(path), site.world.path(&to));
    fs::rename(&from, &to).map_err(|why| format!("cannot rename {}: {why}", from.display()))
}

/// Whether anything was set aside here, for whoever takes this program away again.
pub(super) fn aside(root: &Path) -> bool {
    let entries = fs::read_dir(root.join("etc/systemd/system"));
    entries.is_ok_and(|entries| {
        entries.take(ENTRIES).flatten().any(|entry| entry.file_name().to_string_lossy().contains(ASIDE))
    })
}
