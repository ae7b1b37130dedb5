//! Differences between two trees.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::workspace::error::SyncError;
use crate::workspace::git::Git;
use crate::workspace::oid::Oid;

/// One line of `git diff-tree`: a path, and its versions on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileDifference {
    pub(crate) path: Vec<u8>,
    /// Modes before and after, `000000` if absent.
    pub(crate) modes: [String; 2],
    /// Object ids before and after.
    pub(crate) object_ids: [Oid; 2],
}

impl FileDifference {
    /// Returns the path in the workspace.
    pub(crate) fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }

    /// True if the path is a file or a link before.
    pub(crate) fn is_file_before(&self) -> bool {
        is_file_mode(&self.modes[0])
    }

    /// True if the path is a file or a link afterwards.
    pub(crate) fn is_file_afterwards(&self) -> bool {
        is_file_mode(&self.modes[1])
    }

    /// True if the path is a nested repository afterwards.
    pub(crate) fn is_repository_afterwards(&self) -> bool {
        self.modes[1] == "160000"
    }
}

/// True unless the mode means absent or a nested repository, which git leaves alone.
fn is_file_mode(mode: &str) -> bool {
    !matches!(mode, "000000" | "160000")
}

/// Lists the differences between two trees or commits.
pub(crate) fn diff_trees(git: &Git<'_>, from: &str, to: &str) -> Result<Vec<FileDifference>, SyncError> {
    let found = git.run_for_bytes(&["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", from, to])?;
    parse_differences(&found).ok_or_else(|| SyncError::failed("cannot parse the output of git diff-tree"))
}

/// Parses a sequence of `:mode mode hash hash status NUL path NUL`.
fn parse_differences(found: &[u8]) -> Option<Vec<FileDifference>> {
    let mut parts = found.split(|byte| *byte == 0);
    let mut entries = Vec::new();
    while let (Some(meta), Some(path)) = (parts.next(), parts.next()) {
        let meta = String::from_utf8_lossy(meta);
        let mut fields = meta.trim_start_matches(':').split(' ');
        let modes = [fields.next()?.to_owned(), fields.next()?.to_owned()];
        let object_ids = [Oid::parse(fields.next()?)?, Oid::parse(fields.next()?)?];
        entries.push(FileDifference { path: path.to_owned(), modes, object_ids });
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_read_byte_by_byte() {
        let [a, b, none] = ["a", "b", "0"].map(|digit| digit.repeat(40));
        let found = format!(":100644 000000 {a} {none} D\0a\nb\0:000000 120000 {none} {b} A\0");
        let entries = parse_differences(&[found.as_bytes(), b"\xff\0"].concat()).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].path.as_slice(), entries[0].object_ids[0].as_str()), (&b"a\nb"[..], a.as_str()));
        assert_eq!((entries[1].path.as_slice(), entries[1].modes[1].as_str()), (&b"\xff"[..], "120000"));
        assert!(parse_differences(b"").unwrap().is_empty());
        assert!(parse_differences(b":100644 000000 aa 00 D\0a\0").is_none());
    }
}
