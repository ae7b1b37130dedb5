//! Check of the free disk space for a checkout.

use std::path::Path;

use crate::os::{ChildCommand, CommandError};
use crate::workspace::error::SyncError;
use crate::workspace::git::Git;
use crate::workspace::git::diff::FileDifference;

/// Space that must stay free after a checkout, in bytes.
const DISK_RESERVE: u64 = 16 * 1024 * 1024;

/// Free space that is enough for any workspace, in bytes.
const AMPLE_FREE_SPACE: u64 = 8 * 1024 * 1024 * 1024;

/// Fails if the new files do not fit on the disk. A full disk would leave a half-updated tree.
pub(super) fn require_disk_space(git: &Git<'_>, entries: &[FileDifference]) -> Result<(), SyncError> {
    let Some(free) = free_space(git.work_tree).filter(|free| *free < AMPLE_FREE_SPACE) else { return Ok(()) };
    let mut hashes = String::new();
    for entry in entries {
        if entry.is_file_afterwards() {
            let [_, hash] = &entry.object_ids;
            hashes.push_str(hash);
            hashes.push('\n');
        }
    }
    if hashes.is_empty() {
        return Ok(());
    }
    let sizes = ["cat-file", "--batch-check=%(objectsize)", "--buffer"];
    let sizes = git.run_with_input(&sizes, hashes.as_bytes(), &git.private_index())?;
    let needed: u64 = String::from_utf8_lossy(&sizes).lines().filter_map(|size| size.parse::<u64>().ok()).sum();
    if free < needed.saturating_add(DISK_RESERVE) {
        let message =
            format!("not enough disk space: {needed} bytes plus a reserve of {DISK_RESERVE} needed, {free} bytes free");
        return Err(SyncError::failed(message));
    }
    Ok(())
}

/// Returns the free space for this user in the file system of `dir`, in bytes; `None` if unknown.
fn free_space(dir: &Path) -> Option<u64> {
    let shown: Result<_, CommandError> = ChildCommand::new("stat").args(["-f", "-c", "%a %S", "--"]).arg(dir).run();
    let shown = shown.ok()?.stdout;
    let (blocks, size) = shown.trim().split_once(' ')?;
    blocks.parse::<u64>().ok()?.checked_mul(size.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_room_or_none() {
        assert!(free_space(Path::new("/")).is_some());
        assert_eq!(free_space(Path::new("/nonexistent")), None);
        assert_eq!(free_space(Path::new("/proc")), Some(0));
    }
}
