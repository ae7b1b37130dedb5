//! Lock against a second monitor on the same state directory: both would drive the gateway.
//!
//! The lock is on the directory itself, not on a file in it, so that a full or read-only disk does not keep the monitor
//! from starting. The kernel releases the lock when the process ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{io, thread};

use crate::config::paths::Paths;
use crate::monitor::error::MonitorError;
use crate::os::atomic_file;
use crate::text::to_printable;

/// Attempts before a lock counts as held or a socket as served, and the pause between them. A child process holds
/// copies of all file descriptors between fork and exec, and a killed process keeps its own until it has ended.
const ATTEMPTS: usize = 50;
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Size limit of a `/proc` file, in bytes.
const MAX_PROC_FILE_BYTES: usize = 1 << 20;

/// Length limit of a quoted command, in characters.
const MAX_COMMAND_CHARS: usize = 200;

/// Lock that the monitor holds until it ends.
#[derive(Debug)]
pub(super) struct InstanceLock {
    _folder: File,
}

/// Error of taking the lock.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another process holds it.
    Held {
        /// State directory.
        folder: PathBuf,
        /// The other process, as far as it is visible.
        holder: String,
    },
    /// The directory cannot be locked: missing, no permission, or a file system without locks.
    Unavailable(io::Error),
}

impl InstanceLock {
    /// Locks the state directory.
    pub(super) fn acquire(folder: &Path) -> Result<Self, LockError> {
        let file = File::open(folder).map_err(LockError::Unavailable)?;
        for _ in 0..ATTEMPTS {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _folder: file }),
                Err(TryLockError::WouldBlock) => thread::sleep(RETRY_PAUSE),
                Err(TryLockError::Error(why)) => return Err(LockError::Unavailable(why)),
            }
        }
        Err(LockError::Held { folder: folder.to_owned(), holder: describe_holder(&file) })
    }
}

/// Describes the process that holds the lock: its id, and its command if `/proc` shows it.
fn describe_holder(file: &File) -> String {
    let inode = file.metadata().map_or(0, |found| found.ino());
    let locks = read_proc_file("/proc/locks");
    let Some(pid) = locks.lines().find_map(|line| parse_flock_holder(line, inode)) else {
        return "another process, not listed in /proc/locks".to_owned();
    };
    let command = read_proc_file(&format!("/proc/{pid}/cmdline")).replace('\0', " ");
    match to_printable(command.trim(), MAX_COMMAND_CHARS) {
        command if command.is_empty() => format!("process {pid}"),
        command => format!("process {pid} ({command})"),
    }
}

fn read_proc_file(path: &str) -> String {
    let content = atomic_file::read(Path::new(path), MAX_PROC_FILE_BYTES).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&content).into_owned()
}

/// Parses a line of `/proc/locks` such as `1: FLOCK  ADVISORY  WRITE 4711 fe:00:131072 0 EOF`. Returns the process if
/// the line is about this inode.
fn parse_flock_holder(line: &str, inode: u64) -> Option<u32> {
    let mut fields = line.split_whitespace().skip(1);
    let is_held = fields.next()? == "FLOCK";
    let pid: u32 = fields.nth(2)?.parse().ok()?;
    let locked: u64 = fields.next()?.rsplit(':').next()?.parse().ok()?;
    (is_held && locked == inode && pid != 0).then_some(pid)
}

/// True if `path` is a socket on which a process listens at every attempt.
pub(super) fn is_listening(path: &Path) -> bool {
    let can_connect = || fs::symlink_metadata(path).is_ok() && UnixStream::connect(path).is_ok();
    (0..ATTEMPTS).all(|attempt| {
        if attempt > 0 {
            thread::sleep(RETRY_PAUSE);
        }
        can_connect()
    })
}

/// Refuses to start beside another monitor. The lock alone does not find a monitor whose state directory was replaced
/// after it started, but that monitor still listens on the control socket.
pub(super) fn take_lock(paths: &Paths) -> Result<(Option<InstanceLock>, Option<String>), MonitorError> {
    let lock_and_warning = lock_state_dir(paths)?;
    let socket = paths.control_socket();
    if is_listening(&socket) {
        let holder = format!("a process that listens on {}", socket.display());
        return Err(MonitorError::AlreadyRunning { folder: paths.run_dir.clone(), holder });
    }
    Ok(lock_and_warning)
}

/// Locks the state directory against other monitors. If locking is impossible, the monitor runs with a warning.
fn lock_state_dir(paths: &Paths) -> Result<(Option<InstanceLock>, Option<String>), MonitorError> {
    match InstanceLock::acquire(&paths.state_dir) {
        Ok(lock) => Ok((Some(lock), None)),
        Err(LockError::Held { folder, holder }) => Err(MonitorError::AlreadyRunning { folder, holder }),
        Err(LockError::Unavailable(why)) => Ok((
            None,
            Some(format!(
                "cannot lock {} ({why}), so a second monitor could start; make sure that only \
                 openclaw-failover.service runs",
                paths.state_dir.display()
            )),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_holder_and_releases_the_lock_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = InstanceLock::acquire(folder.path()).unwrap();
        let Err(LockError::Held { holder, .. }) = InstanceLock::acquire(folder.path()) else { panic!("not held") };
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
        drop(first);
        assert!(InstanceLock::acquire(folder.path()).is_ok());
    }

    #[test]
    fn reports_an_unlockable_directory_as_unavailable() {
        let folder = tempfile::tempdir().unwrap();
        let missing = InstanceLock::acquire(&folder.path().join("missing"));
        assert!(matches!(missing, Err(LockError::Unavailable(_))), "{missing:?}");
    }

    #[test]
    fn only_locks_of_this_inode_name_their_holder() {
        let line = "3: FLOCK  ADVISORY  WRITE 4711 fe:00:131072 0 EOF";
        assert_eq!(parse_flock_holder(line, 131_072), Some(4711));
        assert_eq!(parse_flock_holder(line, 131_073), None);
        assert_eq!(parse_flock_holder(&line.replace("FLOCK", "POSIX"), 131_072), None);
        assert_eq!(parse_flock_holder("3: -> FLOCK  ADVISORY  WRITE 4712 fe:00:131072 0 EOF", 131_072), None);
        assert_eq!(parse_flock_holder("", 0), None);
    }
}
