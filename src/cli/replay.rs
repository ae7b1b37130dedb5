//! `replay`: recorded events, run through the machine again.

use std::path::PathBuf;

use lexopt::Parser;

use crate::cli::args::{Args, Argument};
use crate::cli::command::CliCommand;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::{CommandOutcome, actions};

const HELP: &str = "\
Replay the events that the monitor has recorded, and print each decision with
the facts behind it. Nothing is started or stopped.

Usage: openclaw-failover replay [FILE]

FILE is /var/lib/openclaw-failover/trace.jsonl by default. The exit code is 1 if
this version decides differently from the one that ran, or if no event in FILE
can be replayed.

Options:
  -h, --help  show this text
";

/// Arguments of `replay`.
#[derive(Debug, PartialEq)]
pub(super) struct ReplayCommand {
    file: Option<PathBuf>,
}

impl ReplayCommand {
    pub(super) fn parse(parser: Parser) -> Result<CliCommand, CliError> {
        let mut args = Args::new(parser, "replay", HELP, &[]);
        let mut file = None;
        while let Some(item) = args.next()? {
            match item {
                Argument::Value(value) if file.is_none() => file = Some(PathBuf::from(value)),
                Argument::Value(value) => return Err(args.unexpected_argument(&value)),
                Argument::Help(help) => return Ok(help),
                Argument::Option(_) => {}
            }
        }
        Ok(CliCommand::Replay(Self { file }))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        actions::replay_trace(self.file, out)
    }
}
