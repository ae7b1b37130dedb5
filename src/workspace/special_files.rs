//! Files that git skips without a message: pipes, sockets, devices, unreadable folders and ignore files, and files
//! named `.git` that do not belong to a repository.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::os::O_NONBLOCK;
use crate::os::clock::read_wall_clock;
use crate::workspace::checkout::aside_names;
use crate::workspace::error::SyncError;
use crate::workspace::exclusion::{ExclusionReason, WithheldFiles};
use crate::workspace::files::{is_beyond_link, parse_nul_list, to_nul_list, write_and_open};
use crate::workspace::git::{Git, OUTPUT_SIZE_LIMIT};

/// Limit for the number of files and folders to read in one run.
const ENTRY_LIMIT: usize = 2_000_000;

/// Limit for the number of files to report in one run.
const REPORTED_FILE_LIMIT: usize = 10_000;

/// Time limit for git's answer on which of them are ignored.
const IGNORE_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Name of the file with a folder's ignore rules.
const IGNORE_FILE: &str = ".gitignore";

/// Files that git reads in every folder. A pipe with such a name would block git.
const FILES_READ_BY_GIT: [&str; 3] = [IGNORE_FILE, ".gitattributes", ".gitmodules"];

/// Renames pipes that would block git. Returns their new names.
pub(super) fn rename_obstructing_pipes(git: &Git<'_>, found: &mut WithheldFiles) -> Result<Vec<PathBuf>, SyncError> {
    let is_read =
        |path: &Path| FILES_READ_BY_GIT.iter().any(|name| path.file_name().is_some_and(|found| found == *name));
    let mut aside = Vec::new();
    for (path, _) in found.iter_mut().filter(|(path, reason)| *reason == ExclusionReason::SpecialFile && is_read(path))
    {
        if let Some(name) = aside_names::move_aside(git, path, read_wall_clock())? {
            path.clone_from(&name);
            aside.push(name);
        }
    }
    Ok(aside)
}

/// Lists folders whose ignore rules git cannot read. git would take every file in them as one to commit.
pub(super) fn folders_without_rules<'f>(git: &Git<'_>, found: &'f WithheldFiles) -> Vec<&'f Path> {
    let is_ignore_file = |path: &&PathBuf| path.file_name().is_some_and(|name| name == IGNORE_FILE);
    let unreadable = found.iter().filter(|(_, reason)| *reason == ExclusionReason::Unreadable).map(|(path, _)| path);
    let mut folders: Vec<&Path> = unreadable.filter(is_ignore_file).filter_map(|path| path.parent()).collect();
    if git.outer_ignore_files.iter().any(|file| is_unreadable(file)) {
        folders.push(Path::new(""));
    }
    folders
}

/// True if this user may not read the file. Does not wait for the writer of a pipe.
fn is_unreadable(file: &Path) -> bool {
    let opened = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(file);
    opened.is_err_and(|why| why.kind() == ErrorKind::PermissionDenied)
}

/// Removes ignored files, and those inside an excluded repository, from the files found.
pub(super) fn without_ignored(
    git: &Git<'_>,
    mut found: WithheldFiles,
    withheld: &WithheldFiles,
) -> Result<WithheldFiles, SyncError> {
    let known: HashSet<&Path> = withheld.iter().map(|(path, _)| path.as_path()).collect();
    found.retain(|(path, reason)| {
        let folder = path.parent().unwrap_or(path);
        let is_of_repository = *reason == ExclusionReason::RefusedName && known.contains(folder);
        !is_of_repository && !known.contains(path.as_path())
    });
    if found.is_empty() {
        return Ok(found);
    }
    let ignored = query_ignored(git, &found)?;
    found.retain(|(path, _)| !ignored.contains(path));
    Ok(found)
}

/// Lists all such files.
pub(super) fn list_special_files(workspace: &Path) -> WithheldFiles {
    let mut found = WithheldFiles::new();
    let mut folders = vec![PathBuf::new()];
    let mut left = ENTRY_LIMIT;
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(workspace.join(&folder)) {
            Ok(entries) => entries,
            Err(why) => {
                if why.kind() != ErrorKind::NotFound {
                    found.push((folder, ExclusionReason::Unreadable));
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
            } else if kind.is_file() && name == IGNORE_FILE && is_unreadable(&entry.path()) {
                found.push((folder.join(name), ExclusionReason::Unreadable));
            } else if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
                found.push((folder.join(name), ExclusionReason::SpecialFile));
            }
        }
        let is_workspace = folder.as_os_str().is_empty();
        if is_repository && !is_workspace {
            found.push((folder.join(".git"), ExclusionReason::RefusedName));
        } else {
            folders.append(&mut below);
        }
        if left == 0 || found.len() >= REPORTED_FILE_LIMIT {
            break;
        }
    }
    found
}

fn query_ignored(git: &Git<'_>, found: &WithheldFiles) -> Result<HashSet<PathBuf>, SyncError> {
    let asked = found.iter().map(|(path, reason)| match reason {
        ExclusionReason::RefusedName => path.parent().unwrap_or(path),
        _ => path,
    });
    let ignored = ignored_of(git, &asked.collect::<Vec<_>>())?;
    let paths = found.iter().filter(|(path, reason)| {
        ignored.contains(path)
            || (*reason == ExclusionReason::RefusedName && path.parent().is_some_and(|above| ignored.contains(above)))
    });
    Ok(paths.map(|(path, _)| path.clone()).collect())
}

/// Separates new files that a checkout has renamed: those that git ignores under their earlier names are withheld.
pub(super) fn withhold_renamed<'p>(
    git: &Git<'_>,
    renamed: Vec<(&'p Path, PathBuf)>,
    listed: &mut Vec<&'p Path>,
) -> Result<WithheldFiles, SyncError> {
    // git does not say what it would ignore beyond a link, so that counts as ignored.
    let is_beyond: Vec<bool> = renamed.iter().map(|(_, earlier)| is_beyond_link(git.work_tree, earlier)).collect();
    let asked = renamed.iter().zip(&is_beyond).filter(|(_, is_beyond)| !**is_beyond);
    let ignored = ignored_of(git, &asked.map(|((_, earlier), _)| earlier.as_path()).collect::<Vec<_>>())?;
    let mut withheld = WithheldFiles::new();
    for ((path, earlier), is_beyond) in renamed.into_iter().zip(is_beyond) {
        if is_beyond || ignored.contains(&earlier) {
            withheld.push((path.to_owned(), ExclusionReason::Ignored));
        } else {
            listed.push(path);
        }
    }
    Ok(withheld)
}

/// Asks which of these paths the rules ignore, whether or not git knows them.
fn ignored_of(git: &Git<'_>, paths: &[&Path]) -> Result<HashSet<PathBuf>, SyncError> {
    if paths.is_empty() {
        return Ok(HashSet::new());
    }
    let input = git.private_folder().join("input");
    let file = write_and_open(&input, &to_nul_list(paths.iter().copied()))?;
    // With an index, git would fail for all paths if one is in a nested repository that the index names.
    let asked = git.build_command(&["check-ignore", "--no-index", "-z", "--stdin"]).stdin(file);
    let output = match asked.deadline(IGNORE_TIME_LIMIT).limit(OUTPUT_SIZE_LIMIT).run_bytes() {
        // None of them is.
        Err(why) if why.exit_code() == Some(1) => return Ok(HashSet::new()),
        output => output?,
    };
    Ok(parse_nul_list(&output).map(Path::to_owned).collect())
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
        let mut found = list_special_files(dir.path());
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [("a/b/socket", ExclusionReason::SpecialFile), ("nested/.git", ExclusionReason::RefusedName)];
        assert_eq!(found, expected.map(|(path, reason)| (PathBuf::from(path), reason)));
    }
}
