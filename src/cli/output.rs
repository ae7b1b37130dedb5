//! Standard output: escapes control characters from outside, and uses colour only on a terminal.

use std::borrow::Cow;
use std::io::{self, IsTerminal, StdoutLock, Write};
use std::{env, fmt};

use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
pub(super) use crate::text::table::TextColour;
use crate::text::{CommandOutput, strip_error_numbers};

/// Standard output while a command runs.
pub(super) struct Output {
    stream: StdoutLock<'static>,
    colour: bool,
}

impl Output {
    /// Locks standard output. Colour is used on a terminal that supports it, unless the user has set `NO_COLOR`
    /// (<https://no-color.org>).
    pub(super) fn stdout() -> Self {
        let stdout = io::stdout();
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let colour = stdout.is_terminal() && !is_set("NO_COLOR") && !is_dumb;
        let stream = stdout.lock();
        Self { stream, colour }
    }

    /// Writes one line. Text from outside must pass through `printable::to_printable` first.
    pub(super) fn write_line(&mut self, line: impl fmt::Display) -> Result<(), CliError> {
        writeln!(self.stream, "{}", strip_error_numbers(&line.to_string())).map_err(CliError::Output)
    }

    /// Writes text of several lines that is safe for a terminal.
    pub(super) fn write_text(&mut self, text: &str) -> Result<(), CliError> {
        self.stream.write_all(text.as_bytes()).map_err(CliError::Output)
    }

    /// Returns standard output itself, for long text that is safe for a terminal.
    pub(super) fn stream(&mut self) -> &mut impl Write {
        &mut self.stream
    }

    /// True if standard output is a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.stream.is_terminal()
    }

    /// Draws a page over the previous one in a single write, without flicker.
    pub(super) fn redraw(&mut self, page: &str) -> Result<(), CliError> {
        // Each line is placed by its row, and the rest of the previous page is cleared. On a terminal with too few rows
        // the last lines share the last row, and nothing scrolls away.
        let mut text = String::new();
        for (row, line) in page.lines().enumerate() {
            text.push_str(&format!("\u{1b}[{};1H{line}\u{1b}[K", row + 1));
        }
        self.write_text(&(text + "\u{1b}[J"))?;
        self.flush()
    }

    /// Prints what a report renders, and its warning to standard error.
    pub(super) fn print_command_output(&mut self, shown: &CommandOutput) -> Result<CommandOutcome, CliError> {
        self.write_text(&shown.text)?;
        if let Some(warning) = &shown.warning {
            self.flush()?;
            CliError::Failed(warning.clone()).print();
        }
        Ok(if shown.exit_code == 0 { CommandOutcome::Success } else { CommandOutcome::Failure })
    }

    /// Flushes standard output.
    pub(super) fn flush(&mut self) -> Result<(), CliError> {
        self.stream.flush().map_err(CliError::Output)
    }

    /// Colours a text if colours are enabled.
    pub(super) fn paint<'a>(&self, tone: TextColour, text: &'a str) -> Cow<'a, str> {
        if self.colour { Cow::Owned(tone.colour_text(text)) } else { Cow::Borrowed(text) }
    }

    /// True if colours are enabled.
    pub(super) fn has_colour(&self) -> bool {
        self.colour
    }
}
