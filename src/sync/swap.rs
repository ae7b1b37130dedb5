//! Moves the tree beside an agent at work.
//!
//! git looks at every file, and then removes and writes them one by one; what an agent has written to one of them in
//! between is gone. So here every new file is made beside the workspace first, where a full disk or a filter that fails
//! does no harm. Then each old file is renamed out of the way, whatever it holds by then, and the new one gets its name
//! only if nobody else has taken it. Afterwards the old files are looked at: one that has changed gets a name in the
//! workspace again. They are looked at again by later runs, for who had a file open may have gone on writing.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::git::Git;
use super::image::{Image, Withheld};
use super::room::aside_of;
use super::smudge;
use super::stop::{Stop, Why};
use super::torn::Entry;
use crate::failover::Time;

/// How long an old file is kept for who has it open.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// How often a name is freed that somebody takes again and again.
const TRIES: usize = 8;

/// A move whose new files are made.
pub(super) struct Swap<'a> {
    git: &'a Git<'a>,
    entries: &'a [Entry],
    now: Time,
    /// Files that are made as git stores them, for their filters failed.
    pub(super) unfiltered: Withheld,
}

impl<'a> Swap<'a> {
    /// Makes the new files. The workspace is not touched; this program's index is that of the tree `to` afterwards.
    pub(super) fn prepare(
        git: &'a Git<'a>,
        (image, to): (&Image, &str),
        entries: &'a [Entry],
        now: Time,
    ) -> Result<Self, Stop> {
        clear(git)?;
        let (old, index) = (old(git), index(git));
        fs::create_dir_all(&old).map_err(|why| Stop::file("create", &old, &why))?;
        fs::copy(git.own_index(), &index).map_err(|why| Stop::file("write", &index, &why))?;
        git.list(&["read-tree", "-i", "-m", image.tree.as_str(), to])?;
        let names: Vec<&Path> =
            entries.iter().filter(|entry| entry.is_file_afterwards()).map(|entry| entry.path()).collect();
        let brings_attributes = names.iter().any(|name| name.ends_with(".gitattributes"));
        let unfiltered = make_new(git, &names, image.may_convert || brings_attributes)?;
        Ok(Self { git, entries, now, unfiltered })
    }

    /// Whether a file that is to be replaced has changed since it was looked at, which is no time to replace it.
    pub(super) fn require_unchanged(&self, image: &Image) -> Result<(), Stop> {
        let withheld: HashSet<&Path> = image.withheld.iter().map(|(path, _)| path.as_path()).collect();
        let changed = self.git.changed_at(self.git.dir, &index(self.git))?;
        let changed: HashSet<&[u8]> = changed.split(|byte| *byte == 0).collect();
        for entry in self.entries.iter().filter(|entry| entry.is_file_before()) {
            if changed.contains(entry.path.as_slice()) && !withheld.contains(entry.path()) {
                let said = format!("{} was changed at the same time", entry.path().display());
                return Err(Stop::new(Why::InUse, said));
            }
        }
        Ok(())
    }

    /// Replaces the files. Answers with the new names of what somebody has put in their places meanwhile.
    pub(super) fn run(&self) -> Result<Vec<PathBuf>, Stop> {
        for entry in self.entries.iter().filter(|entry| !entry.is_file_afterwards()) {
            self.take_away(entry)?;
        }
        let mut aside = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.is_file_afterwards()) {
            make_folders(self.git, entry.path())?;
            self.take_away(entry)?;
            self.place(entry.path(), &mut aside)?;
        }
        aside.extend(look_after(self.git, self.now)?);
        // The index knows the new files by their content alone; a file that differs again is for the next run.
        if let Err(why) = self.git.list(&["update-index", "-q", "--refresh"]) {
            log::debug!("{why}");
        }
        Ok(aside)
    }

    /// Renames what is to go. A repository within the repository is never emptied.
    fn take_away(&self, entry: &Entry) -> Result<(), Stop> {
        if !entry.is_file_before() {
            return Ok(());
        }
        let (from, to) = (self.git.dir.join(entry.path()), old(self.git).join(entry.path()));
        let above = to.parent().unwrap_or(&to);
        fs::create_dir_all(above).map_err(|why| Stop::file("create", above, &why))?;
        match fs::rename(&from, &to) {
            Err(why) if !is_missing(&why) => return Err(Stop::file("rename", &from, &why)),
            _ => {}
        }
        if !entry.is_file_afterwards() {
            // Up to the first folder that holds something else.
            let folders = entry.path().ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
            let _kept = folders.map(|folder| fs::remove_dir(self.git.dir.join(folder))).find(Result::is_err);
        }
        Ok(())
    }

    /// Gives a new file its name, and whatever has that name another.
    fn place(&self, path: &Path, aside: &mut Vec<PathBuf>) -> Result<(), Stop> {
        let (from, to) = (new(self.git).join(path), self.git.dir.join(path));
        for _ in 0..TRIES {
            match link(&from, &to) {
                Ok(()) => return Ok(()),
                Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
                Err(why) => return Err(Stop::file("write", &to, &why)),
            }
            let name = aside_of(self.git.dir, path, self.now);
            let whole = self.git.dir.join(&name);
            match fs::rename(&to, &whole) {
                Err(why) if !is_missing(&why) => return Err(Stop::file("rename", &to, &why)),
                Ok(()) if is_beginning(&whole, &from) => {
                    fs::remove_file(&whole).map_err(|why| Stop::file("remove", &whole, &why))?;
                }
                Ok(()) => aside.push(name),
                Err(_) => {}
            }
        }
        Err(Stop::new(Why::InUse, format!("somebody writes {} again and again", path.display())))
    }
}

/// Gives names to files that have changed since they were moved out of the way. Answers with those names.
pub(super) fn look_after(git: &Git<'_>, now: Time) -> Result<Vec<PathBuf>, Stop> {
    let (old, index) = (old(git), index(git));
    let Ok(made) = index.metadata().and_then(|found| found.modified()) else { return Ok(Vec::new()) };
    let mut aside = Vec::new();
    for path in git.changed_at(&old, &index)?.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        let path = Path::new(OsStr::from_bytes(path));
        let there = old.join(path);
        if there.symlink_metadata().is_ok() {
            let name = aside_of(git.dir, path, now);
            let whole = git.dir.join(&name);
            let above = whole.parent().unwrap_or(git.dir);
            let renamed = fs::create_dir_all(above).and_then(|()| fs::rename(&there, &whole));
            renamed.map_err(|why| Stop::file("rename", &there, &why))?;
            aside.push(name);
        }
    }
    if SystemTime::now().duration_since(made).is_ok_and(|age| age > PATIENCE) {
        clear(git)?;
    }
    Ok(aside)
}

/// Brings back every file that the index has and the disk has not.
pub(super) fn bring_back(git: &Git<'_>) -> Result<(), Stop> {
    clear(git)?;
    let names = git.list(&["ls-files", "--deleted", "-z"])?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let names: Vec<&Path> = names.map(|name| Path::new(OsStr::from_bytes(name))).collect();
    smudge::remember(git, &make_new(git, &names, true)?)?;
    for path in names {
        let (from, to) = (new(git).join(path), git.dir.join(path));
        // A repository within the repository is no file, and what lies there by now stays.
        if from.symlink_metadata().is_ok_and(|found| !found.is_dir()) && to.symlink_metadata().is_err() {
            make_folders(git, path)?;
            link(&from, &to).map_err(|why| Stop::file("write", &to, &why))?;
        }
    }
    clear(git)
}

/// Makes the files of these names as the index has them, but beside the workspace.
fn make_new(git: &Git<'_>, names: &[&Path], has_attributes: bool) -> Result<Withheld, Stop> {
    let new = new(git);
    fs::create_dir_all(&new).map_err(|why| Stop::file("create", &new, &why))?;
    smudge::write_files(git, names, &new, has_attributes)
}

fn make_folders(git: &Git<'_>, path: &Path) -> Result<(), Stop> {
    let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|part| !part.as_os_str().is_empty()).collect();
    above.reverse();
    for folder in above.into_iter().map(|part| git.dir.join(part)) {
        match fs::create_dir(&folder) {
            Ok(()) => {}
            // A link would lead out of the workspace.
            Err(_) if folder.symlink_metadata().is_ok_and(|found| found.is_dir()) => {}
            Err(why) => return Err(Stop::file("create", &folder, &why)),
        }
    }
    Ok(())
}

/// Removes what a move has left beside the workspace, once it has been looked after.
fn clear(git: &Git<'_>) -> Result<(), Stop> {
    // The old files first: as long as one of them is there, so is the index that knows it.
    for folder in [old(git), folder(git)] {
        match fs::remove_dir_all(&folder) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(Stop::file("remove", &folder, &why)),
            _ => {}
        }
    }
    Ok(())
}

fn folder(git: &Git<'_>) -> PathBuf {
    git.own_folder().join("move")
}

fn new(git: &Git<'_>) -> PathBuf {
    folder(git).join("new")
}

fn old(git: &Git<'_>) -> PathBuf {
    folder(git).join("old")
}

/// The index as it was when the old files were looked at.
fn index(git: &Git<'_>) -> PathBuf {
    folder(git).join("index")
}

/// The same file under another name, which must be free. Where that cannot be, as between two disks, a copy.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(why) if why.kind() != ErrorKind::AlreadyExists => {}
        result => return result,
    }
    let found = from.symlink_metadata()?;
    if found.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    let mut file = File::create_new(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.set_permissions(found.permissions())
}

/// Whether a file holds nothing but a beginning of another: somebody has written the same, or a crash half of it.
fn is_beginning(part: &Path, whole: &Path) -> bool {
    let is_file = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_file());
    let size = |path: &Path| path.symlink_metadata().map_or(0, |found| found.len());
    is_file(part)
        && is_file(whole)
        && size(part) <= size(whole)
        && matches!((fs::read(part), fs::read(whole)), (Ok(part), Ok(whole)) if whole.starts_with(&part))
}

fn is_missing(why: &io::Error) -> bool {
    matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_somebody_has_taken_is_not_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("new"), "new").unwrap();
        fs::write(at("taken"), "agent's").unwrap();
        symlink("nowhere", at("link")).unwrap();
        for (from, to) in [("new", "taken"), ("new", "link"), ("link", "taken")] {
            let refused = link(&at(from), &at(to)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::AlreadyExists, "{from} {to}");
        }
        assert_eq!(fs::read_to_string(at("taken")).unwrap(), "agent's");
        link(&at("new"), &at("free")).unwrap();
        link(&at("link"), &at("other")).unwrap();
        assert_eq!(fs::read_to_string(at("free")).unwrap(), "new");
        assert_eq!(fs::read_link(at("other")).unwrap(), Path::new("nowhere"));
    }

    #[test]
    fn only_a_beginning_may_go() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, content) in [("whole", "one two"), ("part", "one"), ("more", "one two three"), ("other", "two")] {
            fs::write(at(name), content).unwrap();
        }
        symlink("whole", at("link")).unwrap();
        assert!(is_beginning(&at("part"), &at("whole")) && is_beginning(&at("whole"), &at("whole")));
        for name in ["more", "other", "link", "missing"] {
            assert!(!is_beginning(&at(name), &at("whole")), "{name}");
        }
    }
}
