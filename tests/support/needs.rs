//! Tests that need more of a machine than Rust, git and a C compiler say so first, and are reported as skipped where it
//! is missing.
//!
//! libtest cannot skip a test that has begun, so it counts one as passed; the line here, which libtest does not
//! swallow, and the count in `.ci/run` say otherwise. In a test:
//!
//! ```ignore
//! require!("rsync", "sqlite3"); // programs in PATH
//! require!(root);               // or require!(ordinary_user)
//! ```

#![allow(dead_code, unused_imports, unused_macros, reason = "a test program uses what it needs of it")]

use std::io::{
    Write, {self},
};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

/// Ends a test that lacks one of these here, and reports it as skipped.
macro_rules! require {
    (root) => {
        if $crate::needs::uid() != 0 {
            return $crate::needs::skip(module_path!(), "root");
        }
    };
    (ordinary_user) => {
        if $crate::needs::uid() == 0 {
            return $crate::needs::skip(module_path!(), "an ordinary user");
        }
    };
    ($($program:literal),+) => {
        $(if $crate::needs::find($program).is_none() {
            return $crate::needs::skip(module_path!(), $program);
        })+
    };
}
pub(crate) use require;

/// The user that the tests run as.
pub(crate) fn uid() -> u32 {
    fs::metadata("/proc/self").map_or(0, |own| own.uid())
}

/// Finds a program through PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_executable(file))
}

/// Reports the test of this thread, or the case of it that `what` names, as skipped, on the standard error that libtest
/// leaves alone.
pub(crate) fn skip(what: &str, need: &str) {
    let thread = thread::current();
    // With one test at a time they run on the main thread.
    let name = thread.name().filter(|name| *name != "main").unwrap_or_default();
    let _ = io::stderr().write_all(format!("skipped: {name} ({what}) needs {need}\n").as_bytes());
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
