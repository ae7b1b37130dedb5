//! Files that a checkout has renamed out of the workspace. A process that has one open can still write to it.
//!
//! Each checkout has a folder `replaced/<boot>.<time>.<pid>` with the new files (`new`), the replaced ones (`old`, by
//! path), the object ids that git has of both (`known`) and the index of the replaced ones. After the checkout, and at
//! the start of later runs, each replaced file is checked. If a process has it open for writing, or git does not have
//! its bytes, it gets a name in the workspace. The others are removed once no process can write to them: after a
//! reboot, or if two checks a minute apart find no writer (`writers`). If the kernel reports no writers, a file stays
//! until the next boot, or until such files use too much space.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process;

use crate::text::Time;
use crate::workspace::checkout::checkout_folder::{
    INDEX_FILE, WORKSPACE_FOLDER, checkouts_folder, remove_checkout_folder, remove_new_files,
};
use crate::workspace::checkout::late_writes::check_replaced_files;
use crate::workspace::checkout::{aside_names, content_comparison};
use crate::workspace::error::{FileResult, SyncError};
use crate::workspace::files::is_missing_file_error;
use crate::workspace::git::Git;
use crate::workspace::oid::Oid;
use crate::workspace::{boot_clock, ref_names};

/// Files of one checkout.
pub(crate) struct ReplacedFiles<'a> {
    git: &'a Git<'a>,
    folder: PathBuf,
}

impl<'a> ReplacedFiles<'a> {
    /// Creates the folder of a new checkout.
    pub(crate) fn create(git: &'a Git<'a>) -> Result<Self, SyncError> {
        let all = checkouts_folder(git);
        fs::create_dir_all(&all).or_cannot("create", &all)?;
        let time = boot_clock::time_since_boot().unwrap_or_default().as_millis();
        let mut n = 0;
        loop {
            let folder = all.join(format!("{}.{time}.{}.{n}", ref_names::boot_id(), process::id()));
            match fs::create_dir(&folder) {
                Err(why) if why.kind() == ErrorKind::AlreadyExists => n += 1,
                Err(why) => return Err(why).or_cannot("create", &folder),
                Ok(()) => return Ok(Self { git, folder }),
            }
        }
    }

    /// Returns the folder of the new files.
    pub(crate) fn new_files_folder(&self) -> PathBuf {
        self.folder.join("new")
    }

    /// Returns the path of the index from before the checkout.
    pub(crate) fn index_file(&self) -> PathBuf {
        self.folder.join(INDEX_FILE)
    }

    /// Records the object ids that git has of the replaced and the new files, before the first one is renamed.
    pub(crate) fn record_known_contents<'h>(&self, hashes: impl IntoIterator<Item = &'h Oid>) -> Result<(), SyncError> {
        let lines: String = hashes.into_iter().map(|hash| format!("{hash}\n")).collect();
        self.append_to_record("known", lines.as_bytes())
    }

    /// Renames the file at this path out of the workspace. Returns its new name if that is inside the workspace.
    pub(crate) fn rename_away(&self, path: &Path, now: Time) -> Result<Option<PathBuf>, SyncError> {
        let from = self.git.work_tree.join(path);
        let mut to = self.folder.join("old").join(path);
        create_parent_folders(&to)?;
        let mut renamed = fs::rename(&from, &to);
        if renamed.as_ref().is_err_and(|why| why.kind() == ErrorKind::CrossesDevices) {
            to = self.folder_on_same_file_system(path)?.join("old").join(path);
            create_parent_folders(&to)?;
            renamed = fs::rename(&from, &to);
        }
        match renamed {
            Err(why) if is_missing_file_error(&why) => Ok(None),
            Err(why) => Err(why).or_cannot("rename", &from),
            // A process replaced the file by a folder, whose files are in no commit.
            Ok(()) if to.symlink_metadata().is_ok_and(|found| found.is_dir()) => {
                aside_names::link_beside(self.git, &to, path, now).map(Some)
            }
            Ok(()) => Ok(None),
        }
    }

    /// Renames the replaced file back to its path if that is free, after the new file could not be placed.
    pub(crate) fn restore_file(&self, path: &Path) {
        let _ = fs::hard_link(self.folder.join("old").join(path), self.git.work_tree.join(path));
    }

    /// Moves a new file to its path, which must be free.
    pub(crate) fn place_new_file(&self, path: &Path) -> io::Result<()> {
        let (from, to) = (self.new_files_folder().join(path), self.git.work_tree.join(path));
        match fs::hard_link(&from, &to) {
            Err(why) if why.kind() == ErrorKind::CrossesDevices => {
                let near_copy =
                    self.folder_on_same_file_system(path).map_err(|error| io::Error::other(error.message))?.join("new");
                let _ = fs::remove_file(&near_copy);
                copy_file_or_link(&from, &near_copy)?;
                fs::hard_link(&near_copy, &to)?;
                fs::remove_file(&near_copy)
            }
            // File systems without hard links need a copy instead.
            Err(why) if matches!(why.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
                copy_file_or_link(&from, &to)
            }
            Err(why) => Err(why),
            Ok(()) => fs::remove_file(&from),
        }
    }

    /// True if the new file of this path is written and not placed yet.
    pub(crate) fn is_new_file_waiting(&self, path: &Path) -> bool {
        self.new_files_folder().join(path).symlink_metadata().is_ok()
    }

    /// True if the file at this path equals the new one in kind, bytes and execute permission.
    pub(crate) fn is_new_file_placed(&self, path: &Path) -> bool {
        content_comparison::are_files_equal(&self.new_files_folder().join(path), &self.git.work_tree.join(path))
    }

    /// Gives replaced files that were written late, or still may be, a name in the workspace. Returns the names.
    pub(crate) fn rescue_late_writes(&self, now: Time) -> Result<Vec<PathBuf>, SyncError> {
        check_replaced_files(self.git, std::slice::from_ref(&self.folder), boot_clock::time_since_boot(), now)
    }

    /// Returns the folder of this checkout on the file system of `path` if that is not the repository's. It is in the
    /// topmost folder of the workspace on that file system. It is recorded, so that later runs find it.
    fn folder_on_same_file_system(&self, path: &Path) -> Result<PathBuf, SyncError> {
        let device = |folder: &Path| self.git.work_tree.join(folder).metadata().map(|found| found.dev()).ok();
        let mut parent = path.parent().unwrap_or(Path::new(""));
        while let Some(above) = parent.parent().filter(|above| device(above) == device(parent)) {
            parent = above;
        }
        let top = self.git.work_tree.join(parent).join(WORKSPACE_FOLDER);
        let folder = top.join(self.folder.file_name().unwrap_or_default());
        if !folder.is_dir() {
            self.append_to_record("beside", &[parent.as_os_str().as_bytes(), b"\0"].concat())?;
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(top.join(".gitignore"), "*\n"))
                .or_cannot("create", &folder)?;
        }
        Ok(folder)
    }

    fn append_to_record(&self, name: &str, bytes: &[u8]) -> Result<(), SyncError> {
        let path = self.folder.join(name);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        written.or_cannot("write", &path)
    }
}

impl Drop for ReplacedFiles<'_> {
    /// Removes the new files that were not placed, and the folder if it holds no replaced file.
    fn drop(&mut self) {
        remove_new_files(&self.folder);
        if fs::remove_dir(self.folder.join("old")).is_ok() || !self.folder.join("old").exists() {
            remove_checkout_folder(self.git, &self.folder);
        }
    }
}

fn create_parent_folders(path: &Path) -> Result<(), SyncError> {
    let above = path.parent().unwrap_or(path);
    fs::create_dir_all(above).or_cannot("create", above)
}

/// Copies a file or a link to a free name. Bytes that a process appends to the copy meanwhile are kept.
fn copy_file_or_link(from: &Path, to: &Path) -> io::Result<()> {
    let found = from.symlink_metadata()?;
    if found.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    let mut file = OpenOptions::new().append(true).create_new(true).open(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.set_permissions(found.permissions())
}
