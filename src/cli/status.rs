//! `status`: the monitor's current state.

use lexopt::Parser;

use crate::cli::args::{Args, Argument};
use crate::cli::command::CliCommand;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::{CommandOutcome, actions};

const HELP: &str = "\
The state of the monitor: role, verdicts, window, last failover.

Usage: openclaw-failover status [OPTIONS]

Options:
  --json      print one object
  --watch     redraw every second until interrupted; needs a terminal
  -h, --help  show this text

Exit codes: 0 the monitor runs, 1 it does not, 2 usage error.
";

const OPTIONS: &[&str] = &["--json", "--watch"];

/// Arguments of `status`.
#[derive(Debug, PartialEq)]
pub(super) struct StatusCommand {
    json: bool,
    watch: bool,
}

impl StatusCommand {
    pub(super) fn parse(parser: Parser) -> Result<CliCommand, CliError> {
        let mut args = Args::new(parser, "status", HELP, OPTIONS);
        let mut status = Self { json: false, watch: false };
        while let Some(item) = args.next()? {
            match item {
                Argument::Option("--watch") => status.watch = true,
                Argument::Option(_) => status.json = true,
                Argument::Value(value) => return Err(args.unexpected_argument(&value)),
                Argument::Help(help) => return Ok(help),
            }
        }
        if status.json && status.watch {
            return Err(args.usage_error("--json and --watch cannot be used together"));
        }
        Ok(CliCommand::Status(status))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        match self.watch {
            true if out.is_terminal() => actions::watch_status(out),
            true => {
                Err(CliError::Usage("status: --watch needs a terminal; without it `status` prints once".to_owned()))
            }
            false => actions::print_status(self.json, out),
        }
    }
}
