//! The lock that keeps a second monitor off the same state folder: both would drive the gateway.
//!
//! The folder itself is locked and not a file in it, so that a disk that is full or read-only keeps no monitor from
//! watching. The kernel releases the lock with the process, however that ends.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::host::printable;
use crate::report::durable;

/// The tries at a lock that is held, and the pause in between: a child that is being started holds copies of all
/// files until it is another program.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// The longest `/proc` file that is read, in bytes.
const LONGEST_PROC_FILE: usize = 1 << 20;

/// The longest command that is quoted, in characters.
const LONGEST_COMMAND: usize = 200;

/// Held as long as the monitor lives.
#[derive(Debug)]
pub(super) struct InstanceLock {
    _folder: File,
}

/// The reason why the lock is not held.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process holds it.
    Held {
        /// The state folder.
        folder: PathBuf,
        /// The process, as far as it is visible.
        holder: String,
    },
    /// The folder cannot be locked: it is missing, closed to this user, or on a file system without locks.
    Unavailable(io::Error),
}

impl InstanceLock {
    /// Locks the state folder.
    pub(super) fn take(folder: &Path) -> Result<Self, LockError> {
        let file = File::open(folder).map_err(LockError::Unavailable)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _folder: file }),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(why)) => return Err(LockError::Unavailable(why)),
            }
        }
        Err(LockError::Held { folder: folder.to_owned(), holder: describe_holder(&file) })
    }
}

/// The process that holds the lock: its id, and its command where `/proc` shows it.
fn describe_holder(file: &File) -> String {
    let inode = file.metadata().map_or(0, |found| found.ino());
    let locks = proc_file("/proc/locks");
    let Some(pid) = locks.lines().find_map(|line| flock_holder(line, inode)) else {
        return "another process, which /proc/locks does not name".to_owned();
    };
    let command = proc_file(&format!("/proc/{pid}/cmdline")).replace('\0', " ");
    match printable(command.trim(), LONGEST_COMMAND) {
        command if command.is_empty() => format!("process {pid}"),
        command => format!("process {pid} ({command})"),
    }
}

fn proc_file(path: &str) -> String {
    let content = durable::read(Path::new(path), LONGEST_PROC_FILE).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&content).into_owned()
}

/// The process of a line such as `1: FLOCK  ADVISORY  WRITE 4711 fe:00:131072 0 EOF`, if the line is of this inode.
fn flock_holder(line: &str, inode: u64) -> Option<u32> {
    let mut fields = line.split_whitespace().skip(1);
    let is_held = fields.next()? == "FLOCK";
    let pid: u32 = fields.nth(2)?.parse().ok()?;
    let locked: u64 = fields.next()?.rsplit(':').next()?.parse().ok()?;
    (is_held && locked == inode && pid != 0).then_some(pid)
}

/// True if `path` is a socket on which some process listens, and goes on to: one that was killed takes a moment to end.
pub(super) fn is_listening(path: &Path) -> bool {
    let connects = || fs::symlink_metadata(path).is_ok() && UnixStream::connect(path).is_ok();
    (0..TRIES).all(|attempt| {
        if attempt > 0 {
            thread::sleep(PAUSE);
        }
        connects()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_the_folder_and_the_lock_ends_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let first = InstanceLock::take(folder.path()).unwrap();
        let Err(LockError::Held { holder, .. }) = InstanceLock::take(folder.path()) else { panic!("not held") };
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
        drop(first);
        assert!(InstanceLock::take(folder.path()).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_locked_is_not_taken_for_one_that_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let missing = InstanceLock::take(&folder.path().join("missing"));
        assert!(matches!(missing, Err(LockError::Unavailable(_))), "{missing:?}");
    }

    #[test]
    fn only_locks_of_this_inode_name_their_holder() {
        let line = "3: FLOCK  ADVISORY  WRITE 4711 fe:00:131072 0 EOF";
        assert_eq!(flock_holder(line, 131_072), Some(4711));
        assert_eq!(flock_holder(line, 131_073), None);
        assert_eq!(flock_holder(&line.replace("FLOCK", "POSIX"), 131_072), None);
        assert_eq!(flock_holder("3: -> FLOCK  ADVISORY  WRITE 4712 fe:00:131072 0 EOF", 131_072), None);
        assert_eq!(flock_holder("", 0), None);
    }
}
