//! Text file next to a report with all names of its lists, one on each line, if the report cannot hold them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::os::atomic_file;
use crate::workspace::report::Names;
use crate::workspace::report::names::LISTS_LIMIT;
use crate::workspace::report::write::MODE;

/// Size limit of the file, in bytes: the names of a million files.
const FILE_LIMIT: usize = 64 * 1024 * 1024;

/// Returns the path of a report's list file.
#[must_use]
pub fn file(report: &Path) -> PathBuf {
    report.with_extension("names.txt")
}

/// Writes the list file if the lists do not fit into the report, and removes an older one otherwise.
pub(super) fn write(report: &Path, lists: &[(&str, &Names)]) -> Result<(), atomic_file::Error> {
    let file = file(report);
    let size: usize = lists.iter().flat_map(|(_, names)| &names.listed).map(|name| name.len() + 3).sum();
    // Twice the size, because JSON escapes quotes.
    if size * 2 <= LISTS_LIMIT {
        return match fs::remove_file(&file) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(atomic_file::Error::Write { path: file, why }),
            _ => Ok(()),
        };
    }
    let mut text = String::new();
    for (title, name) in lists.iter().flat_map(|(title, names)| names.listed.iter().map(move |name| (title, name))) {
        if text.len() + name.len() > FILE_LIMIT {
            break;
        }
        text.push_str(&format!("{title}: {name}\n"));
    }
    atomic_file::write(&file, MODE, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_report_are_all_in_the_file_and_it_goes_with_them() {
        let dir = tempfile::tempdir().unwrap();
        let report = dir.path().join("push.json");
        let many = Names::of((0..9000).map(|n| format!("notes/{n}.env looks like a secret")));
        write(&report, &[("not committed", &many)]).unwrap();
        let text = fs::read_to_string(dir.path().join("push.names.txt")).unwrap();
        assert_eq!(text.lines().count(), 9000);
        assert!(text.ends_with("not committed: notes/8999.env looks like a secret\n"));
        write(&report, &[("not committed", &Names::of(["a".to_owned()]))]).unwrap();
        assert!(!file(&report).exists());
    }
}
