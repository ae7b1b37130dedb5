//! Stale locks: those of a git that was killed, distinguished from those that a git holds at this moment.
//!
//! The time of a lock's file says nothing: a clock that is set makes a lock that is held look old, and a left-over one
//! new. So a lock counts as left over when it has been the same file for long enough on the clock of this boot.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::workspace::git::Git;
use crate::workspace::{boot_clock, ref_names};

/// Name of the file that records the lock that was seen last.
const NOTE: &str = "lock-seen";

/// Identity of a lock's file; `None` if there is no file of that name.
pub(super) fn identity(lock: &Path) -> Option<String> {
    let found = lock.symlink_metadata().ok().filter(|found| !found.is_dir())?;
    Some(format!("{}:{}:{}.{}", found.dev(), found.ino(), found.mtime(), found.mtime_nsec()))
}

/// Returns the time for which a lock is known to exist; the maximum for one of an earlier boot, which has no holder.
pub(super) fn held_for(git: &Git<'_>, lock: &Path) -> Duration {
    let note = git.private_folder().join(NOTE);
    let (Some(identity), Some(now)) = (identity(lock), boot_clock::time_since_boot()) else { return Duration::ZERO };
    let noted = fs::read_to_string(&note).unwrap_or_default();
    let parts: Vec<&str> = noted.split_whitespace().collect();
    if let [known, boot, first] = parts[..]
        && known == identity
    {
        let first = Duration::from_millis(first.parse().unwrap_or_default());
        return if boot == ref_names::boot_id() { now.saturating_sub(first) } else { Duration::MAX };
    }
    if let Err(why) = fs::write(&note, format!("{identity} {} {}\n", ref_names::boot_id(), now.as_millis())) {
        log::warn!("cannot write {}: {why}", note.display());
    }
    Duration::ZERO
}
