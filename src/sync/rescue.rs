//! Names in the workspace for files that a move must take out of the way: beside their old ones, where they are free.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::git::Git;
use super::names;
use super::stop::Stop;
use super::withhold::ASIDE;
use crate::failover::Time;

/// Longest file name that leaves room for what is added to it, in bytes. No file system takes more than 255.
const LONGEST_NAME: usize = 200;

/// Attempts at finding a name that stays free.
const ATTEMPTS: usize = 16;

/// Gives a file that is outside of the tree a name beside the path that it had. Answers with the name.
pub(super) fn give_name(git: &Git<'_>, file: &Path, path: &Path, now: Time) -> Result<PathBuf, Stop> {
    let path = make_folders(git, path);
    let is_folder = file.symlink_metadata().is_ok_and(|found| found.is_dir());
    for _ in 0..ATTEMPTS {
        let name = aside_of(git.dir, &path, now);
        let whole = git.dir.join(&name);
        let named = match fs::hard_link(file, &whole) {
            Ok(()) => fs::remove_file(file),
            Err(why) if why.kind() == ErrorKind::AlreadyExists && !is_folder => continue,
            // Folders, and file systems without hard links.
            Err(_) => fs::rename(file, &whole),
        };
        return named.map(|()| name).map_err(|why| Stop::file("rename", file, &why));
    }
    Err(Stop::file("rename", file, &ErrorKind::AlreadyExists.into()))
}

/// Renames whatever is at a path in the workspace. Answers with its new name, if anything is there.
pub(super) fn move_out_of_the_way(git: &Git<'_>, path: &Path, now: Time) -> Result<Option<PathBuf>, Stop> {
    let name = aside_of(git.dir, path, now);
    let from = git.dir.join(path);
    match fs::rename(&from, git.dir.join(&name)) {
        Ok(()) => Ok(Some(name)),
        Err(why) if super::replaced::is_missing(&why) => Ok(None),
        Err(why) => Err(Stop::file("rename", &from, &why)),
    }
}

/// Name that something gets that has to make room. Nothing else in the folder `dir` has it.
pub(super) fn aside_of(dir: &Path, path: &Path, now: Time) -> PathBuf {
    let mut file_name = path.file_name().unwrap_or_default().as_bytes().to_vec();
    file_name.truncate(LONGEST_NAME);
    let mut name = OsString::from_vec(file_name);
    name.push(format!("{ASIDE}{}", names::stamp(now)));
    // Several files may get a name at the same moment, and a clock that was set back may come by it again.
    while dir.join(path.with_file_name(&name)).symlink_metadata().is_ok() {
        name.push("+");
    }
    path.with_file_name(name)
}

/// The path that something had before it or a folder above it was renamed; `None` if neither was.
pub(super) fn earlier_path(path: &Path) -> Option<PathBuf> {
    let earlier: PathBuf = path.iter().map(earlier_name).collect();
    (earlier != path).then_some(earlier)
}

fn earlier_name(name: &OsStr) -> &OsStr {
    let bytes = name.as_bytes();
    let is_stamp = |rest: &[u8]| rest.len() > 8 && rest.iter().take(8).all(u8::is_ascii_digit) && rest[8] == b'T';
    let is_end =
        |at: &usize| bytes.get(*at..).and_then(|rest| rest.strip_prefix(ASIDE.as_bytes())).is_some_and(is_stamp);
    // Something that was renamed twice had its first name before the first of them.
    (1..bytes.len()).find(is_end).map_or(name, |at| OsStr::from_bytes(bytes.get(..at).unwrap_or(bytes)))
}

/// Makes the folders above a path. Where something else has the name of one of them, the file goes to the folder above.
fn make_folders(git: &Git<'_>, path: &Path) -> PathBuf {
    let mut folder = PathBuf::new();
    for part in path.parent().unwrap_or(Path::new("")) {
        let next = folder.join(part);
        let whole = git.dir.join(&next);
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
        let name = || aside_of(dir.path(), Path::new(".env"), Time::from_millis(1_795_300_227_123));
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
        let name = aside_of(dir.path(), &Path::new("a").join(long), Time::from_millis(1_795_300_227_123));
        fs::write(dir.path().join(&name), "").unwrap();
        assert!(name.starts_with("a"));
    }
}
