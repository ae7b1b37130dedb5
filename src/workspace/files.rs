//! Operations on files and lists of paths that several parts of a sync share.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::os::atomic_file::remove_if_present;
use crate::workspace::error::{FileResult, SyncError};

/// Writes a file and opens it for reading, as the input of a program.
pub(super) fn write_and_open(path: &Path, bytes: &[u8]) -> Result<File, SyncError> {
    fs::write(path, bytes).and_then(|()| File::open(path)).or_cannot("write", path)
}

/// Replaces a file of this program by rename.
pub(super) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), SyncError> {
    let new = path.with_extension("new");
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, path)).or_cannot("write", path)
}

/// Removes a file if it exists.
pub(super) fn remove_file(path: &Path) -> Result<(), SyncError> {
    remove_if_present(path).or_cannot("remove", path)
}

/// Removes a file, or a folder with all that is in it, if it is there.
pub(super) fn remove_all(path: &Path) -> Result<(), SyncError> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(why) => Err(why),
    };
    removed.or_else(|why| if is_missing_file_error(&why) { Ok(()) } else { Err(why) }).or_cannot("remove", path)
}

/// True if the file does not exist, or a parent is not a folder.
pub(super) fn is_missing_file_error(why: &io::Error) -> bool {
    matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// True for a file that is neither a link nor a folder nor a special file.
pub(super) fn is_regular_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
}

/// True if anything has this path, also a link that leads nowhere.
pub(super) fn path_exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// True if a parent of the file is a link, which may lead out of the workspace.
pub(super) fn is_beyond_link(workspace: &Path, path: &Path) -> bool {
    let mut folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    folders.any(|folder| workspace.join(folder).is_symlink())
}

/// Formats paths as git's `-z` options do, each with a NUL after it.
pub(super) fn to_nul_list<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<u8> {
    let mut list = Vec::new();
    for path in paths {
        list.extend_from_slice(path.as_os_str().as_bytes());
        list.push(0);
    }
    list
}

/// Splits a list of paths with a NUL after each.
pub(super) fn parse_nul_list(list: &[u8]) -> impl Iterator<Item = &Path> {
    list.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(|path| Path::new(OsStr::from_bytes(path)))
}
