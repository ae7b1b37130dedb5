//! Recovery from an interrupted checkout: which files it changed, and what they were before.
//!
//! Before a checkout begins, `refs/openclaw-failover/applying` is set to a commit that records it: its first parent is
//! the state of the files, the other parents are what they were to become. After a crash, a file is either old, new or
//! missing, because each file is renamed as a whole. These three count as the checkout's doing; any other content is an
//! edit and counts.
//!
//! After a power cut, a file may also hold only the first part of its new content, because its data was not flushed.
//! That is possible up to a minute after a checkout has ended, so its record stays that long as
//! `refs/openclaw-failover/applied`. Each record names the boot and the time on its clock.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::text::Time;
use crate::workspace::checkout::{aside_names, raw_bytes, replacement};
use crate::workspace::error::SyncError;
use crate::workspace::files::is_beyond_link;
use crate::workspace::git::Git;
use crate::workspace::git::diff::diff_trees;
use crate::workspace::git::refs::{Head, Refs};
use crate::workspace::oid::Oid;
use crate::workspace::snapshot::{Snapshot, reset_index_to_head};
use crate::workspace::{boot_clock, ref_names};

/// Limit for the number of files checked for a partial write after a power cut.
const PARTIAL_FILE_LIMIT: usize = 64;

/// Size limit of a file compared with its new content, in bytes. A longer file counts as an edit.
const COMPARED_SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// Names of the files with rules for git: what is private, and what a filter encrypts.
const RULES: [&str; 2] = [".gitignore", ".gitattributes"];

/// Time after which written data is on the disk; the kernel flushes after half a minute at most.
const WRITEBACK_TIME_LIMIT: Duration = Duration::from_secs(60);

/// Records the beginning of a checkout, together with those of an earlier interrupted one. The record's own tree is
/// never read.
pub(super) fn record_checkout(
    git: &Git<'_>,
    refs: &Refs,
    from: Option<&Oid>,
    to: &Oid,
    tree: &Oid,
) -> Result<Oid, SyncError> {
    let from = match from {
        Some(from) => from.clone(),
        // A first checkout comes from no commit. After a power cut its files must be known as well.
        None => git.commit_tree(&Oid::empty_tree(to.is_sha256()), &[], "Nothing")?,
    };
    let mut versions = vec![from, to.clone()];
    if let Some(applying) = &refs.interrupted_checkout {
        versions.extend(parents_of(git, applying)?);
    }
    let boot = format!("{}@{}", ref_names::boot_id(), boot_clock::time_since_boot().unwrap_or_default().as_millis());
    // If the ref were on the disk and its commit were not, git could read no ref.
    let mut args = vec!["-c", "core.fsync=committed", "commit-tree", "-m", boot.as_str(), tree];
    let mut seen = HashSet::new();
    for version in versions.iter().filter(|version| seen.insert(version.as_str())) {
        args.extend(["-p", version.as_str()]);
    }
    let record = git.run_for_oid(&args)?;
    git.run(&["update-ref", "--no-deref", ref_names::INTERRUPTED_CHECKOUT_REF, &record])?;
    Ok(record)
}

/// Checkout that may have left partial files.
pub(super) struct InterruptedCheckout {
    record: Oid,
    /// True if the host was rebooted since, so that files may be written partially.
    is_of_earlier_boot: bool,
}

/// Finds checkouts that may have left partial files: one that was interrupted, and one that a power cut may have partly
/// undone.
pub(super) fn find_interrupted_checkouts(git: &Git<'_>, refs: &Refs) -> Result<Vec<InterruptedCheckout>, SyncError> {
    let mut suspects = Vec::new();
    if let Some(applying) = &refs.interrupted_checkout {
        suspects.push(InterruptedCheckout {
            record: applying.clone(),
            is_of_earlier_boot: time_since_checkout(git, applying)?.is_none(),
        });
    }
    if let Some(applied) = &refs.finished_checkout {
        match time_since_checkout(git, applied)? {
            None => suspects.push(InterruptedCheckout { record: applied.clone(), is_of_earlier_boot: true }),
            Some(age) if age > WRITEBACK_TIME_LIMIT => {
                drop(git.run(&["update-ref", "-d", ref_names::FINISHED_CHECKOUT_REF])?)
            }
            Some(_) => {}
        }
    }
    Ok(suspects)
}

/// Returns the time since a checkout was recorded; `None` if that was before a reboot.
fn time_since_checkout(git: &Git<'_>, record: &Oid) -> Result<Option<Duration>, SyncError> {
    let message = git.run_for_value(&["show", "--no-patch", "--format=%B", record])?;
    let (boot, made) = message.split_once('@').unwrap_or((&message, ""));
    let made = Duration::from_millis(made.trim().parse().unwrap_or_default());
    let now = boot_clock::time_since_boot().unwrap_or_default();
    Ok((boot == ref_names::boot_id()).then(|| now.saturating_sub(made)))
}

/// Returns the snapshot's tree with the changes of interrupted checkouts taken out.
pub(super) fn tree_without_interrupted_changes(
    git: &Git<'_>,
    suspects: &[InterruptedCheckout],
    snapshot: &Snapshot,
) -> Result<Oid, SyncError> {
    if suspects.is_empty() {
        return Ok(snapshot.tree.clone());
    }
    let (others, has_restarted) = others(git, suspects)?;
    let known = versions_of_files(git, &snapshot.base_tree, &others)?;
    let mut unexplained = 0;
    let mut restored = Vec::new();
    for entry in diff_trees(git, &snapshot.base_tree, &snapshot.tree)? {
        let Some(contents) = known.get(&entry.path) else { continue };
        let [_, now] = &entry.object_ids;
        let is_gone = entry.modes[1] == "000000";
        let is_explained = is_gone
            || contents.contains(now)
            || has_restarted && {
                unexplained += 1;
                unexplained <= PARTIAL_FILE_LIMIT && is_partial_copy(git, now, contents)?
            };
        if is_explained {
            let ([mode, _], [hash, _]) = (&entry.modes, &entry.object_ids);
            restored.extend_from_slice(format!("{mode} {hash}\t").as_bytes());
            restored.extend_from_slice(&entry.path);
            restored.push(0);
        }
    }
    if restored.is_empty() {
        // No partial file is left to repair.
        git.run(&["update-ref", "-d", ref_names::FINISHED_CHECKOUT_REF])?;
        return Ok(snapshot.tree.clone());
    }
    git.build_tree("index.mended", Some(&snapshot.tree), &restored)
}

/// Restores files with rules for git that an interrupted checkout has left missing or partial, from the commit that is
/// checked out. A snapshot without them would contain private files, and secrets in plain text. Returns the new names
/// of the partial files.
pub(super) fn restore_rules(
    git: &Git<'_>,
    suspects: &[InterruptedCheckout],
    head: &Head,
    now: Time,
) -> Result<Vec<PathBuf>, SyncError> {
    let Some(base) = head.commit.as_ref().filter(|_| !suspects.is_empty()) else { return Ok(Vec::new()) };
    let (others, has_restarted) = others(git, suspects)?;
    let mut lost: Vec<PathBuf> = Vec::new();
    let mut aside = Vec::new();
    for (path, contents) in versions_of_files(git, base, &others)? {
        let path = Path::new(OsStr::from_bytes(&path));
        if !RULES.iter().any(|name| path.ends_with(name)) || is_beyond_link(git.work_tree, path) {
            continue;
        }
        match git.work_tree.join(path).symlink_metadata() {
            Err(_) => lost.push(path.to_owned()),
            Ok(found) if found.is_file() && has_restarted && is_torn(git, path, &contents)? => {
                aside.extend(aside_names::move_aside(git, path, now)?);
                lost.push(path.to_owned());
            }
            Ok(_) => {}
        }
    }
    if !lost.is_empty() {
        reset_index_to_head(git, head)?;
        replacement::restore_deleted_files(git, |path| lost.iter().any(|lost| lost == path))?;
    }
    Ok(aside)
}

fn is_torn(git: &Git<'_>, path: &Path, contents: &HashSet<Oid>) -> Result<bool, SyncError> {
    let stored = raw_bytes::store_unconverted(git, &[path])?;
    let Some(hash) = stored.get(path).filter(|hash| !contents.contains(*hash)) else { return Ok(false) };
    is_partial_copy(git, hash, contents)
}

/// Returns the commits before and after these checkouts, and true if the host was rebooted after one of them.
fn others(git: &Git<'_>, suspects: &[InterruptedCheckout]) -> Result<(Vec<Oid>, bool), SyncError> {
    let mut others = Vec::new();
    for suspect in suspects {
        others.extend(parents_of(git, &suspect.record)?);
    }
    Ok((others, suspects.iter().any(|suspect| suspect.is_of_earlier_boot)))
}

/// Returns the versions of each file that the interrupted checkouts touch.
fn versions_of_files(git: &Git<'_>, base: &Oid, others: &[Oid]) -> Result<HashMap<Vec<u8>, HashSet<Oid>>, SyncError> {
    let mut known: HashMap<Vec<u8>, HashSet<Oid>> = HashMap::new();
    for other in others {
        for entry in diff_trees(git, base, other)? {
            known.entry(entry.path).or_default().extend(entry.object_ids);
        }
    }
    Ok(known)
}

fn is_partial_copy(git: &Git<'_>, partial: &Oid, contents: &HashSet<Oid>) -> Result<bool, SyncError> {
    let Some(least) = git.object_size(partial).filter(|size| *size <= COMPARED_SIZE_LIMIT) else { return Ok(false) };
    let mut longer = contents
        .iter()
        .filter(|whole| git.object_size(whole).is_some_and(|size| (least..=COMPARED_SIZE_LIMIT).contains(&size)));
    let Some(first) = longer.next() else { return Ok(false) };
    let partial = git.read_blob(partial)?;
    for whole in [first].into_iter().chain(longer) {
        if git.read_blob(whole)?.starts_with(&partial) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn parents_of(git: &Git<'_>, commit: &Oid) -> Result<Vec<Oid>, SyncError> {
    let found = git.run(&["rev-parse", &format!("{commit}^@")])?;
    Ok(found.lines().filter_map(Oid::parse).collect())
}
