//! Text file next to a report with all names of its lists, one on each line, if the report cannot hold them.

use std::path::{Path, PathBuf};

use crate::os::atomic_file;
use crate::workspace::report::name_list::{LISTS_SIZE_LIMIT, NameList};

/// Readable by all users, because the monitor is another user. Reports hold no secrets.
pub(super) const REPORT_MODE: u32 = 0o644;

/// Size limit of the file, in bytes: the names of a million files.
const FILE_SIZE_LIMIT: usize = 64 * 1024 * 1024;

/// Returns the path of a report's list file.
pub fn path_for(report: &Path) -> PathBuf {
    report.with_extension("names.txt")
}

/// Writes the list file if the lists do not fit into the report, and removes an older one otherwise.
pub(super) fn write_or_remove(report: &Path, lists: &[(&str, &NameList)]) -> Result<(), atomic_file::FileError> {
    let file = path_for(report);
    let size: usize = lists.iter().flat_map(|(_, names)| &names.listed).map(|name| name.len() + 3).sum();
    // Twice the size, because JSON escapes quotes.
    if size * 2 <= LISTS_SIZE_LIMIT {
        let removed = atomic_file::remove_if_present(&file);
        return removed.map_err(|why| atomic_file::FileError::Write { path: file, why });
    }
    let mut text = String::new();
    for (title, name) in lists.iter().flat_map(|(title, names)| names.listed.iter().map(move |name| (title, name))) {
        if text.len() + name.len() > FILE_SIZE_LIMIT {
            break;
        }
        text.push_str(&format!("{title}: {name}\n"));
    }
    atomic_file::write(&file, REPORT_MODE, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_beyond_the_report_are_all_in_the_file_and_it_goes_with_them() {
        let dir = tempfile::tempdir().unwrap();
        let report = dir.path().join("push.json");
        let many = NameList::from_names((0..9000).map(|n| format!("notes/{n}.env looks like a secret")));
        write_or_remove(&report, &[("not committed", &many)]).unwrap();
        let text = fs::read_to_string(dir.path().join("push.names.txt")).unwrap();
        assert_eq!(text.lines().count(), 9000);
        assert!(text.ends_with("not committed: notes/8999.env looks like a secret\n"));
        write_or_remove(&report, &[("not committed", &NameList::from_names(["a".to_owned()]))]).unwrap();
        assert!(!path_for(&report).exists());
    }
}
