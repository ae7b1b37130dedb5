//! Files that git passes over in silence: pipes, sockets and devices, folders that it may not read, and files of the
//! name `.git` that are no repository.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::git::{ANSWER, Git, write_and_open};
use super::image::Withheld;
use super::report::O_NONBLOCK;
use super::rescue;
use super::stop::Stop;
use super::swap::is_beyond_link;
use super::withhold::Reason;
use crate::report::clock::wall_clock;

/// Files and folders that are looked at in one run; a workspace beyond that is one of other troubles.
const ENTRY_LIMIT: usize = 2_000_000;

/// Files that are named in one run.
const FOUND_LIMIT: usize = 10_000;

/// Time limit for git to say which of them are ignored.
const IGNORE_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Rules for what git ignores in a folder.
const IGNORE_RULES: &str = ".gitignore";

/// Files that git reads by itself in every folder. A pipe of such a name would make it wait without end.
const READ_BY_GIT: [&str; 3] = [IGNORE_RULES, ".gitattributes", ".gitmodules"];

/// Renames pipes for which git would wait without end. Returns their new names.
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

/// Folders whose rules for what to ignore git cannot read. It then takes all in them for files to commit.
pub(super) fn folders_without_rules<'f>(git: &Git<'_>, found: &'f Withheld) -> Vec<&'f Path> {
    let is_rules = |path: &&PathBuf| path.file_name().is_some_and(|name| name == IGNORE_RULES);
    let closed = found.iter().filter(|(_, reason)| *reason == Reason::Unreadable).map(|(path, _)| path);
    let mut folders: Vec<&Path> = closed.filter(is_rules).filter_map(|path| path.parent()).collect();
    if git.ignore_files.iter().any(|file| is_closed(file)) {
        folders.push(Path::new(""));
    }
    folders
}

/// True if this user may not read a file. A pipe is not waited for.
fn is_closed(file: &Path) -> bool {
    let opened = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(file);
    opened.is_err_and(|why| why.kind() == ErrorKind::PermissionDenied)
}

/// Leaves out of what [`list`] has found what is ignored, or lies in a repository that is withheld as a whole.
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

/// Finds them all.
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
            } else if kind.is_file() && name == IGNORE_RULES && is_closed(&entry.path()) {
                found.push((folder.join(name), Reason::Unreadable));
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
    let asked = found.iter().map(|(path, reason)| match reason {
        Reason::Name => path.parent().unwrap_or(path),
        _ => path,
    });
    let ignored = ignored_of(git, &asked.collect::<Vec<_>>())?;
    let paths = found.iter().filter(|(path, reason)| {
        ignored.contains(path)
            || (*reason == Reason::Name && path.parent().is_some_and(|above| ignored.contains(above)))
    });
    Ok(paths.map(|(path, _)| path.clone()).collect())
}

/// Separates new files that a move has renamed: those that git ignores under their earlier names are withheld.
pub(super) fn withhold_renamed<'p>(
    git: &Git<'_>,
    renamed: Vec<(&'p Path, PathBuf)>,
    listed: &mut Vec<&'p Path>,
) -> Result<Withheld, Stop> {
    // git does not say what it would ignore beyond a link, so that counts as ignored.
    let is_beyond: Vec<bool> = renamed.iter().map(|(_, earlier)| is_beyond_link(git.dir, earlier)).collect();
    let asked = renamed.iter().zip(&is_beyond).filter(|(_, is_beyond)| !**is_beyond);
    let ignored = ignored_of(git, &asked.map(|((_, earlier), _)| earlier.as_path()).collect::<Vec<_>>())?;
    let mut withheld = Withheld::new();
    for ((path, earlier), is_beyond) in renamed.into_iter().zip(is_beyond) {
        if is_beyond || ignored.contains(&earlier) {
            withheld.push((path.to_owned(), Reason::Ignored));
        } else {
            listed.push(path);
        }
    }
    Ok(withheld)
}

/// Asks which of these paths the rules ignore, whether or not git knows them.
fn ignored_of(git: &Git<'_>, paths: &[&Path]) -> Result<HashSet<PathBuf>, Stop> {
    let names: Vec<u8> = paths.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
    if names.is_empty() {
        return Ok(HashSet::new());
    }
    let input = git.own_folder().join("input");
    let file = write_and_open(&input, &names).map_err(|why| Stop::file("write", &input, &why))?;
    // In a folder that its index names as a repository, git would answer for none of them.
    let no_index = git.own_folder().join("index.none");
    let asked =
        git.command(&["check-ignore", "--no-index", "-z", "--stdin"]).env("GIT_INDEX_FILE", no_index).stdin(file);
    let said = match asked.deadline(IGNORE_TIME_LIMIT).limit(ANSWER).run_bytes() {
        // None of them is.
        Err(why) if why.code() == Some(1) => return Ok(HashSet::new()),
        said => said?,
    };
    let ignored = said.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(ignored.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

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
