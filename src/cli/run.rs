//! `run`: the monitor.

use std::path::PathBuf;

use lexopt::Parser;

use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::config::configuration;
use crate::cli::error::Error;
use crate::cli::{Answer, rooms};

const HELP: &str = "\
The monitor: watch the upstreams, promote this host when all of them are down,
and demote it when one is back. It runs until SIGTERM and leaves the gateway as
it is; SIGHUP reloads the configuration.

Usage: openclaw-failover run [OPTIONS]

Options:
  --config FILE  read FILE instead of /etc/openclaw-failover/config.json
  -h, --help     show this text
";

const OPTIONS: &[&str] = &["--config"];

/// Arguments of `run`.
#[derive(Debug, PartialEq)]
pub(super) struct Run {
    config: Option<PathBuf>,
}

impl Run {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "run", HELP, OPTIONS);
        let mut run = Self { config: None };
        while let Some(item) = args.next()? {
            match item {
                Item::Option(_) => run.config = Some(args.file()?),
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        Ok(Command::Run(run))
    }

    pub(super) fn run(self) -> Result<Answer, Error> {
        let (source, config) = configuration(self.config.as_deref())?;
        rooms::monitor(source, config)
    }
}
