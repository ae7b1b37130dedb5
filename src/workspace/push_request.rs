//! Operator's request for an immediate push.
//!
//! systemd sets a variable if a timer started a unit, and keeps it for all later starts. So a unit cannot tell who
//! started it. Instead, root writes the id of a request to a file, and each push reports the last id that it read.

use std::fs;
use std::path::Path;

use crate::os::atomic_file;

/// Request file, written by root and readable by all users.
pub(super) const REQUEST_FILE: &str = "/run/openclaw-sync-push.request";

/// Kernel file that returns a new UUID for each read.
const KERNEL_UUID_FILE: &str = "/proc/sys/kernel/random/uuid";

/// Length limit of a request id, in bytes.
const ID_LENGTH_LIMIT: usize = 64;

const REQUEST_FILE_MODE: u32 = 0o644;

/// Writes a new request and returns its id; `None` if this user may not write the file.
pub(super) fn write_request(file: &Path) -> Option<String> {
    let id = parse_request_id(&fs::read_to_string(KERNEL_UUID_FILE).ok()?)?;
    match atomic_file::replace(file, REQUEST_FILE_MODE, id.as_bytes()) {
        Ok(()) => Some(id),
        Err(why) => {
            log::debug!("{why}");
            None
        }
    }
}

/// Reads the id of the last request.
pub(super) fn read_last_request(file: &Path) -> Option<String> {
    let bytes = atomic_file::read(file, ID_LENGTH_LIMIT).ok()??;
    parse_request_id(std::str::from_utf8(&bytes).ok()?)
}

/// Parses a request id: letters, digits and hyphens.
pub(super) fn parse_request_id(text: &str) -> Option<String> {
    let id = text.trim_end();
    let is_plain =
        (1..=ID_LENGTH_LIMIT).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_plain.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_back_and_each_has_a_name_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("request");
        assert_eq!(read_last_request(&file), None);
        let first = write_request(&file);
        assert_eq!((first.is_some(), read_last_request(&file)), (true, first.clone()));
        assert_ne!(write_request(&file), first);
        fs::write(&file, "\u{1b}[2J").unwrap();
        assert_eq!(read_last_request(&file), None);
        assert_eq!(write_request(&dir.path().join("missing/request")), None);
    }
}
