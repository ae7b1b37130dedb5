//! Bytes of old files, compared with what git has.
//!
//! A file counts as known if its very bytes are a content that a move has noted. Where git converts on the way, as line
//! ends and filters do, a second look asks git for files that it would commit as they were. Bytes that git cannot make
//! again from a commit are stored as they are, under `refs/openclaw-failover/raw/…`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::git::Git;
use super::merge;
use super::names;
use super::replaced::{INDEX, Kind, Old};
use super::stop::Stop;
use crate::failover::Time;

/// Names of files with contents that were looked at twice, and are in git in one form or another.
pub(super) const CONVERTED: &str = "converted";

/// Says of each old file whether its bytes are in git. `all` is the folder with the folders of all moves.
pub(super) fn are_known(git: &Git<'_>, all: &Path, old: &[Old<'_>], now: Time) -> Result<Vec<bool>, Stop> {
    if old.is_empty() {
        return Ok(Vec::new());
    }
    let known = read_known(all);
    let hashes = hash(git, old)?;
    let is_known = |hash: &Option<String>| hash.as_ref().is_some_and(|hash| known.contains(hash));
    let mut answers: Vec<bool> = hashes.iter().map(is_known).collect();
    let unknown = |n: &usize| !answers[*n] && old[*n].kind == Kind::File && hashes[*n].is_some();
    let unknown: Vec<usize> = (0..old.len()).filter(unknown).collect();
    let converted = converted(git, old, &unknown);
    converted.iter().for_each(|n| answers[*n] = true);
    keep_converted(git, all, old, (&converted, &hashes), now)?;
    // A file without a byte holds nothing that could be lost.
    for (answer, old) in answers.iter_mut().zip(old) {
        *answer |= old.kind == Kind::File && old.file.metadata().is_ok_and(|found| found.len() == 0);
    }
    Ok(answers)
}

/// True if two files are of the same kind, with the same bytes and the same permission to execute.
pub(super) fn are_equal(one: &Path, other: &Path) -> bool {
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

fn read_known(all: &Path) -> HashSet<String> {
    let folders = fs::read_dir(all).into_iter().flatten().flatten().map(|entry| entry.path().join("known"));
    let files: Vec<PathBuf> = folders.chain([all.join(CONVERTED)]).collect();
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Names the bytes of each file as git would, without any conversion. A link's bytes are the path that it holds.
fn hash(git: &Git<'_>, old: &[Old<'_>]) -> Result<Vec<Option<String>>, Stop> {
    let links = git.own_folder().join("links");
    let _ = fs::remove_dir_all(&links);
    let mut files: Vec<Option<PathBuf>> = Vec::new();
    for (n, old) in old.iter().enumerate() {
        files.push(match old.kind {
            Kind::File => Some(old.file.clone()),
            Kind::Link => {
                let copy = links.join(n.to_string());
                let target = fs::read_link(&old.file).and_then(|target| {
                    fs::create_dir_all(&links)?;
                    fs::write(&copy, target.as_os_str().as_bytes())
                });
                target.is_ok().then_some(copy)
            }
            Kind::Other => None,
        });
    }
    let args = ["hash-object", "--no-filters", "--stdin-paths"];
    let present: Vec<&Path> = files.iter().flatten().map(PathBuf::as_path).collect();
    let mut hashes = hash_files(git, &args, &present).into_iter();
    let answers = files.iter().map(|file| file.as_ref().and_then(|_| hashes.next().flatten())).collect();
    let _ = fs::remove_dir_all(&links);
    Ok(answers)
}

/// Finds the files that git, which converts as their paths demand, would commit as they were before the move.
fn converted(git: &Git<'_>, old: &[Old<'_>], unknown: &[usize]) -> Vec<usize> {
    let mut by_root: HashMap<(&Path, &Path), Vec<usize>> = HashMap::new();
    for n in unknown {
        by_root.entry((old[*n].folder, &old[*n].root)).or_default().push(*n);
    }
    let mut found = Vec::new();
    for ((folder, root), mut numbers) in by_root {
        let Ok(changed) = git.changed_at(root, &folder.join(INDEX)) else { continue };
        let changed: HashSet<&[u8]> = changed.split(|byte| *byte == 0).collect();
        numbers.retain(|n| !changed.contains(old[*n].path.as_os_str().as_bytes()));
        found.extend(numbers);
    }
    found
}

/// Has git name many files at once, or one after the other where one of them is more than git can read.
fn hash_files(git: &Git<'_>, args: &[&str], paths: &[&Path]) -> Vec<Option<String>> {
    let all = |paths: &[&Path]| -> Option<Vec<Option<String>>> {
        let lines: Vec<u8> = paths.iter().flat_map(|path| line(path)).collect();
        let hashes = git.feed(args, &lines, &git.own_index()).ok()?;
        let hashes: Vec<Option<String>> =
            String::from_utf8_lossy(&hashes).lines().map(|hash| Some(hash.to_owned())).collect();
        (hashes.len() == paths.len()).then_some(hashes)
    };
    if paths.is_empty() {
        return Vec::new();
    }
    all(paths).unwrap_or_else(|| {
        paths.iter().map(|path| all(&[path]).and_then(|mut hashes| hashes.pop().flatten())).collect()
    })
}

/// One path as `--stdin-paths` reads it: in quotes where it holds a line's end or begins with a quote.
fn line(path: &Path) -> Vec<u8> {
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

/// Stores the bytes that git cannot make again from what it has, and notes that all of these files were looked at.
fn keep_converted(
    git: &Git<'_>,
    all: &Path,
    old: &[Old<'_>],
    (converted, hashes): (&[usize], &[Option<String>]),
    now: Time,
) -> Result<(), Stop> {
    if converted.is_empty() {
        return Ok(());
    }
    let lost: Vec<&Old<'_>> = converted.iter().map(|n| &old[*n]).filter(|old| !is_restored(git, old)).collect();
    if !lost.is_empty() {
        store(git, &lost, now)?;
    }
    let mut text = fs::read_to_string(all.join(CONVERTED)).unwrap_or_default();
    for hash in converted.iter().filter_map(|n| hashes[*n].as_ref()) {
        text.push_str(&format!("{hash}\n"));
    }
    let path = all.join(CONVERTED);
    fs::write(&path, text).map_err(|why| Stop::file("write", &path, &why))
}

/// Stores bytes as they are, in a commit of their own that this program never deletes.
fn store(git: &Git<'_>, lost: &[&Old<'_>], now: Time) -> Result<(), Stop> {
    let files: Vec<&Path> = lost.iter().map(|old| old.file.as_path()).collect();
    let stored = hash_files(git, &["hash-object", "-w", "--no-filters", "--stdin-paths"], &files);
    let mut lines = Vec::new();
    for (old, hash) in lost.iter().zip(stored) {
        let hash = hash.ok_or_else(|| Stop::file("store", &old.file, &std::io::ErrorKind::InvalidData.into()))?;
        lines.extend_from_slice(format!("100644 {hash}\t").as_bytes());
        lines.extend_from_slice(old.path.as_os_str().as_bytes());
        lines.push(0);
    }
    let index = git.own_folder().join("index.raw");
    git.on_index(&index, &["read-tree", "--empty"])?;
    git.feed(&["update-index", "-z", "--index-info"], &lines, &index)?;
    let tree = git.on_index(&index, &["write-tree"])?;
    let commit = merge::commit(git, &tree, &[], "Bytes of replaced files, as they were on the disk")?;
    git.run(&["update-ref", &format!("{}raw/{}", names::PRIVATE, names::stamp(now)), &commit])?;
    Ok(())
}

/// True if a checkout of what git had at this path would make the same bytes.
fn is_restored(git: &Git<'_>, old: &Old<'_>) -> bool {
    let Some(path) = old.path.to_str() else { return false };
    let made = git.list_on(&old.folder.join(INDEX), &["cat-file", "--filters", &format!(":0:{path}")]);
    made.is_ok_and(|made| fs::read(&old.file).is_ok_and(|bytes| bytes == made))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_a_path_that_a_line_cannot_hold() {
        assert_eq!(line(Path::new("a b\\c")), b"a b\\c\n");
        assert_eq!(line(Path::new("a\nb\"\\")), b"\"a\\nb\\\"\\\\\"\n");
        assert_eq!(line(Path::new("\"a")), b"\"\\\"a\"\n");
    }
}
