//! What every command's parser needs: options that explain themselves, and the nearest name to a mistyped one.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::cli::command::Command;
use crate::cli::error::Error;
use crate::text::duration;
use crate::text::suggestion::nearest;

/// Options that this program gives itself only.
const OWN: [&str; 5] = ["--stub-gateway", "--as-owner", "--accounts", "--in-sandbox", "--cheap"];

/// One command's arguments while they are parsed.
pub(super) struct Args {
    parser: Parser,
    /// The command, as it is typed.
    command: &'static str,
    help: &'static str,
    options: &'static [&'static str],
}

/// An argument that a command has to deal with.
pub(super) enum Item {
    /// One of the command's options, such as `--json`.
    Option(&'static str),
    /// Anything that is no option.
    Value(OsString),
    /// `--help`: the command to run instead.
    Help(Command),
}

impl Args {
    /// The arguments of `command`, which knows `options` besides `--help`.
    pub(super) fn new(
        parser: Parser,
        command: &'static str,
        help: &'static str,
        options: &'static [&'static str],
    ) -> Self {
        // What no help text names is in no completion either, and on no manual page.
        debug_assert!(options.iter().all(|option| help.contains(option) || OWN.contains(option)), "{command}'s help");
        Self { parser, command, help, options }
    }

    /// The next argument.
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

    /// The file that an option names.
    pub(super) fn file(&mut self) -> Result<PathBuf, Error> {
        Ok(PathBuf::from(self.parser.value()?))
    }

    /// The text that an option names.
    pub(super) fn text(&mut self) -> Result<String, Error> {
        Ok(self.parser.value()?.string()?)
    }

    /// The duration that an option names.
    pub(super) fn duration(&mut self, option: &str) -> Result<Duration, Error> {
        let text = self.parser.value()?.string()?;
        duration::parse(&text).map_err(|what| self.usage(format!("{option}: '{text}' {what}")))
    }

    /// The address that an option names.
    pub(super) fn address(&mut self) -> Result<SocketAddr, Error> {
        let text = self.parser.value()?.string()?;
        text.parse().map_err(|_| self.usage(format!("'{text}' is not an address and a port")))
    }

    /// Refuses a value where the command takes none.
    pub(super) fn unexpected(&self, value: &OsString) -> Error {
        self.usage(format!("unexpected argument '{}'", value.display()))
    }

    /// A usage error that says where to read on.
    pub(super) fn usage(&self, what: impl AsRef<str>) -> Error {
        Error::Usage(format!("{}; see openclaw-failover {} --help", what.as_ref(), self.command))
    }

    fn unknown(&self, typed: &str) -> Error {
        let known = self.options.iter().copied().chain(["--help"]);
        let hint = nearest(typed, known).map_or_else(String::new, |near| format!(", did you mean '{near}'?"));
        self.usage(format!("{} has no option '{typed}'{hint}", self.command))
    }
}
