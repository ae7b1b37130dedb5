//! Comparison of replaced files with the contents that git has.
//!
//! A file counts as known if git has its exact bytes: in a commit, or stored before the checkout because git converts
//! the file (`raw_bytes`).

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::workspace::checkout::checkout_folder::{FileKind, ReplacedFile};
use crate::workspace::error::SyncError;
use crate::workspace::git::Git;
use crate::workspace::oid::Oid;

/// Returns for each replaced file whether git has its bytes. `all` is the folder that holds the folders of all
/// checkouts.
pub(crate) fn are_contents_known(git: &Git<'_>, all: &Path, old: &[ReplacedFile<'_>]) -> Result<Vec<bool>, SyncError> {
    if old.is_empty() {
        return Ok(Vec::new());
    }
    let known = read_known_ids(all);
    let hashes = hash_replaced_files(git, old)?;
    // An empty file has no bytes to lose.
    let is_empty = |old: &ReplacedFile<'_>| {
        old.kind == FileKind::File && old.current_path.metadata().is_ok_and(|found| found.len() == 0)
    };
    let is_known = |hash: &Option<Oid>| hash.as_ref().is_some_and(|hash| known.contains(hash));
    Ok(hashes.iter().zip(old).map(|(hash, old)| is_known(hash) || is_empty(old)).collect())
}

/// True if two files have the same kind, bytes and execute permission.
pub(crate) fn are_files_equal(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let (Ok(a), Ok(b)) = (one.symlink_metadata(), other.symlink_metadata()) else { return false };
    if a.is_symlink() && b.is_symlink() {
        return matches!((fs::read_link(one), fs::read_link(other)), (Ok(one), Ok(other)) if one == other);
    }
    let is_executable = |found: &fs::Metadata| found.permissions().mode() & 0o100 != 0;
    a.is_file()
        && b.is_file()
        && a.len() == b.len()
        && is_executable(&a) == is_executable(&b)
        && matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

fn read_known_ids(all: &Path) -> HashSet<Oid> {
    let folders = fs::read_dir(all).into_iter().flatten().flatten().map(|entry| entry.path().join("known"));
    let texts = folders.filter_map(|file| fs::read_to_string(file).ok());
    texts.flat_map(|text| text.lines().filter_map(Oid::parse).collect::<Vec<_>>()).collect()
}

/// Computes each file's object id without any conversion. The content of a link is its target.
fn hash_replaced_files(git: &Git<'_>, old: &[ReplacedFile<'_>]) -> Result<Vec<Option<Oid>>, SyncError> {
    let links = git.private_folder().join("links");
    let _ = fs::remove_dir_all(&links);
    let mut files: Vec<Option<PathBuf>> = Vec::new();
    for (n, old) in old.iter().enumerate() {
        files.push(match old.kind {
            FileKind::File => Some(old.current_path.clone()),
            FileKind::Link => {
                let copy = links.join(n.to_string());
                let target = fs::read_link(&old.current_path).and_then(|target| {
                    fs::create_dir_all(&links)?;
                    fs::write(&copy, target.as_os_str().as_bytes())
                });
                target.is_ok().then_some(copy)
            }
            FileKind::Unreadable => None,
        });
    }
    let args = ["hash-object", "--no-filters", "--stdin-paths"];
    let present: Vec<&Path> = files.iter().flatten().map(PathBuf::as_path).collect();
    let mut hashes = hash_files(git, &args, &present).into_iter();
    let answers = files.iter().map(|file| file.as_ref().and_then(|_| hashes.next().flatten())).collect();
    let _ = fs::remove_dir_all(&links);
    Ok(answers)
}

/// Runs git on many files at once, or one by one if it fails for one of them.
pub(crate) fn hash_files(git: &Git<'_>, args: &[&str], paths: &[&Path]) -> Vec<Option<Oid>> {
    let all = |paths: &[&Path]| -> Option<Vec<Option<Oid>>> {
        let lines: Vec<u8> = paths.iter().flat_map(|path| quote_path_line(path)).collect();
        let hashes = git.run_with_input(args, &lines, &git.private_index()).ok()?;
        let hashes: Vec<Option<Oid>> = String::from_utf8_lossy(&hashes).lines().map(Oid::parse).collect();
        (hashes.len() == paths.len()).then_some(hashes)
    };
    if paths.is_empty() {
        return Vec::new();
    }
    all(paths).unwrap_or_else(|| {
        paths.iter().map(|path| all(&[path]).and_then(|mut hashes| hashes.pop().flatten())).collect()
    })
}

/// Formats a path for `--stdin-paths`: quoted if it contains a newline or begins with a quote.
fn quote_path_line(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    if !bytes.contains(&b'\n') && bytes.first() != Some(&b'"') {
        return [bytes, b"\n"].concat();
    }
    let mut quoted = vec![b'"'];
    for byte in bytes {
        match byte {
            b'\n' => quoted.extend_from_slice(b"\\n"),
            b'"' | b'\\' => quoted.extend_from_slice(&[b'\\', *byte]),
            byte => quoted.push(*byte),
        }
    }
    quoted.extend_from_slice(b"\"\n");
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_a_path_that_a_line_cannot_hold() {
        assert_eq!(quote_path_line(Path::new("a b\\c")), b"a b\\c\n");
        assert_eq!(quote_path_line(Path::new("a\nb\"\\")), b"\"a\\nb\\\"\\\\\"\n");
        assert_eq!(quote_path_line(Path::new("\"a")), b"\"\\\"a\"\n");
    }
}
