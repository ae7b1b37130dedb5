//! Lock that keeps two syncs from running at the same time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;
use std::{io, thread};

/// Attempts at taking the lock, and the pause between them.
const LOCK_ATTEMPTS: usize = 100;
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Lock that a sync holds while it runs. The kernel releases it when the process ends.
pub(super) struct SyncLock {
    _file: File,
}

impl SyncLock {
    /// Takes the lock of a state folder; `None` if another run holds it.
    pub(super) fn acquire(state: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().create(true).read(true).append(true).open(state.join("lock"))?;
        // A child process that another thread is starting holds copies of all files until it runs `exec`.
        for _ in 0..LOCK_ATTEMPTS {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { _file: file })),
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_RETRY_INTERVAL),
                Err(TryLockError::Error(why)) => return Err(why),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_comes_free_with_its_last_holder() {
        let dir = tempfile::tempdir().unwrap();
        let held = SyncLock::acquire(dir.path()).unwrap().unwrap();
        assert!(SyncLock::acquire(dir.path()).unwrap().is_none());
        drop(held);
        assert!(SyncLock::acquire(dir.path()).unwrap().is_some());
        assert!(SyncLock::acquire(&dir.path().join("missing")).is_err());
    }
}
