//! Debian and Nix get the same files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use openclaw_failover::setup;

/// Returns the files below a folder by their names.
fn collect_files(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => collect_files(&path, found),
            path => drop(found.insert(entry.file_name().into_string().unwrap(), fs::read_to_string(path).unwrap())),
        }
    }
}

#[test]
fn debian_and_nix_get_the_same_files() {
    let prefix = tempfile::tempdir().unwrap();
    let repository = env!("CARGO_MANIFEST_DIR");
    let done = Command::new("sh").arg("nixos/install.sh").arg(prefix.path()).current_dir(repository).status();
    assert!(done.unwrap().success());
    let mut nix = BTreeMap::new();
    collect_files(prefix.path(), &mut nix);

    let program = prefix.path().join("bin/openclaw-failover").display().to_string();
    let ours: BTreeMap<String, String> = setup::shipped_files()
        .map(|(path, text)| {
            let name = Path::new(path).file_name().unwrap().to_str().unwrap();
            // Debian's setup writes the drop-in to its final path directly.
            let name = if name == "primary.conf" { "openclaw-sync-push-primary.conf" } else { name };
            (name.to_owned(), text.replace("/usr/local/bin/openclaw-failover", &program))
        })
        .collect();
    assert_eq!(ours, nix);
}
