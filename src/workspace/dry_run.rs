//! Checks of a sync for `doctor`, without changing a file or a branch.
//!
//! They take no lock, so that no sync, and no promotion, waits for them.

use std::time::Duration;

use crate::config::{Secret, Workspace};
use crate::os::Cancel;
use crate::workspace::git::repository::Checkout;
use crate::workspace::git::setting_files::Hidden;
use crate::workspace::git::{Git, remote};
use crate::workspace::report::text;
use crate::workspace::unit::PULL;
use crate::workspace::{Paths, repo_cleanup, secrets};

/// Uncommitted changes in the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loose {
    /// Number of files that are changed, new or deleted.
    pub files: usize,
    /// Operation of the agent's git that is not finished, such as a merge.
    pub unfinished: Option<&'static str>,
}

/// Fails if the sandbox of a sync unit hides git's ignore rules or attributes: a pull would commit nothing.
///
/// # Errors
/// Returns the pull's own message.
fn require_rules(workspace: &Workspace, paths: &Paths) -> Result<(), String> {
    Hidden::find(&workspace.path, &paths.state).content(PULL).map_or(Ok(()), |why| Err(text(&why)))
}

/// Fetches the remote's branch as a pull does, and changes no local branch.
///
/// # Errors
/// Returns the pull's own message.
pub fn fetch(workspace: &Workspace, paths: &Paths, limit: Duration) -> Result<(), String> {
    require_rules(workspace, paths)?;
    with_git(workspace, paths, &mut |git| {
        remote::rehearse(git, workspace, limit.min(workspace.timeout)).map_err(|stop| stop.said)
    })
}

/// Reads the state of the workspace.
///
/// # Errors
/// If there is no repository, or git fails.
pub fn look(workspace: &Workspace, paths: &Paths) -> Result<Loose, String> {
    let mut loose = Loose::default();
    with_git(workspace, paths, &mut |git| {
        let args = ["--no-optional-locks", "status", "--porcelain", "--no-renames", "-z"];
        let listed = git.on_index(&git.git_dir.join("index"), &args).map_err(|why| why.to_string())?;
        loose.files = listed.split('\0').filter(|entry| !entry.is_empty()).count();
        loose.unfinished = repo_cleanup::unfinished(git);
        Ok(())
    })?;
    Ok(loose)
}

/// Connects to the source of a set of secrets and copies nothing.
///
/// # Errors
/// Returns the pull's own message.
pub fn copy(secret: &Secret, paths: &Paths) -> Result<(), String> {
    secrets::copy_one(secret, paths, &Cancel::new(), &["--dry-run"]).map_err(|why| text(&why))
}

fn with_git(
    workspace: &Workspace,
    paths: &Paths,
    ask: &mut dyn FnMut(&Git<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let cancel = Cancel::new();
    let checkout = Checkout { workspace, host: &paths.host, paths, cancel: &cancel };
    let git = checkout.open().map_err(|stop| text(&stop.said))?;
    ask(&git).map_err(|why| text(&why))
}
