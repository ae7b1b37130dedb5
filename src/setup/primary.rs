//! The steps on a primary: it sends its workspace to where standbys find it, and lets a standby's key read one folder.
//! Else it is left as it is.

use super::site::Site;
use super::{State, Step, files, keys, packages, service, step, users};
use crate::config::{DEFAULT_FILE, Workspace};
use crate::host::Owner;

/// What a standby may read: whatever is meant for it.
const FOLDER: &str = ".openclaw/standby";

/// The units name another user's home; this says whose it is here.
pub(super) const DROP_IN: &str = "/etc/systemd/system/openclaw-sync-push.service.d/user.conf";

pub(super) static STEPS: [Step; 7] = [
    step("packages", "git and ssh move the workspace", packages::primary, packages::install_primary),
    step("user", "the workspace is its", users::existing, |_| Ok(())),
    step("program", "the units start it from there", files::program, files::install_program),
    step("units", "the push of the workspace", files::primary, files::install_primary),
    step("paths", "whose workspace it is, and where", paths, set_paths),
    step("standby-key", "a standby reads the secrets that are meant for it, and gets no shell", key, allow),
    step("timer", "what the agent has learned leaves this host every few minutes", service::timer, service::tick),
];

fn paths(site: &Site) -> State {
    match wanted(site) {
        Ok(None) => State::Done("as the units have it".into()),
        Ok(Some((drop_in, _))) if site.has(DROP_IN, 0o644, drop_in.as_bytes()) => State::Done(DROP_IN.into()),
        Ok(Some(_)) => State::Todo(format!("{DROP_IN} names {}, and {DEFAULT_FILE} its workspace", site.user())),
        Err(why) => State::Refused(why),
    }
}

fn set_paths(site: &Site) -> Result<(), String> {
    let Some((drop_in, config)) = wanted(site)? else { return Ok(()) };
    if site.world.path(DEFAULT_FILE).symlink_metadata().is_err() {
        site.put(DEFAULT_FILE, 0o644, config.as_bytes())?;
    }
    site.put(DROP_IN, 0o644, drop_in.as_bytes())?;
    site.run("systemctl", &["daemon-reload"])
}

/// A drop-in and a configuration, where the shipped files do not fit.
fn wanted(site: &Site) -> Result<Option<(String, String)>, String> {
    let owner = site.owner()?;
    let (ours, home) = (Workspace::default().path, owner.home.display());
    let said = &site.world.config.workspace.path;
    let workspace = if *said == ours { owner.home.join(".openclaw/workspace") } else { said.clone() };
    if workspace == ours && owner.name == "openclaw" {
        return Ok(None);
    }
    let Owner { name, gid, .. } = &owner;
    let workspace = workspace.display();
    // An empty list empties both kinds of it, so it is said once.
    let drop_in = format!(
        "[Service]\nUser={name}\nGroup={gid}\nBindPaths=\nBindPaths=-{workspace}\nBindReadOnlyPaths=-{home}/.ssh -{home}/.gitconfig\n"
    );
    Ok(Some((drop_in, format!("{{ \"workspace\": {{ \"path\": \"{workspace}\" }} }}\n"))))
}

/// The line that lets a key read that folder, and nothing else.
fn line(site: &Site) -> Option<Result<(String, String), String>> {
    let key = site.wishes.standby_key.as_deref()?;
    let Some(key) = keys::plain_key(key) else {
        return Some(Err("--standby-key: this is no public key of ssh's".into()));
    };
    Some(site.owner().map(|owner| {
        let folder = owner.home.join(FOLDER).display().to_string();
        (format!("restrict,command=\"rrsync -ro {folder}\" {key}"), folder)
    }))
}

fn key(site: &Site) -> State {
    match line(site) {
        None => State::Left("none was given; --standby-key KEY".into()),
        Some(Err(why)) => State::Refused(why),
        Some(Ok((line, folder))) => {
            let is_there = site.agent_sees("[ -d \"$1\" ]", &[&folder]) && site.is_merged(&line, users::AUTHORIZED);
            let said = format!("it may read {folder}");
            if is_there { State::Done(said) } else { State::Todo(said) }
        }
    }
}

fn allow(site: &Site) -> Result<(), String> {
    let Some(line) = line(site) else { return Ok(()) };
    let (line, folder) = line?;
    site.agent("mkdir -p \"$1\"", &[&folder])?;
    site.merge(&line, users::AUTHORIZED)
}

/// What a person has to do.
pub(super) fn notes(site: &Site) -> Vec<String> {
    let (user, channel) = (site.user(), site.wishes.channel.as_deref().unwrap_or("CHANNEL"));
    vec![
        format!(
            "the standby's channel is the standby's alone: sudo -iu {user} openclaw config set channels.{channel}.enabled \
             false"
        ),
        format!(
            "what lies in ~{user}/{FOLDER} can go to the standby: \"secrets\": [{{ \"source\": \
             \"{user}@THIS_HOST:standby.env\" }}]"
        ),
        "now: openclaw-failover sync push --primary".to_owned(),
    ]
}
