//! Files that git skips without a message: pipes, sockets, devices, unreadable folders, and files named `.git` that are
//! no repository.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::os::clock::wall_clock;
use crate::workspace::checkout::rescue;
use crate::workspace::error::Stop;
use crate::workspace::exclusion::Reason;
use crate::workspace::git::{ANSWER, Git, write_and_open};
use crate::workspace::snapshot::Withheld;

/// Limit for the number of files and folders to read in one run.
const ENTRY_LIMIT: usize = 2_000_000;

/// Limit for the number of files to report in one run.
const FOUND_LIMIT: usize = 10_000;

/// Time limit for git's answer on which of them are ignored.
const IGNORE_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Files that git reads in every folder. A pipe with such a name would block git.
const READ_BY_GIT: [&str; 3] = [".gitignore", ".gitattributes", ".gitmodules"];

/// Renames pipes that would block git. Returns their new names.
pub(super) fn rename_obstructing_pipes(git: &Git<'_>, found: &mut Withheld) -> Result<Vec<PathBuf>, Stop> {
    let is_read = |path: &Path| READ_BY_GIT.iter().any(|name| path.file_name().is_some_and(|found| found == *name));
    let mut aside = Vec::new();
    for (path, _) in found.iter_mut().filter(|(path, reason)| *reason == Reason::Special && is_read(path)) {
        if let Some(name) = rescue::move_out_of_the_way(git, path, wall_clock())? {
            path.clone_from(&name);
            aside.push(name);
        }
    }
    Ok(aside)
}

/// Removes ignored files, and those inside an excluded repository, from the files found.
pub(super) fn without_ignored(git: &Git<'_>, mut found: Withheld, withheld: &Withheld) -> Result<Withheld, Stop> {
    let known: HashSet<&Path> = withheld.iter().map(|(path, _)| path.as_path()).collect();
    found.retain(|(path, reason)| {
        let folder = path.parent().unwrap_or(path);
        let is_of_repository = *reason == Reason::Name && known.contains(folder);
        !is_of_repository && !known.contains(path.as_path())
    });
    if found.is_empty() {
        return Ok(found);
    }
    let ignored = ignored(git, &found)?;
    found.retain(|(path, _)| !ignored.contains(path));
    Ok(found)
}

/// Lists all such files.
pub(super) fn list(workspace: &Path) -> Withheld {
    let mut found = Withheld::new();
    let mut folders = vec![PathBuf::new()];
    let mut left = ENTRY_LIMIT;
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(workspace.join(&folder)) {
            Ok(entries) => entries,
            Err(why) => {
                if why.kind() != ErrorKind::NotFound {
                    found.push((folder, Reason::Unreadable));
                }
                continue;
            }
        };
        let mut below = Vec::new();
        let mut is_repository = false;
        for entry in entries.flatten() {
            left = left.saturating_sub(1);
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            if name == ".git" {
                is_repository = true;
            } else if kind.is_dir() {
                below.push(folder.join(name));
            } else if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
                found.push((folder.join(name), Reason::Special));
            }
        }
        let is_workspace = folder.as_os_str().is_empty();
        if is_repository && !is_workspace {
            found.push((folder.join(".git"), Reason::Name));
        } else {
            folders.append(&mut below);
        }
        if left == 0 || found.len() >= FOUND_LIMIT {
            break;
        }
    }
    found
}

fn ignored(git: &Git<'_>, found: &Withheld) -> Result<HashSet<PathBuf>, Stop> {
    let mut names = Vec::new();
    for (path, reason) in found {
        let asked = if *reason == Reason::Name { path.parent().unwrap_or(path) } else { path };
        names.extend_from_slice(asked.as_os_str().as_bytes());
        names.push(0);
    }
    let path = git.own_folder().join("input");
    let file = write_and_open(&path, &names).map_err(|why| Stop::file("write", &path, &why))?;
    let asked = git.command(&["check-ignore", "-z", "--stdin"]).stdin(file).deadline(IGNORE_TIME_LIMIT).limit(ANSWER);
    let said = match asked.run_bytes() {
        // None is ignored.
        Err(why) if why.code() == Some(1) => return Ok(HashSet::new()),
        said => said?,
    };
    let ignored: HashSet<&[u8]> = said.split(|byte| *byte == 0).collect();
    let is_ignored = |path: &Path| ignored.contains(path.as_os_str().as_bytes());
    let paths = found.iter().filter(|(path, reason)| {
        is_ignored(path) || (*reason == Reason::Name && path.parent().is_some_and(is_ignored))
    });
    Ok(paths.map(|(path, _)| path.clone()).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_is_no_file_is_found_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in [".git", "a/b", "nested/.git"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("a/file"), "").unwrap();
        symlink("..", at("a/b/loop")).unwrap();
        let _socket = UnixListener::bind(at("a/b/socket")).unwrap();
        let mut found = list(dir.path());
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [("a/b/socket", Reason::Special), ("nested/.git", Reason::Name)];
        assert_eq!(found, expected.map(|(path, reason)| (PathBuf::from(path), reason)));
    }
}
