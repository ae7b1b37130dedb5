//! Requirements of tests beyond Rust, git and a C compiler. A test whose requirement is missing is reported as skipped.
//!
//! libtest cannot skip a running test and counts it as passed. So a skipped test prints a line that libtest does not
//! capture, and `.ci/run` counts these lines. In a test:
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

/// Skips the test if a requirement is missing, and reports it.
macro_rules! require {
    (root) => {
        if $crate::needs::own_uid() != 0 {
            return $crate::needs::report_skipped(module_path!(), "root");
        }
    };
    (ordinary_user) => {
        if $crate::needs::own_uid() == 0 {
            return $crate::needs::report_skipped(module_path!(), "an ordinary user");
        }
    };
    ($($program:literal),+) => {
        $(if $crate::needs::find_program($program).is_none() {
            return $crate::needs::report_skipped(module_path!(), $program);
        })+
    };
}
pub(crate) use require;

/// Returns the id of the user that runs the tests.
pub(crate) fn own_uid() -> u32 {
    fs::metadata("/proc/self").map_or(0, |own| own.uid())
}

/// Finds a program in `PATH`.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_executable(file))
}

/// Reports the test of this thread, or its case `what`, as skipped. Writes to the standard error that libtest does not
/// capture.
pub(crate) fn report_skipped(what: &str, need: &str) {
    let thread = thread::current();
    // With a single test thread, tests run on the main thread.
    let name = thread.name().filter(|name| *name != "main").unwrap_or_default();
    let _ = io::stderr().write_all(format!("skipped: {name} ({what}) needs {need}\n").as_bytes());
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
