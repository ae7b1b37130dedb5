//! Bounded reads of regular files that never block on another process.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// `O_NONBLOCK` on every Linux architecture of the releases: opening a pipe does not wait for its other end.
pub(crate) const O_NONBLOCK: i32 = 0o4000;

/// Fails if the path is a symbolic link: Linux's `O_NOFOLLOW`, which differs between architectures.
#[cfg(any(target_arch = "arm", target_arch = "aarch64", target_arch = "powerpc64"))]
pub(crate) const O_NOFOLLOW: i32 = 0o100_000;
#[cfg(not(any(target_arch = "arm", target_arch = "aarch64", target_arch = "powerpc64")))]
pub(crate) const O_NOFOLLOW: i32 = 0o400_000;

/// Failed read of a file.
#[derive(Debug)]
pub enum ReadError {
    /// Error of the system.
    Io(io::Error),
    /// A directory, a pipe, a socket or a device.
    NotAFile,
    /// More bytes than allowed.
    TooLarge {
        /// The limit, in bytes.
        max: u64,
    },
}

impl ReadError {
    /// True if the file does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io(why) if why.kind() == ErrorKind::NotFound)
    }
}

/// Opens a regular file. Anything else is refused before it is read.
///
/// # Errors
/// If it cannot be opened or is not a regular file.
pub fn open_regular(path: &Path) -> Result<File, ReadError> {
    // Checked before, because opening a device can have effects, and after, because the file may have been replaced.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(ReadError::NotAFile);
    }
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path).map_err(ReadError::Io)?;
    match file.metadata() {
        Ok(found) if found.is_file() => Ok(file),
        Ok(_) => Err(ReadError::NotAFile),
        Err(why) => Err(ReadError::Io(why)),
    }
}

/// Reads a regular file of at most `max` bytes.
///
/// # Errors
/// If it cannot be read, is not a regular file, or is larger.
pub fn read_regular(path: &Path, max: u64) -> Result<Vec<u8>, ReadError> {
    read_bounded(open_regular(path)?, max)
}

/// Reads text of at most `max` bytes from an open file.
///
/// # Errors
/// If it cannot be read, is larger, or is not UTF-8.
pub fn read_text(file: impl Read, max: u64) -> Result<String, ReadError> {
    let not_text = |_| ReadError::Io(io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"));
    String::from_utf8(read_bounded(file, max)?).map_err(not_text)
}

fn read_bounded(file: impl Read, max: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > max { Err(ReadError::TooLarge { max }) } else { Ok(bytes) }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(why) if why.kind() == ErrorKind::NotFound => f.write_str("it does not exist"),
            Self::Io(why) => f.write_str(&crate::text::strip_error_numbers(&why.to_string())),
            Self::NotAFile => f.write_str("it is not a regular file"),
            Self::TooLarge { max } if *max >= 1024 => write!(f, "it is larger than {} KiB", max / 1024),
            Self::TooLarge { max } => write!(f, "it is larger than {max} bytes"),
        }
    }
}

impl std::error::Error for ReadError {}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn only_regular_files_are_read_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let said = |path: &Path| read_regular(path, 10).map_err(|why| why.to_string());
        std::fs::write(path("file"), "0123456789").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        assert_eq!(said(&path("file")).unwrap(), b"0123456789");
        assert_eq!(said(&path("link")).unwrap(), b"0123456789");
        std::fs::write(path("file"), "0123456789a").unwrap();
        assert_eq!(said(&path("file")).unwrap_err(), "it is larger than 10 bytes");

        let made = Command::new("mkfifo").arg(path("pipe")).status();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        let mut special = vec![path("socket"), folder.path().to_owned(), "/dev/zero".into()];
        special.extend(made.is_ok_and(|status| status.success()).then(|| path("pipe")));
        for special in special {
            assert_eq!(said(&special).unwrap_err(), "it is not a regular file", "{}", special.display());
        }
        assert_eq!(said(&path("missing")).unwrap_err(), "it does not exist");
        assert!(read_regular(&path("missing"), 1).unwrap_err().is_missing());
    }
}
