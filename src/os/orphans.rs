//! Cleanup of orphans: no child outlives the command that started it, however that command ends.
//!
//! A process that gets KILL cannot end its children. So before its first child, a command starts a helper: a process of
//! this same program in a separate process group. The helper reads from a socket which children start and end. When the
//! command dies, for whatever reason, the kernel closes the socket, and the helper ends the children that still run.
//!
//! Children are identified by their output sockets. The sockets are registered before the child starts, so there is no
//! gap, and all its descendants inherit them, even in another session or process group.
//!
//! Under systemd there is no helper: systemd ends all processes of a unit with its main process.

mod helper;

use std::env;
use std::io::{self, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{self, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use crate::os::orphans::helper::end_orphans;
use crate::os::process_tree::{ORPHAN_HELPER_ARGUMENT, OutputHandles};

/// Hidden command of the helper.
pub const HELPER_COMMAND: &str = ORPHAN_HELPER_ARGUMENT;

static CHILD_REGISTER: Mutex<ChildRegister> =
    Mutex::new(ChildRegister { is_enabled: false, helper: None, last_id: 0, running: Vec::new() });

/// Enables the cleanup for the children of this process. It is off by default, as in tests, whose executable has no
/// such command.
pub fn enable_cleanup() {
    // systemd.exec(5): set in the processes of a unit, to the process id that systemd started.
    let of_systemd = env::var("SYSTEMD_EXEC_PID").is_ok_and(|pid| pid == process::id().to_string());
    lock_register().is_enabled = !of_systemd;
}

/// Registration of a running child; dropped at its end.
pub(crate) struct RegisteredChild(u64);

impl RegisteredChild {
    /// Registers a child before its start, by the inodes of its output sockets or pipes.
    pub(crate) fn new(inodes: Vec<u64>) -> Self {
        let mut register = lock_register();
        register.last_id += 1;
        let id = register.last_id;
        register.running.push(RunningChild { id, inodes });
        if register.helper.is_none() {
            register.start_helper();
        } else {
            register.send_last();
        }
        Self(id)
    }

    /// Registers a child before its start, by its output files.
    pub(crate) fn from_files(files: &[BorrowedFd<'_>]) -> io::Result<Self> {
        OutputHandles::inodes(files).map(Self::new)
    }
}

impl Drop for RegisteredChild {
    fn drop(&mut self) {
        let mut register = lock_register();
        register.running.retain(|running| running.id != self.0);
        register.send(&format!("-{}\n", self.0));
    }
}

/// Running children, and the socket of the helper.
struct ChildRegister {
    is_enabled: bool,
    /// Socket of the helper.
    helper: Option<UnixStream>,
    last_id: u64,
    running: Vec<RunningChild>,
}

struct RunningChild {
    id: u64,
    inodes: Vec<u64>,
}

impl RunningChild {
    fn register_line(&self) -> String {
        let inodes: Vec<String> = self.inodes.iter().map(u64::to_string).collect();
        format!("+{} {}\n", self.id, inodes.join(" "))
    }
}

impl ChildRegister {
    /// Starts the helper and sends it the running children. If that fails, children run without it.
    fn start_helper(&mut self) {
        if !self.is_enabled {
            return;
        }
        match spawn_helper() {
            Ok(reader) => {
                self.helper = Some(reader);
                let lines: String = self.running.iter().map(RunningChild::register_line).collect();
                self.send(&lines);
            }
            Err(why) => log::debug!("cannot start the process that ends orphans: {why}"),
        }
    }

    fn send_last(&mut self) {
        if let Some(line) = self.running.last().map(RunningChild::register_line) {
            self.send(&line);
        }
    }

    /// Sends lines to the helper without blocking: a stopped helper must not stop this process, and closing its socket
    /// would end the children. A helper that is gone is started again before the next child.
    fn send(&mut self, lines: &str) {
        let sent = self.helper.as_mut().map_or(Ok(()), |reader| reader.write_all(lines.as_bytes()));
        if sent.is_err_and(|why| why.kind() != io::ErrorKind::WouldBlock) {
            self.helper = None;
        }
    }
}

fn lock_register() -> MutexGuard<'static, ChildRegister> {
    CHILD_REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn_helper() -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    process::Command::new("/proc/self/exe")
        .arg(HELPER_COMMAND)
        .env_clear()
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    Ok(ours)
}
