//! `replay`: recorded events, run through the machine again.

use std::path::PathBuf;

use lexopt::Parser;

use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::error::Error;
use crate::cli::output::Output;
use crate::cli::{Answer, rooms};

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
pub(super) struct Replay {
    file: Option<PathBuf>,
}

impl Replay {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "replay", HELP, &[]);
        let mut file = None;
        while let Some(item) = args.next()? {
            match item {
                Item::Value(value) if file.is_none() => file = Some(PathBuf::from(value)),
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
                Item::Option(_) => {}
            }
        }
        Ok(Command::Replay(Self { file }))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        rooms::replay(self.file, out)
    }
}
