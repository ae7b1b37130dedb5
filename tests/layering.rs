//! Direction of imports: a module imports only modules that `src/lib.rs` lists below it, and no file imports itself
//! through others.

#![allow(clippy::unwrap_used, reason = "an unreadable source file is a failed test")]

#[path = "support/source_files.rs"]
mod source_files;

use std::collections::{BTreeMap, BTreeSet};
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

#[test]
fn no_file_imports_itself_through_others() {
    let files: BTreeMap<String, String> =
        read_source_files("src", &["rs"]).iter().map(|(path, code)| (module_of(path), without_tests(code))).collect();
    let reexports = find_reexports(&files);
    let imports = files.iter().map(|(module, code)| (module.as_str(), find_imports(module, code, &files, &reexports)));
    let mut left: BTreeMap<&str, BTreeSet<String>> = imports.collect();
    // A file that imports none of those left is in no circle.
    while let Some(done) = left.keys().copied().find(|&module| left[module].is_empty()) {
        left.remove(done);
        for imports in left.values_mut() {
            imports.remove(done);
        }
    }
    assert!(left.is_empty(), "circles of imports, and what leads to them: {left:#?}");
}

/// Returns the name of the module in a file: `a::b` for `a/b.rs`.
fn module_of(path: &Path) -> String {
    path.with_extension("").to_str().unwrap().replace('/', "::")
}

/// Maps the full names of items that a module exports from another one to that module.
fn find_reexports(files: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (module, code) in files {
        for (_, path) in used_paths(code).into_iter().filter(|(is_public, _)| *is_public) {
            let item = path.rsplit("::").next().unwrap();
            assert!(item != "*", "{module} exports {path}");
            found.insert(format!("{module}::{item}"), path);
        }
    }
    found
}

/// Lists the files whose items a module names. Exports of other modules' items are left out.
fn find_imports(
    module: &str,
    code: &str,
    files: &BTreeMap<String, String>,
    reexports: &BTreeMap<String, String>,
) -> BTreeSet<String> {
    let own = used_paths(code).into_iter().filter(|(is_public, _)| !is_public).map(|(_, path)| path);
    let body = code.split(';').filter(|statement| !statement.contains("use crate::")).collect::<Vec<_>>().join(";");
    let inline = body.match_indices("crate::").map(|(at, root)| path_at(&body, at + root.len()));
    let children = files.keys().filter_map(|file| file.strip_prefix(module)?.strip_prefix("::"));
    let is_named = |child: &&str| {
        let path = format!("{child}::");
        let mut starts = body.match_indices(&path).filter_map(|(at, _)| body[..at].chars().next_back());
        starts.any(|before| !before.is_alphanumeric() && !matches!(before, '_' | ':'))
    };
    let children = children.filter(is_named).map(|child| format!("{module}::{child}"));
    let mut found: BTreeSet<String> =
        own.chain(inline).chain(children).filter_map(|path| file_of(path, files, reexports)).collect();
    found.remove(module);
    found
}

/// Returns the file that has the item of a path.
fn file_of(mut path: String, files: &BTreeMap<String, String>, reexports: &BTreeMap<String, String>) -> Option<String> {
    loop {
        if files.contains_key(&path) {
            return Some(path);
        } else if let Some(origin) = reexports.get(&path) {
            path.clone_from(origin);
        } else {
            path.truncate(path.rfind("::")?);
        }
    }
}

/// Lists the items of each `use crate::…`, and whether it exports them.
fn used_paths(code: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    for (before, path) in code.split(';').filter_map(|statement| statement.split_once("use crate::")) {
        let is_public = before.trim_end().ends_with("pub") || before.trim_end().ends_with(')');
        let (module, items) = path.split_once("::{").unwrap_or_else(|| path.rsplit_once("::").unwrap_or(("", path)));
        for item in items.trim_end_matches('}').split(',').map(str::trim).filter(|item| !item.is_empty()) {
            assert!(!is_public || !item.contains(' '), "export it under its own name: {path}");
            let item = item.split(' ').next().unwrap();
            let path = if item == "self" { module.to_owned() } else { format!("{module}::{item}") };
            found.push((is_public, path.trim_start_matches("::").to_owned()));
        }
    }
    found
}

/// Returns the path that begins there: identifiers and `::`.
fn path_at(code: &str, start: usize) -> String {
    let path = code[start..].chars().take_while(|char| char.is_alphanumeric() || matches!(char, '_' | ':'));
    path.collect::<String>().trim_end_matches(':').to_owned()
}

/// Returns the code outside tests and comments.
fn without_tests(code: &str) -> String {
    let (code, _tests) = code.split_once("#[cfg(test)]\nmod tests {").unwrap_or((code, ""));
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == module)
}

/// Lists the top-level modules that the code names, outside tests and comments.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for line in without_tests(code).lines() {
        assert!(!line.contains("crate::{"), "write one `use` for each module: {line}");
        for (_, path) in line.match_indices("crate::").map(|(at, root)| line.split_at(at + root.len())) {
            used.insert(path.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect());
        }
    }
    used
}
