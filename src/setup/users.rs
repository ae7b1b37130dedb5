//! The agent's user: its logins and its home.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::doctor::read_text_file;
use crate::os::Owner;
use crate::setup::error::SetupError;
use crate::setup::options::StandbyOptions;
use crate::setup::plan::StepState;
use crate::setup::target::SetupTarget;

/// Home that the units name.
const AGENT_HOME: &str = "/home/openclaw";

/// File with the keys that may log in, below the home.
pub(super) const AUTHORIZED_KEYS_FILE: &str = ".ssh/authorized_keys";

/// Succeeds if the home has the folders that the units bind into their sandboxes, and an identity for git commits.
const HAS_FOLDERS_SCRIPT: &str = "[ -d .openclaw/workspace ]; git config --global user.email >/dev/null\n\
    for folder; do [ -d \"$folder\" ]; done";

const CREATE_FOLDERS_SCRIPT: &str = "mkdir -p .openclaw/workspace \"$@\"\n\
    git config --global user.name >/dev/null || git config --global user.name openclaw\n\
    git config --global user.email >/dev/null || git config --global user.email openclaw@$(uname -n)";

/// Reads the state of a standby's user.
pub(super) fn read_user_state(target: &SetupTarget, options: &StandbyOptions) -> StepState {
    let owner = match target.look_up_user() {
        Ok(owner) => owner,
        Err(_)
            if target
                .context
                .run_program("getent", &["passwd", "--", &target.user])
                .is_err_and(|why| why.exit_code() == Some(2)) =>
        {
            let home = target.context.system_path(AGENT_HOME);
            return match home.symlink_metadata() {
                Ok(_) => StepState::refused(
                    format_args!("{AGENT_HOME} exists, but user openclaw does not"),
                    "move the folder away",
                ),
                Err(_) => StepState::Pending("create openclaw, without a password".into()),
            };
        }
        Err(why) => return StepState::Refused(why),
    };
    let home = fs::metadata(target.context.system_path(AGENT_HOME)).ok();
    let (name, is_in_sudo) = (&owner.name, is_in_sudo(target, &owner));
    match home {
        _ if owner.home != Path::new(AGENT_HOME) => StepState::refused(
            format_args!("the home of {name} is {}, but the units need {AGENT_HOME}", owner.home.display()),
            format_args!("run `usermod --move-home --home {AGENT_HOME} {name}`"),
        ),
        Some(home) if home.uid() != owner.uid => StepState::refused(
            format_args!("{AGENT_HOME} does not belong to {name}"),
            format_args!("run `chown -R {name}: {AGENT_HOME}`"),
        ),
        None => StepState::Pending(format!("create {AGENT_HOME}")),
        _ if !has_group(target) => StepState::Pending("create the group openclaw, which the units need".into()),
        _ if options.grant_sudo && !is_in_sudo => StepState::Pending(format!("add {name} to the group sudo")),
        _ if is_in_sudo && !options.grant_sudo => StepState::Skipped(format!(
            "{name} is in the group sudo and can become root; to change that: gpasswd --delete {name} sudo"
        )),
        _ => StepState::Done(format!("{name}, uid {}", owner.uid)),
    }
}

/// Creates the user, or what is missing of it.
pub(super) fn create_user(target: &SetupTarget, options: &StandbyOptions) -> Result<(), SetupError> {
    let (user, has_group) = (target.user.as_str(), has_group(target));
    let shell = ["--create-home", "--shell", "/bin/bash"];
    match target.look_up_user() {
        // The group may exist already.
        Err(_) if has_group => target.run_program("useradd", &[&shell[..], &["--gid", user, user]].concat())?,
        Err(_) => target.run_program("useradd", &[&shell[..], &[user]].concat())?,
        Ok(_) if !target.context.system_path(AGENT_HOME).is_dir() => target.run_program("mkhomedir_helper", &[user])?,
        Ok(_) if !has_group => target.run_program("groupadd", &[user])?,
        Ok(_) => {}
    }
    if options.grant_sudo { target.run_program("usermod", &["-aG", "sudo", user]) } else { Ok(()) }
}

/// True if there is a group with the user's name.
fn has_group(target: &SetupTarget) -> bool {
    target.context.run_program("getent", &["group", "--", &target.user]).is_ok()
}

/// Reads the state of a primary's user, which must exist.
pub(super) fn read_existing_user_state(target: &SetupTarget) -> StepState {
    match target.look_up_user() {
        Ok(owner) => StepState::Done(format!("{}, with the home {}", owner.name, owner.home.display())),
        Err(why) => StepState::refused(why, "give the user that runs OpenClaw: --user USER"),
    }
}

/// Reads the state of the operator's keys, which are to open the agent's account too.
pub(super) fn read_operator_keys_state(target: &SetupTarget) -> StepState {
    match read_operator_keys(target) {
        Ok(keys) if keys.is_empty() => StepState::Skipped("the operator has no keys here".into()),
        Ok(keys) if target.has_lines(&keys, AUTHORIZED_KEYS_FILE) => StepState::Done(describe_key_count(&keys)),
        Ok(keys) => StepState::Pending(format!("copy {}", describe_key_count(&keys))),
        Err(why) => StepState::Skipped(why.to_string()),
    }
}

/// Copies the operator's keys.
pub(super) fn copy_operator_keys(target: &SetupTarget) -> Result<(), SetupError> {
    target.add_lines(&read_operator_keys(target)?, AUTHORIZED_KEYS_FILE)
}

/// Reads the state of the folders in the home.
pub(super) fn read_home_state(target: &SetupTarget) -> StepState {
    match target.succeeds_as_agent(HAS_FOLDERS_SCRIPT, &secret_folders(target)) {
        true => StepState::Done("folders and git identity exist".into()),
        false => {
            StepState::Pending("create the folders of workspace and secrets, and an identity for git commits".into())
        }
    }
}

/// Creates the folders in the home.
pub(super) fn create_home_folders(target: &SetupTarget) -> Result<(), SetupError> {
    target.run_as_agent(CREATE_FOLDERS_SCRIPT, &secret_folders(target)).map(drop)
}

fn secret_folders(target: &SetupTarget) -> Vec<&str> {
    target.context.config.secrets.iter().filter_map(|secret| secret.target.to_str()).collect()
}

fn is_in_sudo(target: &SetupTarget, owner: &Owner) -> bool {
    let groups = target.context.run_program("id", &["-nG", &owner.name]).unwrap_or_default();
    groups.split_whitespace().any(|group| group == "sudo")
}

/// Returns the keys of root, or of the user who called `sudo`. Lines with options are skipped: cloud images put a
/// forced command before a key to block root logins.
fn read_operator_keys(target: &SetupTarget) -> Result<String, SetupError> {
    let operator = env::var("SUDO_USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "root".to_owned());
    if operator == target.user {
        return Ok(String::new());
    }
    let line = target
        .context
        .run_program("getent", &["passwd", "--", &operator])
        .map_err(|why| SetupError::new(why.reason()))?;
    let home = line.split(':').nth(5).unwrap_or("/root");
    let file = target.context.system_path(&format!("{home}/{AUTHORIZED_KEYS_FILE}"));
    if fs::symlink_metadata(&file).is_err() {
        return Ok(String::new());
    }
    let is_key = |line: &&str| ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| line.starts_with(kind));
    let keys = read_text_file(&file).map_err(|why| SetupError::new(format_args!("{}: {why}", file.display())))?;
    Ok(keys.lines().map(str::trim).filter(is_key).collect::<Vec<_>>().join("\n"))
}

fn describe_key_count(keys: &str) -> String {
    format!("{} of the operator's keys", keys.lines().count())
}
