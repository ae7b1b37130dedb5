//! Moves the workspace from what lies on the disk to another commit.
//!
//! Nothing is overwritten that is not also in a commit: what has to make room, because git does not know it or may not,
//! gets another name beside its old one.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::agent::{self, IndexLock, Others};
use super::git::Git;
use super::image::Image;
use super::names;
use super::refs::Refs;
use super::stop::{Stop, Why};
use super::swap::Swap;
use super::torn::{self, Entry, differences};
use super::withhold::ASIDE;
use crate::failover::Time;
use crate::host::{Command, CommandError};

/// How long a move of the tree may take. Nothing else cuts it: half a tree is worse than an old one.
pub(super) const MOVE_CAP: Duration = Duration::from_secs(60);

/// How much room must be left on the disk after a move, in bytes.
const SPARE: u64 = 16 * 1024 * 1024;

/// How much room is enough for anything that is called a workspace, in bytes.
const PLENTY: u64 = 8 * 1024 * 1024 * 1024;

/// What a branch's log says of a change by us.
pub(super) const REASON: &str = "openclaw-failover";

/// One move.
pub(super) struct Move<'a> {
    pub(super) git: &'a Git<'a>,
    pub(super) refs: &'a Refs,
    pub(super) image: &'a Image,
    /// What the tree is now, as a commit.
    pub(super) from: Option<&'a str>,
    /// What it shall be.
    pub(super) to: &'a str,
    /// The branch that stands there afterwards, in full.
    pub(super) branch: &'a str,
    /// The remote's commit that is in it.
    pub(super) merged: Option<&'a str>,
    pub(super) others: Others,
    pub(super) now: Time,
}

/// What came of a move.
#[derive(Default)]
pub(super) struct Moved {
    /// Whether any file changed.
    pub(super) has_moved: bool,
    /// The new names of what had to make room.
    pub(super) aside: Vec<PathBuf>,
}

impl Move<'_> {
    /// Moves the tree and the branch.
    pub(super) fn run(&self) -> Result<Moved, Stop> {
        let git = self.git;
        let is_there = self.image.tree == self.image.base && self.refs.head.commit.as_deref() == Some(self.to);
        if is_there && self.names_are_right() && agent::is_published(git) {
            return Ok(Moved::default());
        }
        let entries = if is_there { Vec::new() } else { differences(git, &self.image.tree, self.to)? };
        let lock = IndexLock::take(git, self.others)?;
        self.is_unchanged()?;
        lock.keep_staged(git, self.image, self.others, self.now)?;
        let mut aside = Vec::new();
        let mut record = None;
        if !entries.is_empty() {
            self.require_room(&entries)?;
            let swap = match self.others {
                Others::Down => None,
                Others::Live => Some(Swap::prepare(git, (self.image, self.to), &entries, self.now)?),
            };
            if let Some(swap) = &swap {
                swap.require_unchanged(self.image)?;
            }
            record = Some(torn::remember(git, self.refs, (self.from, self.to), &self.image.tree)?);
            aside = self.make_room(&entries)?;
            match &swap {
                Some(swap) => aside.extend(swap.run()?),
                None => self.check_out()?,
            }
        }
        self.move_branch(record.as_deref())?;
        lock.publish(git)?;
        Ok(Moved { has_moved: !entries.is_empty(), aside })
    }

    /// Has git move the tree, which is fast, and right where nobody writes at the same time.
    fn check_out(&self) -> Result<(), Stop> {
        let args = ["read-tree", "-m", "-u", self.image.tree.as_str(), self.to];
        self.git.to_its_end(&args, MOVE_CAP).map_err(|stop| self.explain(stop))
    }

    /// Now that no other git can commit: whether one has, since the branch was looked at.
    fn is_unchanged(&self) -> Result<(), Stop> {
        if self.others == Others::Down {
            return Ok(());
        }
        let head = self.git.ask(&["rev-parse", "--quiet", "--verify", "HEAD^{commit}"])?;
        if head == self.refs.head.commit {
            return Ok(());
        }
        Err(Stop::new(Why::InUse, "somebody else has committed at the same time"))
    }

    fn names_are_right(&self) -> bool {
        let Self { refs, branch, merged, .. } = self;
        let is_merged = merged.is_none() || refs.merged.as_deref() == *merged;
        refs.head.branch.as_deref() == Some(branch) && refs.applying.is_none() && is_merged
    }

    /// The branch first and the note of the move last: whatever comes between, a later run finds its way.
    fn move_branch(&self, record: Option<&str>) -> Result<(), Stop> {
        let Self { git, refs, branch, to, merged, .. } = self;
        let mut first = String::new();
        if refs.head.branch.as_deref() != Some(branch) || refs.head.commit.as_deref() != Some(to) {
            first = forward(branch, to, refs.own.as_deref());
        }
        if refs.head.branch.as_deref() != Some(branch) {
            change_refs(git, &first)?;
            git.run(&["symbolic-ref", "-m", REASON, "HEAD", branch])?;
            first.clear();
        }
        let mut last = String::new();
        if let Some(merged) = merged.filter(|merged| refs.merged.as_deref() != Some(merged)) {
            last.push_str(&format!("update {} {merged}\n", names::MERGED));
        }
        if let Some(record) = record {
            last.push_str(&format!("update {} {record}\n", names::APPLIED));
        }
        if record.is_some() || refs.applying.is_some() {
            last.push_str(&format!("delete {}\n", names::APPLYING));
        }
        if !last.is_empty() {
            first.push_str(&format!("start\n{last}commit\n"));
        }
        change_refs(git, &first)
    }

    /// A disk that fills up in the middle would leave half of a tree.
    fn require_room(&self, entries: &[Entry]) -> Result<(), Stop> {
        let Some(free) = free(self.git.dir).filter(|free| *free < PLENTY) else { return Ok(()) };
        let mut hashes = String::new();
        for entry in entries {
            if entry.is_file_afterwards() {
                let [_, hash] = &entry.hashes;
                hashes.push_str(hash);
                hashes.push('\n');
            }
        }
        if hashes.is_empty() {
            return Ok(());
        }
        let sizes = ["cat-file", "--batch-check=%(objectsize)", "--buffer"];
        let sizes = self.git.feed(&sizes, hashes.as_bytes(), &self.git.own_index())?;
        let needed: u64 = String::from_utf8_lossy(&sizes).lines().filter_map(|size| size.parse::<u64>().ok()).sum();
        if free < needed.saturating_add(SPARE) {
            let said = format!("no room on the disk: {needed} bytes and some to spare are needed, {free} are free");
            return Err(Stop::new(Why::Failed, said));
        }
        Ok(())
    }

    /// Renames what lies where a file is to be written and is in no commit.
    fn make_room(&self, entries: &[Entry]) -> Result<Vec<PathBuf>, Stop> {
        let mut aside = Vec::new();
        for entry in entries {
            let path = entry.path();
            let [before, after] = &entry.modes;
            let is_new = before == "000000";
            // Another commit of a repository within the repository is nothing on the disk.
            let is_withheld = entry.is_file_afterwards() && self.image.withheld.iter().any(|(name, _)| name == path);
            let obstacle = match (is_new, is_withheld) {
                (true, _) => self.obstacle(path, entries),
                (false, true) => Some(path.to_owned()),
                (false, false) => None,
            };
            let Some(obstacle) = obstacle else { continue };
            let whole = self.git.dir.join(&obstacle);
            if after.starts_with("100") && obstacle == path && self.is_beginning(&whole, entry)? {
                // Beside an agent at work that is decided when the file is out of its reach.
                if self.others == Others::Down {
                    fs::remove_file(&whole).map_err(|why| Stop::file("remove", &whole, &why))?;
                }
                continue;
            }
            let name = aside_of(self.git.dir, &obstacle, self.now);
            fs::rename(&whole, self.git.dir.join(&name)).map_err(|why| Stop::file("rename", &whole, &why))?;
            aside.push(name);
        }
        Ok(aside)
    }

    /// What lies at a path, or at one of the folders that it needs, and is not in the tree that we come from.
    fn obstacle(&self, path: &Path, entries: &[Entry]) -> Option<PathBuf> {
        let goes = |path: &Path| {
            let name = path.as_os_str().as_encoded_bytes();
            entries.iter().any(|entry| entry.path == name && entry.modes.get(1).is_some_and(|mode| mode == "000000"))
        };
        let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|part| !part.as_os_str().is_empty()).collect();
        above.reverse();
        for part in above {
            match self.git.dir.join(part).symlink_metadata() {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return (!goes(part)).then(|| part.to_owned()),
                Err(_) => return None,
            }
        }
        let found = self.git.dir.join(path).symlink_metadata().ok()?;
        let stays = if found.is_dir() { self.holds_more(path, &goes) } else { true };
        stays.then(|| path.to_owned())
    }

    /// Whether a folder holds anything but files that go.
    fn holds_more(&self, folder: &Path, goes: &dyn Fn(&Path) -> bool) -> bool {
        let Ok(entries) = fs::read_dir(self.git.dir.join(folder)) else { return true };
        entries.into_iter().any(|entry| {
            let Ok(entry) = entry else { return true };
            let path = folder.join(entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder { self.holds_more(&path, goes) } else { !goes(&path) }
        })
    }

    /// Whether a file holds nothing but a beginning of what it shall hold: a move that was killed has left it.
    fn is_beginning(&self, path: &Path, entry: &Entry) -> Result<bool, Stop> {
        let [_, hash] = &entry.hashes;
        let size = self.git.word(&["cat-file", "-s", hash])?.parse::<u64>().unwrap_or_default();
        let is_short = path.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() <= size);
        if !is_short || size > torn::MOST_COMPARED {
            return Ok(false);
        }
        let whole = self.git.list(&["cat-file", "blob", hash])?;
        Ok(fs::read(path).is_ok_and(|there| whole.starts_with(&there)))
    }

    /// git looks at every file before it touches the first, and says what is in its way.
    fn explain(&self, stop: Stop) -> Stop {
        let is_changed = ["not uptodate", "would be overwritten", "would be removed", "would lose"];
        if is_changed.iter().any(|words| stop.said.contains(words)) {
            return Stop::new(Why::InUse, format!("it was changed at the same time: {}", stop.said));
        }
        stop
    }
}

/// Moves a branch, if it is still where it was when it was looked at: an agent may have committed since.
pub(super) fn forward(branch: &str, to: &str, from: Option<&str>) -> String {
    match from {
        Some(from) => format!("start\nupdate {branch} {to} {from}\ncommit\n"),
        None => format!("start\ncreate {branch} {to}\ncommit\n"),
    }
}

/// Runs transactions on refs, one after the other.
pub(super) fn change_refs(git: &Git<'_>, transactions: &str) -> Result<(), Stop> {
    if transactions.is_empty() {
        return Ok(());
    }
    let args = ["update-ref", "--no-deref", "-m", REASON, "--stdin"];
    git.feed(&args, transactions.as_bytes(), &git.own_index()).map(drop)
}

/// The name that something gets that has to make room; nothing else in the folder `dir` has it.
pub(super) fn aside_of(dir: &Path, path: &Path, now: Time) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!("{ASIDE}{}", names::stamp(now)));
    // A clock that was set back may come by the same moment again.
    while dir.join(&name).symlink_metadata().is_ok() {
        name.push("+");
    }
    name.into()
}

/// How many bytes this user may still write where `dir` is; `None` where nobody knows.
fn free(dir: &Path) -> Option<u64> {
    let shown: Result<_, CommandError> = Command::new("stat").args(["-f", "-c", "%a %S", "--"]).arg(dir).run();
    let shown = shown.ok()?.stdout;
    let (blocks, size) = shown.trim().split_once(' ')?;
    blocks.parse::<u64>().ok()?.checked_mul(size.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_room_or_none() {
        assert!(free(Path::new("/")).is_some());
        assert_eq!(free(Path::new("/nonexistent")), None);
        assert_eq!(free(Path::new("/proc")), Some(0));
    }

    #[test]
    fn what_makes_room_keeps_its_name_and_tells_when() {
        let dir = tempfile::tempdir().unwrap();
        let name = || aside_of(dir.path(), Path::new(".env"), Time::from_millis(1_795_300_227_123));
        assert_eq!(name(), Path::new(".env.local-20261121T223027.123Z"));
        fs::write(dir.path().join(name()), "").unwrap();
        assert_eq!(name(), Path::new(".env.local-20261121T223027.123Z+"));
    }
}
