//! Folder of one checkout, with the files that it replaced. [`super::replaced_files`] describes its content.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::os::{O_NOFOLLOW, O_NONBLOCK};
use crate::workspace::files::remove_all;
use crate::workspace::git::Git;

/// File name of the index from before the checkout.
pub(crate) const INDEX_FILE: &str = "index";

/// File name of the time of the first check.
pub(crate) const FIRST_CHECK_FILE: &str = "looked";

/// File name of the note that no process had a replaced file open for writing. A second check follows after the grace
/// period.
pub(crate) const NO_WRITERS_FILE: &str = "closed";

/// Folder in the workspace for replaced files on another file system than the repository's. git ignores it.
pub(crate) const WORKSPACE_FOLDER: &str = ".openclaw-failover";

/// File that a checkout replaced.
pub(crate) struct ReplacedFile<'a> {
    /// Folder of its checkout.
    pub(crate) checkout_folder: &'a Path,
    pub(crate) original_path: PathBuf,
    /// Current path.
    pub(crate) current_path: PathBuf,
    pub(crate) kind: FileKind,
}

/// Kind of a replaced file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    File,
    Link,
    /// File that cannot be read, or a socket and the like. Its bytes cannot be compared.
    Unreadable,
}

/// Returns the folder with the files of all checkouts.
pub(crate) fn checkouts_folder(git: &Git<'_>) -> PathBuf {
    git.private_folder().join("replaced")
}

/// Returns the folders that hold the replaced files of a checkout.
pub(crate) fn replaced_roots(git: &Git<'_>, folder: &Path) -> Vec<PathBuf> {
    let other_roots = fs::read(folder.join("beside")).unwrap_or_default();
    let name = folder.file_name().unwrap_or_default();
    let other_roots = other_roots.split_inclusive(|byte| *byte == 0).filter_map(|parent| parent.strip_suffix(b"\0"));
    let other_roots: HashSet<PathBuf> = other_roots
        .map(|parent| git.work_tree.join(OsStr::from_bytes(parent)).join(WORKSPACE_FOLDER).join(name).join("old"))
        .collect();
    [folder.join("old")].into_iter().chain(other_roots).collect()
}

/// Lists everything below `root` except folders.
pub(crate) fn list_replaced_files<'a>(folder: &'a Path, root: &Path, below: &Path, found: &mut Vec<ReplacedFile<'a>>) {
    for entry in fs::read_dir(root.join(below)).into_iter().flatten().flatten() {
        let (path, file) = (below.join(entry.file_name()), entry.path());
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                list_replaced_files(folder, root, &path, found);
                continue;
            }
            Ok(kind) if kind.is_symlink() => FileKind::Link,
            Ok(kind) if kind.is_file() && is_readable(&file) => FileKind::File,
            _ => FileKind::Unreadable,
        };
        found.push(ReplacedFile { checkout_folder: folder, original_path: path, current_path: file, kind });
    }
}

fn is_readable(file: &Path) -> bool {
    OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(file).is_ok()
}

/// Removes the new files that were not placed. git has their contents, and no other process has them open.
pub(crate) fn remove_new_files(folder: &Path) {
    if let Err(why) = remove_all(&folder.join("new")) {
        log::warn!("cannot remove {}: {why}", folder.join("new").display());
    }
}

/// Removes the folder of a checkout that holds no replaced file. A folder that is not empty stays.
pub(crate) fn remove_checkout_folder(git: &Git<'_>, folder: &Path) {
    for root in replaced_roots(git, folder) {
        remove_empty_folders(&root);
        if root.exists() {
            return;
        }
        if let Some(other_folder) = root.parent().filter(|other_folder| *other_folder != folder) {
            let _ = fs::remove_file(other_folder.join("new"));
            let top = other_folder.parent().unwrap_or(other_folder);
            if fs::remove_dir(other_folder).is_ok() && fs::read_dir(top).is_ok_and(|left| left.count() == 1) {
                let _ = fs::remove_file(top.join(".gitignore")).and_then(|()| fs::remove_dir(top));
            }
        }
    }
    for name in [INDEX_FILE, "known", "beside", FIRST_CHECK_FILE, NO_WRITERS_FILE] {
        let _ = fs::remove_file(folder.join(name));
    }
    let _ = fs::remove_dir(folder);
}

fn remove_empty_folders(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty_folders(&entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}
