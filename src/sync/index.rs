//! The agent's index: its lock, what the agent has staged in it, and its replacement by this program's.
//!
//! The agent's own git must find an index that is as of the commit that is checked out, so each run that changes the
//! commit puts its own in place. What only the old one knew is kept on a ref.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::agent::Others;
use super::git::Git;
use super::image::Image;
use super::left_over;
use super::names;
use super::stop::{Stop, Why};
use super::torn::differences;
use crate::failover::Time;

/// What our lock on the agent's index says. A link is made whole or not at all, so a crash leaves one that we know.
const OURS: &str = "openclaw-failover";

/// How long to wait for the agent's git, which holds the lock for moments.
const PATIENCE: Duration = Duration::from_secs(2);

/// Held while the tree moves and branches change; the agent's git says meanwhile that another git is running.
pub(super) struct IndexLock(PathBuf);

impl IndexLock {
    /// Takes the lock that git itself takes.
    pub(super) fn take(git: &Git<'_>, others: Others) -> Result<Self, Stop> {
        let path = git.git_dir.join("index.lock");
        let asked = Instant::now();
        loop {
            match symlink(OURS, &path) {
                Ok(()) => return Ok(Self(path)),
                Err(why) if why.kind() != ErrorKind::AlreadyExists => return Err(Stop::file("create", &path, &why)),
                Err(_) => {}
            }
            if is_ours(&path) {
                remove(&path)?;
            } else if asked.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(20));
            } else if left_over::held_for(git, &path) >= others.index_lock() {
                log::warn!("{} is left over from a git that was killed; it is set aside", path.display());
                let aside = path.with_extension("left-over");
                fs::rename(&path, &aside).map_err(|why| Stop::file("rename", &path, &why))?;
            } else {
                let said = format!("another git holds {}", path.display());
                return Err(Stop::new(Why::InUse, said));
            }
        }
    }

    /// Keeps what the agent has staged, where it is neither committed nor on the disk. A merge that it is about to solve
    /// is left to it.
    pub(super) fn keep_staged(&self, git: &Git<'_>, image: &Image, others: Others, now: Time) -> Result<(), Stop> {
        let Some(index) = touched_index(git) else { return Ok(()) };
        let staged = match git.on_index(&index, &["write-tree"]) {
            Ok(staged) if !is_only_staged(git, &staged, image)? => return Ok(()),
            Ok(staged) => staged,
            Err(_) => match tree_of_sides(git, &index)? {
                Some(_) if others == Others::Live => return Err(Stop::new(Why::InUse, "a merge is under way in it")),
                Some(sides) => sides,
                None => return Ok(()),
            },
        };
        let kept = super::merge::commit(git, &staged, &[], "What was staged")?;
        let name = format!("{}staged/{}", names::PRIVATE, names::stamp(now));
        git.run(&["update-ref", &name, &kept])?;
        Ok(())
    }

    /// Gives the agent this program's index, which knows the files as they are, and frees the lock.
    pub(super) fn publish(self, git: &Git<'_>) -> Result<(), Stop> {
        if is_published(git) {
            return Ok(());
        }
        let (own, theirs) = (git.own_index(), git.git_dir.join("index"));
        let public = git.own_folder().join("index.public");
        let put = remove_if_there(&public).and_then(|()| duplicate(&own, &public));
        put.and_then(|()| fs::rename(&public, &theirs)).map_err(|why| Stop::file("replace", &theirs, &why))
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        if let Err(why) = fs::remove_file(&self.0) {
            log::warn!("cannot remove {}: {why}", self.0.display());
        }
    }
}

/// Whether the agent's index is this program's.
pub(super) fn is_published(git: &Git<'_>) -> bool {
    same_file(&git.own_index(), &git.git_dir.join("index"))
}

/// A copy of the agent's index, if the agent has changed it since it was last given this program's.
fn touched_index(git: &Git<'_>) -> Option<PathBuf> {
    let theirs = git.git_dir.join("index");
    if !theirs.is_file() || is_published(git) {
        return None;
    }
    let copy = git.own_folder().join("index.theirs");
    remove_if_there(&copy).and_then(|()| duplicate(&theirs, &copy)).ok().map(|()| copy)
}

/// Whether something is staged that is neither committed nor on the disk.
fn is_only_staged(git: &Git<'_>, staged: &str, image: &Image) -> Result<bool, Stop> {
    if staged == image.tree || staged == image.base {
        return Ok(false);
    }
    let beyond = differences(git, &image.base, staged)?;
    let beyond: HashSet<&[u8]> = beyond.iter().map(|entry| entry.path.as_slice()).collect();
    let found = differences(git, &image.tree, staged)?;
    Ok(found.iter().any(|entry| entry.is_file_afterwards() && beyond.contains(entry.path.as_slice())))
}

/// An index in the middle of a merge is no tree. This is one with a folder for each of the merge's sides; none where
/// the index cannot be read at all.
fn tree_of_sides(git: &Git<'_>, index: &Path) -> Result<Option<String>, Stop> {
    let Ok(listed) = git.list_on(index, &["ls-files", "--stage", "-z"]) else { return Ok(None) };
    let mut sides = Vec::new();
    for line in listed.split(|byte| *byte == 0) {
        // `mode hash side TAB path`.
        let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { continue };
        let (meta, path) = line.split_at(tab);
        let Some((entry, side)) = std::str::from_utf8(meta).ok().and_then(|meta| meta.rsplit_once(' ')) else {
            continue;
        };
        sides.extend_from_slice(format!("{entry}\t{side}/").as_bytes());
        sides.extend_from_slice(path.get(1..).unwrap_or_default());
        sides.push(0);
    }
    let copy = git.own_folder().join("index.sides");
    git.on_index(&copy, &["read-tree", "--empty"])?;
    git.feed(&["update-index", "-z", "--index-info"], &sides, &copy)?;
    Ok(Some(git.on_index(&copy, &["write-tree"])?))
}

/// Whether a lock is one that a crash of ours has left.
pub(super) fn is_ours(lock: &Path) -> bool {
    fs::read_link(lock).is_ok_and(|says| says == Path::new(OURS))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), Stop> {
    remove_if_there(path).map_err(|why| Stop::file("remove", path, &why))
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    id(one).is_some() && id(one) == id(other)
}

/// The same file under another name. A copy must have its time too: git judges by it which files to look at twice.
fn duplicate(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(from.metadata()?.modified()?)
}
