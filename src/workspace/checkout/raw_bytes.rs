//! Bytes on the disk that git does not store and cannot write again: a `clean` filter, `ident`, an encoding or a
//! line-end conversion changed them. Before a checkout replaces such a file, its bytes are kept in a ref.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::text::Time;
use crate::workspace::checkout::contents::hash_files;
use crate::workspace::crash_recovery::Entry;
use crate::workspace::error::Stop;
use crate::workspace::git::{ANSWER, Git};
use crate::workspace::ref_names;
use crate::workspace::snapshot::Image;

/// Limit for the number of files compared with what git would write. Beyond it, the bytes are kept without comparing.
const COMPARED_LIMIT: usize = 64;

/// Preserved bytes of files that are about to be replaced.
#[derive(Debug, Default)]
pub(in crate::workspace) struct Kept {
    /// Names for `git show` of the bytes that git would not write again.
    pub(in crate::workspace) names: Vec<PathBuf>,
    /// Object ids of all the stored bytes.
    pub(in crate::workspace) contents: Vec<String>,
}

/// Preserves the bytes of files that are about to be replaced, if git would not write them again.
pub(in crate::workspace) fn keep(git: &Git<'_>, image: &Image, entries: &[Entry], now: Time) -> Result<Kept, Stop> {
    // Withheld files are renamed, not replaced.
    let withheld: HashSet<&Path> = image.withheld.iter().map(|(path, _)| path.as_path()).collect();
    let is_file = |entry: &&Entry| {
        entry.modes[0].starts_with("100") && !withheld.contains(entry.path()) && is_file(&git.dir.join(entry.path()))
    };
    let files: Vec<&Entry> = entries.iter().filter(is_file).collect();
    let names: Vec<&Path> = files.iter().map(|entry| entry.path()).collect();
    let found = store(git, &names)?;
    let contents: Vec<String> = found.values().cloned().collect();
    let started = Instant::now();
    let mut kept: Vec<(&Entry, &String)> = Vec::new();
    let mut compared = 0;
    for entry in files {
        let Some(hash) = found.get(entry.path()).filter(|hash| **hash != entry.hashes[0]) else { continue };
        compared += 1;
        let is_quick = compared <= COMPARED_LIMIT && started.elapsed() < git.filter_limit;
        if !is_quick || !is_written_again(git, entry, hash) {
            kept.push((entry, hash));
        }
    }
    if kept.is_empty() {
        return Ok(Kept { names: Vec::new(), contents });
    }
    let name = format!("{}raw/{}", ref_names::PRIVATE, ref_names::stamp(now));
    let mut lines = Vec::new();
    for (entry, hash) in &kept {
        lines.extend_from_slice(format!("{} {hash}\t", entry.modes[0]).as_bytes());
        lines.extend_from_slice(&entry.path);
        lines.push(0);
    }
    let index = git.own_folder().join("index.raw");
    git.on_index(&index, &["read-tree", "--empty"])?;
    git.feed(&["update-index", "-z", "--index-info"], &lines, &index)?;
    let tree = git.on_index(&index, &["write-tree"])?;
    let commit = crate::workspace::git::merge::commit(git, &tree, &[], "Bytes that git does not store")?;
    git.flush();
    git.run(&["update-ref", &name, &commit])?;
    let shown = |entry: &Entry| PathBuf::from(format!("{name}:{}", entry.path().display()));
    Ok(Kept { names: kept.iter().map(|(entry, _)| shown(entry)).collect(), contents })
}

/// Stores files byte by byte and returns their object ids. Omits files that are gone or unreadable: a checkout neither
/// replaces nor removes those.
pub(in crate::workspace) fn store<'a>(git: &Git<'_>, names: &[&'a Path]) -> Result<HashMap<&'a Path, String>, Stop> {
    let hashes = hash_files(git, &["hash-object", "-w", "--no-filters", "--stdin-paths"], names);
    git.go_on()?;
    Ok(names.iter().zip(hashes).filter_map(|(name, hash)| Some((*name, hash?))).collect())
}

/// True if git would write exactly these bytes from what it stores.
fn is_written_again(git: &Git<'_>, entry: &Entry, raw: &str) -> bool {
    let mut path = OsStr::new("--path=").to_owned();
    path.push(entry.path());
    let args = [OsStr::new("cat-file"), OsStr::new("--filters"), &path, OsStr::new(entry.hashes[0].as_str())];
    let written = git.command(&args).deadline(git.filter_limit).limit(ANSWER).cancel(git.cancel()).run_bytes();
    let stored = git.list(&["cat-file", "blob", raw]);
    matches!((written, stored), (Ok(written), Ok(stored)) if written == stored)
}

fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
}
