//! `demo`: a whole failover on loopback.

use lexopt::Parser;

use super::args::{Args, Item};
use super::command::Command;
use super::error::Error;
use super::{Answer, rooms};

const HELP: &str = "\
A whole failover and failback on loopback in under a minute, without root and
without systemd. It leaves nothing behind.

Usage: openclaw-failover demo

Options:
  -h, --help  this text
";

/// Show a failover.
#[derive(Debug, PartialEq)]
pub(super) struct Demo;

impl Demo {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "demo", HELP, &[]);
        match args.next()? {
            None => Ok(Command::Demo(Self)),
            Some(Item::Help(help)) => Ok(help),
            Some(Item::Value(value)) => Err(args.unexpected(&value)),
            Some(Item::Option(option)) => Err(args.unexpected(&option.into())),
        }
    }

    pub(super) fn run(self) -> Result<Answer, Error> {
        rooms::demo()
    }
}
