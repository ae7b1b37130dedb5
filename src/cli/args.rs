//! Argument parsing shared by all commands, with a suggestion for mistyped options.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::cli::command::Command;
use crate::cli::error::Error;
use crate::text::duration;
use crate::text::suggestion::nearest;

/// Options for this program's own child processes; no help lists them.
const OWN: [&str; 5] = ["--stub-gateway", "--as-owner", "--accounts", "--in-sandbox", "--cheap"];

/// Arguments of one command, while they are parsed.
pub(super) struct Args {
    parser: Parser,
    /// The command, as it is typed.
    command: &'static str,
    help: &'static str,
    options: &'static [&'static str],
}

/// Argument for a command to handle.
pub(super) enum Item {
    /// One of the command's options, such as `--json`.
    Option(&'static str),
    /// An argument that is not an option.
    Value(OsString),
    /// `--help`: the command to run instead.
    Help(Command),
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
        debug_assert!(options.iter().all(|option| help.contains(option) || OWN.contains(option)), "{command}'s help");
        Self { parser, command, help, options }
    }

    /// Returns the next argument.
    pub(super) fn next(&mut self) -> Result<Option<Item>, Error> {
        let typed = match self.parser.next()? {
            None => return Ok(None),
            Some(Arg::Value(value)) => return Ok(Some(Item::Value(value))),
            Some(Arg::Short('h') | Arg::Long("help")) => {
                return Ok(Some(Item::Help(Command::Help(self.help))));
            }
            Some(Arg::Long(name)) => format!("--{name}"),
            Some(Arg::Short(letter)) => format!("-{letter}"),
        };
        match self.options.iter().find(|option| **option == typed) {
            Some(option) => Ok(Some(Item::Option(option))),
            None => Err(self.unknown(&typed)),
        }
    }

    /// Returns the file that an option names.
    pub(super) fn file(&mut self) -> Result<PathBuf, Error> {
        Ok(PathBuf::from(self.parser.value()?))
    }

    /// Returns the text that an option names.
    pub(super) fn text(&mut self) -> Result<String, Error> {
        Ok(self.parser.value()?.string()?)
    }

    /// Returns the duration that an option names.
    pub(super) fn duration(&mut self, option: &str) -> Result<Duration, Error> {
        let text = self.parser.value()?.string()?;
        duration::parse(&text).map_err(|what| self.usage(format!("{option}: '{text}' {what}")))
    }

    /// Returns the address that an option names.
    pub(super) fn address(&mut self) -> Result<SocketAddr, Error> {
        let text = self.parser.value()?.string()?;
        text.parse().map_err(|_| self.usage(format!("'{text}' is not an address and a port")))
    }

    /// Returns the error for a value that the command does not take.
    pub(super) fn unexpected(&self, value: &OsString) -> Error {
        self.usage(format!("unexpected argument '{}'", value.display()))
    }

    /// Returns a usage error that refers to the command's help.
    pub(super) fn usage(&self, what: impl AsRef<str>) -> Error {
        Error::Usage(format!("{}; see openclaw-failover {} --help", what.as_ref(), self.command))
    }

    fn unknown(&self, typed: &str) -> Error {
        let known = self.options.iter().copied().chain(["--help"]);
        let hint = nearest(typed, known).map_or_else(String::new, |near| format!(", did you mean '{near}'?"));
        self.usage(format!("{} has no option '{typed}'{hint}", self.command))
    }
}
