//! Runner of child processes: no shell, a deadline, a separate process group, bounded output, and no descendant that
//! outlives this process.
//!
//! Output arrives over sockets, not pipes. When the child has ended or timed out, this side shuts its ends down. The
//! reader threads then end even if a grandchild keeps the other ends open.

mod error;
mod group;
mod reader;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{
    Child, ExitStatus, Stdio, {self},
};
use std::time::Duration;
use std::{env, io};

use crate::os::Cancel;
use crate::os::child_wait::Wake;
pub use crate::os::command::error::CommandError;
use crate::os::command::reader::{Keep, Kept, Reader};
use crate::os::orphans::Watched;
use crate::os::process_tree::Outputs;

/// `PATH` of children if this process has none. The last directory is NixOS's.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";

/// Default limit of the standard output that is kept, in bytes; see [`Command::limit`].
const STDOUT_LIMIT: usize = 64 * 1024;

/// Limit of the standard error that is kept, in bytes: the end, where programs report why they failed.
const STDERR_LIMIT: usize = 8 * 1024;

/// Time limit for the rest of the output after the child has ended. Used up only if a grandchild keeps the output open.
const DRAIN: Duration = Duration::from_millis(200);

/// Time between TERM and KILL when a program is ended early.
const GRACE: Duration = Duration::from_secs(2);

/// Command to run.
///
/// The environment consists of `PATH`, `HOME`, `LANG` and `LC_ALL` (`C.UTF-8`) and the variables added with
/// [`env`](Self::env). Standard input is empty unless [`stdin`](Self::stdin) sets it.
#[must_use]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    deadline: Duration,
    limit: usize,
    stdin: Option<File>,
    cancel: Cancel,
    grace: Duration,
    is_finished_alone: bool,
}

/// Output of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Beginning of the standard output.
    pub stdout: String,
    /// True if standard output was longer than its limit.
    pub truncated: bool,
    /// End of the standard error.
    pub stderr: String,
}

impl Output {
    fn of(stdout: &Kept, stderr: &Kept) -> Self {
        Self { stdout: stdout.text(), truncated: stdout.truncated, stderr: stderr.text() }
    }
}

impl Command {
    /// Creates a command from a program's name or path, with a deadline of 10 s.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            dir: None,
            deadline: Duration::from_secs(10),
            limit: STDOUT_LIMIT,
            stdin: None,
            cancel: Cancel::new(),
            grace: GRACE,
            is_finished_alone: false,
        }
    }

    /// Adds an argument. Arguments appear in errors and logs, so never pass a secret.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets the working directory; by default that of this process.
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Sets the time limit.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the limit of the standard output that is kept, in bytes; the rest is read and dropped.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Sets the standard input.
    pub fn stdin(mut self, file: File) -> Self {
        self.stdin = Some(file);
        self
    }

    /// Ends the command early when `cancel` is cancelled.
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Sends KILL without TERM when the command is ended early, for a program that is slow to end on TERM and loses
    /// nothing by KILL.
    pub fn at_once(mut self) -> Self {
        self.grace = Duration::ZERO;
        self
    }

    /// Lets the command continue if this process dies. All other children are ended then, so each use explains why an
    /// interruption would do more harm.
    pub fn finish_alone(mut self) -> Self {
        self.is_finished_alone = true;
        self
    }

    /// Runs the command to its end. At the deadline the program and its descendants are ended.
    ///
    /// Returns within the deadline plus about 3 s, whatever the program and its children do.
    ///
    /// # Errors
    /// If it cannot be started, ends with another exit code than 0, exceeds its deadline or is cancelled.
    pub fn run(&self) -> Result<Output, CommandError> {
        let (stdout, stderr) = self.run_kept()?;
        Ok(Output::of(&stdout, &stderr))
    }

    /// Runs the command and returns its whole standard output as bytes.
    ///
    /// # Errors
    /// As [`run`](Self::run), and if the output exceeds its [`limit`](Self::limit).
    pub fn run_bytes(&self) -> Result<Vec<u8>, CommandError> {
        let (stdout, _) = self.run_kept()?;
        if stdout.truncated {
            return Err(self.not_started(io::Error::other(format!("its output is larger than {} bytes", self.limit))));
        }
        Ok(stdout.bytes)
    }

    /// Runs the command and returns its output whatever its exit code, with true for exit code 0.
    ///
    /// # Errors
    /// If it cannot be started, ends by a signal, exceeds its deadline or is cancelled.
    pub fn attempt(&self) -> Result<(bool, Output), CommandError> {
        let (ended, stdout, stderr) = self.run_raw()?;
        match ended {
            Ended::Itself(status) if status.code().is_some() => Ok((status.success(), Output::of(&stdout, &stderr))),
            ended => self.judge(ended, stdout, stderr).map(|(stdout, stderr)| (true, Output::of(&stdout, &stderr))),
        }
    }

    fn run_kept(&self) -> Result<(Kept, Kept), CommandError> {
        let (ended, stdout, stderr) = self.run_raw()?;
        self.judge(ended, stdout, stderr)
    }

    fn run_raw(&self) -> Result<(Ended, Kept, Kept), CommandError> {
        let wake = Wake::new().map_err(|why| self.not_started(why))?;
        self.cancel.attach(wake.bell().map_err(|why| self.not_started(why))?);
        let result = self.run_under(&wake);
        self.cancel.detach();
        result
    }

    fn run_under(&self, wake: &Wake) -> Result<(Ended, Kept, Kept), CommandError> {
        if self.cancel.is_cancelled() {
            return Err(CommandError::Cancelled { command: self.line() });
        }
        let not_started = |why| self.not_started(why);
        let (stdout, out) = Reader::start(Keep::Head(self.limit), wake).map_err(not_started)?;
        let (stderr, err) = Reader::start(Keep::Tail(STDERR_LIMIT), wake).map_err(not_started)?;
        let inodes = Outputs::inodes(&[out.as_fd(), err.as_fd()]).map_err(not_started)?;
        let outputs = Outputs::new(inodes.iter().copied());
        let watched = (!self.is_finished_alone).then(|| Watched::new(inodes));
        let mut child = self.spawn(out, err).map_err(not_started)?;
        let ended = self.wait(&mut child, &outputs, wake);
        wake.until(DRAIN, || (stdout.is_done() && stderr.is_done()).then_some(()));
        drop(watched);
        Ok((ended, stdout.finish(), stderr.finish()))
    }

    fn judge(&self, ended: Ended, stdout: Kept, stderr: Kept) -> Result<(Kept, Kept), CommandError> {
        match ended {
            Ended::Itself(status) if status.success() => Ok((stdout, stderr)),
            Ended::Itself(status) => Err(CommandError::Failed {
                command: self.line(),
                status,
                said: error::last_words(&stderr.text(), &stdout.text()),
            }),
            Ended::Late => Err(CommandError::TimedOut {
                command: self.line(),
                after: self.deadline,
                said: error::last_words(&stderr.text(), ""),
            }),
            Ended::Cancelled => Err(CommandError::Cancelled { command: self.line() }),
            Ended::Unknown(why) => Err(self.not_started(why)),
        }
    }

    fn spawn(&self, stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Child> {
        let dir = self.dir.as_deref().unwrap_or(Path::new("."));
        if !dir.is_dir() {
            let missing = format!("its directory {} is missing or not accessible", dir.display());
            return Err(io::Error::other(missing));
        }
        let stdin = self.stdin.as_ref().map(File::try_clone).transpose()?.map_or_else(Stdio::null, Stdio::from);
        let inherited = |name: &str, default: &str| env::var_os(name).unwrap_or_else(|| default.into());
        process::Command::new(&self.program)
            .args(&self.args)
            .env_clear()
            .env("PATH", inherited("PATH", PATH))
            .env("HOME", inherited("HOME", "/"))
            .env("LANG", "C.UTF-8")
            .env("LC_ALL", "C.UTF-8")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(dir)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn()
    }

    fn wait(&self, child: &mut Child, outputs: &Outputs, wake: &Wake) -> Ended {
        let ended = wake.until(self.deadline, || match child.try_wait() {
            Ok(Some(status)) => Some(Ended::Itself(status)),
            Ok(None) => self.cancel.is_cancelled().then_some(Ended::Cancelled),
            Err(why) => Some(Ended::Unknown(why)),
        });
        let ended = ended.unwrap_or(Ended::Late);
        if matches!(ended, Ended::Late | Ended::Cancelled) {
            group::stop(child, outputs, self.grace, wake);
        }
        ended
    }

    fn not_started(&self, why: io::Error) -> CommandError {
        CommandError::NotStarted { program: self.program.to_string_lossy().into_owned(), why }
    }

    fn line(&self) -> String {
        error::command_line(&self.program, &self.args)
    }
}

/// End of a child.
enum Ended {
    Itself(ExitStatus),
    Late,
    Cancelled,
    Unknown(io::Error),
}
