//! Why a command could not do its work, and the exit code that says so.

use std::fmt;
use std::io::{
    ErrorKind, Write, {self},
};

use crate::cli::output::printable;
use crate::config::Problems;

/// Why a command could not do its work.
#[derive(Debug)]
pub(super) enum Error {
    /// The arguments make no sense.
    Usage(String),
    /// The configuration makes no sense.
    Configuration(Problems),
    /// It was tried, and it failed.
    Failed(String),
    /// The answer could not be written.
    Output(io::Error),
}

impl Error {
    /// The exit code. A reader that has seen enough (`… | head`) is no failure.
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
        // Where standard error is gone, the exit code still tells.
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
