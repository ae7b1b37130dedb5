//! Locks that a git which was killed has left behind. Those of branches and of the index are removed elsewhere
//! (`agent`), for the agent's own git may hold them at this moment.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Repairs, words};

/// Age from which a lock is left over that only a git of the agent's could hold: none holds one for so long.
const LEFT_OVER_AGE: Duration = Duration::from_secs(60 * 60);

/// Locks that `agent` looks after.
const OTHERS: [&str; 5] = ["index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock"];

impl Repairs<'_> {
    /// Sets aside locks that no running git holds.
    pub(super) fn repair_locks(&mut self) -> Result<(), String> {
        let own = self.git_dir.join("openclaw-failover");
        // No other run has its turn now, and only runs use this folder.
        let mut left_over = locks(&own);
        let folders = ["", "objects/info", "objects/pack"].map(|name| self.git_dir.join(name));
        let mut theirs: Vec<PathBuf> = folders.iter().flat_map(locks).collect();
        // git makes it under the lock of the packed refs, and refuses to make it where it is.
        theirs.push(self.git_dir.join("packed-refs.new"));
        left_over.extend(theirs.into_iter().filter(|lock| age(lock).is_some_and(|age| age > LEFT_OVER_AGE)));
        for lock in left_over {
            self.set_aside(&lock).map_err(words)?;
            self.done.push(format!("{} was left over", lock.file_name().unwrap_or_default().to_string_lossy()));
        }
        Ok(())
    }
}

/// Age of a file; `None` if it is gone. One from the future is as old as can be. A clock that is set makes git fail at
/// most in what it does to find objects faster: locks of commits and of the index are not judged by it.
fn age(path: &Path) -> Option<Duration> {
    let made = path.symlink_metadata().and_then(|found| found.modified()).ok()?;
    Some(SystemTime::now().duration_since(made).unwrap_or(Duration::MAX))
}

fn locks(folder: &PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_lock = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".lock") && !OTHERS.contains(&name.as_ref())
    };
    entries.filter(|path| path.is_file() && is_lock(path)).collect()
}
