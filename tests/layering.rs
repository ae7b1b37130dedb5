//! Direction of imports: a module imports only modules that `src/lib.rs` lists below it.

#![allow(clippy::unwrap_used, reason = "an unreadable source file is a failed test")]

#[path = "support/source_files.rs"]
mod source_files;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use source_files::read_source_files;

/// Modules, highest first.
const LAYERS: [&str; 18] = [
    "cli",
    "demo",
    "monitor",
    "setup",
    "doctor",
    "notify",
    "control",
    "status",
    "records",
    "events",
    "gateway_check",
    "workspace",
    "failover",
    "probe",
    "finding",
    "config",
    "os",
    "text",
];

#[test]
fn a_module_imports_only_lower_ones() {
    let mut wrong = Vec::new();
    for (path, code) in read_source_files("src", &["rs"]) {
        let path = path.to_str().unwrap();
        let Some(own) = layer_of(path.split(['/', '.']).next().unwrap()) else { continue };
        for used in used_modules(&code) {
            if layer_of(&used).is_none_or(|used| used < own) {
                wrong.push(format!("src/{path} imports {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports of higher or unknown modules:\n{}", wrong.join("\n"));
}

#[test]
fn each_module_has_its_layer_and_the_map_lists_them_in_this_order() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let listed: Vec<&str> = map.lines().filter_map(|line| line.strip_prefix("//! - [`")?.split('`').next()).collect();
    assert_eq!(listed, LAYERS);
    let declared: BTreeSet<&str> =
        map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(declared, BTreeSet::from(LAYERS));
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == module)
}

/// Lists the top-level modules that the code names, outside tests and comments.
fn used_modules(code: &str) -> BTreeSet<String> {
    let (code, _tests) = code.split_once("#[cfg(test)]\nmod tests {").unwrap_or((code, ""));
    let mut used = BTreeSet::new();
    for line in code.lines().map(|line| line.split("//").next().unwrap_or_default()) {
        assert!(!line.contains("crate::{"), "write one `use` for each module: {line}");
        for (_, path) in line.match_indices("crate::").map(|(at, root)| line.split_at(at + root.len())) {
            used.insert(path.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect());
        }
    }
    used
}
