//! Check of replaced files for writes after the checkout, and removal of those that no process can write to.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::text::Time;
use crate::workspace::checkout::checkout_folder::{
    FIRST_CHECK_FILE, FileKind, NO_WRITERS_FILE, ReplacedFile, checkouts_folder, list_replaced_files,
    remove_checkout_folder, remove_new_files, replaced_roots,
};
use crate::workspace::checkout::writers::{self, WriterState};
use crate::workspace::checkout::{aside_names, content_comparison};
use crate::workspace::error::{FileResult, SyncError};
use crate::workspace::git::Git;
use crate::workspace::{boot_clock, ref_names};

/// Time between the two checks without writers after which a file is removed. At the first one, a process may be about
/// to open the file by name.
const REMOVAL_GRACE_PERIOD: Duration = Duration::from_secs(60);

/// Minimum time to keep a file whose writers the kernel does not report.
const UNKNOWN_WRITERS_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Space limit for such files after that time, in bytes.
const UNKNOWN_WRITERS_SPACE_LIMIT: u64 = 256 * 1024 * 1024;

/// Space that the smallest file uses, in bytes.
const BLOCK_SIZE: u64 = 4096;

/// Checks the replaced files of earlier checkouts: names those that changed, and removes those that no process can
/// write to. Returns the names.
pub(crate) fn clean_up_earlier_checkouts(git: &Git<'_>, now: Time) -> Result<Vec<PathBuf>, SyncError> {
    let entries = fs::read_dir(checkouts_folder(git)).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.iter().for_each(|folder| remove_new_files(folder));
    let clock = if folders.is_empty() { None } else { boot_clock::time_since_boot() };
    folders.retain(|folder| {
        !folder.join(NO_WRITERS_FILE).exists() || is_safe_to_remove(folder, WriterState::Closed, clock, 0)
    });
    // Newest first: if space runs out, the oldest are removed.
    folders.sort_by_key(|folder| Reverse(created_at(folder)));
    check_replaced_files(git, &folders, clock, now)
}

/// Names the files of these checkouts that a process may still write to, or whose bytes git does not have, and removes
/// the others once that is safe. Returns the names.
pub(crate) fn check_replaced_files(
    git: &Git<'_>,
    folders: &[PathBuf],
    clock: Option<Duration>,
    now: Time,
) -> Result<Vec<PathBuf>, SyncError> {
    let mut all_old = Vec::new();
    for folder in folders {
        replaced_roots(git, folder)
            .iter()
            .for_each(|root| list_replaced_files(folder, root, Path::new(""), &mut all_old));
    }
    // Writers before bytes: a file without writers does not change in between.
    let writers = detect_writers(git, &all_old);
    let known = content_comparison::are_contents_known(git, &checkouts_folder(git), &all_old)?;
    let (mut named, mut kept_bytes) = (Vec::new(), 0);
    let mut open = HashSet::new();
    for ((old, writers), is_known) in all_old.iter().zip(writers).zip(known) {
        if writers == WriterState::Open || !is_known {
            named.push(aside_names::link_beside(git, &old.current_path, &old.original_path, now).unwrap_or_else(
                |error| {
                    log::warn!(
                        "cannot restore {} from {}: {}",
                        old.original_path.display(),
                        old.current_path.display(),
                        error.message
                    );
                    old.current_path.strip_prefix(git.work_tree).unwrap_or(&old.current_path).to_owned()
                },
            ));
            continue;
        }
        kept_bytes += old.current_path.symlink_metadata().map_or(0, |found| found.len()).max(BLOCK_SIZE);
        if is_safe_to_remove(old.checkout_folder, writers, clock, kept_bytes) {
            fs::remove_file(&old.current_path).or_cannot("remove", &old.current_path)?;
        } else if writers != WriterState::Closed {
            open.insert(old.checkout_folder);
        }
    }
    for folder in folders {
        remove_checkout_folder(git, folder);
        if folder.exists() {
            if let (Some(clock), None) = (clock, first_checked_at(folder)) {
                fs::write(folder.join(FIRST_CHECK_FILE), clock.as_millis().to_string()).or_cannot("write", folder)?;
            }
            if !open.contains(folder.as_path()) {
                fs::write(folder.join(NO_WRITERS_FILE), "").or_cannot("write", folder)?;
            }
        }
    }
    Ok(named)
}

/// True if no process can write to the replaced files of a checkout any more.
fn is_safe_to_remove(folder: &Path, writers: WriterState, clock: Option<Duration>, kept_bytes: u64) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let (boot, this) = (name.split('.').next().unwrap_or_default(), ref_names::boot_id());
    if !boot.is_empty() && !this.is_empty() && boot != this {
        return true;
    }
    let (Some(clock), Some(first_checked)) = (clock, first_checked_at(folder)) else { return false };
    let age = clock.saturating_sub(first_checked);
    match writers {
        WriterState::Open => false,
        WriterState::Closed => age >= REMOVAL_GRACE_PERIOD,
        WriterState::Unknown => age >= UNKNOWN_WRITERS_RETENTION && kept_bytes > UNKNOWN_WRITERS_SPACE_LIMIT,
    }
}

/// Reads the time of the first check, by the clock of its boot.
fn first_checked_at(folder: &Path) -> Option<Duration> {
    fs::read_to_string(folder.join(FIRST_CHECK_FILE)).ok()?.trim().parse().ok().map(Duration::from_millis)
}

/// Reads the time of a checkout from its folder's name, by the clock of its boot.
fn created_at(folder: &Path) -> Option<Duration> {
    let name = folder.file_name()?.to_str()?;
    name.split('.').nth(1)?.parse().ok().map(Duration::from_millis)
}

fn detect_writers(git: &Git<'_>, old: &[ReplacedFile<'_>]) -> Vec<WriterState> {
    let files: Vec<&Path> =
        old.iter().filter(|old| old.kind == FileKind::File).map(|old| old.current_path.as_path()).collect();
    let mut found = writers::detect_writers(git, &files).into_iter();
    // A link cannot be written to.
    let writer_state = |old: &ReplacedFile<'_>| match old.kind {
        FileKind::File => found.next().unwrap_or(WriterState::Unknown),
        FileKind::Link | FileKind::Unreadable => WriterState::Closed,
    };
    old.iter().map(writer_state).collect()
}
