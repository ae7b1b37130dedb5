//! Files of the Nix package: the same units and polkit rule as on every other host.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
const PROGRAM: &str = "/usr/local/bin/openclaw-failover";

/// Lists the files of a directory and its subdirectories, by name.
fn files_below(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            let twice = found.insert(entry.file_name().into_string().unwrap(), entry.path());
            assert_eq!(twice, None);
        }
    }
    found
}

/// Lists the files to install on a host.
fn shipped_files() -> BTreeMap<String, PathBuf> {
    files_below(&Path::new(REPOSITORY).join("src/setup/units"))
}

#[test]
fn the_package_installs_every_file_and_changes_only_the_path_of_the_program() {
    let prefix = tempfile::tempdir().unwrap();
    let installed = Command::new("sh").arg("nixos/install.sh").arg(prefix.path()).current_dir(REPOSITORY).status();
    assert!(installed.unwrap().success());
    let installed = files_below(prefix.path());
    let shipped = shipped_files();
    assert!(installed.keys().eq(shipped.keys()), "{installed:?}");

    let program = prefix.path().join("bin/openclaw-failover").display().to_string();
    for (name, path) in shipped {
        let expected = fs::read_to_string(path).unwrap().replace(PROGRAM, &program);
        assert!(!expected.contains("/usr/local"), "{name} names a folder that NixOS does not have");
        assert_eq!(fs::read_to_string(&installed[&name]).unwrap(), expected, "{name}");
    }
    let place = |name: &str| installed[name].strip_prefix(prefix.path()).unwrap().to_owned();
    assert_eq!(place("openclaw-failover.service"), Path::new("lib/systemd/system/openclaw-failover.service"));
    assert_eq!(place("50-openclaw-failover.rules"), Path::new("share/polkit-1/rules.d/50-openclaw-failover.rules"));
}
