//! Replacement of files in a checkout, for both roles, with the gateway up or down.
//!
//! git compares every file first and then removes and writes them one by one; bytes that a process writes in between
//! are lost. Here, all new files are first written outside the workspace, where a full disk or a failing filter does no
//! harm. Then each old file is renamed away with whatever it holds by then, and the new one is linked to its path only
//! if that is free. Nothing is overwritten. The old files are removed once no process can write to them.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::text::Time;
use crate::workspace::checkout::replaced_files::ReplacedFiles;
use crate::workspace::checkout::{aside_names, smudge};
use crate::workspace::error::{FileResult, SyncError, SyncErrorKind};
use crate::workspace::exclusion::WithheldFiles;
use crate::workspace::files::{is_beyond_link, is_missing_file_error, parse_nul_list};
use crate::workspace::git::Git;
use crate::workspace::git::diff::FileDifference;
use crate::workspace::oid::Oid;
use crate::workspace::snapshot::Snapshot;

/// Attempts at placing a file while another process keeps creating one at its path.
const PLACE_ATTEMPTS: usize = 8;

/// Replacement whose new files are written.
pub(crate) struct FileReplacement<'a> {
    git: &'a Git<'a>,
    differences: &'a [FileDifference],
    withheld: HashSet<&'a Path>,
    replaced: ReplacedFiles<'a>,
    now: Time,
    /// Files written as git stores them because their filter failed.
    pub(crate) unfiltered: WithheldFiles,
}

impl<'a> FileReplacement<'a> {
    /// Writes the new files outside the workspace. Afterwards, this program's index matches the tree `to`.
    pub(crate) fn prepare(
        git: &'a Git<'a>,
        snapshot: &'a Snapshot,
        to: &Oid,
        entries: &'a [FileDifference],
        now: Time,
    ) -> Result<Self, SyncError> {
        let replaced = ReplacedFiles::create(git)?;
        let index = replaced.index_file();
        fs::copy(git.private_index(), &index).or_cannot("write", &index)?;
        git.run_for_bytes(&["read-tree", "-i", "-m", snapshot.tree.as_str(), to])?;
        let names: Vec<&Path> =
            entries.iter().filter(|entry| entry.is_file_afterwards()).map(|entry| entry.path()).collect();
        let brings_attributes = names.iter().any(|name| name.ends_with(".gitattributes"));
        let unfiltered = write_new_files(git, &replaced, &names, snapshot.may_convert || brings_attributes)?;
        // Before the first old file is renamed: a half-updated tree is worse than an old one.
        if let Some(missing) = names.iter().find(|name| !replaced.is_new_file_waiting(name)) {
            return Err(SyncError::failed(format!("git did not write {}", missing.display())));
        }
        let withheld = snapshot.withheld.iter().map(|(path, _)| path.as_path()).collect();
        Ok(Self { git, differences: entries, withheld, replaced, unfiltered, now })
    }

    /// Fails if a file to be replaced has changed since the snapshot: the next run can commit and merge it.
    pub(crate) fn require_unchanged(&self) -> Result<(), SyncError> {
        let changed = self.git.list_changed_files(self.git.work_tree, &self.replaced.index_file())?;
        let changed: HashSet<&[u8]> = changed.split(|byte| *byte == 0).collect();
        for entry in self.differences.iter().filter(|entry| entry.is_file_before()) {
            if changed.contains(entry.path.as_slice()) && !self.withheld.contains(entry.path()) {
                let message = format!("{} changed during the sync", entry.path().display());
                return Err(SyncError::new(SyncErrorKind::InUse, message));
            }
        }
        Ok(())
    }

    /// Replaces the files. Returns the new names of obstructing files and of files written at the last moment. `raw`
    /// lists object ids that git has in addition to those of the commits.
    pub(crate) fn replace_all(&self, raw: &[Oid]) -> Result<Vec<PathBuf>, SyncError> {
        self.replaced.record_known_contents(self.differences.iter().flat_map(|entry| &entry.object_ids).chain(raw))?;
        let mut aside = Vec::new();
        for entry in self.differences.iter().filter(|entry| !entry.is_file_afterwards()) {
            self.move_aside(entry, &mut aside)?;
        }
        for entry in self.differences.iter().filter(|entry| entry.is_file_afterwards()) {
            self.replace_file(entry, &mut aside)?;
        }
        for entry in self.differences.iter().filter(|entry| entry.is_repository_afterwards()) {
            // As git does: a nested repository gets its folder and no content.
            self.create_parent_folders(entry.path(), &mut aside)?;
            let _ = fs::create_dir(self.git.work_tree.join(entry.path()));
        }
        aside.extend(self.replaced.rescue_late_writes(self.now)?);
        // Records the files' times. A file that differs again is handled by the next run.
        if let Err(why) = self.git.run_for_bytes(&["update-index", "-q", "--refresh"]) {
            log::debug!("{why}");
        }
        Ok(aside)
    }

    fn replace_file(&self, entry: &FileDifference, aside: &mut Vec<PathBuf>) -> Result<(), SyncError> {
        self.move_aside(entry, aside)?;
        self.place_new_file(entry.path(), aside).inspect_err(|_| self.replaced.restore_file(entry.path()))
    }

    /// Renames the old file away. A nested repository is never emptied.
    fn move_aside(&self, entry: &FileDifference, aside: &mut Vec<PathBuf>) -> Result<(), SyncError> {
        let path = entry.path();
        if !entry.is_file_before() || is_beyond_link(self.git.work_tree, path) {
            return Ok(());
        }
        // The file is in no commit, so it stays visible next to its old path.
        aside.extend(if self.withheld.contains(path) {
            aside_names::move_aside(self.git, path, self.now)?
        } else {
            self.replaced.rename_away(path, self.now)?
        });
        if !entry.is_file_afterwards() {
            // Empty parent folders, up to the first that is not empty.
            let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
            let _kept = folders.map(|folder| fs::remove_dir(self.git.work_tree.join(folder))).find(Result::is_err);
        }
        Ok(())
    }

    /// Places a new file and moves whatever is at its path aside. If another process keeps creating the file, its
    /// version stays and counts as an edit; git has the new one.
    fn place_new_file(&self, path: &Path, aside: &mut Vec<PathBuf>) -> Result<(), SyncError> {
        let to = self.git.work_tree.join(path);
        for _ in 0..PLACE_ATTEMPTS {
            self.create_parent_folders(path, aside)?;
            match self.replaced.place_new_file(path) {
                Ok(()) => return Ok(()),
                // Another process removed or renamed the folder.
                Err(why) if is_missing_file_error(&why) && self.replaced.is_new_file_waiting(path) => {
                    continue;
                }
                Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
                Err(why) => return Err(why).or_cannot("write", &to),
            }
            // Another process may have written the same bytes. An empty folder can be removed.
            if self.replaced.is_new_file_placed(path) {
                return Ok(());
            }
            if fs::remove_dir(&to).is_err() {
                aside.extend(aside_names::move_aside(self.git, path, self.now)?);
            }
        }
        log::warn!("another process keeps writing {}; its version stays", path.display());
        Ok(())
    }

    /// Creates the parent folders of a path. A file or link with the name of a parent is moved aside.
    fn create_parent_folders(&self, path: &Path, aside: &mut Vec<PathBuf>) -> Result<(), SyncError> {
        let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|part| !part.as_os_str().is_empty()).collect();
        above.reverse();
        for part in above {
            let folder = self.git.work_tree.join(part);
            for attempt in 0..PLACE_ATTEMPTS {
                match fs::create_dir(&folder) {
                    Ok(()) => break,
                    // A link would lead out of the workspace.
                    Err(_) if folder.symlink_metadata().is_ok_and(|found| found.is_dir()) => break,
                    Err(why) if why.kind() == ErrorKind::AlreadyExists && attempt + 1 < PLACE_ATTEMPTS => {
                        aside.extend(aside_names::move_aside(self.git, part, self.now)?);
                    }
                    Err(why) => return Err(why).or_cannot("create", &folder),
                }
            }
        }
        Ok(())
    }
}

/// Restores those wanted files that are in the index and missing on the disk.
pub(crate) fn restore_deleted_files(git: &Git<'_>, is_wanted: impl Fn(&Path) -> bool) -> Result<(), SyncError> {
    let replaced = ReplacedFiles::create(git)?;
    let names = git.run_for_bytes(&["ls-files", "--deleted", "-z"])?;
    let names: Vec<&Path> = parse_nul_list(&names).filter(|name| is_wanted(name)).collect();
    smudge::record_unfiltered(git, &write_new_files(git, &replaced, &names, true)?)?;
    for path in names {
        let new = replaced.new_files_folder().join(path);
        let folder = git.work_tree.join(path.parent().unwrap_or(path));
        // Skips nested repositories. A file created meanwhile stays.
        if new.symlink_metadata().is_ok_and(|found| !found.is_dir()) && !is_beyond_link(git.work_tree, path) {
            match fs::create_dir_all(&folder).and_then(|()| replaced.place_new_file(path)) {
                Err(why) if why.kind() == ErrorKind::AlreadyExists || is_missing_file_error(&why) => {}
                placed => placed.or_cannot("write", &git.work_tree.join(path))?,
            }
        }
    }
    Ok(())
}

/// Writes the named files from the index, outside the workspace.
fn write_new_files(
    git: &Git<'_>,
    replaced: &ReplacedFiles<'_>,
    names: &[&Path],
    has_attributes: bool,
) -> Result<WithheldFiles, SyncError> {
    let new = replaced.new_files_folder();
    fs::create_dir_all(&new).or_cannot("create", &new)?;
    smudge::write_files(git, names, &new, has_attributes)
}
