//! What a sync would meet, found out without moving or writing a file of the workspace: for `doctor`.
//!
//! It takes no lock, so that it never keeps a sync, and with it a promotion, from its turn.

use std::time::Duration;

use crate::config::{Secret, Workspace};
use crate::os::Cancel;
use crate::workspace::git::repository::Checkout;
use crate::workspace::git::setting_files::Hidden;
use crate::workspace::git::{Git, remote};
use crate::workspace::report::text;
use crate::workspace::unit::PULL;
use crate::workspace::{Paths, repo_cleanup, secrets};

/// Changes in the workspace that are not committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loose {
    /// The number of files that are changed, new or gone.
    pub files: usize,
    /// The operation that the agent has begun in git and not ended, such as a merge.
    pub unfinished: Option<&'static str>,
}

/// Says which rules for git a sync unit's sandbox hides, so that a pull would commit nothing.
///
/// # Errors
/// Says what a pull would say.
fn require_rules(workspace: &Workspace, paths: &Paths) -> Result<(), String> {
    Hidden::find(&workspace.path, &paths.state).content(PULL).map_or(Ok(()), |why| Err(text(&why)))
}

/// Fetches the remote's branch as a pull does, but changes no branch here.
///
/// # Errors
/// Says what a pull would say.
pub fn fetch(workspace: &Workspace, paths: &Paths, limit: Duration) -> Result<(), String> {
    require_rules(workspace, paths)?;
    with_git(workspace, paths, &mut |git| {
        remote::rehearse(git, workspace, limit.min(workspace.timeout)).map_err(|stop| stop.said)
    })
}

/// Looks at what lies in the workspace.
///
/// # Errors
/// When there is no checkout, or git cannot say.
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

/// Asks the source of a set of secrets for them, and copies nothing.
///
/// # Errors
/// Says what a pull would say.
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
