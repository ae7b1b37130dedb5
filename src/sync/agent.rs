//! The agent's side of the checkout: its index, what it has staged there, and what it has left unfinished.
//!
//! The agent's own git must find the checkout in order when it is started again: its index as of the commit that is
//! checked out, and no merge half done. What it had staged or begun is kept on a ref of its own.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::git::Git;
use super::image::Image;
use super::names;
use super::refs::Head;
use super::stop::{Stop, Why};
use super::torn::differences;
use crate::failover::Time;

/// What our lock on the agent's index says. A link is made whole or not at all, so a crash leaves one that we know.
const OURS: &str = "openclaw-failover";

/// What shows that an operation is not ended, and its name.
const UNFINISHED: [(&str, &str); 6] = [
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("rebase-merge", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
];

/// How long to wait for the agent's git, which holds the lock for moments.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who may be at work in the checkout, which decides when a lock there is left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// The gateway is down, and with it everything the agent has started.
    Down,
    /// The gateway runs.
    Live,
}

impl Others {
    /// From what age on a lock of a branch is left over. git holds one for milliseconds.
    fn ref_lock(self) -> Duration {
        match self {
            Self::Down => Duration::from_millis(500),
            Self::Live => Duration::from_secs(2),
        }
    }

    /// The same for a lock of the index. git holds one for as long as a person writes a message.
    fn index_lock(self) -> Duration {
        match self {
            Self::Down => Duration::ZERO,
            Self::Live => Duration::from_secs(60 * 60),
        }
    }
}

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
            } else if age(&path).is_some_and(|age| age >= others.index_lock()) {
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
    for lock in found {
        let Some(mut age) = age(&lock) else { continue };
        if age < others.ref_lock() {
            thread::sleep(others.ref_lock() - age);
            age = others.ref_lock();
        }
        if age >= others.ref_lock() && lock.symlink_metadata().is_ok() {
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
        git.list(&["checkout-index", "--all", "--quiet"])?;
        git.run(&["config", "--worktree", "core.sparseCheckout", "false"])?;
    }
    Ok(())
}

/// Commits that nothing but an unfinished operation names.
fn keep_heads(git: &Git<'_>, file: &str, now: Time) -> Result<(), Stop> {
    let heads = fs::read_to_string(git.git_dir.join(file)).unwrap_or_default();
    for head in heads.lines().take(16) {
        let name = format!("{}unfinished/{}-{}", names::PRIVATE, names::stamp(now), head.get(..10).unwrap_or(head));
        if let Some(commit) = git.ask(&["rev-parse", "--quiet", "--verify", &format!("{head}^{{commit}}")])? {
            git.run(&["update-ref", &name, &commit])?;
        }
    }
    Ok(())
}

fn is_ours(lock: &Path) -> bool {
    fs::read_link(lock).is_ok_and(|says| says == Path::new(OURS))
}

fn remove(path: &Path) -> Result<(), Stop> {
    remove_if_there(path).map_err(|why| Stop::file("remove", path, &why))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// How old a file is; `None` if it is gone. One from the future is as old as can be: a clock was set back.
fn age(path: &Path) -> Option<Duration> {
    let made = path.symlink_metadata().and_then(|found| found.modified()).ok()?;
    Some(SystemTime::now().duration_since(made).unwrap_or(Duration::MAX))
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
