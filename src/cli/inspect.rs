//! `inspect`: what `openclaw-failover-check.service` runs. It is no command for people, so no help lists it.

use std::env;
use std::path::PathBuf;

use lexopt::Parser;

use crate::check;
use crate::config::endpoint::Endpoint;
use crate::host::systemd::Systemctl;
use crate::report::paths::Paths;

use super::Answer;
use super::args::{Args, Item};
use super::command::Command;
use super::config::configuration;
use super::error::Error;

const HELP: &str = "\
The checks that only the gateway's own user can make, for the monitor: which
process holds the gateway's port. openclaw-failover-check.service runs it.

Usage: openclaw-failover inspect [OPTIONS]

Options:
  --config FILE  read FILE instead of /etc/openclaw-failover/config.json
  -h, --help     this text
";

const OPTIONS: &[&str] = &["--config"];

/// Inspect the gateway's port.
#[derive(Debug, PartialEq)]
pub(super) struct Inspect {
    config: Option<PathBuf>,
}

impl Inspect {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "inspect", HELP, OPTIONS);
        let mut inspect = Self { config: None };
        while let Some(item) = args.next()? {
            match item {
                Item::Option(_) => inspect.config = Some(args.file()?),
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        Ok(Command::Inspect(inspect))
    }

    /// Writes the report into the folder that systemd made for it, or beside the monitor's own.
    pub(super) fn run(self) -> Result<Answer, Error> {
        let (_, config) = configuration(self.config.as_deref())?;
        let endpoint = Endpoint::from_url(&config.gateway.url).map_err(Error::Failed)?;
        let invocation = env::var("INVOCATION_ID").unwrap_or_default();
        let port = endpoint.address().port;
        let report = check::inspect(&Systemctl::default(), &config.gateway.unit, port, invocation);
        let folder = env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| check::folder(&Paths::new(|name| env::var_os(name))));
        check::write(&folder, &report.map_err(Error::Failed)?).map_err(|why| Error::Failed(why.to_string()))?;
        Ok(Answer::Yes)
    }
}
