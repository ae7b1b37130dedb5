//! `run`: the monitor.

use std::path::PathBuf;

use lexopt::Parser;

use crate::cli::args::{Args, Argument};
use crate::cli::command::CliCommand;
use crate::cli::config::load_config;
use crate::cli::error::CliError;
use crate::cli::{CommandOutcome, actions};

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
pub(super) struct RunCommand {
    config: Option<PathBuf>,
}

impl RunCommand {
    pub(super) fn parse(parser: Parser) -> Result<CliCommand, CliError> {
        let mut args = Args::new(parser, "run", HELP, OPTIONS);
        let mut run = Self { config: None };
        while let Some(item) = args.next()? {
            match item {
                Argument::Option(_) => run.config = Some(args.file_value()?),
                Argument::Value(value) => return Err(args.unexpected_argument(&value)),
                Argument::Help(help) => return Ok(help),
            }
        }
        Ok(CliCommand::Run(run))
    }

    pub(super) fn run(self) -> Result<CommandOutcome, CliError> {
        let (source, config) = load_config(self.config.as_deref())?;
        actions::run_monitor(source, config)
    }
}
