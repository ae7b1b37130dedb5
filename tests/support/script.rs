//! Scripts that stand in for programs in tests.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes an executable script, through a child process: if a parallel test forks while this process has the file open
/// for writing, the kernel refuses to run it.
pub fn write_script(path: &Path, text: &str) {
    let script = r#"cat >"$1" && chmod 755 "$1""#;
    let mut child = Command::new("sh").args(["-c", script, "sh"]).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{} is written", path.display());
}
