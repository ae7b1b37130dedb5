//! Detection of processes that have a file open for writing.
//!
//! The kernel grants a read lease (`F_SETLEASE`, see `fcntl(2)`) only if no process of any user or container has the
//! file open for writing or mapped writable. `/proc/*/fd` is no substitute: the sandbox of the sync units hides other
//! processes there. Rust's standard library has no leases, so perl takes them; git's packages depend on perl on most
//! systems. Without perl the state is unknown.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::os::ChildCommand;
use crate::workspace::error::SyncError;
use crate::workspace::files::{to_nul_list, write_and_open};
use crate::workspace::git::Git;

/// perl script that takes a lease of each file, by NUL-terminated names. 1024 is F_SETLEASE, 0 is F_RDLCK.
const LEASE_SCRIPT: &str = r#"use Errno 'EAGAIN'; $/ = "\0"; $SIG{IO} = 'IGNORE';
while (my $name = <STDIN>) {
    chomp $name; my $answer = 'unknown';
    if (sysopen(my $file, $name, 0)) { $answer = fcntl($file, 1024, 0) ? 'closed' : $! == EAGAIN ? 'open' : $answer }
    print "$answer\n";
}"#;

/// Time limit for all files of a run.
const LEASE_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Writers of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriterState {
    /// A process has it open for writing.
    Open,
    /// No process has it open for writing. If it has no path outside this program's folders, that is final.
    Closed,
    /// Not reported by the kernel or the file system, or perl is missing.
    Unknown,
}

/// Returns the writers of regular files, in the order of `files`.
pub(crate) fn detect_writers(git: &Git<'_>, files: &[&Path]) -> Vec<WriterState> {
    if files.is_empty() {
        return Vec::new();
    }
    let answer = run_lease_script(git, files).unwrap_or_else(|why| {
        log::debug!("cannot find out which files are open: {why}");
        String::new()
    });
    let mut writers: Vec<WriterState> = answer.lines().map(parse_writer_state).collect();
    writers.resize(files.len(), WriterState::Unknown);
    writers
}

fn run_lease_script(git: &Git<'_>, files: &[&Path]) -> Result<String, SyncError> {
    let input = git.private_folder().join("files");
    let names = write_and_open(&input, &to_nul_list(files.iter().copied()))?;
    let perl = ChildCommand::new("perl").args([OsStr::new("-e"), OsStr::new(LEASE_SCRIPT)]).dir(git.private_folder());
    let answer = perl.stdin(names).deadline(LEASE_TIME_LIMIT).limit(files.len() * 16).run();
    let _ = fs::remove_file(&input);
    Ok(answer?.stdout)
}

fn parse_writer_state(answer: &str) -> WriterState {
    match answer {
        "open" => WriterState::Open,
        "closed" => WriterState::Closed,
        _ => WriterState::Unknown,
    }
}
