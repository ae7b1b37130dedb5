//! Repair of folders in place of files, of files in place of folders, and of missing folders of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::error::{FileResult, SyncError};
use crate::workspace::repair::Repairs;

/// Files of the repository. A folder or a link of such a name keeps git from writing one.
const FILES: [&str; 4] = ["config", "index", "packed-refs", "shallow"];

/// Folders in this program's own folder.
const OWN_FOLDERS: [&str; 4] = ["damaged", "replaced", "links", "refetch"];

/// Limit for the number of folders that are searched for folders in place of locks.
const FOLDERS_LIMIT: usize = 20_000;

impl Repairs<'_> {
    /// True if the folder is recognisable as a repository, even a damaged one.
    pub(super) fn is_repository(&self) -> bool {
        let signs = ["HEAD", "config", "objects", "refs"].iter().filter(|name| self.git_dir.join(name).exists());
        self.git_dir.is_dir() && signs.count() >= 2
    }

    /// Moves files of the wrong type aside, and creates missing folders without which git does not recognise the
    /// repository.
    pub(super) fn repair_kinds(&mut self) -> Result<(), SyncError> {
        self.repair_own_folder()?;
        for name in FILES {
            let path = self.git_dir.join(name);
            let is_wrong =
                path.symlink_metadata().is_ok_and(|found| found.is_dir() || found.is_symlink() && path.is_dir());
            if is_wrong && name == "index" {
                self.replace_index(&path)?;
            } else if is_wrong && name != "packed-refs" {
                self.set_wrong_aside(&path)?;
            }
        }
        for name in ["refs/heads", "objects/info", "objects/pack"] {
            let folder = self.git_dir.join(name);
            let above = folder.parent().unwrap_or(&folder).to_owned();
            for path in [above, folder] {
                self.require_folder(&path)?;
            }
        }
        if self.repairs_done.iter().any(|done| done.starts_with("refs")) {
            let packed = fs::read_to_string(self.git_dir.join("packed-refs")).unwrap_or_default();
            self.restore_logged_refs(&packed)?;
        }
        for lock in folders_of_locks(&self.git_dir) {
            self.set_wrong_aside(&lock)?;
        }
        Ok(())
    }

    /// Repairs this program's own folder, which holds the files moved aside.
    fn repair_own_folder(&mut self) -> Result<(), SyncError> {
        let own = self.git_dir.join("openclaw-failover");
        for folder in [own.clone(), own.join("damaged")] {
            if folder.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                let stamp = self.damaged_folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                fs::rename(&folder, folder.with_extension(format!("damaged-{stamp}"))).or_cannot("rename", &folder)?;
                self.repairs_done.push(format!("{} was not a folder", folder.display()));
            }
        }
        for entry in fs::read_dir(&own).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_own_folder = OWN_FOLDERS.iter().any(|folder| name == *folder);
            if entry.file_type().is_ok_and(|kind| kind.is_dir() != is_own_folder) {
                self.set_wrong_aside(&entry.path())?;
            }
        }
        Ok(())
    }

    fn require_folder(&mut self, folder: &Path) -> Result<(), SyncError> {
        if folder.is_dir() {
            return Ok(());
        }
        if folder.symlink_metadata().is_ok() {
            self.set_wrong_aside(folder)?;
        }
        fs::create_dir(folder).or_cannot("create", folder)?;
        self.repairs_done.push(format!("{} was created again", self.name(folder)));
        Ok(())
    }

    pub(super) fn set_wrong_aside(&mut self, path: &Path) -> Result<(), SyncError> {
        self.set_aside(path, format!("{} had the wrong file type", self.name(path)))
    }

    fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.git_dir).unwrap_or(path).display().to_string()
    }
}

/// Lists folders that have the name of a lock, at the top and among the refs. git creates no such folder.
fn folders_of_locks(git_dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![git_dir.join("refs")];
    let top = fs::read_dir(git_dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_lock = |path: &Path| path.extension().is_some_and(|ending| ending == "lock");
    let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_dir());
    found.extend(top.filter(|path| is_lock(path) && is_folder(path)));
    for _ in 0..FOLDERS_LIMIT {
        let Some(folder) = waiting.pop() else { break };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if is_lock(&path) { found.push(path) } else { waiting.push(path) }
            }
        }
    }
    found
}
