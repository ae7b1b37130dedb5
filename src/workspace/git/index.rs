//! The agent's index: its lock, its staged changes, and its replacement.
//!
//! The agent's git must find an index that matches the commit that is checked out, so each run that changes the commit
//! replaces the index with its own. Changes that only the old index had are kept on a ref.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::os::atomic_file::remove_if_present;
use crate::text::Time;
use crate::workspace::error::{FileResult, SyncError, SyncErrorKind};
use crate::workspace::files::remove_file;
use crate::workspace::gateway_activity::GatewayActivity;
use crate::workspace::git::Git;
use crate::workspace::git::diff::diff_trees;
use crate::workspace::oid::Oid;
use crate::workspace::{left_over, ref_names};

/// Target of the symbolic link that this program uses as a lock. A link is created atomically, so a lock left by a
/// crash is recognised.
const LOCK_LINK_TARGET: &str = "openclaw-failover";

/// Time to wait for the agent's git, which holds the lock briefly.
const LOCK_WAIT_TIME: Duration = Duration::from_secs(2);

/// Lock on the agent's index, held while files and branches change. The agent's git reports another git process
/// meanwhile.
pub(crate) struct IndexLock(PathBuf);

impl IndexLock {
    /// Takes the lock that git itself uses.
    pub(crate) fn acquire(git: &Git<'_>, gateway_activity: GatewayActivity) -> Result<Self, SyncError> {
        let path = git.git_dir.join("index.lock");
        let asked = Instant::now();
        loop {
            match symlink(LOCK_LINK_TARGET, &path) {
                Ok(()) => return Ok(Self(path)),
                Err(why) if why.kind() != ErrorKind::AlreadyExists => {
                    return Err(why).or_cannot("create", &path);
                }
                Err(_) => {}
            }
            if is_own_lock(&path) {
                remove_file(&path)?;
            } else if asked.elapsed() < LOCK_WAIT_TIME {
                thread::sleep(Duration::from_millis(20));
            } else if left_over::held_for(git, &path) >= gateway_activity.stale_index_lock_age() {
                log::warn!("moving aside {}, a stale lock of a killed git", path.display());
                let aside = path.with_extension("left-over");
                fs::rename(&path, &aside).or_cannot("rename", &path)?;
            } else {
                let message = format!("another git process holds {}", path.display());
                return Err(SyncError::new(SyncErrorKind::InUse, message));
            }
        }
    }

    /// Keeps staged changes that are in neither of the trees: the committed one, and that of the files on the disk.
    /// Fails during a merge if the gateway runs.
    pub(crate) fn keep_staged_changes(
        &self,
        git: &Git<'_>,
        saved_trees: [&Oid; 2],
        gateway_activity: GatewayActivity,
        now: Time,
    ) -> Result<(), SyncError> {
        let Some(index) = copy_changed_index(git) else { return Ok(()) };
        let staged = match git.write_tree(&index) {
            Ok(staged) if !has_unsaved_staged_changes(git, &staged, saved_trees)? => return Ok(()),
            Ok(staged) => staged,
            Err(_) => match tree_of_unmerged_stages(git, &index)? {
                Some(_) if gateway_activity == GatewayActivity::Running => {
                    return Err(SyncError::new(SyncErrorKind::InUse, "a merge is in progress"));
                }
                Some(sides) => sides,
                None => return Ok(()),
            },
        };
        let kept = git.commit_tree(&staged, &[], "Staged changes")?;
        let name = format!("{}staged/{}", ref_names::PRIVATE_REF_PREFIX, ref_names::time_stamp(now));
        git.run(&["update-ref", &name, &kept])?;
        Ok(())
    }

    /// Replaces the agent's index with this program's and releases the lock.
    pub(crate) fn publish_index(self, git: &Git<'_>) -> Result<(), SyncError> {
        if is_index_published(git) {
            return Ok(());
        }
        let (own, theirs) = (git.private_index(), git.git_dir.join("index"));
        let public = git.private_folder().join("index.public");
        let put = remove_if_present(&public).and_then(|()| link_or_copy(&own, &public));
        put.and_then(|()| fs::rename(&public, &theirs)).or_cannot("replace", &theirs)
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        if let Err(why) = fs::remove_file(&self.0) {
            log::warn!("cannot remove {}: {why}", self.0.display());
        }
    }
}

/// True if the agent's index is this program's.
pub(crate) fn is_index_published(git: &Git<'_>) -> bool {
    is_same_file(&git.private_index(), &git.git_dir.join("index"))
}

/// Copies the agent's index if the agent has changed it since this program last replaced it.
fn copy_changed_index(git: &Git<'_>) -> Option<PathBuf> {
    let theirs = git.git_dir.join("index");
    if !theirs.is_file() || is_index_published(git) {
        return None;
    }
    let copy = git.private_folder().join("index.theirs");
    remove_if_present(&copy).and_then(|()| link_or_copy(&theirs, &copy)).ok().map(|()| copy)
}

/// True if a staged change is neither committed nor on the disk.
fn has_unsaved_staged_changes(git: &Git<'_>, staged: &Oid, saved_trees: [&Oid; 2]) -> Result<bool, SyncError> {
    if saved_trees.contains(&staged) {
        return Ok(false);
    }
    let [committed, on_disk] = saved_trees;
    let beyond = diff_trees(git, committed, staged)?;
    let beyond: HashSet<&[u8]> = beyond.iter().map(|entry| entry.path.as_slice()).collect();
    let found = diff_trees(git, on_disk, staged)?;
    Ok(found.iter().any(|entry| entry.is_file_afterwards() && beyond.contains(entry.path.as_slice())))
}

/// Writes the stages of an unmerged index as a tree with one folder for each stage; `None` if the index is unreadable.
fn tree_of_unmerged_stages(git: &Git<'_>, index: &Path) -> Result<Option<Oid>, SyncError> {
    let Ok(listed) = git.run_on_index_for_bytes(index, &["ls-files", "--stage", "-z"]) else { return Ok(None) };
    let mut sides = Vec::new();
    for line in listed.split(|byte| *byte == 0) {
        // `mode hash stage TAB path`.
        let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { continue };
        let (meta, path) = line.split_at(tab);
        let Some((entry, side)) = std::str::from_utf8(meta).ok().and_then(|meta| meta.rsplit_once(' ')) else {
            continue;
        };
        sides.extend_from_slice(format!("{entry}\t{side}/").as_bytes());
        sides.extend_from_slice(path.get(1..).unwrap_or_default());
        sides.push(0);
    }
    git.build_tree("index.sides", None, &sides).map(Some)
}

/// True if the lock is this program's, left by a crash.
pub(crate) fn is_own_lock(lock: &Path) -> bool {
    fs::read_link(lock).is_ok_and(|target| target == Path::new(LOCK_LINK_TARGET))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    id(one).is_some() && id(one) == id(other)
}

/// Links or copies a file. The copy keeps the time, by which git decides which files to compare.
fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(from.metadata()?.modified()?)
}
