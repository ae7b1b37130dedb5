//! Names in the workspace for files that a checkout moves aside: next to their old path if that name is free.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::text::Time;
use crate::workspace::error::{FileResult, SyncError};
use crate::workspace::exclusion::MOVED_ASIDE_SUFFIX;
use crate::workspace::files::is_missing_file_error;
use crate::workspace::git::Git;
use crate::workspace::ref_names;

/// Length limit of a file name before a suffix is added, in bytes. File systems allow 255.
const BASE_NAME_LENGTH_LIMIT: usize = 200;

/// Attempts at finding a free name.
const NAME_ATTEMPTS: usize = 16;

/// Links a file from outside the tree next to its former path. Returns the new name.
pub(crate) fn link_beside(git: &Git<'_>, file: &Path, path: &Path, now: Time) -> Result<PathBuf, SyncError> {
    let path = create_parent_folders(git, path);
    let is_folder = file.symlink_metadata().is_ok_and(|found| found.is_dir());
    for _ in 0..NAME_ATTEMPTS {
        let name = free_name_beside(git.work_tree, &path, now);
        let whole = git.work_tree.join(&name);
        let named = match fs::hard_link(file, &whole) {
            Ok(()) => fs::remove_file(file),
            Err(why) if why.kind() == ErrorKind::AlreadyExists && !is_folder => continue,
            // For folders, and for file systems without hard links.
            Err(_) => fs::rename(file, &whole),
        };
        return named.map(|()| name).or_cannot("rename", file);
    }
    Err(ErrorKind::AlreadyExists.into()).or_cannot("rename", file)
}

/// Moves whatever is at a path in the workspace aside. Returns its new name if there was anything.
pub(crate) fn move_aside(git: &Git<'_>, path: &Path, now: Time) -> Result<Option<PathBuf>, SyncError> {
    let name = free_name_beside(git.work_tree, path, now);
    let from = git.work_tree.join(path);
    match fs::rename(&from, git.work_tree.join(&name)) {
        Ok(()) => Ok(Some(name)),
        Err(why) if is_missing_file_error(&why) => Ok(None),
        Err(why) => Err(why).or_cannot("rename", &from),
    }
}

/// Returns a free name in `dir` for a file that is moved aside.
pub(crate) fn free_name_beside(dir: &Path, path: &Path, now: Time) -> PathBuf {
    let mut file_name = path.file_name().unwrap_or_default().as_bytes().to_vec();
    file_name.truncate(BASE_NAME_LENGTH_LIMIT);
    let mut name = OsString::from_vec(file_name);
    name.push(format!("{MOVED_ASIDE_SUFFIX}{}", ref_names::time_stamp(now)));
    // Several files may be moved at the same moment, and a clock that was set back may repeat a time.
    while dir.join(path.with_file_name(&name)).symlink_metadata().is_ok() {
        name.push("+");
    }
    path.with_file_name(name)
}

/// Returns the path of a file before this program renamed it or a folder above it; `None` if it renamed neither.
pub(crate) fn earlier_path(path: &Path) -> Option<PathBuf> {
    let earlier: PathBuf = path.iter().map(earlier_name).collect();
    (earlier != path).then_some(earlier)
}

fn earlier_name(name: &OsStr) -> &OsStr {
    let bytes = name.as_bytes();
    let is_stamp = |rest: &[u8]| rest.len() > 8 && rest.iter().take(8).all(u8::is_ascii_digit) && rest[8] == b'T';
    let is_end = |at: &usize| {
        bytes.get(*at..).and_then(|rest| rest.strip_prefix(MOVED_ASIDE_SUFFIX.as_bytes())).is_some_and(is_stamp)
    };
    // The name of a file that was renamed twice begins before the first stamp.
    (1..bytes.len()).find(is_end).map_or(name, |at| OsStr::from_bytes(bytes.get(..at).unwrap_or(bytes)))
}

/// Creates the parent folders of a path. If a parent's name is taken by a file, the file goes one folder up.
fn create_parent_folders(git: &Git<'_>, path: &Path) -> PathBuf {
    let mut folder = PathBuf::new();
    for part in path.parent().unwrap_or(Path::new("")) {
        let next = folder.join(part);
        let whole = git.work_tree.join(&next);
        if fs::create_dir(&whole).is_err() && !whole.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            break;
        }
        folder = next;
    }
    folder.join(path.file_name().unwrap_or(OsStr::new("file")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_room_keeps_its_name_and_tells_when() {
        let dir = tempfile::tempdir().unwrap();
        let name = || free_name_beside(dir.path(), Path::new(".env"), Time::from_millis(1_795_300_227_123));
        assert_eq!(name(), Path::new(".env.local-20261121T223027.123Z"));
        fs::write(dir.path().join(name()), "").unwrap();
        assert_eq!(name(), Path::new(".env.local-20261121T223027.123Z+"));
    }

    #[test]
    fn an_earlier_path_has_no_stamp_in_any_part() {
        let earlier = |path: &str| earlier_path(Path::new(path));
        assert_eq!(earlier("a/b.local-20261121T223027.123Z/c"), Some("a/b/c".into()));
        assert_eq!(earlier("x.local-20261121T223027.123Z.local-20261122T223027.123Z+"), Some("x".into()));
        assert_eq!(earlier("a/x.local-notes"), None);
        assert_eq!(earlier("a/.local-20261121T223027.123Z"), None);
    }

    #[test]
    fn a_name_of_the_longest_kind_still_finds_a_place() {
        let dir = tempfile::tempdir().unwrap();
        let long = "x".repeat(255);
        fs::create_dir(dir.path().join("a")).unwrap();
        let name = free_name_beside(dir.path(), &Path::new("a").join(long), Time::from_millis(1_795_300_227_123));
        fs::write(dir.path().join(&name), "").unwrap();
        assert!(name.starts_with("a"));
    }
}
