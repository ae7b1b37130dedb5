//! What only the workspace's owner may look at: everything below its home, where an agent writes as it likes.

use std::fs;
use std::time::Duration;

use crate::doctor::context::World;
use crate::doctor::{gateway, host};
use crate::finding::{Said, remedy};
use crate::workspace::dry_run;

/// How long the remote may take, whatever a pull may.
const FETCH: Duration = Duration::from_secs(60);

/// Where OpenClaw's own installer leaves units of the user, below the home.
const USER_UNITS: &str = ".config/systemd/user";

/// How many entries of that folder are looked at.
const ENTRIES: usize = 1000;

/// The workspace is a checkout with nothing half done in it.
pub(super) fn workspace(world: &World) -> Said {
    match dry_run::look(&world.config.workspace, &world.sync_paths()) {
        Err(why) => Said::fail(&why, remedy::PULL),
        Ok(loose) => match (loose.unfinished, loose.files) {
            (Some(what), _) => Said::warn(&format_args!("git has begun a {what} and not ended it"), remedy::STATUS),
            (None, 0) => Said::ok(&"clean"),
            (None, files) => Said::ok(&format_args!("{files} files are not committed; the next pull does it")),
        },
    }
}

/// The remote can be fetched from.
pub(super) fn fetch(world: &World) -> Said {
    let workspace = &world.config.workspace;
    match dry_run::fetch(workspace, &world.sync_paths(), FETCH) {
        Ok(()) => Said::ok(&format_args!("{} has {}", workspace.remote, workspace.branch)),
        Err(why) => Said::fail(&why, remedy::FETCH),
    }
}

/// Every source of secrets hands them out.
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

/// The disk under the workspace has room.
pub(super) fn disk(world: &World) -> Said {
    host::room(world, &world.config.workspace.path)
}

/// No unit of the owner's own starts a gateway that the monitor knows nothing of.
pub(super) fn units(world: &World) -> Said {
    let Ok(owner) = &world.owner else { return Said::skipped(&"nobody knows whose the workspace is") };
    let folder = owner.home.join(USER_UNITS);
    let Ok(entries) = fs::read_dir(&folder) else { return Said::ok(&"there are none") };
    for entry in entries.take(ENTRIES).flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("openclaw-gateway") && name.ends_with(".service") {
            let lingers = if gateway::lingers(world, &owner.name) { ", even with nobody logged in" } else { "" };
            let said = format_args!("{name} in {} starts another gateway{lingers}", folder.display());
            return Said::fail(&said, remedy::USER_GATEWAY);
        }
    }
    Said::ok(&"there are none")
}
