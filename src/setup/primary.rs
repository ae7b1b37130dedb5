//! Steps of a primary: it pushes its workspace to the remote that standbys pull from, and lets a standby's key read one
//! folder. Nothing else on the host changes.

use std::path::PathBuf;

use crate::config::{DEFAULT_CONFIG_FILE, WorkspaceConfig};
use crate::os::Owner;
use crate::setup::files::PROGRAM_PATH;
use crate::setup::target::SetupTarget;
use crate::setup::{Step, StepState, files, keys, new_step, openclaw, packages, service, users};
use crate::workspace::unit::HOME_FILES;

/// Folder that a standby's key may read, below the home.
const STANDBY_FOLDER: &str = ".openclaw/standby";

/// Prints the lines that admit the key `$1` on other terms than `$2`. sshd uses the first matching line.
const OTHER_KEY_LINES_SCRIPT: &str =
    "[ ! -f .ssh/authorized_keys ] || grep -F -e \"$1\" .ssh/authorized_keys | grep -v '^#' | grep -vxF -e \"$2\" || :";

/// Drop-in that names this host's user and paths to the push unit.
pub(super) const USER_DROP_IN: &str = "/etc/systemd/system/openclaw-sync-push.service.d/user.conf";

pub(super) static STEPS: [Step; 8] = [
    new_step("packages", "git and ssh for the workspace", packages::read_primary_state, packages::install_primary),
    new_step("user", "owns the workspace", users::read_existing_user_state, |_| Ok(())),
    new_step("config", "which workspace to push, and how often", read_config_state, write_config),
    new_step("program", "the units run it from there", files::read_program_state, files::install_program),
    new_step("units", "push the workspace", files::read_primary_state, files::install_primary),
    new_step("paths", "user and path of the workspace, for the push unit", read_paths_state, write_drop_in),
    new_step(
        "standby-key",
        "lets the standby read its secrets, without a shell",
        read_key_state,
        authorize_standby_key,
    ),
    new_step("timer", "push the workspace every few minutes", service::read_timer_state, service::start_push_timer),
];

/// Reads the state of the configuration, which is needed only if the workspace is not where the units expect it.
fn read_config_state(target: &SetupTarget) -> StepState {
    let monitor = target.query_unit(service::MONITOR_UNIT);
    if monitor.is_enabled() || monitor.is_up() {
        let why = "this host is a standby (openclaw-failover.service), and a primary is another host; run \
             `openclaw-failover uninstall` first";
        return StepState::Refused(why.into());
    }
    match render_config(target) {
        Ok(None) => StepState::Done("the default of the units".into()),
        Ok(Some(text)) if target.has_file(DEFAULT_CONFIG_FILE, 0o644, text.as_bytes()) => {
            StepState::Done(DEFAULT_CONFIG_FILE.into())
        }
        Ok(Some(_)) => StepState::Pending(format!("write {DEFAULT_CONFIG_FILE}")),
        Err(why) => StepState::Refused(why),
    }
}

fn write_config(target: &SetupTarget) -> Result<(), String> {
    let Some(text) = render_config(target)? else { return Ok(()) };
    service::back_up_config(target, &text)?;
    target.write_file(DEFAULT_CONFIG_FILE, 0o644, text.as_bytes())
}

/// Returns the text of the configuration; `None` if none is needed.
fn render_config(target: &SetupTarget) -> Result<Option<String>, String> {
    let workspace = workspace_path(target)?;
    let least = format!("{{ \"workspace\": {{ \"path\": \"{}\" }} }}\n", workspace.display());
    let is_named = target.options.config_file.is_some() || target.context.system_path(DEFAULT_CONFIG_FILE).exists();
    match (is_named, workspace == target.context.config.workspace.path) {
        // The loaded configuration may be older than the installed one.
        (true, false) if target.has_file(DEFAULT_CONFIG_FILE, 0o644, least.as_bytes()) => Ok(Some(least)),
        (true, false) => Err(format!("{} must set the workspace's path: {}", target.context.source, least.trim())),
        (true, true) => service::config_text(target).map(Some),
        (false, true) => Ok(None),
        (false, false) => Ok(Some(least)),
    }
}

/// Returns the workspace's path: the configured one, or the default below the user's home.
fn workspace_path(target: &SetupTarget) -> Result<PathBuf, String> {
    let configured = &target.context.config.workspace.path;
    let owner = target.look_up_user()?;
    let is_configured = *configured != WorkspaceConfig::default().path;
    let path = if is_configured { configured.clone() } else { owner.home.join(".openclaw/workspace") };
    if [&path, &owner.home].iter().all(|path| openclaw::needs_no_quoting(&path.to_string_lossy())) {
        return Ok(path);
    }
    Err(format!("{} cannot be written into a unit; use a path of letters, digits and /._+@- only", path.display()))
}

fn read_paths_state(target: &SetupTarget) -> StepState {
    match render_drop_in(target) {
        Ok(None) => StepState::Done("the default of the units".into()),
        Ok(Some(text)) if target.has_file(USER_DROP_IN, 0o644, text.as_bytes()) => StepState::Done(USER_DROP_IN.into()),
        Ok(Some(_)) => StepState::Pending(format!("set user {} in {USER_DROP_IN}", target.user_name())),
        Err(why) => StepState::Refused(why),
    }
}

fn write_drop_in(target: &SetupTarget) -> Result<(), String> {
    let Some(text) = render_drop_in(target)? else { return Ok(()) };
    target.write_file(USER_DROP_IN, 0o644, text.as_bytes())?;
    target.run_program("systemctl", &["daemon-reload"])
}

/// Returns the drop-in; `None` if the shipped unit fits.
fn render_drop_in(target: &SetupTarget) -> Result<Option<String>, String> {
    let (owner, workspace) = (target.look_up_user()?, workspace_path(target)?);
    let Owner { name, gid, home, .. } = &owner;
    if workspace == WorkspaceConfig::default().path && name == "openclaw" {
        return Ok(None);
    }
    let (workspace, home) = (workspace.display(), home.display());
    let files = HOME_FILES.map(|file| format!("-{home}/{file}")).join(" ");
    // An empty assignment resets both BindPaths= and BindReadOnlyPaths=, so one is enough.
    Ok(Some(format!(
        "[Service]\nUser={name}\nGroup={gid}\nBindPaths=\nBindPaths=-{workspace}\nBindReadOnlyPaths={files}\n\
         ExecStartPre=\nExecStartPre=-+/usr/bin/setpriv --reuid={name} --regid={gid} --init-groups --reset-env \
         --no-new-privs /usr/bin/env PATH=${{PATH}} {PROGRAM_PATH} sync files\n"
    )))
}

/// Returns the line for `authorized_keys` and the folder that it opens; `None` if no key was given.
fn authorized_line(target: &SetupTarget) -> Option<Result<(String, String), String>> {
    let key = target.options.standby_key.as_deref()?;
    let Some(key) = keys::parse_public_key(key) else {
        return Some(Err("--standby-key: not an ssh public key".into()));
    };
    Some(target.look_up_user().and_then(|owner| {
        let folder = owner.home.join(STANDBY_FOLDER).display().to_string();
        let line = keys::restricted_line(&folder, &key);
        match target.run_as_agent(OTHER_KEY_LINES_SCRIPT, &[key.split(' ').nth(1).unwrap_or_default(), &line]) {
            Ok(said) if said.trim().is_empty() => Ok((line, folder)),
            Ok(_) => Err(format!(
                "~{}/{} has another line with this key, which may allow a shell; remove that line",
                owner.name,
                users::AUTHORIZED_KEYS_FILE
            )),
            Err(why) => Err(why),
        }
    }))
}

fn read_key_state(target: &SetupTarget) -> StepState {
    match authorized_line(target) {
        None => StepState::Manual("no key given; add --standby-key KEY".into()),
        Some(Err(why)) => StepState::Refused(why),
        Some(Ok((line, folder))) => {
            let is_there = target.succeeds_as_agent("[ -d \"$1\" ]", &[&folder])
                && target.has_lines(&line, users::AUTHORIZED_KEYS_FILE);
            let text = format!("the standby's key may read {folder}");
            if is_there { StepState::Done(text) } else { StepState::Pending(text) }
        }
    }
}

fn authorize_standby_key(target: &SetupTarget) -> Result<(), String> {
    let Some(line) = authorized_line(target) else { return Ok(()) };
    let (line, folder) = line?;
    target.run_as_agent("mkdir -p \"$1\"", &[&folder])?;
    target.add_lines(&line, users::AUTHORIZED_KEYS_FILE)
}

/// Returns what is left for a person to do.
pub(super) fn follow_up_notes(target: &SetupTarget) -> Vec<String> {
    let (user, channel) = (target.user_name(), target.options.channel.as_deref().unwrap_or("CHANNEL"));
    vec![
        format!(
            "turn the standby's channel off here: sudo -iu {user} openclaw config set channels.{channel}.enabled \
             false"
        ),
        format!(
            "to copy files of ~{user}/{STANDBY_FOLDER} to the standby, configure there: \"secrets\": \
             [{{ \"source\": \"{user}@THIS_HOST:standby.env\" }}]"
        ),
        "next: openclaw-failover sync push --primary".to_owned(),
    ]
}
