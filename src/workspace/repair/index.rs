//! Repair of truncated or empty indexes. git reads a truncated index as a shorter list of files, without an error.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::workspace::error::SyncError;
use crate::workspace::repair::Repairs;

/// Size limit of an index to check, in bytes: that of a million files.
const INDEX_SIZE_LIMIT: u64 = 256 * 1024 * 1024;

/// Files that git derives from all objects and can write again.
pub(super) const DERIVED_FILES: [&str; 2] = ["info/commit-graph", "pack/multi-pack-index"];

/// Length of an index entry before the object id, in bytes: ten fields of four bytes.
const STAT_LENGTH: usize = 40;

impl Repairs<'_> {
    /// Moves broken indexes aside, and broken files that git derives from objects.
    pub(super) fn repair_indexes(&mut self) -> Result<(), SyncError> {
        for index in self.index_files() {
            if is_broken_index(&index) {
                self.replace_index(&index)?;
            }
        }
        for name in DERIVED_FILES {
            let file = self.git_dir.join("objects").join(name);
            if file.is_file() && !is_complete_chunk_file(&file) {
                self.set_aside(&file, format!("{name} was truncated"))?;
            }
        }
        Ok(())
    }

    /// Moves an index aside. The agent's is rebuilt from HEAD, this program's by the next run.
    pub(super) fn replace_index(&mut self, index: &Path) -> Result<(), SyncError> {
        self.move_to_damaged(index)?;
        if index == self.git_dir.join("index") {
            let _unborn = self.run_git(&["read-tree", "HEAD"]);
            self.repairs_done.push("the index was rebuilt from HEAD".to_owned());
        } else {
            self.repairs_done.push("this program's index was broken".to_owned());
        }
        Ok(())
    }

    /// Returns this program's index and the agent's.
    pub(super) fn index_files(&self) -> [PathBuf; 2] {
        ["openclaw-failover/index", "index"].map(|name| self.git_dir.join(name))
    }
}

/// True if a commit-graph or a multi-pack-index is as long as its header says.
fn is_complete_chunk_file(path: &Path) -> bool {
    let (Ok(found), Some(head)) = (path.metadata(), read_header(path)) else { return false };
    let (start, count) = match head.get(..4) {
        Some(b"CGPH") => (8, head.get(6)),
        Some(b"MIDX") => (12, head.get(6)),
        _ => return false,
    };
    // An entry is a 4-byte id and an 8-byte offset; the last one is the offset of the checksum.
    let at = start + 12 * usize::from(count.copied().unwrap_or_default()) + 4;
    let end = head.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    end.is_some_and(|end| [20, 32].iter().any(|hash| end.checked_add(*hash) == Some(found.len())))
}

/// Reads the beginning of a file, with its table of chunks.
fn read_header(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(4096).read_to_end(&mut head).ok()?;
    Some(head)
}

fn is_broken_index(path: &Path) -> bool {
    match path.metadata() {
        Ok(found) if found.is_file() && found.len() <= INDEX_SIZE_LIMIT => {
            fs::read(path).is_ok_and(|bytes| !is_complete_index(&bytes, 20) && !is_complete_index(&bytes, 32))
        }
        _ => false,
    }
}

/// True if the bytes are exactly a header, its number of entries, extensions, and a checksum of `hash` bytes.
fn is_complete_index(bytes: &[u8], hash: usize) -> bool {
    let Some(end) = bytes.len().checked_sub(hash) else { return false };
    let number = |at: usize| {
        let four = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_be_bytes(four.try_into().ok()?) as usize)
    };
    let (Some(version @ 2..=4), Some(count), Some(b"DIRC")) = (number(4), number(8), bytes.get(..4)) else {
        return false;
    };
    let mut at = 12;
    for _ in 0..count {
        let Some(next) = entry_end(bytes, at, hash, version) else { return false };
        at = next;
    }
    while at < end {
        let Some(length) = number(at + 4) else { return false };
        at = at.saturating_add(8).saturating_add(length);
    }
    at == end
}

fn entry_end(bytes: &[u8], start: usize, hash: usize, version: usize) -> Option<usize> {
    let flags = start + STAT_LENGTH + hash;
    let is_extended = bytes.get(flags)? & 0x40 != 0;
    let mut name = flags + if is_extended { 4 } else { 2 };
    if version == 4 {
        // How much of the name before is not in this one, seven bits a byte.
        while bytes.get(name)? & 0x80 != 0 {
            name += 1;
        }
        name += 1;
    }
    let length = bytes.get(name..)?.iter().position(|byte| *byte == 0)?;
    if length == 0 && version < 4 {
        return None;
    }
    let end = name + length;
    if version == 4 {
        return Some(end + 1);
    }
    Some(start + ((end - start + 8) & !7))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::ChildCommand;

    #[test]
    fn an_index_is_whole_in_each_of_gits_versions_and_nothing_shorter_is() {
        for (version, format, hash) in [(2, "sha1", 20), (3, "sha1", 20), (4, "sha1", 20), (2, "sha256", 32)] {
            let dir = tempfile::tempdir().unwrap();
            let script = format!(
                "git init -q --object-format={format} .; echo a >a; mkdir -p b/c; echo b >b/c/d; echo e >e-long-name\n\
                 git add a b; git add -N e-long-name; git write-tree >&2 || :\n\
                 git update-index --index-version {version}"
            );
            ChildCommand::new("sh").args(["-ec", &script]).dir(dir.path()).run().unwrap();
            let bytes = fs::read(dir.path().join(".git/index")).unwrap();
            assert!(is_complete_index(&bytes, hash), "{version} {format}");
            for length in (0..bytes.len()).filter(|length| is_complete_index(&bytes[..*length], hash)) {
                // Truncated inside an extension, an index may look complete; then every file is still in it.
                let has_last = bytes[..length].windows(4).any(|name| name == b"name");
                assert!(has_last && length > bytes.len() / 2, "{version} {format} {length}");
            }
            let mut zeros = bytes.clone();
            zeros[12..].fill(0);
            assert!(!is_complete_index(&zeros, hash), "{version} {format}");
        }
    }
}
