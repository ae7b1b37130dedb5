//! Room for what a move writes: on the disk, and under the names that it needs.
//!
//! Nothing is overwritten that is not also in a commit: what has to make room, because git does not know it or may not,
//! gets another name beside its old one.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::git::Git;
use super::image::Image;
use super::names;
use super::stop::{Stop, Why};
use super::torn::{Entry, MOST_COMPARED};
use super::withhold::ASIDE;
use crate::failover::Time;
use crate::host::{Command, CommandError};

/// How much room must be left on the disk after a move, in bytes.
const SPARE: u64 = 16 * 1024 * 1024;

/// How much room is enough for anything that is called a workspace, in bytes.
const PLENTY: u64 = 8 * 1024 * 1024 * 1024;

/// What is in the way of a move.
pub(super) struct Room<'a> {
    pub(super) git: &'a Git<'a>,
    pub(super) image: &'a Image,
    pub(super) entries: &'a [Entry],
    pub(super) now: Time,
    /// Whether git writes the files, so that all names must be free.
    pub(super) is_quick: bool,
}

/// A disk that fills up in the middle would leave half of a tree.
pub(super) fn require(git: &Git<'_>, entries: &[Entry]) -> Result<(), Stop> {
    let Some(free) = free(git.dir).filter(|free| *free < PLENTY) else { return Ok(()) };
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
    let sizes = git.feed(&sizes, hashes.as_bytes(), &git.own_index())?;
    let needed: u64 = String::from_utf8_lossy(&sizes).lines().filter_map(|size| size.parse::<u64>().ok()).sum();
    if free < needed.saturating_add(SPARE) {
        let said = format!("no room on the disk: {needed} bytes and some to spare are needed, {free} are free");
        return Err(Stop::new(Why::Failed, said));
    }
    Ok(())
}

impl Room<'_> {
    /// Renames what lies where a file is to be written and is in no commit.
    pub(super) fn make(&self) -> Result<Vec<PathBuf>, Stop> {
        let mut aside = Vec::new();
        for entry in self.entries {
            let path = entry.path();
            let [before, after] = &entry.modes;
            let is_new = before == "000000";
            // Another commit of a repository within the repository is nothing on the disk.
            let is_file = entry.is_file_before() || entry.is_file_afterwards();
            let is_withheld = is_file && self.image.withheld.iter().any(|(name, _)| name == path);
            let obstacle = match (is_new, is_withheld) {
                (true, _) => self.obstacle(path),
                (false, true) => Some(path.to_owned()),
                (false, false) => None,
            };
            let Some(obstacle) = obstacle else { continue };
            let whole = self.git.dir.join(&obstacle);
            if after.starts_with("100") && obstacle == path && self.is_beginning(&whole, entry)? {
                // A swap decides that when the file is out of everybody's reach.
                if self.is_quick {
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
    fn obstacle(&self, path: &Path) -> Option<PathBuf> {
        let goes = |path: &Path| {
            let name = path.as_os_str().as_encoded_bytes();
            self.entries
                .iter()
                .any(|entry| entry.path == name && entry.modes.get(1).is_some_and(|mode| mode == "000000"))
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
        if !is_short || size > MOST_COMPARED {
            return Ok(false);
        }
        let whole = self.git.list(&["cat-file", "blob", hash])?;
        Ok(fs::read(path).is_ok_and(|there| whole.starts_with(&there)))
    }
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
