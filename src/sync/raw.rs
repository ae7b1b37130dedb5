//! Bytes of the disk that git does not store and would not write again: what a `clean` filter, `ident`, an encoding or
//! the ends of lines have changed. Before a move replaces such a file, its bytes are kept in a ref that stays.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::git::{ANSWER, Git};
use super::image::Image;
use super::names;
use super::stop::{Stop, Why};
use super::torn::Entry;
use crate::failover::Time;

/// Files whose bytes are compared with what git would write; those of more are kept without asking.
const COMPARED_LIMIT: usize = 64;

/// Keeps the bytes of files that are about to be replaced, as far as git has not got them. Returns names by which
/// `git show` prints them.
pub(super) fn keep(git: &Git<'_>, image: &Image, entries: &[Entry], now: Time) -> Result<Vec<PathBuf>, Stop> {
    // What is withheld is not replaced, but renamed.
    let withheld: HashSet<&Path> = image.withheld.iter().map(|(path, _)| path.as_path()).collect();
    let is_file = |entry: &&Entry| {
        entry.modes[0].starts_with("100") && !withheld.contains(entry.path()) && is_file(&git.dir.join(entry.path()))
    };
    let files: Vec<&Entry> = entries.iter().filter(is_file).collect();
    let names: Vec<&Path> = files.iter().map(|entry| entry.path()).collect();
    let found = store(git, &names)?;
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
        return Ok(Vec::new());
    }
    let name = format!("{}raw/{}", names::PRIVATE, names::stamp(now));
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
    let commit = super::merge::commit(git, &tree, &[], "Bytes that git does not store")?;
    git.flush();
    git.run(&["update-ref", &name, &commit])?;
    let shown = |entry: &Entry| PathBuf::from(format!("{name}:{}", entry.path().display()));
    Ok(kept.iter().map(|(entry, _)| shown(entry)).collect())
}

/// Stores files as they are, byte by byte. Returns the names of their contents. What is gone or closed to us by now is
/// left out: a move neither replaces nor removes it.
pub(super) fn store<'a>(git: &Git<'_>, names: &[&'a Path]) -> Result<HashMap<&'a Path, String>, Stop> {
    let is_line = |name: &&&Path| !name.as_os_str().as_bytes().contains(&b'\n');
    let (lines, others): (Vec<&Path>, Vec<&Path>) = names.iter().partition(|name| is_line(name));
    let mut found = HashMap::new();
    let mut list = Vec::new();
    for name in &lines {
        list.extend_from_slice(b"./");
        list.extend_from_slice(name.as_os_str().as_bytes());
        list.push(b'\n');
    }
    let args = ["hash-object", "-w", "--no-filters", "--stdin-paths"];
    let is_complete = lines.is_empty()
        || match git.feed(&args, &list, &git.own_index()) {
            Ok(said) => {
                let hashes = String::from_utf8_lossy(&said).lines().map(str::to_owned).collect::<Vec<_>>();
                found.extend(lines.iter().copied().zip(hashes));
                found.len() == lines.len()
            }
            Err(Stop { why: Why::Failed, .. }) => false,
            Err(stop) => return Err(stop),
        };
    let rest: &[&Path] = if is_complete { &others } else { names };
    for name in rest {
        let args = [OsStr::new("hash-object"), OsStr::new("-w"), OsStr::new("--no-filters"), OsStr::new("--")];
        let args: Vec<&OsStr> = args.into_iter().chain([name.as_os_str()]).collect();
        match git.command(&args).run() {
            Ok(said) => {
                found.insert(*name, said.stdout.trim().to_owned());
            }
            Err(why) => log::warn!("the bytes of {} are not kept: {}", name.display(), why.reason()),
        }
    }
    Ok(found)
}

/// True if git would write these bytes again of what it stores.
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
