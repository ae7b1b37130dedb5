//! Steps of a primary: it pushes its workspace to the remote that standbys pull from, and lets a standby's key read one
//! folder. Nothing else on the host changes.

use std::path::PathBuf;

use crate::config::{DEFAULT_FILE, Workspace};
use crate::os::Owner;
use crate::setup::files::PROGRAM;
use crate::setup::target::Site;
use crate::setup::{State, Step, files, keys, openclaw, packages, service, step, users};
use crate::workspace::unit::HOME_FILES;

/// Folder that a standby's key may read, below the home.
const FOLDER: &str = ".openclaw/standby";

/// Prints the lines that admit the key `$1` on other terms than `$2`. sshd uses the first matching line.
const OPEN: &str =
    "[ ! -f .ssh/authorized_keys ] || grep -F -e \"$1\" .ssh/authorized_keys | grep -v '^#' | grep -vxF -e \"$2\" || :";

/// Drop-in that names this host's user and paths to the push unit.
pub(super) const DROP_IN: &str = "/etc/systemd/system/openclaw-sync-push.service.d/user.conf";

pub(super) static STEPS: [Step; 8] = [
    step("packages", "git and ssh for the workspace", packages::primary, packages::install_primary),
    step("user", "owns the workspace", users::existing, |_| Ok(())),
    step("config", "which workspace to push, and how often", configuration, configure),
    step("program", "the units run it from there", files::program, files::install_program),
    step("units", "push the workspace", files::primary, files::install_primary),
    step("paths", "user and path of the workspace, for the push unit", paths, set_paths),
    step("standby-key", "lets the standby read its secrets, without a shell", key, allow),
    step("timer", "push the workspace every few minutes", service::timer, service::tick),
];

/// Reads the state of the configuration, which is needed only if the workspace is not where the units expect it.
fn configuration(site: &Site) -> State {
    let monitor = site.unit(service::MONITOR);
    if monitor.is_enabled() || monitor.is_up() {
        let why = "this host is a standby (openclaw-failover.service), and a primary is another host; run \
             `openclaw-failover uninstall` first";
        return State::Refused(why.into());
    }
    match config(site) {
        Ok(None) => State::Done("the default of the units".into()),
        Ok(Some(text)) if site.has(DEFAULT_FILE, 0o644, text.as_bytes()) => State::Done(DEFAULT_FILE.into()),
        Ok(Some(_)) => State::Todo(format!("write {DEFAULT_FILE}")),
        Err(why) => State::Refused(why),
    }
}

fn configure(site: &Site) -> Result<(), String> {
    let Some(text) = config(site)? else { return Ok(()) };
    service::keep_old(site, &text)?;
    site.put(DEFAULT_FILE, 0o644, text.as_bytes())
}

/// Returns the text of the configuration; `None` if none is needed.
fn config(site: &Site) -> Result<Option<String>, String> {
    let workspace = workspace(site)?;
    let least = format!("{{ \"workspace\": {{ \"path\": \"{}\" }} }}\n", workspace.display());
    let is_named = site.wishes.config.is_some() || site.world.path(DEFAULT_FILE).exists();
    match (is_named, workspace == site.world.config.workspace.path) {
        // The loaded configuration may be older than the installed one.
        (true, false) if site.has(DEFAULT_FILE, 0o644, least.as_bytes()) => Ok(Some(least)),
        (true, false) => Err(format!("{} must set the workspace's path: {}", site.world.source, least.trim())),
        (true, true) => service::text(site).map(Some),
        (false, true) => Ok(None),
        (false, false) => Ok(Some(least)),
    }
}

/// Returns the workspace's path: the configured one, or the default below the user's home.
fn workspace(site: &Site) -> Result<PathBuf, String> {
    let said = &site.world.config.workspace.path;
    let owner = site.owner()?;
    let is_said = *said != Workspace::default().path;
    let path = if is_said { said.clone() } else { owner.home.join(".openclaw/workspace") };
    if [&path, &owner.home].iter().all(|path| openclaw::is_plain(&path.to_string_lossy())) {
        return Ok(path);
    }
    Err(format!("{} cannot be written into a unit; use a path of letters, digits and /._+@- only", path.display()))
}

fn paths(site: &Site) -> State {
    match drop_in(site) {
        Ok(None) => State::Done("the default of the units".into()),
        Ok(Some(text)) if site.has(DROP_IN, 0o644, text.as_bytes()) => State::Done(DROP_IN.into()),
        Ok(Some(_)) => State::Todo(format!("set user {} in {DROP_IN}", site.user())),
        Err(why) => State::Refused(why),
    }
}

fn set_paths(site: &Site) -> Result<(), String> {
    let Some(text) = drop_in(site)? else { return Ok(()) };
    site.put(DROP_IN, 0o644, text.as_bytes())?;
    site.run("systemctl", &["daemon-reload"])
}

/// Returns the drop-in; `None` if the shipped unit fits.
fn drop_in(site: &Site) -> Result<Option<String>, String> {
    let (owner, workspace) = (site.owner()?, workspace(site)?);
    let Owner { name, gid, home, .. } = &owner;
    if workspace == Workspace::default().path && name == "openclaw" {
        return Ok(None);
    }
    let (workspace, home) = (workspace.display(), home.display());
    let files = HOME_FILES.map(|file| format!("-{home}/{file}")).join(" ");
    // An empty assignment resets both BindPaths= and BindReadOnlyPaths=, so one is enough.
    Ok(Some(format!(
        "[Service]\nUser={name}\nGroup={gid}\nBindPaths=\nBindPaths=-{workspace}\nBindReadOnlyPaths={files}\n\
         ExecStartPre=\nExecStartPre=-+/usr/bin/setpriv --reuid={name} --regid={gid} --init-groups --reset-env \
         --no-new-privs /usr/bin/env PATH=${{PATH}} {PROGRAM} sync files\n"
    )))
}

/// Returns the line for `authorized_keys` and the folder that it opens; `None` if no key was given.
fn line(site: &Site) -> Option<Result<(String, String), String>> {
    let key = site.wishes.standby_key.as_deref()?;
    let Some(key) = keys::plain_key(key) else {
        return Some(Err("--standby-key: not an ssh public key".into()));
    };
    Some(site.owner().and_then(|owner| {
        let folder = owner.home.join(FOLDER).display().to_string();
        let line = keys::restricted(&folder, &key);
        match site.agent(OPEN, &[key.split(' ').nth(1).unwrap_or_default(), &line]) {
            Ok(said) if said.trim().is_empty() => Ok((line, folder)),
            Ok(_) => Err(format!(
                "~{}/{} has another line with this key, which may allow a shell; remove that line",
                owner.name,
                users::AUTHORIZED
            )),
            Err(why) => Err(why),
        }
    }))
}

fn key(site: &Site) -> State {
    match line(site) {
        None => State::Left("no key given; add --standby-key KEY".into()),
        Some(Err(why)) => State::Refused(why),
        Some(Ok((line, folder))) => {
            let is_there = site.agent_sees("[ -d \"$1\" ]", &[&folder]) && site.is_merged(&line, users::AUTHORIZED);
            let said = format!("the standby's key may read {folder}");
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

/// Returns what is left for a person to do.
pub(super) fn notes(site: &Site) -> Vec<String> {
    let (user, channel) = (site.user(), site.wishes.channel.as_deref().unwrap_or("CHANNEL"));
    vec![
        format!(
            "turn the standby's channel off here: sudo -iu {user} openclaw config set channels.{channel}.enabled \
             false"
        ),
        format!(
            "to copy files of ~{user}/{FOLDER} to the standby, configure there: \"secrets\": \
             [{{ \"source\": \"{user}@THIS_HOST:standby.env\" }}]"
        ),
        "next: openclaw-failover sync push --primary".to_owned(),
    ]
}
