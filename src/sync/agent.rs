//! The agent's side of the checkout: locks that it has left over, and what it has left unfinished.
//!
//! The agent's own git must find the checkout in order when it is started again. What it had begun is kept on a ref of
//! its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::git::Git;
use super::index::{is_ours, remove, remove_if_there};
use super::left_over;
use super::names;
use super::refs::Head;
use super::stop::Stop;
use super::swap;
use crate::failover::Time;
use crate::report::durable;

/// The longest file of heads that is read, in bytes; a head is 65 at most.
const HEADS_LIMIT: usize = 64 * 1024;

/// What shows that an operation is not ended, and its name.
const UNFINISHED: [(&str, &str); 6] = [
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("rebase-merge", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
];

/// State of the gateway, which decides when a lock in the checkout is left over. Other processes may write in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// The gateway is down.
    Down,
    /// The gateway runs.
    Live,
}

impl Others {
    /// Time after which a lock of a branch that is still the same is left over. git holds one for milliseconds.
    fn ref_lock(self) -> Duration {
        match self {
            Self::Down => Duration::from_millis(500),
            Self::Live => Duration::from_secs(2),
        }
    }

    /// The same for a lock of the index. git holds one for as long as a person writes a message.
    pub(super) fn index_lock(self) -> Duration {
        match self {
            Self::Down => Duration::ZERO,
            Self::Live => Duration::from_secs(60 * 60),
        }
    }
}

/// Removes locks that a killed git has left behind: nobody else would, and every later git would fail for them.
pub(super) fn remove_left_over_locks(git: &Git<'_>, others: Others) -> Result<(), Stop> {
    // Nobody but us uses this index, and we are alone.
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
            log::warn!("{} is left over from a git that was killed; it is removed", lock.display());
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

/// What the agent has begun and not ended, if anything.
pub(super) fn unfinished(git: &Git<'_>) -> Option<&'static str> {
    let found = UNFINISHED.iter().find(|(sign, _)| git.git_dir.join(sign).exists());
    found.map(|(_, what)| *what)
}

/// Ends what the agent has begun, and leaves files as they are. Says what it was.
pub(super) fn end_unfinished(git: &Git<'_>, now: Time) -> Result<Option<&'static str>, Stop> {
    let mut ended = None;
    // One may hide another: a rebase that stopped at a conflict is a cherry-pick, too.
    for _ in UNFINISHED {
        let Some(what) = unfinished(git) else { break };
        for sign in ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge/orig-head"] {
            keep_heads(git, sign, now)?;
        }
        git.run(&[what, "--quit"])?;
        // `--quit` forgets what comes next, and of a single pick there is nothing next.
        for (sign, _) in UNFINISHED.iter().filter(|(sign, _)| sign.ends_with("_HEAD")) {
            remove(&git.git_dir.join(sign))?;
        }
        ended = ended.or(Some(what));
    }
    Ok(ended)
}

/// Ends a sparse checkout, in which files are missing that nobody has removed, and brings them back.
pub(super) fn end_sparse(git: &Git<'_>, head: &Head) -> Result<(), Stop> {
    if git.is_sparse && head.commit.is_some() {
        super::image::read_index(git, head)?;
        swap::bring_back(git, |_| true)?;
        git.run(&["config", "--worktree", "core.sparseCheckout", "false"])?;
    }
    Ok(())
}

/// Commits that nothing but an unfinished operation names.
fn keep_heads(git: &Git<'_>, file: &str, now: Time) -> Result<(), Stop> {
    // The agent may have made anything of that file.
    let heads = durable::read(&git.git_dir.join(file), HEADS_LIMIT).ok().flatten().unwrap_or_default();
    for head in String::from_utf8_lossy(&heads).lines().take(16) {
        let name = format!("{}unfinished/{}-{}", names::PRIVATE, names::stamp(now), head.get(..10).unwrap_or(head));
        if let Some(commit) = git.ask(&["rev-parse", "--quiet", "--verify", &format!("{head}^{{commit}}")])? {
            git.run(&["update-ref", &name, &commit])?;
        }
    }
    Ok(())
}
