//! Checks that only the workspace's owner may run: they read below its home, where an agent can write anything.

use std::fs;
use std::time::Duration;

use crate::doctor::context::HostContext;
use crate::doctor::{gateway, host};
use crate::finding::{CheckResult, remedy};
use crate::workspace::dry_run;

/// Time limit of the fetch, independent of the pull's.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// Folder of the user's units, below the home. OpenClaw's installer writes there.
const USER_UNIT_FOLDER: &str = ".config/systemd/user";

/// Number of entries of that folder that are read, at most.
const FOLDER_ENTRY_LIMIT: usize = 1000;

/// Checks that the workspace is a checkout without unfinished operations.
pub(super) fn check_workspace(context: &HostContext) -> CheckResult {
    match dry_run::read_dirty_state(&context.config.workspace, &context.sync_paths()) {
        Err(why) => CheckResult::fail(&why, remedy::PULL),
        Ok(state) => match (state.unfinished_operation, state.changed_files) {
            (Some(what), _) => CheckResult::warn(&format_args!("a git {what} is unfinished"), remedy::STATUS),
            (None, 0) => CheckResult::ok(&"clean"),
            (None, files) => {
                CheckResult::ok(&format_args!("{files} files are not committed; the next pull commits them"))
            }
        },
    }
}

/// Checks that the remote can be fetched.
pub(super) fn check_fetch(context: &HostContext) -> CheckResult {
    let workspace = &context.config.workspace;
    match dry_run::try_fetch(workspace, &context.sync_paths(), FETCH_TIMEOUT) {
        Ok(()) => CheckResult::ok(&format_args!("{} has {}", workspace.remote, workspace.branch)),
        Err(why) => CheckResult::fail(&why, remedy::FETCH),
    }
}

/// Checks that every source of secrets can be copied.
pub(super) fn check_secrets(context: &HostContext) -> CheckResult {
    let secrets = &context.config.secrets;
    for secret in secrets {
        if let Err(why) = dry_run::try_copy_secret(secret, &context.sync_paths()) {
            return CheckResult::fail(&why, remedy::SECRETS);
        }
    }
    match secrets.len() {
        0 => CheckResult::skipped(&"none are configured"),
        count => CheckResult::ok(&format_args!("{count} of {count} can be copied")),
    }
}

/// Checks the disk space below the workspace.
pub(super) fn check_disk(context: &HostContext) -> CheckResult {
    host::check_free_space(context, &context.config.workspace.path)
}

/// Checks that no user unit starts a gateway that the monitor does not control.
pub(super) fn check_user_units(context: &HostContext) -> CheckResult {
    let Ok(owner) = &context.owner else { return CheckResult::skipped(&"the workspace's owner is unknown") };
    let folder = owner.home.join(USER_UNIT_FOLDER);
    let Ok(entries) = fs::read_dir(&folder) else { return CheckResult::ok(&"no user unit starts a gateway") };
    for entry in entries.take(FOLDER_ENTRY_LIMIT).flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("openclaw-gateway") && name.ends_with(".service") {
            let lingers = if gateway::is_lingering(context, &owner.name) { ", even without a login" } else { "" };
            let result = format_args!("{name} in {} starts another gateway{lingers}", folder.display());
            return CheckResult::fail(&result, remedy::USER_GATEWAY);
        }
    }
    CheckResult::ok(&"no user unit starts a gateway")
}
