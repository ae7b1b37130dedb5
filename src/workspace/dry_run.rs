//! Checks of a sync for `doctor`, without changing a file or a branch.
//!
//! They take no lock, so that no sync, and no promotion, waits for them.

use std::time::Duration;

use crate::config::{SecretConfig, WorkspaceConfig};
use crate::os::Cancel;
use crate::workspace::error::SyncError;
use crate::workspace::git::repository::RepositorySpec;
use crate::workspace::git::setting_files::HiddenSettingFiles;
use crate::workspace::git::{Git, remote};
use crate::workspace::unit::PULL_SERVICE;
use crate::workspace::{SyncPaths, repo_cleanup, secrets};

/// Uncommitted changes in the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirtyState {
    /// Number of files that are changed, new or deleted.
    pub changed_files: usize,
    /// Operation of the agent's git that is not finished, such as a merge.
    pub unfinished_operation: Option<&'static str>,
}

/// Fails if the sandbox of a sync unit hides git's ignore rules or attributes: a pull would commit nothing.
///
/// # Errors
/// Returns the pull's own message.
fn require_visible_rules(workspace: &WorkspaceConfig, paths: &SyncPaths) -> Result<(), SyncError> {
    HiddenSettingFiles::find(&workspace.path, &paths.state_folder)
        .content_refusal(PULL_SERVICE)
        .map_or(Ok(()), |why| Err(SyncError::failed(why).into_safe()))
}

/// Fetches the remote's branch as a pull does, and changes no local branch.
///
/// # Errors
/// Returns the pull's own message.
pub fn try_fetch(workspace: &WorkspaceConfig, paths: &SyncPaths, limit: Duration) -> Result<(), SyncError> {
    require_visible_rules(workspace, paths)?;
    with_repository(workspace, paths, |git| remote::try_fetch(git, workspace, limit.min(workspace.timeout)))
}

/// Reads the state of the workspace.
///
/// # Errors
/// If there is no repository, or git fails.
pub fn read_dirty_state(workspace: &WorkspaceConfig, paths: &SyncPaths) -> Result<DirtyState, SyncError> {
    let mut state = DirtyState::default();
    with_repository(workspace, paths, |git| {
        let args = ["--no-optional-locks", "status", "--porcelain", "--no-renames", "-z"];
        let listed = git.run_on_index(&git.git_dir.join("index"), &args)?;
        state.changed_files = listed.split('\0').filter(|entry| !entry.is_empty()).count();
        state.unfinished_operation = repo_cleanup::find_unfinished_operation(git);
        Ok(())
    })?;
    Ok(state)
}

/// Connects to the source of a set of secrets and copies nothing.
///
/// # Errors
/// Returns the pull's own message.
pub fn try_copy_secret(secret: &SecretConfig, paths: &SyncPaths) -> Result<(), SyncError> {
    secrets::copy_secret(secret, paths, &Cancel::new(), &["--dry-run"]).map_err(SyncError::into_safe)
}

fn with_repository(
    workspace: &WorkspaceConfig,
    paths: &SyncPaths,
    run: impl FnOnce(&Git<'_>) -> Result<(), SyncError>,
) -> Result<(), SyncError> {
    let cancel = Cancel::new();
    let checkout = RepositorySpec { workspace, host_name: &paths.host_name, paths, cancel: &cancel };
    checkout.open().and_then(|git| run(&git)).map_err(SyncError::into_safe)
}
