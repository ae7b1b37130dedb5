//! The end of children whose parent died: no child outlives the command that started it, however that command ends.
//!
//! A process that is killed with KILL cannot end its children. So the first child of a command is preceded by a process
//! of this same program, in a process group of its own, which reads from a socket what is started and what has ended.
//! The kernel closes the other end of that socket whatever the command dies of; the reader then ends what still runs.
//!
//! A child is known by the sockets that it writes its output to. They are named before it is started, so there is no
//! moment at which it is not known, and all that it starts itself inherits them, also in another session or group.
//!
//! Under systemd there is no such process: systemd ends all processes of a unit together with its main one.

mod ender;

use std::env;
use std::io::{
    Write, {self},
};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{
    Stdio, {self},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use crate::os::orphans::ender::end_orphans;
use crate::os::process_tree::{ENDS_ORPHANS, Outputs};

/// The hidden command of the process that ends orphans.
pub const COMMAND: &str = ENDS_ORPHANS;

static REGISTER: Mutex<Register> = Mutex::new(Register { is_on: false, reader: None, next: 0, running: Vec::new() });

/// Ends, from now on, every child of this process that outlives it. Until then children are their parent's own affair,
/// as in tests, which are no such program.
pub fn begin() {
    // systemd.exec(5): set for the processes of a unit, to the process id of the one that it started.
    let of_systemd = env::var("SYSTEMD_EXEC_PID").is_ok_and(|pid| pid == process::id().to_string());
    register().is_on = !of_systemd;
}

/// A child while it runs.
pub(crate) struct Watched(u64);

impl Watched {
    /// Names a child that is about to be started, by the inodes of the sockets or pipes that it is given.
    pub(crate) fn new(inodes: Vec<u64>) -> Self {
        let mut register = register();
        register.next += 1;
        let id = register.next;
        register.running.push(Running { id, inodes });
        if register.reader.is_none() {
            register.start_reader();
        } else {
            register.tell_last();
        }
        Self(id)
    }

    /// The same by the files themselves.
    pub(crate) fn by_files(files: &[BorrowedFd<'_>]) -> io::Result<Self> {
        Outputs::inodes(files).map(Self::new)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut register = register();
        register.running.retain(|running| running.id != self.0);
        register.tell(&format!("-{}\n", self.0));
    }
}

/// The children that run, and the way to the process that ends them.
struct Register {
    is_on: bool,
    /// The way to the process that ends orphans.
    reader: Option<UnixStream>,
    next: u64,
    running: Vec<Running>,
}

struct Running {
    id: u64,
    inodes: Vec<u64>,
}

impl Running {
    fn line(&self) -> String {
        let inodes: Vec<String> = self.inodes.iter().map(u64::to_string).collect();
        format!("+{} {}\n", self.id, inodes.join(" "))
    }
}

impl Register {
    /// Starts the process that ends orphans, and tells it what runs. Without it children run all the same.
    fn start_reader(&mut self) {
        if !self.is_on {
            return;
        }
        match start() {
            Ok(reader) => {
                self.reader = Some(reader);
                let lines: String = self.running.iter().map(Running::line).collect();
                self.tell(&lines);
            }
            Err(why) => log::debug!("cannot start the process that would end orphans: {why}"),
        }
    }

    fn tell_last(&mut self) {
        if let Some(line) = self.running.last().map(Running::line) {
            self.tell(&line);
        }
    }

    /// Never blocks: nothing may wait for a reader that is stopped, and closing its socket would end what runs. One
    /// that is gone is started again before the next child.
    fn tell(&mut self, lines: &str) {
        let told = self.reader.as_mut().map_or(Ok(()), |reader| reader.write_all(lines.as_bytes()));
        if told.is_err_and(|why| why.kind() != io::ErrorKind::WouldBlock) {
            self.reader = None;
        }
    }
}

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start() -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    process::Command::new("/proc/self/exe")
        .arg(COMMAND)
        .env_clear()
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    Ok(ours)
}
