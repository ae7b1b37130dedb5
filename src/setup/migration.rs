//! Migration from what did this job before: the shell monitor, hand-written units, and gateways of the user's systemd.
//! They are stopped and renamed, never deleted.
//!
//! A gateway that runs while the primary is down is its user's only agent. One that runs as `openclaw.service` keeps
//! running under the new unit, where the monitor adopts it; any other must be stopped by a person first.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::doctor::{belongs_to, read_text_file};
use crate::setup::error::SetupError;
use crate::setup::files::is_shipped_file;
use crate::setup::plan::StepState;
use crate::setup::target::{SYSTEMD_TIMEOUT, SetupTarget};
use crate::setup::units::{ENVIRONMENT_DROP_IN, GATEWAY_UNIT, GATEWAY_UNIT_NAME, MONITOR_UNIT, OPENCLAW_DROP_IN};

const UNIT_FOLDER: &str = "/etc/systemd/system";

/// Suffix of renamed files.
pub(super) const RENAMED_SUFFIX: &str = ".replaced-by-openclaw-failover";

/// Prefixes of the unit names to migrate.
const FOREIGN_UNIT_PREFIXES: [&str; 2] = ["openclaw-gateway", "openclaw-health-monitor."];

/// Folder with drop-ins of the gateway's unit.
const GATEWAY_DROP_IN_FOLDER: &str = "/etc/systemd/system/openclaw.service.d";

/// Number of folder entries read, at most.
const FOLDER_ENTRY_LIMIT: usize = 2000;

/// Lists the gateways of the user's systemd, each with its state.
const LIST_USER_GATEWAYS_SCRIPT: &str = "\
    cd .config/systemd/user 2>/dev/null || exit 0; export XDG_RUNTIME_DIR=/run/user/$(id -u)\n\
    for unit in openclaw-gateway*.service; do\n\
        [ -e \"$unit\" ] || [ -L \"$unit\" ] || continue\n\
        echo \"$unit $(systemctl --user is-active \"$unit\" 2>/dev/null || :)\"\n\
    done";

/// Stops and renames the gateways of the user's systemd. If that systemd does not run, neither do they.
const RENAME_USER_GATEWAYS_SCRIPT: &str = "cd .config/systemd/user; export XDG_RUNTIME_DIR=/run/user/$(id -u)\n\
    aside() { to=$1$suffix; while [ -e \"$to\" ] || [ -L \"$to\" ]; do to=$to+; done; mv \"$1\" \"$to\"; }\n\
    suffix=$1; for unit in openclaw-gateway*.service; do\n\
        systemctl --user disable --now \"$unit\" 2>/dev/null || :\n\
        ! systemctl --user is-active --quiet \"$unit\" 2>/dev/null || { echo \"$unit still runs\" >&2; exit 1; }\n\
        rm -f ./*.wants/\"$unit\"; [ ! -d \"$unit.d\" ] || aside \"$unit.d\"; aside \"$unit\"\n\
    done\n\
    systemctl --user daemon-reload 2>/dev/null || :";

/// Reads the state: is anything else doing this program's work?
pub(super) fn read_state(target: &SetupTarget) -> StepState {
    let (units, own) = (find_foreign_units(target), list_user_gateways(target));
    if units.is_empty() && own.is_empty() {
        return StepState::Done("no other monitor or gateway found".into());
    }
    let runs =
        units.iter().filter(|name| name.starts_with(FOREIGN_UNIT_PREFIXES[0]) && target.query_unit(name).is_up());
    let runs = runs.map(String::as_str).chain(own.iter().filter(|(_, is_up)| *is_up).map(|(name, _)| name.as_str()));
    if let Some(name) = { runs }.next().filter(|_| !target.passes_check("upstream")) {
        return StepState::refused(
            format_args!(
                "{name} is running and the primary does not answer: stopping it now would leave you without an agent"
            ),
            "run this again once the primary is back, or stop it yourself first",
        );
    }
    let names: Vec<&str> = units.iter().chain(own.iter().map(|(name, _)| name)).map(String::as_str).collect();
    let gateway = if must_keep_running(target, &units) {
        "; openclaw.service keeps running: the primary does not answer"
    } else {
        ""
    };
    StepState::Pending(format!("stop and rename to *{RENAMED_SUFFIX}: {}{gateway}", names.join(", ")))
}

/// Stops and renames what was found.
pub(super) fn migrate_units(target: &SetupTarget) -> Result<(), SetupError> {
    let units = find_foreign_units(target);
    let goes_on = must_keep_running(target, &units);
    for name in units.iter().filter(|name| !name.ends_with(".d")) {
        stop_unit(target, name, name == GATEWAY_UNIT_NAME && goes_on)?;
    }
    if units.iter().any(|name| name == GATEWAY_UNIT_NAME) {
        carry_over_environment(target)?;
        find_foreign_drop_ins(target).iter().try_for_each(|path| rename_aside(target, path))?;
    }
    // Drop-in folders come first: one left behind would apply to a new unit of the same name.
    let folders = units.iter().filter(|name| name.ends_with(".d"));
    for name in folders.chain(units.iter().filter(|name| !name.ends_with(".d"))) {
        let path = format!("{UNIT_FOLDER}/{name}");
        // A link was copied before its unit was disabled, which may have removed it.
        if name.ends_with(".d") || !target.context.system_path(&path).is_symlink() {
            rename_aside(target, &path)?;
        } else {
            target.remove_file(&path)?;
        }
    }
    target.run_program("systemctl", &["daemon-reload"])?;
    if list_user_gateways(target).is_empty() {
        return Ok(());
    }
    target.run_as_agent_within(SYSTEMD_TIMEOUT, RENAME_USER_GATEWAYS_SCRIPT, &[RENAMED_SUFFIX]).map(drop)
}

/// Returns the system units, links to units and drop-in folders to migrate.
fn find_foreign_units(target: &SetupTarget) -> Vec<String> {
    let Ok(entries) = fs::read_dir(target.context.system_path(UNIT_FOLDER)) else { return Vec::new() };
    let names =
        entries.take(FOLDER_ENTRY_LIMIT).flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_unit =
        |name: &str| ["service", "timer"].iter().any(|kind| name.trim_end_matches(".d").ends_with(&format!(".{kind}")));
    let is_alias = |name: &str| {
        let link = fs::read_link(target.context.system_path(&format!("{UNIT_FOLDER}/{name}")));
        link.is_ok_and(|unit| unit.file_name().is_some_and(|unit| unit == MONITOR_UNIT))
    };
    let is_to_go = |name: &String| match name.as_str() {
        GATEWAY_UNIT_NAME => !is_shipped_file(target, &GATEWAY_UNIT),
        name => is_unit(name) && FOREIGN_UNIT_PREFIXES.iter().any(|other| name.starts_with(other)) && !is_alias(name),
    };
    names.filter(is_to_go).collect()
}

/// Returns the gateways of the user's systemd, each with true if it runs.
fn list_user_gateways(target: &SetupTarget) -> Vec<(String, bool)> {
    let output = target.run_as_agent(LIST_USER_GATEWAYS_SCRIPT, &[]).unwrap_or_default();
    let lines = output.lines().filter_map(|line| line.split_once(' '));
    let is_up = |state: &str| matches!(state, "active" | "activating" | "reloading");
    lines.map(|(name, state)| (format!("{}'s user unit {name}", target.user), is_up(state))).collect()
}

/// True if a foreign `openclaw.service` is the only gateway that its user has now: it runs, and the primary is down.
fn must_keep_running(target: &SetupTarget, units: &[String]) -> bool {
    units.iter().any(|name| name == GATEWAY_UNIT_NAME)
        && target.query_unit(GATEWAY_UNIT_NAME).is_up()
        && !target.passes_check("upstream")
}

fn stop_unit(target: &SetupTarget, name: &str, goes_on: bool) -> Result<(), SetupError> {
    let unit = target.query_unit(name);
    if unit.is_up() && !goes_on {
        target.run_program("systemctl", &["stop", name])?;
    }
    // `systemctl disable` removes the link of a linked unit, so it is copied first.
    let path = format!("{UNIT_FOLDER}/{name}");
    if let Ok(original) = fs::read_link(target.context.system_path(&path)) {
        symlink(original, unused_path(target, &path))
            .map_err(|why| SetupError::new(format_args!("cannot copy the link {path}: {why}")))?;
    }
    if unit.is_masked() { Ok(()) } else { target.run_program("systemctl", &["disable", name]) }
}

/// Carries over the gateway's environment, which may hold its keys. Files below the agent's home are left to OpenClaw,
/// which reads its own.
fn carry_over_environment(target: &SetupTarget) -> Result<(), SetupError> {
    let is_kept = |line: &&str| {
        let file = line.strip_prefix("EnvironmentFile=").map(|file| file.trim_start_matches('-'));
        file.is_some_and(|file| !file.starts_with("/home/") && !file.starts_with('%'))
            || line.starts_with("Environment=")
    };
    let owner = target.look_up_user();
    let mut kept: Vec<String> = Vec::new();
    // The result of an interrupted run comes first: its sources may be renamed by now.
    for path in
        [ENVIRONMENT_DROP_IN.to_owned(), GATEWAY_UNIT.path.to_owned()].into_iter().chain(find_foreign_drop_ins(target))
    {
        let file = target.context.system_path(&path);
        // root reads no file of the agent's, and a link may lead to one.
        if file.is_file() && !owner.as_ref().is_ok_and(|owner| belongs_to(&file, owner)) {
            let text = read_text_file(&file)
                .map_err(|why| SetupError::new(format_args!("cannot read {path}: {why}")))?
                .replace("\\\n", " ");
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
    let text = format!("# Carried over from the unit that is *{RENAMED_SUFFIX} now.\n[Service]\n{}\n", kept.join("\n"));
    target.write_file(ENVIRONMENT_DROP_IN, 0o600, text.as_bytes())
}

/// Returns the drop-ins of the gateway's unit that setup did not write.
fn find_foreign_drop_ins(target: &SetupTarget) -> Vec<String> {
    let Ok(entries) = fs::read_dir(target.context.system_path(GATEWAY_DROP_IN_FOLDER)) else { return Vec::new() };
    let names =
        entries.take(FOLDER_ENTRY_LIMIT).flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let paths = names.filter(|name| name.ends_with(".conf")).map(|name| format!("{GATEWAY_DROP_IN_FOLDER}/{name}"));
    paths.filter(|path| path != OPENCLAW_DROP_IN && path != ENVIRONMENT_DROP_IN).collect()
}

/// Returns an unused path for a renamed file.
fn unused_path(target: &SetupTarget, path: &str) -> PathBuf {
    let mut to = format!("{path}{RENAMED_SUFFIX}");
    while target.context.system_path(&to).symlink_metadata().is_ok() {
        to.push('+');
    }
    target.context.system_path(&to)
}

/// Renames a file or a folder, if it is still there.
fn rename_aside(target: &SetupTarget, path: &str) -> Result<(), SetupError> {
    match fs::rename(target.context.system_path(path), unused_path(target, path)) {
        Err(why) if why.kind() != ErrorKind::NotFound => {
            Err(SetupError::new(format_args!("cannot rename {path}: {why}")))
        }
        _ => Ok(()),
    }
}

/// Returns the renamed files, relative to the folder of units.
pub(super) fn list_renamed(target: &SetupTarget) -> Vec<String> {
    let names = |folder: &str| {
        let entries =
            fs::read_dir(target.context.system_path(folder)).into_iter().flatten().take(FOLDER_ENTRY_LIMIT).flatten();
        entries.map(|entry| entry.path().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let root = target.context.system_path(UNIT_FOLDER).display().to_string();
    let found = names(UNIT_FOLDER).into_iter().chain(names(GATEWAY_DROP_IN_FOLDER));
    let found = found.filter(|name| name.trim_end_matches('+').ends_with(RENAMED_SUFFIX));
    found.filter_map(|name| Some(name.strip_prefix(&root)?.trim_start_matches('/').to_owned())).collect()
}
