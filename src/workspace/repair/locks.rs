//! Removal of stale locks of a killed git. `repo_cleanup` handles those of branches and of the index, because the
//! agent's git may hold them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::workspace::error::SyncError;
use crate::workspace::repair::Repairs;

/// Age from which a lock is stale; git holds none of these for so long.
const STALE_LOCK_AGE: Duration = Duration::from_secs(60 * 60);

/// Locks that `repo_cleanup` handles.
const CLEANUP_LOCKS: [&str; 5] = ["index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock"];

impl Repairs<'_> {
    /// Moves locks aside that no running git holds.
    pub(super) fn repair_locks(&mut self) -> Result<(), SyncError> {
        let own = self.git_dir.join("openclaw-failover");
        // Only syncs use this folder, and no other sync runs now.
        let mut left_over = list_locks(&own);
        let folders = ["", "objects/info", "objects/pack"].map(|name| self.git_dir.join(name));
        let mut theirs: Vec<PathBuf> = folders.iter().flat_map(list_locks).collect();
        // git creates this file while it holds the lock of the packed refs, and fails if it exists.
        theirs.push(self.git_dir.join("packed-refs.new"));
        left_over.extend(theirs.into_iter().filter(|lock| age(lock).is_some_and(|age| age > STALE_LOCK_AGE)));
        for lock in left_over {
            let name = lock.file_name().unwrap_or_default().to_string_lossy();
            self.set_aside(&lock, format!("{name} was a stale lock"))?;
        }
        Ok(())
    }
}

/// Returns the age of a file; `None` if it is gone, and the maximum for a time in the future. A clock that was set may
/// remove a lock too early, but only one of files that help git to find objects faster: `repo_cleanup` judges the locks
/// of commits and of the index by another clock.
fn age(path: &Path) -> Option<Duration> {
    let made = path.symlink_metadata().and_then(|found| found.modified()).ok()?;
    Some(SystemTime::now().duration_since(made).unwrap_or(Duration::MAX))
}

fn list_locks(folder: &PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_lock = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".lock") && !CLEANUP_LOCKS.contains(&name.as_ref())
    };
    entries.filter(|path| path.is_file() && is_lock(path)).collect()
}
