//! File `status.json`.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::os::atomic_file::{self, FileError};
use crate::os::load_or_quarantine;
use crate::status::Status;
use crate::text::json_fields::RecordError;

/// Limit on the size of the file, in bytes.
const MAX_STATUS_BYTES: usize = 256 * 1024;

/// Reason why there is no status.
#[derive(Debug)]
pub enum StatusError {
    /// There is no such file.
    Missing(PathBuf),
    /// The file cannot be read.
    File(FileError),
    /// The file has no status.
    Record(PathBuf, RecordError),
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "there is no {}", path.display()),
            Self::File(why) => why.fmt(f),
            Self::Record(path, why) => write!(f, "cannot use {}: {why}", path.display()),
        }
    }
}

impl std::error::Error for StatusError {}

impl Status {
    /// Replaces the file atomically, readable by every user. It is not synced: it is on tmpfs, and is stale after a
    /// reboot.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        let text = format!("{}\n", self.to_json().to_pretty());
        atomic_file::replace(path, 0o644, text.as_bytes())
    }

    /// Reads `status.json`.
    ///
    /// # Errors
    /// Returns an error if there is no such file, or if it is not a status.
    pub fn load(path: &Path) -> Result<Self, StatusError> {
        let bytes = atomic_file::read(path, MAX_STATUS_BYTES).map_err(StatusError::File)?;
        let bytes = bytes.ok_or_else(|| StatusError::Missing(path.to_owned()))?;
        Self::from_json(&bytes).map_err(|why| StatusError::Record(path.to_owned(), why))
    }

    /// Parses the output of [`Status::to_json`]. The caller bounds the length.
    ///
    /// # Errors
    /// Returns an error if it is not a status.
    pub fn from_json(bytes: &[u8]) -> Result<Self, RecordError> {
        Self::from_value(&load_or_quarantine::parse_record(bytes)?.value)
    }
}
