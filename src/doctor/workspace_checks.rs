//! Checks that only the workspace's owner may run: they read below its home, where an agent can write anything.

use std::fs;
use std::time::Duration;

use crate::doctor::context::World;
use crate::doctor::{gateway, host};
use crate::finding::{Said, remedy};
use crate::workspace::dry_run;

/// Time limit of the fetch, independent of the pull's.
const FETCH: Duration = Duration::from_secs(60);

/// Folder of the user's units, below the home. OpenClaw's installer writes there.
const USER_UNITS: &str = ".config/systemd/user";

/// Number of entries of that folder that are read, at most.
const ENTRIES: usize = 1000;

/// Checks that the workspace is a checkout without unfinished operations.
pub(super) fn workspace(world: &World) -> Said {
    match dry_run::look(&world.config.workspace, &world.sync_paths()) {
        Err(why) => Said::fail(&why, remedy::PULL),
        Ok(loose) => match (loose.unfinished, loose.files) {
            (Some(what), _) => Said::warn(&format_args!("a git {what} is unfinished"), remedy::STATUS),
            (None, 0) => Said::ok(&"clean"),
            (None, files) => Said::ok(&format_args!("{files} files are not committed; the next pull commits them")),
        },
    }
}

/// Checks that the remote can be fetched.
pub(super) fn fetch(world: &World) -> Said {
    let workspace = &world.config.workspace;
    match dry_run::fetch(workspace, &world.sync_paths(), FETCH) {
        Ok(()) => Said::ok(&format_args!("{} has {}", workspace.remote, workspace.branch)),
        Err(why) => Said::fail(&why, remedy::FETCH),
    }
}

/// Checks that every source of secrets can be copied.
pub(super) fn secrets(world: &World) -> Said {
    let secrets = &world.config.secrets;
    for secret in secrets {
        if let Err(why) = dry_run::copy(secret, &world.sync_paths()) {
            return Said::fail(&why, remedy::SECRETS);
        }
    }
    match secrets.len() {
        0 => Said::skipped(&"none are configured"),
        count => Said::ok(&format_args!("{count} of {count} can be copied")),
    }
}

/// Checks the disk space below the workspace.
pub(super) fn disk(world: &World) -> Said {
    host::room(world, &world.config.workspace.path)
}

/// Checks that no user unit starts a gateway that the monitor does not control.
pub(super) fn units(world: &World) -> Said {
    let Ok(owner) = &world.owner else { return Said::skipped(&"the workspace's owner is unknown") };
    let folder = owner.home.join(USER_UNITS);
    let Ok(entries) = fs::read_dir(&folder) else { return Said::ok(&"no user unit starts a gateway") };
    for entry in entries.take(ENTRIES).flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("openclaw-gateway") && name.ends_with(".service") {
            let lingers = if gateway::lingers(world, &owner.name) { ", even without a login" } else { "" };
            let said = format_args!("{name} in {} starts another gateway{lingers}", folder.display());
            return Said::fail(&said, remedy::USER_GATEWAY);
        }
    }
    Said::ok(&"no user unit starts a gateway")
}
