//! Reflogs of branches and of HEAD, used to restore a lost value.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Size limit of the part read at a log's end, in bytes.
const TAIL_LIMIT: u64 = 256 * 1024;

/// Entry: the new value of the ref, and the message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) commit: String,
    pub(super) message: String,
}

/// Reads the last entries of a log, newest first.
pub(super) fn read(log: &Path) -> Vec<Entry> {
    let mut tail = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_LIMIT)))?;
        file.take(TAIL_LIMIT).read_to_end(&mut tail)
    });
    if read.is_err() {
        return Vec::new();
    }
    String::from_utf8_lossy(&tail).lines().rev().filter_map(entry).collect()
}

/// Parses `old new name <mail> seconds zone TAB message`.
fn entry(line: &str) -> Option<Entry> {
    let (head, message) = line.split_once('\t').unwrap_or((line, ""));
    let commit = head.split(' ').nth(1).filter(|hash| is_hash(hash))?;
    Some(Entry { commit: commit.to_owned(), message: message.to_owned() })
}

/// True if this is a full object id other than the null id.
pub(super) fn is_hash(text: &str) -> bool {
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
        let entries = read(&dir.path().join("log"));
        assert_eq!(entries.iter().map(|entry| entry.commit.as_str()).collect::<Vec<_>>(), [&b, &a]);
        assert_eq!(entries[1].message, "clone: from u");
        assert_eq!(read(&dir.path().join("none")), []);
    }
}
