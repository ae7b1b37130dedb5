//! Errors of a command, and their exit codes.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use crate::cli::printable::to_printable;
use crate::config::ConfigErrors;

/// Error that ends a command.
#[derive(Debug)]
pub(super) enum CliError {
    /// Invalid arguments.
    Usage(String),
    /// Invalid configuration.
    Configuration(ConfigErrors),
    /// The command failed.
    Failed(String),
    /// `--help`, which ends the parsing of a command: the text to print.
    Help(&'static str),
    /// Standard output could not be written.
    Output(io::Error),
}

impl CliError {
    /// Wraps the reason why a command failed.
    pub(super) fn failed(why: impl fmt::Display) -> Self {
        Self::Failed(why.to_string())
    }

    /// Returns the exit code. A reader that closes the pipe early (`… | head`) is no failure.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Configuration(_) => 2,
            Self::Output(error) if error.kind() == ErrorKind::BrokenPipe => 0,
            Self::Help(_) => 0,
            Self::Failed(_) | Self::Output(_) => 1,
        }
    }

    /// Prints the error, a line a problem, to standard error.
    pub(super) fn print(&self) {
        if self.exit_code() == 0 {
            return;
        }
        let mut stderr = io::stderr().lock();
        // If standard error is closed, the exit code remains.
        let mut print = |line: &str| {
            let _ = writeln!(stderr, "openclaw-failover: {}", to_printable(line));
        };
        match self {
            Self::Configuration(problems) => problems.lines().for_each(print),
            other => print(&other.to_string()),
        }
    }
}

/// Prints a warning, one line, to standard error.
pub(super) fn print_warning(what: &str) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(io::stderr().lock(), "openclaw-failover: warning: {}", to_printable(what));
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Failed(what) => f.write_str(what),
            Self::Help(text) => f.write_str(text),
            Self::Configuration(problems) => problems.fmt(f),
            Self::Output(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

impl From<ConfigErrors> for CliError {
    fn from(problems: ConfigErrors) -> Self {
        Self::Configuration(problems)
    }
}

impl From<lexopt::Error> for CliError {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}
