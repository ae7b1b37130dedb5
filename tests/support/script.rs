//! Programs that tests make for the program under test to run.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a program. A child does it: while this process had the file open for writing, a test beside this one might
/// fork, and the kernel refuses to run a file that any process has open for writing.
pub fn write(path: &Path, text: &str) {
    let script = r#"cat >"$1" && chmod 755 "$1""#;
    let mut child = Command::new("sh").args(["-c", script, "sh"]).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{} is written", path.display());
}
