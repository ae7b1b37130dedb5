//! An operator's request for a push.
//!
//! systemd tells a unit that a timer started it, and goes on telling it so at every later start. So a push that a person
//! asks for is announced in a file of root's, and each push reports the last request that it saw.

use std::fs;
use std::path::Path;

use crate::os::atomic_file;

/// The file, which root writes and every user may read.
pub(super) const FILE: &str = "/run/openclaw-sync-push.request";

/// The kernel's source of names that occur once.
const RANDOM: &str = "/proc/sys/kernel/random/uuid";

/// Length limit of a request's name, in bytes.
const ID_LIMIT: usize = 64;

const MODE: u32 = 0o644;

/// Announces a request and returns its name; `None` where this user may not.
pub(super) fn announce(file: &Path) -> Option<String> {
    let id = parse(&fs::read_to_string(RANDOM).ok()?)?;
    match atomic_file::replace(file, MODE, id.as_bytes()) {
        Ok(()) => Some(id),
        Err(why) => {
            log::debug!("{why}");
            None
        }
    }
}

/// Reads the name of the last request.
pub(super) fn last(file: &Path) -> Option<String> {
    let bytes = atomic_file::read(file, ID_LIMIT).ok()??;
    parse(std::str::from_utf8(&bytes).ok()?)
}

/// Parses a request's name: letters, digits and hyphens.
pub(super) fn parse(text: &str) -> Option<String> {
    let id = text.trim_end();
    let is_plain = (1..=ID_LIMIT).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_plain.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_back_and_each_has_a_name_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("request");
        assert_eq!(last(&file), None);
        let first = announce(&file);
        assert_eq!((first.is_some(), last(&file)), (true, first.clone()));
        assert_ne!(announce(&file), first);
        fs::write(&file, "\u{1b}[2J").unwrap();
        assert_eq!(last(&file), None);
        assert_eq!(announce(&dir.path().join("missing/request")), None);
    }
}
