//! Atomic writes and bounded reads of files, and quarantine of unreadable ones.
//!
//! A file is written under a temporary name and renamed into place. A reader sees the old content or the new one, never
//! a mixture, even after a crash.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::os::{ReadError, read_regular};
use crate::text::Time;

/// Maximum number of quarantined files per name, so that repeated damage does not fill the disk.
const MAX_QUARANTINED_FILES: usize = 8;

/// Failed read, write or quarantine of a file.
#[derive(Debug)]
pub enum FileError {
    /// The file exists but cannot be read.
    Read {
        /// File.
        path: PathBuf,
        /// Error of the system.
        why: io::Error,
    },
    /// A directory, a link, a pipe or a device.
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is larger than any file of this program.
    TooLarge {
        /// File.
        path: PathBuf,
        /// The limit, in bytes.
        max: usize,
    },
    /// The file could not be written. Old content is unchanged.
    Write {
        /// File.
        path: PathBuf,
        /// Error of the system.
        why: io::Error,
    },
    /// The monitor's directory is missing.
    MissingDirectory {
        /// The directory.
        folder: PathBuf,
    },
    /// The trace is missing or empty.
    NoTrace {
        /// File.
        path: PathBuf,
    },
    /// The trace has no event that can be replayed.
    NoEvents {
        /// File.
        path: PathBuf,
        /// The reason, if lines were skipped.
        left_out: Option<String>,
    },
    /// The file could not be renamed.
    Quarantine {
        /// File.
        path: PathBuf,
        /// Error of the system.
        why: io::Error,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, why } => write!(f, "cannot read {}: {why}{}", path.display(), error_hint(why)),
            Self::NotAFile { path } => write!(f, "cannot read {}: it is not a regular file", path.display()),
            Self::TooLarge { path, max } => write!(f, "cannot read {}: it is larger than {max} bytes", path.display()),
            Self::MissingDirectory { folder } => {
                write!(f, "cannot read {}: there is no such folder, so no monitor has run here", folder.display())
            }
            Self::Write { path, why } => write!(f, "cannot write {}: {why}{}", path.display(), error_hint(why)),
            Self::NoTrace { path } => {
                write!(f, "cannot replay {}: there is no such file, or it is empty", path.display())
            }
            Self::NoEvents { path, left_out: None } => {
                write!(f, "cannot replay {}: it holds no events yet", path.display())
            }
            Self::NoEvents { path, left_out: Some(why) } => {
                write!(f, "cannot replay {}: no event in it can be replayed; {why}", path.display())
            }
            Self::Quarantine { path, why } => {
                write!(f, "cannot set aside {}: {why}{}", path.display(), error_hint(why))
            }
        }
    }
}

impl std::error::Error for FileError {}

/// Returns the remedy for common errors.
fn error_hint(why: &io::Error) -> &'static str {
    match why.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; free some space there",
        ErrorKind::ReadOnlyFilesystem => "; its file system is mounted read-only; look for disk errors in `dmesg`",
        ErrorKind::PermissionDenied => "; run this as root or as a member of the monitor's group",
        _ => "",
    }
}

/// Replaces the file at `path` so that it survives a power cut: writes a new file, syncs and renames it, syncs the
/// directory.
///
/// # Errors
/// When any step fails. The old content is then still in place, and no temporary file is left.
pub fn write(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), FileError> {
    let written = write_and_rename(path, mode, bytes, File::sync_all).and_then(|()| sync_directory(path));
    written.map_err(|why| FileError::Write { path: path.to_owned(), why })
}

/// Replaces the file at `path` atomically but without a sync, for files that a reboot makes useless anyway.
///
/// # Errors
/// As [`write()`].
pub fn replace(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), FileError> {
    write_and_rename(path, mode, bytes, |_| Ok(())).map_err(|why| FileError::Write { path: path.to_owned(), why })
}

/// Reads a regular file of at most `max` bytes; `None` if it does not exist.
///
/// # Errors
/// If it is not a regular file, is larger, or cannot be read.
pub fn read(path: &Path, max: usize) -> Result<Option<Vec<u8>>, FileError> {
    // The monitor creates no links in its directory, so a link there is not one of its files.
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(FileError::NotAFile { path: path.to_owned() }),
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(FileError::Read { path: path.to_owned(), why }),
    }
    match read_regular(path, u64::try_from(max).unwrap_or(u64::MAX)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadError::TooLarge { .. }) => Err(FileError::TooLarge { path: path.to_owned(), max }),
        Err(ReadError::NotAFile) => Err(FileError::NotAFile { path: path.to_owned() }),
        Err(ReadError::Io(why)) => Err(FileError::Read { path: path.to_owned(), why }),
    }
}

/// Renames a damaged file to `<name>.unreadable-<unix time>`, for inspection, and returns the new name. Deletes the
/// oldest such files if there are too many.
///
/// # Errors
/// When it cannot be renamed.
pub fn quarantine(path: &Path, now: Time) -> Result<PathBuf, FileError> {
    let mut aside = quarantine_prefix(path);
    aside.push((now.as_millis() / 1000).to_string());
    let aside = path.with_file_name(aside);
    fs::rename(path, &aside).map_err(|why| FileError::Quarantine { path: path.to_owned(), why })?;
    prune_quarantined(path);
    Ok(aside)
}

/// Syncs the directory of `path`, so that a rename or a new file in it survives a power cut.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(parent_directory(path))?.sync_all()
}

fn write_and_rename(
    path: &Path,
    mode: u32,
    bytes: &[u8],
    sync: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(ErrorKind::InvalidInput)?);
    name.push(".new");
    let temporary_path = path.with_file_name(name);
    // A monitor that was killed during a write may have left one.
    remove_if_present(&temporary_path)?;
    let put = write_new_file(&temporary_path, mode, bytes, sync).and_then(|()| fs::rename(&temporary_path, path));
    if put.is_err() {
        // Report the first error. The next write removes a file that stays behind.
        let _ = remove_if_present(&temporary_path);
    }
    put
}

fn write_new_file(path: &Path, mode: u32, bytes: &[u8], sync: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    // The mode given to open() is subject to the umask, so set it explicitly.
    file.set_permissions(Permissions::from_mode(mode))?;
    sync(&file)
}

/// Removes a file; a missing one is no error.
pub(crate) fn remove_if_present(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// Removes the oldest quarantined files. A failed removal is tried again next time.
fn prune_quarantined(path: &Path) {
    let marker = quarantine_prefix(path);
    let since = |name: &OsStr| -> Option<u64> { name.to_str()?.strip_prefix(marker.to_str()?)?.parse().ok() };
    let Ok(entries) = fs::read_dir(parent_directory(path)) else { return };
    let mut aside: Vec<(u64, PathBuf)> =
        entries.flatten().filter_map(|entry| Some((since(&entry.file_name())?, entry.path()))).collect();
    aside.sort_unstable();
    let excess = aside.len().saturating_sub(MAX_QUARANTINED_FILES);
    for (_, path) in aside.into_iter().take(excess) {
        let _ = fs::remove_file(path);
    }
}

/// Returns the prefix of the names of quarantined files.
fn quarantine_prefix(path: &Path) -> OsString {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unreadable-");
    name
}

fn parent_directory(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_written_is_read_with_its_mode_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        fs::write(folder.path().join(".state.json.new"), "left by a kill").unwrap();
        for (mode, text) in [(0o640, "one"), (0o644, "two")] {
            write(&path, mode, text.as_bytes()).unwrap();
            assert_eq!(read(&path, 3).unwrap().unwrap(), text.as_bytes());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        }
        replace(&path, 0o644, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(names(folder.path()), ["state.json"]);
    }

    #[test]
    fn a_failure_is_an_error_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("state.json");
        fs::create_dir(&taken).unwrap();
        fs::write(taken.join("inside"), "").unwrap();
        let error = write(&taken, 0o640, b"new").unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write {}: ", taken.display())), "{error}");
        assert_eq!(names(folder.path()), ["state.json"]);
        assert!(write(&folder.path().join("missing/state.json"), 0o640, b"").is_err());
        assert!(write(Path::new("/"), 0o640, b"").is_err());
    }

    #[test]
    fn only_a_regular_file_of_bounded_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(read(&path, 10).unwrap().is_none());
        fs::write(&path, "eleven chars").unwrap();
        assert!(matches!(read(&path, 11), Err(FileError::TooLarge { max: 11, .. })));
        assert!(read(&path, 12).unwrap().is_some());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read(&link, 99), Err(FileError::NotAFile { .. })));
        assert!(matches!(read(folder.path(), 99), Err(FileError::NotAFile { .. })));
        assert!(matches!(read(Path::new("/dev/zero"), 99), Err(FileError::NotAFile { .. })));
        assert!(matches!(read(&path.join("below"), 99), Err(FileError::Read { .. })));
    }

    #[test]
    fn what_is_set_aside_is_kept_but_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        fs::write(folder.path().join("state.json.unreadable-by-me"), "").unwrap();
        for second in 1..=20 {
            fs::write(&path, second.to_string()).unwrap();
            let aside = quarantine(&path, Time::from_millis(second * 1000 + 1)).unwrap();
            assert_eq!(fs::read_to_string(aside).unwrap(), second.to_string());
        }
        let names = names(folder.path());
        assert_eq!(names.len(), MAX_QUARANTINED_FILES + 1);
        assert!(names.contains(&"state.json.unreadable-20".to_owned()));
        assert!(!names.contains(&"state.json.unreadable-12".to_owned()));
        assert!(quarantine(&path, Time::from_millis(0)).is_err());
    }
}
