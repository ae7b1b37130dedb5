//! Files of this repository, for tests that read its source.

use std::fs;
use std::path::{Path, PathBuf};

/// Reads the files of these kinds (`rs`, `md`, …) below a folder of the repository, by their paths in that folder.
/// Build results and git's own files are left out.
pub fn read_source_files(folder: &str, kinds: &[&str]) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && path != Path::new("target") && path != Path::new(".git") {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|kind| kinds.iter().any(|known| kind == *known)) {
                let text = fs::read_to_string(root.join(&path)).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}
