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
use std::process::{self, Child, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, io};

use crate::os::Cancel;
use crate::os::child_wait::ChildWait;
pub use crate::os::command::error::CommandError;
use crate::os::command::reader::{CaptureLimit, CapturedStream, StreamReader};
use crate::os::orphans::RegisteredChild;
use crate::os::process_tree::OutputHandles;

/// `PATH` of children if this process has none. The last directory is NixOS's.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";

/// Default limit of the standard output that is kept, in bytes; see [`ChildCommand::limit`].
const STDOUT_LIMIT: usize = 64 * 1024;

/// Limit of the standard error that is kept, in bytes: the end, where programs report why they failed.
const STDERR_LIMIT: usize = 8 * 1024;

/// Time limit for the rest of the output after the child has ended. Used up only if a grandchild keeps the output open.
const OUTPUT_DRAIN_TIMEOUT: Duration = Duration::from_millis(200);

/// Time between TERM and KILL when a program is ended early.
const KILL_GRACE_PERIOD: Duration = Duration::from_secs(2);

/// Command to run.
///
/// The environment consists of `PATH`, `HOME`, `LANG` and `LC_ALL` (`C.UTF-8`) and the variables added with
/// [`env`](Self::env). Standard input is empty unless [`stdin`](Self::stdin) sets it.
#[must_use]
pub struct ChildCommand {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    working_directory: Option<PathBuf>,
    deadline: Duration,
    stdout_limit: usize,
    stdin: Option<File>,
    cancel: Cancel,
    kill_grace_period: Duration,
    may_outlive_parent: bool,
}

/// Output of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessOutput {
    /// Beginning of the standard output.
    pub stdout: String,
    /// True if standard output was longer than its limit.
    pub truncated: bool,
    /// End of the standard error.
    pub stderr: String,
}

impl ProcessOutput {
    fn from_captured(stdout: &CapturedStream, stderr: &CapturedStream) -> Self {
        Self { stdout: stdout.to_text(), truncated: stdout.truncated, stderr: stderr.to_text() }
    }
}

impl ChildCommand {
    /// Creates a command from a program's name or path, with a deadline of 10 s.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            working_directory: None,
            deadline: Duration::from_secs(10),
            stdout_limit: STDOUT_LIMIT,
            stdin: None,
            cancel: Cancel::new(),
            kill_grace_period: KILL_GRACE_PERIOD,
            may_outlive_parent: false,
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
        self.working_directory = Some(dir.into());
        self
    }

    /// Sets the time limit.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the limit of the standard output that is kept, in bytes; the rest is read and dropped.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.stdout_limit = bytes;
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
    pub fn without_term(mut self) -> Self {
        self.kill_grace_period = Duration::ZERO;
        self
    }

    /// Lets the command continue if this process dies. All other children are ended then, so each use explains why an
    /// interruption would do more harm.
    pub fn outlive_parent(mut self) -> Self {
        self.may_outlive_parent = true;
        self
    }

    /// Runs the command to its end. At the deadline the program and its descendants are ended.
    ///
    /// Returns within the deadline plus about 3 s, whatever the program and its children do.
    ///
    /// # Errors
    /// If it cannot be started, ends with another exit code than 0, exceeds its deadline or is cancelled.
    pub fn run(&self) -> Result<ProcessOutput, CommandError> {
        let (stdout, stderr) = self.run_captured()?;
        Ok(ProcessOutput::from_captured(&stdout, &stderr))
    }

    /// Runs the command and returns its whole standard output as bytes.
    ///
    /// # Errors
    /// As [`run`](Self::run), and if the output exceeds its [`limit`](Self::limit).
    pub fn run_bytes(&self) -> Result<Vec<u8>, CommandError> {
        let (stdout, _) = self.run_captured()?;
        if stdout.truncated {
            return Err(self.not_started_error(io::Error::other(format!(
                "its output is larger than {} bytes",
                self.stdout_limit
            ))));
        }
        Ok(stdout.bytes)
    }

    /// Runs the command and returns its output whatever its exit code, with true for exit code 0.
    ///
    /// # Errors
    /// If it cannot be started, ends by a signal, exceeds its deadline or is cancelled.
    pub fn run_any_exit_code(&self) -> Result<(bool, ProcessOutput), CommandError> {
        let (ended, stdout, stderr) = self.run_to_end()?;
        match ended {
            ChildEnd::Exited(status) if status.code().is_some() => {
                Ok((status.success(), ProcessOutput::from_captured(&stdout, &stderr)))
            }
            ended => self
                .check_end(ended, stdout, stderr)
                .map(|(stdout, stderr)| (true, ProcessOutput::from_captured(&stdout, &stderr))),
        }
    }

    fn run_captured(&self) -> Result<(CapturedStream, CapturedStream), CommandError> {
        let (ended, stdout, stderr) = self.run_to_end()?;
        self.check_end(ended, stdout, stderr)
    }

    fn run_to_end(&self) -> Result<(ChildEnd, CapturedStream, CapturedStream), CommandError> {
        let wake = ChildWait::new().map_err(|why| self.not_started_error(why))?;
        self.cancel.set_waker(wake.waker().map_err(|why| self.not_started_error(why))?);
        let result = self.run_with_wait(&wake);
        self.cancel.clear_waker();
        result
    }

    fn run_with_wait(&self, wake: &ChildWait) -> Result<(ChildEnd, CapturedStream, CapturedStream), CommandError> {
        if self.cancel.is_cancelled() {
            return Err(CommandError::Cancelled { command: self.command_line() });
        }
        let not_started = |why| self.not_started_error(why);
        let (stdout, out) = StreamReader::start(CaptureLimit::Head(self.stdout_limit), wake).map_err(not_started)?;
        let (stderr, err) = StreamReader::start(CaptureLimit::Tail(STDERR_LIMIT), wake).map_err(not_started)?;
        let inodes = OutputHandles::inodes(&[out.as_fd(), err.as_fd()]).map_err(not_started)?;
        let outputs = OutputHandles::new(inodes.iter().copied());
        let watched = (!self.may_outlive_parent).then(|| RegisteredChild::new(inodes));
        let mut child = self.spawn_child(out, err).map_err(not_started)?;
        let ended = self.wait_for_end(&mut child, &outputs, wake);
        wake.wait_until(OUTPUT_DRAIN_TIMEOUT, || (stdout.is_done() && stderr.is_done()).then_some(()));
        drop(watched);
        Ok((ended, stdout.finish(), stderr.finish()))
    }

    fn check_end(
        &self,
        ended: ChildEnd,
        stdout: CapturedStream,
        stderr: CapturedStream,
    ) -> Result<(CapturedStream, CapturedStream), CommandError> {
        match ended {
            ChildEnd::Exited(status) if status.success() => Ok((stdout, stderr)),
            ChildEnd::Exited(status) => Err(CommandError::Failed {
                command: self.command_line(),
                status,
                said: error::last_output_lines(&stderr.to_text(), &stdout.to_text()),
            }),
            ChildEnd::TimedOut => Err(CommandError::TimedOut {
                command: self.command_line(),
                after: self.deadline,
                said: error::last_output_lines(&stderr.to_text(), ""),
            }),
            ChildEnd::Cancelled => Err(CommandError::Cancelled { command: self.command_line() }),
            ChildEnd::Unknown(why) => Err(self.not_started_error(why)),
        }
    }

    fn spawn_child(&self, stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Child> {
        let dir = self.working_directory.as_deref().unwrap_or(Path::new("."));
        if !dir.is_dir() {
            let missing = format!("its directory {} is missing or not accessible", dir.display());
            return Err(io::Error::other(missing));
        }
        let stdin = self.stdin.as_ref().map(File::try_clone).transpose()?.map_or_else(Stdio::null, Stdio::from);
        let inherited = |name: &str, default: &str| env::var_os(name).unwrap_or_else(|| default.into());
        process::Command::new(&self.program)
            .args(&self.args)
            .env_clear()
            .env("PATH", inherited("PATH", DEFAULT_PATH))
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

    fn wait_for_end(&self, child: &mut Child, outputs: &OutputHandles, wake: &ChildWait) -> ChildEnd {
        let ended = wake.wait_until(self.deadline, || match child.try_wait() {
            Ok(Some(status)) => Some(ChildEnd::Exited(status)),
            Ok(None) => self.cancel.is_cancelled().then_some(ChildEnd::Cancelled),
            Err(why) => Some(ChildEnd::Unknown(why)),
        });
        let ended = ended.unwrap_or(ChildEnd::TimedOut);
        if matches!(ended, ChildEnd::TimedOut | ChildEnd::Cancelled) {
            group::terminate_tree(child, outputs, self.kill_grace_period, wake);
        }
        ended
    }

    fn not_started_error(&self, why: io::Error) -> CommandError {
        CommandError::NotStarted { program: self.program.to_string_lossy().into_owned(), why }
    }

    fn command_line(&self) -> String {
        error::format_command_line(&self.program, &self.args)
    }
}

/// End of a child.
enum ChildEnd {
    Exited(ExitStatus),
    TimedOut,
    Cancelled,
    Unknown(io::Error),
}
