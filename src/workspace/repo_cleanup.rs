//! Cleanup of the agent's repository: stale locks, and unfinished operations such as a merge.
//!
//! The agent's git must find the repository in a clean state at its next start. The commits of unfinished operations
//! are kept on private refs.

use std::path::{Path, PathBuf};
use std::{fs, thread};

use crate::os::atomic_file::{self, remove_if_present};
use crate::text::Time;
use crate::workspace::checkout::replacement;
use crate::workspace::error::{FileResult, SyncError};
use crate::workspace::files::remove_file;
use crate::workspace::gateway_activity::GatewayActivity;
use crate::workspace::git::Git;
use crate::workspace::git::index::is_own_lock;
use crate::workspace::git::refs::Head;
use crate::workspace::snapshot::reset_index_to_head;
use crate::workspace::{left_over, ref_names};

/// Size limit of a file of commits, in bytes; a commit takes 65 at most.
const HEADS_SIZE_LIMIT: usize = 64 * 1024;

/// Files that mark an unfinished operation, and its name.
const OPERATION_MARKERS: [(&str, &str); 6] = [
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("rebase-merge", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
];

/// Removes stale locks of a killed git, because every later git command would fail.
pub(super) fn remove_stale_locks(git: &Git<'_>, gateway_activity: GatewayActivity) -> Result<(), SyncError> {
    // Only syncs use this index, and no other sync runs now.
    remove_if_present(&git.private_folder().join("index.lock")).or_cannot("remove", &git.private_folder())?;
    let index = git.git_dir.join("index.lock");
    if is_own_lock(&index) {
        remove_file(&index)?;
    }
    let mut found: Vec<PathBuf> =
        ["HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock"].map(|name| git.git_dir.join(name)).into();
    list_locks_below(&git.git_dir.join("refs"), 8, &mut found);
    let found: Vec<(PathBuf, String)> =
        found.into_iter().filter_map(|lock| left_over::identity(&lock).map(|known| (lock, known))).collect();
    if !found.is_empty() {
        thread::sleep(gateway_activity.stale_ref_lock_age());
    }
    for (lock, known) in found {
        if left_over::identity(&lock) == Some(known) {
            log::warn!("removing {}, a stale lock of a killed git", lock.display());
            remove_file(&lock)?;
        }
    }
    Ok(())
}

fn list_locks_below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => list_locks_below(&path, depth - 1, found),
            Ok(_) if path.extension().is_some_and(|ending| ending == "lock") => found.push(path),
            _ => {}
        }
    }
}

/// Returns the name of the agent's unfinished operation, if any.
pub(super) fn find_unfinished_operation(git: &Git<'_>) -> Option<&'static str> {
    let found = OPERATION_MARKERS.iter().find(|(sign, _)| git.git_dir.join(sign).exists());
    found.map(|(_, what)| *what)
}

/// Ends unfinished operations without changing files. Returns the name of the first.
pub(super) fn end_unfinished_operations(git: &Git<'_>, now: Time) -> Result<Option<&'static str>, SyncError> {
    let mut ended = None;
    // Operations can overlap: a rebase that stopped at a conflict is also a cherry-pick.
    for _ in OPERATION_MARKERS {
        let Some(what) = find_unfinished_operation(git) else { break };
        for sign in ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge/orig-head"] {
            keep_heads(git, sign, now)?;
        }
        git.run(&[what, "--quit"])?;
        // `--quit` drops the remaining commits, but a single cherry-pick has none and stays.
        for (sign, _) in OPERATION_MARKERS.iter().filter(|(sign, _)| sign.ends_with("_HEAD")) {
            remove_file(&git.git_dir.join(sign))?;
        }
        ended = ended.or(Some(what));
    }
    Ok(ended)
}

/// Ends a sparse checkout and restores the files that it leaves out.
pub(super) fn end_sparse_checkout(git: &Git<'_>, head: &Head) -> Result<(), SyncError> {
    if git.is_sparse && head.commit.is_some() {
        reset_index_to_head(git, head)?;
        replacement::restore_deleted_files(git, |_| true)?;
        git.run(&["config", "--worktree", "core.sparseCheckout", "false"])?;
    }
    Ok(())
}

/// Keeps commits that only an unfinished operation refers to.
fn keep_heads(git: &Git<'_>, file: &str, now: Time) -> Result<(), SyncError> {
    // The agent may have replaced the file by anything.
    let heads = atomic_file::read(&git.git_dir.join(file), HEADS_SIZE_LIMIT).ok().flatten().unwrap_or_default();
    for head in String::from_utf8_lossy(&heads).lines().take(16) {
        let name = format!(
            "{}unfinished/{}-{}",
            ref_names::PRIVATE_REF_PREFIX,
            ref_names::time_stamp(now),
            head.get(..10).unwrap_or(head)
        );
        if let Some(commit) = git.query(&["rev-parse", "--quiet", "--verify", &format!("{head}^{{commit}}")])? {
            git.run(&["update-ref", &name, &commit])?;
        }
    }
    Ok(())
}
