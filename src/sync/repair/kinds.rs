//! Folders in the place of files, files in the place of folders, and folders of the repository that are gone.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Repairs, words};

/// Files of the repository. A folder or a link of such a name keeps git from writing one.
const FILES: [&str; 4] = ["config", "index", "packed-refs", "shallow"];

/// Folders of this program in its own.
const OWN_FOLDERS: [&str; 4] = ["damaged", "replaced", "links", "refetch"];

/// Number of folders that are looked at for one in the place of a lock.
const FOLDERS_LIMIT: usize = 20_000;

impl Repairs<'_> {
    /// True if this is a repository, as far as anything is left of it.
    pub(super) fn is_repository(&self) -> bool {
        let signs = ["HEAD", "config", "objects", "refs"].iter().filter(|name| self.git_dir.join(name).exists());
        self.git_dir.is_dir() && signs.count() >= 2
    }

    /// Sets aside what is not of the kind that its name asks for, and makes folders again without which git takes this
    /// for no repository.
    pub(super) fn repair_kinds(&mut self) -> Result<(), String> {
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
        if self.done.iter().any(|done| done.starts_with("refs")) {
            let packed = fs::read_to_string(self.git_dir.join("packed-refs")).unwrap_or_default();
            self.restore_logged_refs(&packed)?;
        }
        for lock in folders_of_locks(&self.git_dir) {
            self.set_wrong_aside(&lock)?;
        }
        Ok(())
    }

    /// This program's own folder, which holds what is set aside.
    fn repair_own_folder(&mut self) -> Result<(), String> {
        let own = self.git_dir.join("openclaw-failover");
        for folder in [own.clone(), own.join("damaged")] {
            if folder.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                let stamp = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                fs::rename(&folder, folder.with_extension(format!("damaged-{stamp}"))).map_err(words)?;
                self.done.push(format!("{} was no folder", folder.display()));
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

    fn require_folder(&mut self, folder: &Path) -> Result<(), String> {
        if folder.is_dir() {
            return Ok(());
        }
        if folder.symlink_metadata().is_ok() {
            self.set_wrong_aside(folder)?;
        }
        fs::create_dir(folder).map_err(words)?;
        self.done.push(format!("{} is made again", self.name(folder)));
        Ok(())
    }

    pub(super) fn set_wrong_aside(&mut self, path: &Path) -> Result<(), String> {
        self.set_aside(path).map_err(words)?;
        self.done.push(format!("{} was of the wrong kind", self.name(path)));
        Ok(())
    }

    fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.git_dir).unwrap_or(path).display().to_string()
    }
}

/// Folders that have the name of a lock, at the top and among the refs. git makes none of them.
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
