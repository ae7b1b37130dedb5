//! Descendants of a child, including those in another process group, in another session or with another parent.
//!
//! Descendants are recognised by inherited outputs, and by parent, group and session.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::process::{self, Command, Stdio};

/// Argument that identifies a helper that ends orphans. A helper ends by itself, after the rest of its tree.
pub(super) const ORPHAN_HELPER_ARGUMENT: &str = "end-orphans";

/// Output sockets and pipes of a child, by their names below /proc.
#[derive(Clone, Default)]
pub(super) struct OutputHandles(BTreeSet<String>);

impl OutputHandles {
    /// Returns the inodes of these files.
    pub(super) fn inodes(files: &[BorrowedFd<'_>]) -> io::Result<Vec<u64>> {
        let inode = |file: &BorrowedFd<'_>| File::from(file.try_clone_to_owned()?).metadata().map(|found| found.ino());
        files.iter().map(inode).collect()
    }

    /// Creates the set of sockets and pipes with these inodes.
    pub(super) fn new(inodes: impl IntoIterator<Item = u64>) -> Self {
        let names = |inode| [format!("socket:[{inode}]"), format!("pipe:[{inode}]")];
        Self(inodes.into_iter().flat_map(names).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn are_open_in(&self, pid: u32) -> bool {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        open.any(|target| target.to_str().is_some_and(|target| self.0.contains(target)))
    }
}

/// Process of this host.
struct Process {
    pid: u32,
    parent: u32,
    group: u32,
    session: u32,
}

/// Finds the running processes that hold one of the outputs open or are in `known`, and all their descendants.
pub(super) fn find_tree(outputs: &OutputHandles, known: &BTreeSet<u32>) -> BTreeSet<u32> {
    let running = running_processes();
    let mut tree = known.clone();
    tree.extend(running.iter().map(|process| process.pid).filter(|pid| outputs.are_open_in(*pid)));
    loop {
        let is_kin = |process: &&Process| {
            let kin = [process.parent, process.group, process.session];
            !tree.contains(&process.pid) && kin.iter().any(|pid| tree.contains(pid))
        };
        let found: Vec<u32> = running.iter().filter(is_kin).map(|process| process.pid).collect();
        if found.is_empty() {
            return running.iter().map(|process| process.pid).filter(|pid| tree.contains(pid)).collect();
        }
        tree.extend(found);
    }
}

/// Sends a signal to each of these processes, through the shell's built-in `kill`: std can signal only children, and a
/// system call needs unsafe code. This path is rare.
pub(super) fn send_signal(processes: &BTreeSet<u32>, name: &str) {
    if processes.is_empty() {
        return;
    }
    let script = r#"name=$1; shift; for pid; do kill -s "$name" -- "$pid"; done"#;
    let mut kill = Command::new("/bin/sh");
    kill.args(["-c", script, "sh", name]).args(processes.iter().map(u32::to_string));
    // Processes may have ended meanwhile, so a failure is ignored.
    let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Lists all running processes except this one and helpers that end orphans.
fn running_processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != process::id() && !is_orphan_helper(*pid)).filter_map(read_process).collect()
}

fn is_orphan_helper(pid: u32) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).nth(1) == Some(ORPHAN_HELPER_ARGUMENT.as_bytes())
}

fn read_process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the state is in parentheses and may contain any character.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let mut number = || fields.next()?.parse().ok();
    Some(Process { pid, parent: number()?, group: number()?, session: number()? })
}
