//! Argument parsing shared by all commands, with a suggestion for mistyped options.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::cli::error::CliError;
use crate::text::duration;
use crate::text::suggestion::suggest_name;

/// Options for this program's own child processes; no help lists them.
const INTERNAL_OPTIONS: [&str; 5] = ["--stub-gateway", "--as-owner", "--accounts", "--in-sandbox", "--cheap"];

/// Arguments of one command, while they are parsed.
pub(super) struct Args {
    parser: Parser,
    /// The command, as it is typed.
    command: &'static str,
    help: &'static str,
    options: &'static [&'static str],
}

/// Argument for a command to handle.
pub(super) enum Argument {
    /// One of the command's options, such as `--json`.
    Option(&'static str),
    /// An argument that is not an option.
    Value(OsString),
    /// `--help`: the text to print instead.
    Help(&'static str),
}

/// Arguments of a command, or the help that was asked for.
#[derive(Debug, PartialEq)]
pub(super) enum Parsed<T> {
    Command(T),
    Help(&'static str),
}

impl Args {
    /// Returns the arguments of `command`, which knows `options` besides `--help`.
    pub(super) fn new(
        parser: Parser,
        command: &'static str,
        help: &'static str,
        options: &'static [&'static str],
    ) -> Self {
        // Completions and the manual page are made from the help text.
        debug_assert!(
            options.iter().all(|option| help.contains(option) || INTERNAL_OPTIONS.contains(option)),
            "{command}'s help"
        );
        Self { parser, command, help, options }
    }

    /// Returns the next argument.
    pub(super) fn next(&mut self) -> Result<Option<Argument>, CliError> {
        let typed = match self.parser.next()? {
            None => return Ok(None),
            Some(Arg::Value(value)) => return Ok(Some(Argument::Value(value))),
            Some(Arg::Short('h') | Arg::Long("help")) => {
                return Ok(Some(Argument::Help(self.help)));
            }
            Some(Arg::Long(name)) => format!("--{name}"),
            Some(Arg::Short(letter)) => format!("-{letter}"),
        };
        match self.options.iter().find(|option| **option == typed) {
            Some(option) => Ok(Some(Argument::Option(option))),
            None => Err(self.unknown_option(&typed)),
        }
    }

    /// Returns the file that an option names.
    pub(super) fn file_value(&mut self) -> Result<PathBuf, CliError> {
        Ok(PathBuf::from(self.parser.value()?))
    }

    /// Returns the text that an option names.
    pub(super) fn text_value(&mut self) -> Result<String, CliError> {
        Ok(self.parser.value()?.string()?)
    }

    /// Returns the duration that an option names.
    pub(super) fn duration_value(&mut self, option: &str) -> Result<Duration, CliError> {
        let text = self.parser.value()?.string()?;
        duration::parse_duration(&text).map_err(|what| self.usage_error(format!("{option}: '{text}' {what}")))
    }

    /// Returns the address that an option names.
    pub(super) fn address_value(&mut self) -> Result<SocketAddr, CliError> {
        let text = self.parser.value()?.string()?;
        text.parse().map_err(|_| self.usage_error(format!("'{text}' is not an address and a port")))
    }

    /// Returns the error for a value that the command does not take.
    pub(super) fn unexpected_argument(&self, value: &OsString) -> CliError {
        self.usage_error(format!("unexpected argument '{}'", value.display()))
    }

    /// Returns a usage error that refers to the command's help.
    pub(super) fn usage_error(&self, what: impl AsRef<str>) -> CliError {
        CliError::Usage(format!("{}; see openclaw-failover {} --help", what.as_ref(), self.command))
    }

    fn unknown_option(&self, typed: &str) -> CliError {
        let known = self.options.iter().copied().chain(["--help"]);
        let hint = suggest_name(typed, known).map_or_else(String::new, |near| format!(", did you mean '{near}'?"));
        self.usage_error(format!("{} has no option '{typed}'{hint}", self.command))
    }
}
