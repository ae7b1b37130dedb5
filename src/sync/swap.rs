//! The one way in which a tree is moved, in either role, with the gateway up or down.
//!
//! git looks at every file, and then removes and writes them one by one; what a process has written to one of them in
//! between is gone. So here every new file is made beside the workspace first, where a full disk or a filter that fails
//! does no harm. Then each old file is renamed out of the way, whatever it holds by then, and the new one gets its name
//! only where that is free. Nothing is overwritten or removed: `replaced` looks after the old files.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::git::Git;
use super::image::{Image, Withheld};
use super::replaced::{self, Replaced};
use super::rescue;
use super::smudge;
use super::stop::{Stop, Why};
use super::torn::Entry;
use crate::failover::Time;

/// Attempts at giving a file its name while another process takes that again and again.
const ATTEMPTS: usize = 8;

/// A move whose new files are made.
pub(super) struct Swap<'a> {
    git: &'a Git<'a>,
    entries: &'a [Entry],
    withheld: HashSet<&'a Path>,
    replaced: Replaced<'a>,
    now: Time,
    /// Files that are made as git stores them, because their filters failed.
    pub(super) unfiltered: Withheld,
}

impl<'a> Swap<'a> {
    /// Makes the new files. The workspace is not touched; this program's index is that of the tree `to` afterwards.
    pub(super) fn prepare(
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
        // Before the first old file is touched: half a tree is worse than an old one.
        if let Some(missing) = names.iter().find(|name| !replaced.is_made(name)) {
            return Err(Stop::new(Why::Failed, format!("git has not made {}", missing.display())));
        }
        let withheld = image.withheld.iter().map(|(path, _)| path.as_path()).collect();
        Ok(Self { git, entries, withheld, replaced, unfiltered, now })
    }

    /// Fails if a file that is to be replaced has changed since it was looked at: it is better committed and merged
    /// than renamed.
    pub(super) fn require_unchanged(&self) -> Result<(), Stop> {
        let changed = self.git.changed_at(self.git.dir, &self.replaced.index())?;
        let changed: HashSet<&[u8]> = changed.split(|byte| *byte == 0).collect();
        for entry in self.entries.iter().filter(|entry| entry.is_file_before()) {
            if changed.contains(entry.path.as_slice()) && !self.withheld.contains(entry.path()) {
                let said = format!("{} was changed at the same time", entry.path().display());
                return Err(Stop::new(Why::InUse, said));
            }
        }
        Ok(())
    }

    /// Replaces the files. Answers with the new names of what was in the way, and of what changed at the last moment.
    /// `raw` are contents of the disk that git has beside those of the commits.
    pub(super) fn run(&self, raw: &[String]) -> Result<Vec<PathBuf>, Stop> {
        self.replaced.note_known(self.entries.iter().flat_map(|entry| &entry.hashes).chain(raw))?;
        let mut aside = Vec::new();
        for entry in self.entries.iter().filter(|entry| !entry.is_file_afterwards()) {
            self.take_away(entry, &mut aside)?;
        }
        for entry in self.entries.iter().filter(|entry| entry.is_file_afterwards()) {
            self.replace(entry, &mut aside)?;
        }
        for entry in self.entries.iter().filter(|entry| entry.is_repository_afterwards()) {
            // As git does for a repository within the repository, whose content it leaves to others.
            self.make_folders(entry.path(), &mut aside)?;
            let _ = fs::create_dir(self.git.dir.join(entry.path()));
        }
        aside.extend(self.replaced.rescue_late_writes(self.now)?);
        // The index knows the new files by their content alone; a file that differs again is for the next run.
        if let Err(why) = self.git.list(&["update-index", "-q", "--refresh"]) {
            log::debug!("{why}");
        }
        Ok(aside)
    }

    fn replace(&self, entry: &Entry, aside: &mut Vec<PathBuf>) -> Result<(), Stop> {
        self.take_away(entry, aside)?;
        self.place(entry.path(), aside).inspect_err(|_| self.replaced.put_back(entry.path()))
    }

    /// Renames what is to go. A repository within the repository is never emptied.
    fn take_away(&self, entry: &Entry, aside: &mut Vec<PathBuf>) -> Result<(), Stop> {
        let path = entry.path();
        if !entry.is_file_before() || is_beyond_link(self.git.dir, path) {
            return Ok(());
        }
        // What is in no commit keeps a name where people find it.
        aside.extend(if self.withheld.contains(path) {
            rescue::move_out_of_the_way(self.git, path, self.now)?
        } else {
            self.replaced.take(path, self.now)?
        });
        if !entry.is_file_afterwards() {
            // Up to the first folder that holds something else.
            let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
            let _kept = folders.map(|folder| fs::remove_dir(self.git.dir.join(folder))).find(Result::is_err);
        }
        Ok(())
    }

    /// Gives a new file its name, and whatever has that name another. A process that takes the name again and again
    /// keeps it: its file counts as an edit, and git has the new one.
    fn place(&self, path: &Path, aside: &mut Vec<PathBuf>) -> Result<(), Stop> {
        let to = self.git.dir.join(path);
        for _ in 0..ATTEMPTS {
            self.make_folders(path, aside)?;
            match self.replaced.place(path) {
                Ok(()) => return Ok(()),
                // The folder was removed or renamed again.
                Err(why) if replaced::is_missing(&why) && self.replaced.is_made(path) => continue,
                Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
                Err(why) => return Err(Stop::file("write", &to, &why)),
            }
            // A process may have made the same file, and an empty folder holds nothing.
            if self.replaced.is_placed(path) {
                return Ok(());
            }
            if fs::remove_dir(&to).is_err() {
                aside.extend(rescue::move_out_of_the_way(self.git, path, self.now)?);
            }
        }
        log::warn!("another process writes {} again and again; its version stays there", path.display());
        Ok(())
    }

    /// Makes the folders above a path. A file or a link that has the name of one of them gets another.
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

/// Brings back the wanted ones of all files that the index has and the disk has not.
pub(super) fn bring_back(git: &Git<'_>, is_wanted: impl Fn(&Path) -> bool) -> Result<(), Stop> {
    let replaced = Replaced::begin(git)?;
    let names = git.list(&["ls-files", "--deleted", "-z"])?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let names: Vec<&Path> =
        names.map(|name| Path::new(OsStr::from_bytes(name))).filter(|name| is_wanted(name)).collect();
    smudge::remember(git, &make_new(git, &replaced, &names, true)?)?;
    for path in names {
        let new = replaced.new_files().join(path);
        let folder = git.dir.join(path.parent().unwrap_or(path));
        // A repository within the repository is no file, and what has the name by now stays.
        if new.symlink_metadata().is_ok_and(|found| !found.is_dir()) && !is_beyond_link(git.dir, path) {
            match fs::create_dir_all(&folder).and_then(|()| replaced.place(path)) {
                Err(why) if why.kind() == ErrorKind::AlreadyExists || replaced::is_missing(&why) => {}
                placed => placed.map_err(|why| Stop::file("write", &git.dir.join(path), &why))?,
            }
        }
    }
    Ok(())
}

/// Makes the files of these names as the index has them, but beside the workspace.
fn make_new(git: &Git<'_>, replaced: &Replaced<'_>, names: &[&Path], has_attributes: bool) -> Result<Withheld, Stop> {
    let new = replaced.new_files();
    fs::create_dir_all(&new).map_err(|why| Stop::file("create", &new, &why))?;
    smudge::write_files(git, names, &new, has_attributes)
}

/// True if a folder on the way to a file has become a link, which may lead anywhere.
pub(super) fn is_beyond_link(workspace: &Path, path: &Path) -> bool {
    let mut folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    folders.any(|folder| workspace.join(folder).is_symlink())
}
