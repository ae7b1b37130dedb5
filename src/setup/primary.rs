//! Steps of a primary: it pushes its workspace to the remote that standbys pull from, and lets a standby's key read one
//! folder. Nothing else on the host changes.

use std::path::PathBuf;

use crate::config::{DEFAULT_CONFIG_FILE, WorkspaceConfig};
use crate::doctor::{DEFAULT_USER, HostContext};
use crate::os::Owner;
use crate::setup::error::SetupError;
use crate::setup::files::{self, PROGRAM_PATH};
use crate::setup::options::{Channel, PrimaryOptions};
use crate::setup::plan::{Plan, Step, StepState};
use crate::setup::target::SetupTarget;
use crate::setup::units::{MONITOR_UNIT, USER_DROP_IN};
use crate::setup::{keys, openclaw, packages, service, users};
use crate::workspace::unit::HOME_FILES;

/// Folder that a standby's key may read, below the home.
const STANDBY_FOLDER: &str = ".openclaw/standby";

/// Prints the lines that admit the key `$1` on other terms than `$2`. sshd uses the first matching line.
const OTHER_KEY_LINES_SCRIPT: &str =
    "[ ! -f .ssh/authorized_keys ] || grep -F -e \"$1\" .ssh/authorized_keys | grep -v '^#' | grep -vxF -e \"$2\" || :";

static STEPS: [Step<PrimaryOptions>; 8] = [
    Step::new(
        "packages",
        "git and ssh for the workspace",
        |target, _| packages::read_primary_state(target),
        |target, _| packages::install_primary(target),
    ),
    Step::new("user", "owns the workspace", |target, _| users::read_existing_user_state(target), |_, _| Ok(())),
    Step::new("config", "which workspace to push, and how often", read_config_state, write_config),
    Step::new(
        "program",
        "the units run it from there",
        |target, _| files::read_program_state(target),
        |target, _| files::install_program(target),
    ),
    Step::new(
        "units",
        "push the workspace",
        |target, _| files::read_primary_state(target),
        |target, _| files::install_primary(target),
    ),
    Step::new(
        "paths",
        "user and path of the workspace, for the push unit",
        |target, _| read_paths_state(target),
        |target, _| write_drop_in(target),
    ),
    Step::new(
        "standby-key",
        "lets the standby read its secrets, without a shell",
        read_key_state,
        authorize_standby_key,
    ),
    Step::new(
        "timer",
        "push the workspace every few minutes",
        |target, _| service::read_timer_state(target),
        |target, _| service::start_push_timer(target),
    ),
];

impl Plan<PrimaryOptions> {
    /// Returns the plan that makes a host a primary, which pushes its workspace to the remote that standbys pull from.
    pub fn for_primary(context: HostContext, options: PrimaryOptions) -> Self {
        let target = SetupTarget::new(context, options.user.as_deref().unwrap_or(DEFAULT_USER));
        Self { target, options, steps: &STEPS, notes: follow_up_notes }
    }
}

/// Reads the state of the configuration, which is needed only if the workspace is not where the units expect it.
fn read_config_state(target: &SetupTarget, options: &PrimaryOptions) -> StepState {
    let monitor = target.query_unit(MONITOR_UNIT);
    if monitor.is_enabled() || monitor.is_up() {
        return StepState::refused(
            "this host is a standby (openclaw-failover.service), and a primary is another host",
            "run `openclaw-failover uninstall` first",
        );
    }
    match render_config(target, options) {
        Ok(None) => StepState::Done("the default of the units".into()),
        Ok(Some(text)) if target.has_file(DEFAULT_CONFIG_FILE, 0o644, text.as_bytes()) => {
            StepState::Done(DEFAULT_CONFIG_FILE.into())
        }
        Ok(Some(_)) => StepState::Pending(format!("write {DEFAULT_CONFIG_FILE}")),
        Err(why) => StepState::Refused(why),
    }
}

fn write_config(target: &SetupTarget, options: &PrimaryOptions) -> Result<(), SetupError> {
    let Some(text) = render_config(target, options)? else { return Ok(()) };
    service::back_up_config(target, &text)?;
    target.write_file(DEFAULT_CONFIG_FILE, 0o644, text.as_bytes())
}

/// Returns the text of the configuration; `None` if none is needed.
fn render_config(target: &SetupTarget, options: &PrimaryOptions) -> Result<Option<String>, SetupError> {
    let workspace = workspace_path(target)?;
    let least = format!("{{ \"workspace\": {{ \"path\": \"{}\" }} }}\n", workspace.display());
    let is_named = options.config_file.is_some() || target.context.system_path(DEFAULT_CONFIG_FILE).exists();
    match (is_named, workspace == target.context.config.workspace.path) {
        // The loaded configuration may be older than the installed one.
        (true, false) if target.has_file(DEFAULT_CONFIG_FILE, 0o644, least.as_bytes()) => Ok(Some(least)),
        (true, false) => {
            let problem = format_args!("{} must set the workspace's path: {}", target.context.source, least.trim());
            Err(SetupError::new(problem))
        }
        (true, true) => service::config_text(target).map(Some),
        (false, true) => Ok(None),
        (false, false) => Ok(Some(least)),
    }
}

/// Returns the workspace's path: the configured one, or the default below the user's home.
fn workspace_path(target: &SetupTarget) -> Result<PathBuf, SetupError> {
    let configured = &target.context.config.workspace.path;
    let owner = target.look_up_user()?;
    let is_configured = *configured != WorkspaceConfig::default().path;
    let path = if is_configured { configured.clone() } else { owner.home.join(".openclaw/workspace") };
    if [&path, &owner.home].iter().all(|path| openclaw::needs_no_quoting(&path.to_string_lossy())) {
        return Ok(path);
    }
    Err(SetupError::with_remedy(
        format_args!("{} cannot be written into a unit", path.display()),
        "use a path of letters, digits and /._+@- only",
    ))
}

fn read_paths_state(target: &SetupTarget) -> StepState {
    match render_drop_in(target) {
        Ok(None) => StepState::Done("the default of the units".into()),
        Ok(Some(text)) if target.has_file(USER_DROP_IN, 0o644, text.as_bytes()) => StepState::Done(USER_DROP_IN.into()),
        Ok(Some(_)) => StepState::Pending(format!("set user {} in {USER_DROP_IN}", target.user)),
        Err(why) => StepState::Refused(why),
    }
}

fn write_drop_in(target: &SetupTarget) -> Result<(), SetupError> {
    let Some(text) = render_drop_in(target)? else { return Ok(()) };
    target.write_file(USER_DROP_IN, 0o644, text.as_bytes())?;
    target.run_program("systemctl", &["daemon-reload"])
}

/// Returns the drop-in; `None` if the shipped unit fits.
fn render_drop_in(target: &SetupTarget) -> Result<Option<String>, SetupError> {
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

/// Returns the line for `authorized_keys` that admits a standby's key, and the folder that it opens.
fn authorized_line(target: &SetupTarget, key: &str) -> Result<(String, String), SetupError> {
    let Some(key) = keys::parse_public_key(key) else {
        return Err(SetupError::new("--standby-key: not an ssh public key"));
    };
    let owner = target.look_up_user()?;
    let folder = owner.home.join(STANDBY_FOLDER).display().to_string();
    let line = keys::restricted_line(&folder, &key);
    let others = target.run_as_agent(OTHER_KEY_LINES_SCRIPT, &[key.split(' ').nth(1).unwrap_or_default(), &line])?;
    if others.trim().is_empty() {
        return Ok((line, folder));
    }
    let (user, file) = (owner.name, users::AUTHORIZED_KEYS_FILE);
    Err(SetupError::with_remedy(
        format_args!("~{user}/{file} has another line with this key, which may allow a shell"),
        "remove that line",
    ))
}

fn read_key_state(target: &SetupTarget, options: &PrimaryOptions) -> StepState {
    let Some(key) = &options.standby_key else {
        return StepState::Skipped("no key given; add --standby-key KEY".into());
    };
    let (line, folder) = match authorized_line(target, key) {
        Ok(line) => line,
        Err(why) => return StepState::Refused(why),
    };
    let is_there =
        target.succeeds_as_agent("[ -d \"$1\" ]", &[&folder]) && target.has_lines(&line, users::AUTHORIZED_KEYS_FILE);
    let text = format!("the standby's key may read {folder}");
    if is_there { StepState::Done(text) } else { StepState::Pending(text) }
}

fn authorize_standby_key(target: &SetupTarget, options: &PrimaryOptions) -> Result<(), SetupError> {
    let Some(key) = &options.standby_key else { return Ok(()) };
    let (line, folder) = authorized_line(target, key)?;
    target.run_as_agent("mkdir -p \"$1\"", &[&folder])?;
    target.add_lines(&line, users::AUTHORIZED_KEYS_FILE)
}

/// Returns what is left for a person to do.
fn follow_up_notes(target: &SetupTarget, options: &PrimaryOptions, is_done: bool) -> Vec<String> {
    if !is_done {
        return Vec::new();
    }
    let (user, channel) = (&target.user, options.channel.map_or("CHANNEL", Channel::name));
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
