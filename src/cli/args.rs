//! Argument parsing shared by all commands, with a suggestion for mistyped options.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::cli::error::CliError;
use crate::cli::help_page::HelpPage;
use crate::text::duration;
use crate::text::suggestion::suggest_name;

/// Arguments of one command, while they are parsed.
pub(super) struct Args {
    parser: Parser,
    /// The command, as it is typed.
    command: &'static str,
    help: &'static str,
    options: Vec<&'static str>,
}

/// Argument for a command to handle.
pub(super) enum Argument {
    /// One of the command's options, such as `--json`.
    Option(&'static str),
    /// An argument that is not an option.
    Value(OsString),
}

impl Args {
    /// Returns the arguments of `command`, which knows the options that its help lists.
    pub(super) fn new(parser: Parser, command: &'static str, help: &'static str) -> Self {
        let page = HelpPage::parse(command, help);
        let options = page.flags().into_iter().flat_map(|flag| flag.names).collect();
        Self { parser, command, help, options }
    }

    /// Adds options for this program's own child processes; no help lists them.
    pub(super) fn add_internal_options(&mut self, options: &[&'static str]) {
        self.options.extend(options);
    }

    /// Returns the next argument.
    ///
    /// # Errors
    /// For an unknown option, and [`CliError::Help`] for `--help`.
    pub(super) fn next(&mut self) -> Result<Option<Argument>, CliError> {
        let typed = match self.parser.next()? {
            None => return Ok(None),
            Some(Arg::Value(value)) => return Ok(Some(Argument::Value(value))),
            Some(Arg::Short('h') | Arg::Long("help")) => return Err(CliError::Help(self.help)),
            Some(Arg::Long(name)) => format!("--{name}"),
            Some(Arg::Short(letter)) => format!("-{letter}"),
        };
        match self.options.iter().find(|option| **option == typed) {
            Some(option) => Ok(Some(Argument::Option(option))),
            None => Err(self.unknown_option(&typed)),
        }
    }

    /// Returns the next option; any other argument is an error.
    pub(super) fn next_option(&mut self) -> Result<Option<&'static str>, CliError> {
        match self.next()? {
            None => Ok(None),
            Some(Argument::Option(option)) => Ok(Some(option)),
            Some(Argument::Value(value)) => Err(self.unexpected_argument(&value)),
        }
    }

    /// Returns the next argument of a command without options.
    pub(super) fn next_value(&mut self) -> Result<Option<OsString>, CliError> {
        match self.next()? {
            None => Ok(None),
            Some(Argument::Value(value)) => Ok(Some(value)),
            Some(Argument::Option(option)) => Err(self.unexpected_argument(&option.into())),
        }
    }

    /// Reports any further argument.
    pub(super) fn finish(mut self) -> Result<(), CliError> {
        self.next_value()?.map_or(Ok(()), |value| Err(self.unexpected_argument(&value)))
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
        let hint = suggest_name(typed, self.options.iter().copied())
            .map_or_else(String::new, |near| format!(", did you mean '{near}'?"));
        self.usage_error(format!("{} has no option '{typed}'{hint}", self.command))
    }
}
