//! Loader for persistent files. An unreadable file is renamed, so that it is neither used nor overwritten.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::os::atomic_file;
use crate::text::Time;
use crate::text::json::{self, Node};
use crate::text::json_fields::RecordError;

/// Unreadable file and the result of its quarantine.
#[derive(Debug)]
pub struct UnreadableFile {
    /// The file.
    pub path: PathBuf,
    /// Reason, as a clause after "is not used: ".
    pub reason: String,
    /// New name; or the error of the rename, after which the next write replaces the file.
    pub quarantined: Result<PathBuf, atomic_file::FileError>,
    /// Consequence for the monitor.
    pub consequence: &'static str,
}

impl fmt::Display for UnreadableFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not used: {}; ", self.path.display(), self.reason)?;
        match &self.quarantined {
            Ok(aside) => write!(f, "it is kept as {}; ", aside.display())?,
            Err(error) => write!(f, "{error}; ")?,
        }
        f.write_str(self.consequence)
    }
}

/// Reads a JSON file of at most `max` bytes; `None` if it does not exist. A file that `understand` rejects is renamed
/// with `now`, the wall clock's time, in its name. `so` states the consequence.
pub(crate) fn load_or_quarantine<T>(
    path: &Path,
    max: usize,
    now: Time,
    so: &'static str,
    understand: impl FnOnce(&Node) -> Result<T, RecordError>,
) -> Result<Option<T>, UnreadableFile> {
    let understood = match atomic_file::read(path, max) {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => parse_record(&bytes).and_then(|node| understand(&node)),
        Err(error) => Err(RecordError::new(error.to_string())),
    };
    understood.map(Some).map_err(|why| {
        let aside = atomic_file::quarantine(path, now);
        UnreadableFile { path: path.to_owned(), reason: why.to_string(), quarantined: aside, consequence: so }
    })
}

/// Parses a JSON text that this program wrote.
pub(crate) fn parse_record(bytes: &[u8]) -> Result<Node, RecordError> {
    if bytes.iter().all(|byte| matches!(byte, 0 | b' ' | b'\n')) {
        return Err(RecordError::new("it is empty, as after a power cut"));
    }
    let text = str::from_utf8(bytes).map_err(|error| RecordError::new(error.to_string()))?;
    Ok(json::parse(text)?)
}
