//! `status`: the monitor's current state.

use lexopt::Parser;

use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::error::Error;
use crate::cli::output::Output;
use crate::cli::{Answer, rooms};

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
pub(super) struct Status {
    json: bool,
    watch: bool,
}

impl Status {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "status", HELP, OPTIONS);
        let mut status = Self { json: false, watch: false };
        while let Some(item) = args.next()? {
            match item {
                Item::Option("--watch") => status.watch = true,
                Item::Option(_) => status.json = true,
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        if status.json && status.watch {
            return Err(args.usage("--json and --watch cannot be used together"));
        }
        Ok(Command::Status(status))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        match self.watch {
            true if out.is_terminal() => rooms::watch(out),
            true => Err(Error::Usage("status: --watch needs a terminal; without it `status` prints once".to_owned())),
            false => rooms::status(self.json, out),
        }
    }
}
