//! Errors of a command, and their exit codes.

use std::fmt;
use std::io::{
    ErrorKind, Write, {self},
};

use crate::cli::output::printable;
use crate::config::Problems;

/// Error that ends a command.
#[derive(Debug)]
pub(super) enum Error {
    /// Invalid arguments.
    Usage(String),
    /// Invalid configuration.
    Configuration(Problems),
    /// The command failed.
    Failed(String),
    /// Standard output could not be written.
    Output(io::Error),
}

impl Error {
    /// Returns the exit code. A reader that closes the pipe early (`… | head`) is no failure.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Configuration(_) => 2,
            Self::Output(error) if error.kind() == ErrorKind::BrokenPipe => 0,
            Self::Failed(_) | Self::Output(_) => 1,
        }
    }

    /// Prints the error, a line a problem, to standard error.
    pub(super) fn print(&self) {
        if self.code() == 0 {
            return;
        }
        let mut stderr = io::stderr().lock();
        // If standard error is closed, the exit code remains.
        let mut print = |line: &str| {
            let _ = writeln!(stderr, "openclaw-failover: {}", printable(line));
        };
        match self {
            Self::Configuration(problems) => problems.lines().for_each(print),
            other => print(&other.to_string()),
        }
    }
}

/// Prints a warning, one line, to standard error.
pub(super) fn warn(what: &str) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(io::stderr().lock(), "openclaw-failover: warning: {}", printable(what));
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Failed(what) => f.write_str(what),
            Self::Configuration(problems) => problems.fmt(f),
            Self::Output(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems)
    }
}

impl From<lexopt::Error> for Error {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}
