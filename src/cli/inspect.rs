//! `inspect`: the command of `openclaw-failover-check.service`. It is not meant for people, so no help lists it.

use std::env;
use std::path::PathBuf;

use lexopt::Parser;

use crate::cli::Answer;
use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::config::configuration;
use crate::cli::error::Error;
use crate::config::endpoint::Endpoint;
use crate::config::paths::Paths;
use crate::gateway_check;
use crate::os::systemd::Systemctl;

const HELP: &str = "\
The checks that only the gateway's own user can make, for the monitor: which
process holds the gateway's port. openclaw-failover-check.service runs it.

Usage: openclaw-failover inspect [OPTIONS]

Options:
  --config FILE  read FILE instead of /etc/openclaw-failover/config.json
  -h, --help     show this text
";

const OPTIONS: &[&str] = &["--config"];

/// Arguments of `inspect`.
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

    /// Writes the report into the unit's runtime directory, or beside the monitor's status.
    pub(super) fn run(self) -> Result<Answer, Error> {
        let (_, config) = configuration(self.config.as_deref())?;
        let endpoint = Endpoint::from_url(&config.gateway.url).map_err(Error::Failed)?;
        let invocation = env::var("INVOCATION_ID").unwrap_or_default();
        let port = endpoint.address().port;
        let report = gateway_check::inspect(&Systemctl::default(), &config.gateway.unit, port, invocation);
        let folder = env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| gateway_check::folder(&Paths::new(|name| env::var_os(name))));
        gateway_check::write(&folder, &report.map_err(Error::Failed)?).map_err(|why| Error::Failed(why.to_string()))?;
        Ok(Answer::Yes)
    }
}
