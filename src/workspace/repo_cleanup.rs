//! Cleanup of the agent's repository: stale locks, and unfinished operations such as a merge.
//!
//! The agent's git must find the repository in a clean state at its next start. The commits of unfinished operations
//! are kept on private refs.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

use crate::os::atomic_file;
use crate::text::Time;
use crate::workspace::checkout::swap;
use crate::workspace::error::Stop;
use crate::workspace::git::Git;
use crate::workspace::git::index::{is_ours, remove, remove_if_there};
use crate::workspace::git::refs::Head;
use crate::workspace::{left_over, ref_names};

/// Size limit of a file of commits, in bytes; a commit takes 65 at most.
const HEADS_LIMIT: usize = 64 * 1024;

/// Files that mark an unfinished operation, and its name.
const UNFINISHED: [(&str, &str); 6] = [
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("rebase-merge", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
];

/// State of the gateway; decides when a lock counts as stale. Other processes may write in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// The gateway is down.
    Down,
    /// The gateway runs.
    Live,
}

impl Others {
    /// Returns the age from which a ref's lock is stale. git holds one for milliseconds.
    fn ref_lock(self) -> Duration {
        match self {
            Self::Down => Duration::from_millis(500),
            Self::Live => Duration::from_secs(2),
        }
    }

    /// Returns the age from which the index lock is stale. git holds it while a person writes a commit message.
    pub(super) fn index_lock(self) -> Duration {
        match self {
            Self::Down => Duration::ZERO,
            Self::Live => Duration::from_secs(60 * 60),
        }
    }
}

/// Removes stale locks of a killed git, because every later git command would fail.
pub(super) fn remove_left_over_locks(git: &Git<'_>, others: Others) -> Result<(), Stop> {
    // Only syncs use this index, and no other sync runs now.
    remove_if_there(&git.own_folder().join("index.lock"))
        .map_err(|why| Stop::file("remove", &git.own_folder(), &why))?;
    let index = git.git_dir.join("index.lock");
    if is_ours(&index) {
        remove(&index)?;
    }
    let mut found: Vec<PathBuf> =
        ["HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock"].map(|name| git.git_dir.join(name)).into();
    locks_below(&git.git_dir.join("refs"), 8, &mut found);
    let found: Vec<(PathBuf, String)> =
        found.into_iter().filter_map(|lock| left_over::identity(&lock).map(|known| (lock, known))).collect();
    if !found.is_empty() {
        thread::sleep(others.ref_lock());
    }
    for (lock, known) in found {
        if left_over::identity(&lock) == Some(known) {
            log::warn!("removing {}, a stale lock of a killed git", lock.display());
            remove(&lock)?;
        }
    }
    Ok(())
}

fn locks_below(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => locks_below(&path, depth - 1, found),
            Ok(_) if path.extension().is_some_and(|ending| ending == "lock") => found.push(path),
            _ => {}
        }
    }
}

/// Returns the name of the agent's unfinished operation, if any.
pub(super) fn unfinished(git: &Git<'_>) -> Option<&'static str> {
    let found = UNFINISHED.iter().find(|(sign, _)| git.git_dir.join(sign).exists());
    found.map(|(_, what)| *what)
}

/// Ends unfinished operations without changing files. Returns the name of the first.
pub(super) fn end_unfinished(git: &Git<'_>, now: Time) -> Result<Option<&'static str>, Stop> {
    let mut ended = None;
    // Operations can overlap: a rebase that stopped at a conflict is also a cherry-pick.
    for _ in UNFINISHED {
        let Some(what) = unfinished(git) else { break };
        for sign in ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge/orig-head"] {
            keep_heads(git, sign, now)?;
        }
        git.run(&[what, "--quit"])?;
        // `--quit` drops the remaining commits, but a single cherry-pick has none and stays.
        for (sign, _) in UNFINISHED.iter().filter(|(sign, _)| sign.ends_with("_HEAD")) {
            remove(&git.git_dir.join(sign))?;
        }
        ended = ended.or(Some(what));
    }
    Ok(ended)
}

/// Ends a sparse checkout and restores the files that it leaves out.
pub(super) fn end_sparse(git: &Git<'_>, head: &Head) -> Result<(), Stop> {
    if git.is_sparse && head.commit.is_some() {
        crate::workspace::snapshot::read_index(git, head)?;
        swap::bring_back(git, |_| true)?;
        git.run(&["config", "--worktree", "core.sparseCheckout", "false"])?;
    }
    Ok(())
}

/// Keeps commits that only an unfinished operation refers to.
fn keep_heads(git: &Git<'_>, file: &str, now: Time) -> Result<(), Stop> {
    // The agent may have replaced the file by anything.
    let heads = atomic_file::read(&git.git_dir.join(file), HEADS_LIMIT).ok().flatten().unwrap_or_default();
    for head in String::from_utf8_lossy(&heads).lines().take(16) {
        let name =
            format!("{}unfinished/{}-{}", ref_names::PRIVATE, ref_names::stamp(now), head.get(..10).unwrap_or(head));
        if let Some(commit) = git.ask(&["rev-parse", "--quiet", "--verify", &format!("{head}^{{commit}}")])? {
            git.run(&["update-ref", &name, &commit])?;
        }
    }
    Ok(())
}
