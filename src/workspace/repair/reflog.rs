//! Reflogs of branches and of HEAD, used to restore a lost value.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::workspace::oid::Oid;

/// Size limit of the part read at a log's end, in bytes.
const TAIL_SIZE_LIMIT: u64 = 256 * 1024;

/// Entry: the new value of the ref, and the message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReflogEntry {
    pub(super) commit: Oid,
    pub(super) message: String,
}

/// Reads the last entries of a log, newest first.
pub(super) fn read_last_entries(log: &Path) -> Vec<ReflogEntry> {
    let mut tail = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_SIZE_LIMIT)))?;
        file.take(TAIL_SIZE_LIMIT).read_to_end(&mut tail)
    });
    if read.is_err() {
        return Vec::new();
    }
    String::from_utf8_lossy(&tail).lines().rev().filter_map(parse_entry).collect()
}

/// Parses `old new name <mail> seconds zone TAB message`.
fn parse_entry(line: &str) -> Option<ReflogEntry> {
    let (head, message) = line.split_once('\t').unwrap_or((line, ""));
    let commit = head.split(' ').nth(1).and_then(parse_object_id)?;
    Some(ReflogEntry { commit, message: message.to_owned() })
}

/// Parses a full object id other than the null id.
pub(super) fn parse_object_id(text: &str) -> Option<Oid> {
    Oid::parse(text).filter(|id| is_object_id(id))
}

/// True if this is a full object id other than the null id.
pub(super) fn is_object_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entry_comes_first_and_a_torn_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (zero, a, b) = ("0".repeat(40), "a".repeat(40), "b".repeat(40));
        let log = format!("{zero} {a} x <x> 1 +0000\tclone: from u\n{a} {b} x <x> 2 +0000\tcommit: y\n{b} \0\0\0\n");
        std::fs::write(dir.path().join("log"), log).unwrap();
        let entries = read_last_entries(&dir.path().join("log"));
        assert_eq!(entries.iter().map(|entry| entry.commit.as_str()).collect::<Vec<_>>(), [&b, &a]);
        assert_eq!(entries[1].message, "clone: from u");
        assert_eq!(read_last_entries(&dir.path().join("none")), []);
    }
}
