//! Check of the free disk space for a checkout.

use std::path::Path;

use crate::os::{Command, CommandError};
use crate::workspace::crash_recovery::Entry;
use crate::workspace::error::{Stop, Why};
use crate::workspace::git::Git;

/// Space that must stay free after a checkout, in bytes.
const SPARE: u64 = 16 * 1024 * 1024;

/// Free space that is enough for any workspace, in bytes.
const PLENTY: u64 = 8 * 1024 * 1024 * 1024;

/// Fails if the new files do not fit on the disk. A full disk would leave a half-updated tree.
pub(super) fn require(git: &Git<'_>, entries: &[Entry]) -> Result<(), Stop> {
    let Some(free) = free(git.dir).filter(|free| *free < PLENTY) else { return Ok(()) };
    let mut hashes = String::new();
    for entry in entries {
        if entry.is_file_afterwards() {
            let [_, hash] = &entry.hashes;
            hashes.push_str(hash);
            hashes.push('\n');
        }
    }
    if hashes.is_empty() {
        return Ok(());
    }
    let sizes = ["cat-file", "--batch-check=%(objectsize)", "--buffer"];
    let sizes = git.feed(&sizes, hashes.as_bytes(), &git.own_index())?;
    let needed: u64 = String::from_utf8_lossy(&sizes).lines().filter_map(|size| size.parse::<u64>().ok()).sum();
    if free < needed.saturating_add(SPARE) {
        let said = format!("not enough disk space: {needed} bytes plus a reserve of {SPARE} needed, {free} bytes free");
        return Err(Stop::new(Why::Failed, said));
    }
    Ok(())
}

/// Returns the free space for this user in the file system of `dir`, in bytes; `None` if unknown.
fn free(dir: &Path) -> Option<u64> {
    let shown: Result<_, CommandError> = Command::new("stat").args(["-f", "-c", "%a %S", "--"]).arg(dir).run();
    let shown = shown.ok()?.stdout;
    let (blocks, size) = shown.trim().split_once(' ')?;
    blocks.parse::<u64>().ok()?.checked_mul(size.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_room_or_none() {
        assert!(free(Path::new("/")).is_some());
        assert_eq!(free(Path::new("/nonexistent")), None);
        assert_eq!(free(Path::new("/proc")), Some(0));
    }
}
