//! Detection of processes that have a file open for writing.
//!
//! The kernel grants a read lease (`F_SETLEASE`, see `fcntl(2)`) only if no process of any user or container has the
//! file open for writing or mapped writable. `/proc/*/fd` is no substitute: the sandbox of the sync units hides other
//! processes there. Rust's standard library has no leases, so perl takes them; git's packages depend on perl on most
//! systems. Without perl the state is unknown.

use std::ffi::OsStr;
use std::fs::{
    File, {self},
};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use crate::os::Command;
use crate::workspace::git::Git;

/// perl script that takes a lease of each file, by NUL-terminated names. 1024 is F_SETLEASE, 0 is F_RDLCK.
const LEASES: &str = r#"use Errno 'EAGAIN'; $/ = "\0"; $SIG{IO} = 'IGNORE';
while (my $name = <STDIN>) {
    chomp $name; my $answer = 'unknown';
    if (sysopen(my $file, $name, 0)) { $answer = fcntl($file, 1024, 0) ? 'closed' : $! == EAGAIN ? 'open' : $answer }
    print "$answer\n";
}"#;

/// Time limit for all files of a run.
const DEADLINE: Duration = Duration::from_secs(30);

/// Writers of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workspace) enum Writers {
    /// A process has it open for writing.
    Some,
    /// No process has it open for writing. If it has no path outside this program's folders, that is final.
    None,
    /// Not reported by the kernel or the file system, or perl is missing.
    Unknown,
}

/// Returns the writers of regular files, in the order of `files`.
pub(in crate::workspace) fn of(git: &Git<'_>, files: &[&Path]) -> Vec<Writers> {
    if files.is_empty() {
        return Vec::new();
    }
    let answer = ask(git, files).unwrap_or_else(|why| {
        log::debug!("cannot find out which files are open: {why}");
        String::new()
    });
    let mut writers: Vec<Writers> = answer.lines().map(read).collect();
    writers.resize(files.len(), Writers::Unknown);
    writers
}

fn ask(git: &Git<'_>, files: &[&Path]) -> Result<String, String> {
    let input = git.own_folder().join("files");
    let names: Vec<&[u8]> = files.iter().map(|file| file.as_os_str().as_bytes()).collect();
    let ask = |path: &Path| {
        fs::write(path, names.join(&0))?;
        File::open(path)
    };
    let names = ask(&input).map_err(|why| why.to_string())?;
    let perl = Command::new("perl").args([OsStr::new("-e"), OsStr::new(LEASES)]).dir(git.own_folder());
    let answer = perl.stdin(names).deadline(DEADLINE).limit(files.len() * 16).run().map_err(|why| why.to_string());
    let _ = fs::remove_file(&input);
    answer.map(|output| output.stdout)
}

fn read(answer: &str) -> Writers {
    match answer {
        "open" => Writers::Some,
        "closed" => Writers::None,
        _ => Writers::Unknown,
    }
}
