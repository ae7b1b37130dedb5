//! Replacement of files in a checkout, for both roles, with the gateway up or down.
//!
//! git compares every file first and then removes and writes them one by one; bytes that a process writes in between
//! are lost. Here, all new files are first written outside the workspace, where a full disk or a failing filter does no
//! harm. Then each old file is renamed away with whatever it holds by then, and the new one is linked to its path only
//! if that is free. Nothing is overwritten. The old files are removed once no process can write to them.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::text::Time;
use crate::workspace::checkout::replaced::{
    Replaced, {self},
};
use crate::workspace::checkout::{rescue, smudge};
use crate::workspace::crash_recovery::Entry;
use crate::workspace::error::{Stop, Why};
use crate::workspace::git::Git;
use crate::workspace::snapshot::{Image, Withheld};

/// Attempts at placing a file while another process keeps creating one at its path.
const ATTEMPTS: usize = 8;

/// Replacement whose new files are written.
pub(in crate::workspace) struct Swap<'a> {
    git: &'a Git<'a>,
    entries: &'a [Entry],
    withheld: HashSet<&'a Path>,
    replaced: Replaced<'a>,
    now: Time,
    /// Files written as git stores them because their filter failed.
    pub(in crate::workspace) unfiltered: Withheld,
}

impl<'a> Swap<'a> {
    /// Writes the new files outside the workspace. Afterwards, this program's index matches the tree `to`.
    pub(in crate::workspace) fn prepare(
        git: &'a Git<'a>,
        (image, to): (&'a Image, &str),
        entries: &'a [Entry],
        now: Time,
    ) -> Result<Self, Stop> {
        let replaced = Replaced::begin(git)?;
        let index = replaced.index();
        fs::copy(git.own_index(), &index).map_err(|why| Stop::file("write", &index, &why))?;
        git.list(&["read-tree", "-i", "-m", image.tree.as_str(), to])?;
        let names: Vec<&Path> =
            entries.iter().filter(|entry| entry.is_file_afterwards()).map(|entry| entry.path()).collect();
        let brings_attributes = names.iter().any(|name| name.ends_with(".gitattributes"));
        let unfiltered = make_new(git, &replaced, &names, image.may_convert || brings_attributes)?;
        // Before the first old file is renamed: a half-updated tree is worse than an old one.
        if let Some(missing) = names.iter().find(|name| !replaced.is_made(name)) {
            return Err(Stop::new(Why::Failed, format!("git did not write {}", missing.display())));
        }
        let withheld = image.withheld.iter().map(|(path, _)| path.as_path()).collect();
        Ok(Self { git, entries, withheld, replaced, unfiltered, now })
    }

    /// Fails if a file to be replaced has changed since the snapshot: the next run can commit and merge it.
    pub(in crate::workspace) fn require_unchanged(&self) -> Result<(), Stop> {
        let changed = self.git.changed_at(self.git.dir, &self.replaced.index())?;
        let changed: HashSet<&[u8]> = changed.split(|byte| *byte == 0).collect();
        for entry in self.entries.iter().filter(|entry| entry.is_file_before()) {
            if changed.contains(entry.path.as_slice()) && !self.withheld.contains(entry.path()) {
                let said = format!("{} changed during the sync", entry.path().display());
                return Err(Stop::new(Why::InUse, said));
            }
        }
        Ok(())
    }

    /// Replaces the files. Returns the new names of obstructing files and of files written at the last moment. `raw`
    /// lists object ids that git has in addition to those of the commits.
    pub(in crate::workspace) fn run(&self, raw: &[String]) -> Result<Vec<PathBuf>, Stop> {
        self.replaced.note_known(self.entries.iter().flat_map(|entry| &entry.hashes).chain(raw))?;
        let mut aside = Vec::new();
        for entry in self.entries.iter().filter(|entry| !entry.is_file_afterwards()) {
            self.take_away(entry, &mut aside)?;
        }
        for entry in self.entries.iter().filter(|entry| entry.is_file_afterwards()) {
            self.replace(entry, &mut aside)?;
        }
        for entry in self.entries.iter().filter(|entry| entry.is_repository_afterwards()) {
            // As git does: a nested repository gets its folder and no content.
            self.make_folders(entry.path(), &mut aside)?;
            let _ = fs::create_dir(self.git.dir.join(entry.path()));
        }
        aside.extend(self.replaced.rescue_late_writes(self.now)?);
        // Records the files' times. A file that differs again is handled by the next run.
        if let Err(why) = self.git.list(&["update-index", "-q", "--refresh"]) {
            log::debug!("{why}");
        }
        Ok(aside)
    }

    fn replace(&self, entry: &Entry, aside: &mut Vec<PathBuf>) -> Result<(), Stop> {
        self.take_away(entry, aside)?;
        self.place(entry.path(), aside).inspect_err(|_| self.replaced.put_back(entry.path()))
    }

    /// Renames the old file away. A nested repository is never emptied.
    fn take_away(&self, entry: &Entry, aside: &mut Vec<PathBuf>) -> Result<(), Stop> {
        let path = entry.path();
        if !entry.is_file_before() || is_beyond_link(self.git.dir, path) {
            return Ok(());
        }
        // The file is in no commit, so it stays visible next to its old path.
        aside.extend(if self.withheld.contains(path) {
            rescue::move_out_of_the_way(self.git, path, self.now)?
        } else {
            self.replaced.take(path, self.now)?
        });
        if !entry.is_file_afterwards() {
            // Empty parent folders, up to the first that is not empty.
            let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
            let _kept = folders.map(|folder| fs::remove_dir(self.git.dir.join(folder))).find(Result::is_err);
        }
        Ok(())
    }

    /// Places a new file and moves whatever is at its path aside. If another process keeps creating the file, its
    /// version stays and counts as an edit; git has the new one.
    fn place(&self, path: &Path, aside: &mut Vec<PathBuf>) -> Result<(), Stop> {
        let to = self.git.dir.join(path);
        for _ in 0..ATTEMPTS {
            self.make_folders(path, aside)?;
            match self.replaced.place(path) {
                Ok(()) => return Ok(()),
                // Another process removed or renamed the folder.
                Err(why) if replaced::is_missing(&why) && self.replaced.is_made(path) => continue,
                Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
                Err(why) => return Err(Stop::file("write", &to, &why)),
            }
            // Another process may have written the same bytes. An empty folder can be removed.
            if self.replaced.is_placed(path) {
                return Ok(());
            }
            if fs::remove_dir(&to).is_err() {
                aside.extend(rescue::move_out_of_the_way(self.git, path, self.now)?);
            }
        }
        log::warn!("another process keeps writing {}; its version stays", path.display());
        Ok(())
    }

    /// Creates the parent folders of a path. A file or link with the name of a parent is moved aside.
    fn make_folders(&self, path: &Path, aside: &mut Vec<PathBuf>) -> Result<(), Stop> {
        let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|part| !part.as_os_str().is_empty()).collect();
        above.reverse();
        for part in above {
            let folder = self.git.dir.join(part);
            for attempt in 0..ATTEMPTS {
                match fs::create_dir(&folder) {
                    Ok(()) => break,
                    // A link would lead out of the workspace.
                    Err(_) if folder.symlink_metadata().is_ok_and(|found| found.is_dir()) => break,
                    Err(why) if why.kind() == ErrorKind::AlreadyExists && attempt + 1 < ATTEMPTS => {
                        aside.extend(rescue::move_out_of_the_way(self.git, part, self.now)?);
                    }
                    Err(why) => return Err(Stop::file("create", &folder, &why)),
                }
            }
        }
        Ok(())
    }
}

/// Restores those wanted files that are in the index and missing on the disk.
pub(in crate::workspace) fn bring_back(git: &Git<'_>, is_wanted: impl Fn(&Path) -> bool) -> Result<(), Stop> {
    let replaced = Replaced::begin(git)?;
    let names = git.list(&["ls-files", "--deleted", "-z"])?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let names: Vec<&Path> =
        names.map(|name| Path::new(OsStr::from_bytes(name))).filter(|name| is_wanted(name)).collect();
    smudge::remember(git, &make_new(git, &replaced, &names, true)?)?;
    for path in names {
        let new = replaced.new_files().join(path);
        let folder = git.dir.join(path.parent().unwrap_or(path));
        // Skips nested repositories. A file created meanwhile stays.
        if new.symlink_metadata().is_ok_and(|found| !found.is_dir()) && !is_beyond_link(git.dir, path) {
            match fs::create_dir_all(&folder).and_then(|()| replaced.place(path)) {
                Err(why) if why.kind() == ErrorKind::AlreadyExists || replaced::is_missing(&why) => {}
                placed => placed.map_err(|why| Stop::file("write", &git.dir.join(path), &why))?,
            }
        }
    }
    Ok(())
}

/// Writes the named files from the index, outside the workspace.
fn make_new(git: &Git<'_>, replaced: &Replaced<'_>, names: &[&Path], has_attributes: bool) -> Result<Withheld, Stop> {
    let new = replaced.new_files();
    fs::create_dir_all(&new).map_err(|why| Stop::file("create", &new, &why))?;
    smudge::write_files(git, names, &new, has_attributes)
}

/// True if a parent of the file is a link, which may lead out of the workspace.
pub(in crate::workspace) fn is_beyond_link(workspace: &Path, path: &Path) -> bool {
    let mut folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    folders.any(|folder| workspace.join(folder).is_symlink())
}
