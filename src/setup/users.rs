//! The agent's user: its logins and its home.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::doctor::read;
use crate::os::Owner;
use crate::setup::State;
use crate::setup::target::Site;

/// Home that the units name.
const HOME: &str = "/home/openclaw";

/// File with the keys that may log in, below the home.
pub(super) const AUTHORIZED: &str = ".ssh/authorized_keys";

/// Succeeds if the home has the folders that the units bind into their sandboxes, and an identity for git commits.
const HAS_HOME: &str = "[ -d .openclaw/workspace ]; git config --global user.email >/dev/null\n\
    for folder; do [ -d \"$folder\" ]; done";

const MAKE_HOME: &str = "mkdir -p .openclaw/workspace \"$@\"\n\
    git config --global user.name >/dev/null || git config --global user.name openclaw\n\
    git config --global user.email >/dev/null || git config --global user.email openclaw@$(uname -n)";

/// Reads the state of a standby's user.
pub(super) fn user(site: &Site) -> State {
    let owner = match site.owner() {
        Ok(owner) => owner,
        Err(_) if site.world.ask("getent", &["passwd", "--", site.user()]).is_err_and(|why| why.code() == Some(2)) => {
            let home = site.world.path(HOME);
            return match home.symlink_metadata() {
                Ok(_) => State::Refused(format!("{HOME} exists, but user openclaw does not; move the folder away")),
                Err(_) => State::Todo("create openclaw, without a password".into()),
            };
        }
        Err(why) => return State::Refused(why),
    };
    let home = fs::metadata(site.world.path(HOME)).ok();
    let is_in_sudo = is_in_sudo(site, &owner);
    match home {
        _ if owner.home != Path::new(HOME) => State::Refused(format!(
            "the home of {0} is {1}, but the units need {HOME}; run `usermod --move-home --home {HOME} {0}`",
            owner.name,
            owner.home.display()
        )),
        Some(home) if home.uid() != owner.uid => {
            State::Refused(format!("{HOME} does not belong to {0}; run `chown -R {0}: {HOME}`", owner.name))
        }
        None => State::Todo(format!("create {HOME}")),
        _ if !has_group(site) => State::Todo("create the group openclaw, which the units need".into()),
        _ if site.wishes.sudo && !is_in_sudo => State::Todo(format!("add {} to the group sudo", owner.name)),
        _ if is_in_sudo && !site.wishes.sudo => State::Left(format!(
            "{0} is in the group sudo and can become root; to change that: gpasswd --delete {0} sudo",
            owner.name
        )),
        _ => State::Done(format!("{}, uid {}", owner.name, owner.uid)),
    }
}

/// Creates the user, or what is missing of it.
pub(super) fn create_user(site: &Site) -> Result<(), String> {
    let has_group = has_group(site);
    match site.owner() {
        // The group may exist already.
        Err(_) if has_group => {
            site.run("useradd", &["--create-home", "--shell", "/bin/bash", "--gid", site.user(), site.user()])?;
        }
        Err(_) => site.run("useradd", &["--create-home", "--shell", "/bin/bash", site.user()])?,
        Ok(_) if !site.world.path(HOME).is_dir() => site.run("mkhomedir_helper", &[site.user()])?,
        Ok(_) if !has_group => site.run("groupadd", &[site.user()])?,
        Ok(_) => {}
    }
    if site.wishes.sudo { site.run("usermod", &["-aG", "sudo", site.user()]) } else { Ok(()) }
}

/// True if there is a group with the user's name.
fn has_group(site: &Site) -> bool {
    site.world.ask("getent", &["group", "--", site.user()]).is_ok()
}

/// Reads the state of a primary's user, which must exist.
pub(super) fn existing(site: &Site) -> State {
    match site.owner() {
        Ok(owner) => State::Done(format!("{}, with the home {}", owner.name, owner.home.display())),
        Err(why) => State::Refused(format!("{why}; give the user that runs OpenClaw: --user USER")),
    }
}

/// Reads the state of the operator's keys, which are to open the agent's account too.
pub(super) fn operator(site: &Site) -> State {
    match operator_keys(site) {
        Ok(keys) if keys.is_empty() => State::Left("the operator has no keys here".into()),
        Ok(keys) if site.is_merged(&keys, AUTHORIZED) => State::Done(count(&keys)),
        Ok(keys) => State::Todo(format!("copy {}", count(&keys))),
        Err(why) => State::Left(why),
    }
}

/// Copies the operator's keys.
pub(super) fn copy_keys(site: &Site) -> Result<(), String> {
    site.merge(&operator_keys(site)?, AUTHORIZED)
}

/// Reads the state of the folders in the home.
pub(super) fn home(site: &Site) -> State {
    match site.agent_sees(HAS_HOME, &folders(site)) {
        true => State::Done("folders and git identity exist".into()),
        false => State::Todo("create the folders of workspace and secrets, and an identity for git commits".into()),
    }
}

/// Creates the folders in the home.
pub(super) fn make_home(site: &Site) -> Result<(), String> {
    site.agent(MAKE_HOME, &folders(site)).map(drop)
}

fn folders(site: &Site) -> Vec<&str> {
    site.world.config.secrets.iter().filter_map(|secret| secret.target.to_str()).collect()
}

fn is_in_sudo(site: &Site, owner: &Owner) -> bool {
    let groups = site.world.ask("id", &["-nG", &owner.name]).unwrap_or_default();
    groups.split_whitespace().any(|group| group == "sudo")
}

/// Returns the keys of root, or of the user who called `sudo`. Lines with options are skipped: cloud images put a
/// forced command before a key to block root logins.
fn operator_keys(site: &Site) -> Result<String, String> {
    let operator = Site::variable("SUDO_USER").unwrap_or_else(|| "root".to_owned());
    if operator == site.user() {
        return Ok(String::new());
    }
    let line = site.world.ask("getent", &["passwd", "--", &operator]).map_err(|why| why.reason())?;
    let home = line.split(':').nth(5).unwrap_or("/root");
    let file = site.world.path(&format!("{home}/{AUTHORIZED}"));
    if fs::symlink_metadata(&file).is_err() {
        return Ok(String::new());
    }
    let is_key = |line: &&str| ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| line.starts_with(kind));
    let keys = read(&file).map_err(|why| format!("{}: {why}", file.display()))?;
    Ok(keys.lines().map(str::trim).filter(is_key).collect::<Vec<_>>().join("\n"))
}

fn count(keys: &str) -> String {
    format!("{} of the operator's keys", keys.lines().count())
}
