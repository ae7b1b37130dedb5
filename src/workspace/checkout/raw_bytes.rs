//! Bytes on the disk that git does not store and cannot write again: a `clean` filter, `ident`, an encoding or a
//! line-end conversion changed them. Before a checkout replaces such a file, its bytes are kept in a ref.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::text::Time;
use crate::workspace::checkout::content_comparison::hash_files;
use crate::workspace::error::SyncError;
use crate::workspace::files::is_regular_file;
use crate::workspace::git::diff::FileDifference;
use crate::workspace::git::{Git, OUTPUT_SIZE_LIMIT};
use crate::workspace::oid::Oid;
use crate::workspace::ref_names;
use crate::workspace::snapshot::Snapshot;

/// Limit for the number of files compared with what git would write. Beyond it, the bytes are kept without comparing.
const COMPARED_FILE_LIMIT: usize = 64;

/// Preserved bytes of files that are about to be replaced.
#[derive(Debug, Default)]
pub(crate) struct PreservedBytes {
    /// Names for `git show` of the bytes that git would not write again.
    pub(crate) object_names: Vec<PathBuf>,
    /// Object ids of all the stored bytes.
    pub(crate) object_ids: Vec<Oid>,
}

/// Preserves the bytes of files that are about to be replaced, if git would not write them again.
pub(crate) fn preserve_bytes(
    git: &Git<'_>,
    snapshot: &Snapshot,
    entries: &[FileDifference],
    now: Time,
) -> Result<PreservedBytes, SyncError> {
    // Withheld files are renamed, not replaced.
    let withheld: HashSet<&Path> = snapshot.withheld.iter().map(|(path, _)| path.as_path()).collect();
    let is_file = |entry: &&FileDifference| {
        entry.modes[0].starts_with("100")
            && !withheld.contains(entry.path())
            && is_regular_file(&git.work_tree.join(entry.path()))
    };
    let files: Vec<&FileDifference> = entries.iter().filter(is_file).collect();
    let names: Vec<&Path> = files.iter().map(|entry| entry.path()).collect();
    let found = store_unconverted(git, &names)?;
    let contents: Vec<Oid> = found.values().cloned().collect();
    let started = Instant::now();
    let mut kept: Vec<(&FileDifference, &Oid)> = Vec::new();
    let mut compared = 0;
    for entry in files {
        let Some(hash) = found.get(entry.path()).filter(|hash| **hash != entry.object_ids[0]) else { continue };
        compared += 1;
        let is_quick = compared <= COMPARED_FILE_LIMIT && started.elapsed() < git.filter_time_limit;
        if !is_quick || !is_reproducible(git, entry, hash) {
            kept.push((entry, hash));
        }
    }
    if kept.is_empty() {
        return Ok(PreservedBytes { object_names: Vec::new(), object_ids: contents });
    }
    let name = format!("{}raw/{}", ref_names::PRIVATE_REF_PREFIX, ref_names::time_stamp(now));
    let mut lines = Vec::new();
    for (entry, hash) in &kept {
        lines.extend_from_slice(format!("{} {hash}\t", entry.modes[0]).as_bytes());
        lines.extend_from_slice(&entry.path);
        lines.push(0);
    }
    let tree = git.build_tree("index.raw", None, &lines)?;
    let commit = git.commit_tree(&tree, &[], "Bytes that git does not store")?;
    git.flush_objects();
    git.run(&["update-ref", &name, &commit])?;
    let shown = |entry: &FileDifference| PathBuf::from(format!("{name}:{}", entry.path().display()));
    Ok(PreservedBytes { object_names: kept.iter().map(|(entry, _)| shown(entry)).collect(), object_ids: contents })
}

/// Stores files byte by byte and returns their object ids. Omits files that are gone or unreadable: a checkout neither
/// replaces nor removes those.
pub(crate) fn store_unconverted<'a>(git: &Git<'_>, names: &[&'a Path]) -> Result<HashMap<&'a Path, Oid>, SyncError> {
    let hashes = hash_files(git, &["hash-object", "-w", "--no-filters", "--stdin-paths"], names);
    git.require_not_cancelled()?;
    Ok(names.iter().zip(hashes).filter_map(|(name, hash)| Some((*name, hash?))).collect())
}

/// True if git would write exactly these bytes from what it stores.
fn is_reproducible(git: &Git<'_>, entry: &FileDifference, raw: &Oid) -> bool {
    let mut path = OsStr::new("--path=").to_owned();
    path.push(entry.path());
    let args = [OsStr::new("cat-file"), OsStr::new("--filters"), &path, OsStr::new(entry.object_ids[0].as_str())];
    let written = git
        .build_command(&args)
        .deadline(git.filter_time_limit)
        .limit(OUTPUT_SIZE_LIMIT)
        .cancel(git.cancel_signal())
        .run_bytes();
    let stored = git.read_blob(raw);
    matches!((written, stored), (Ok(written), Ok(stored)) if written == stored)
}
