//! Parser for reports as untrusted input: an agent may run any program as the user that writes them.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::os::{O_NOFOLLOW, O_NONBLOCK};
use crate::text::json;
use crate::workspace::paths::{PULL_SERVICE, PUSH_SERVICE};
use crate::workspace::report::fields::Field;
use crate::workspace::report::name_list::LISTS_SIZE_LIMIT;

/// Size limit of a report, in bytes: the lists, and everything else.
const REPORT_SIZE_LIMIT: u64 = LISTS_SIZE_LIMIT as u64 + 32 * 1024;

/// Error for a report that cannot be read.
#[derive(Debug)]
pub struct ReportError {
    path: PathBuf,
    reason: String,
}

/// Returns the operation that writes the report at this path, and its unit.
fn writer_of(path: &Path) -> (&'static str, &'static str) {
    if path.ends_with("push.json") { ("a push", PUSH_SERVICE) } else { ("a pull", PULL_SERVICE) }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, reason: why } = self;
        write!(f, "cannot read {}: {why}; `systemctl start {}` writes a new one", path.display(), writer_of(path).1)
    }
}

impl std::error::Error for ReportError {}

/// Reads a report of either kind.
pub(super) fn read_report<T: Field>(path: &Path, owner: u32) -> Result<Option<T>, ReportError> {
    let fail = |why: String| ReportError { path: path.to_owned(), reason: why };
    let content = match read_untrusted(path, owner) {
        Ok(content) => content,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(fail(why.to_string())),
    };
    let value = json::parse(&content).map_err(|why| fail(why.to_string()))?;
    let (writer, _) = writer_of(path);
    let report =
        T::parse(&value, "the report").map_err(|key| fail(format!("{key} is missing or invalid for {writer}")))?;
    Ok(Some(report))
}

/// Reads a short file that must be a regular file of the user id `owner`. That user may have replaced it by anything.
///
/// # Errors
/// If it is not such a file, or longer than 96 KiB.
pub(crate) fn read_untrusted(path: &Path, owner: u32) -> io::Result<String> {
    read_owned_file(OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path)?, owner)
}

fn read_owned_file(file: File, owner: u32) -> io::Result<String> {
    let found = file.metadata()?;
    if !found.is_file() || found.uid() != owner {
        return Err(io::Error::other(format!("it is not a regular file owned by user {owner}")));
    }
    let mut content = String::new();
    file.take(REPORT_SIZE_LIMIT + 1).read_to_string(&mut content)?;
    if content.len() as u64 > REPORT_SIZE_LIMIT {
        return Err(io::Error::other(format!("it is larger than {REPORT_SIZE_LIMIT} bytes")));
    }
    Ok(content)
}
