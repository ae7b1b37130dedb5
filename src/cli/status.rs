//! `status`: what the monitor sees and does right now.

use lexopt::Parser;

use super::args::{Args, Item};
use super::command::Command;
use super::error::Error;
use super::output::Output;
use super::{Answer, rooms};

const HELP: &str = "\
What the monitor sees and does right now: role, verdicts, window, last failover.

Usage: openclaw-failover status [OPTIONS]

Options:
  --json      print one object
  -h, --help  this text

Exit codes: 0 the monitor runs, 1 it does not, 2 usage error.
";

const OPTIONS: &[&str] = &["--json"];

/// Print the monitor's status.
#[derive(Debug, PartialEq)]
pub(super) struct Status {
    json: bool,
}

impl Status {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "status", HELP, OPTIONS);
        let mut status = Self { json: false };
        while let Some(item) = args.next()? {
            match item {
                Item::Option(_) => status.json = true,
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        Ok(Command::Status(status))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        rooms::status(self.json, out)
    }
}
