//! `inspect`: the command of `openclaw-failover-check.service`. It is not meant for people, so no help lists it.

use std::env;
use std::path::PathBuf;

use crate::cli::args::Args;
use crate::cli::config::load_config;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::config::endpoint::Endpoint;
use crate::config::paths::Paths;
use crate::gateway_check;
use crate::os::systemd::Systemctl;

pub(super) const HELP: &str = "\
The checks that only the gateway's own user can make, for the monitor: which
process holds the gateway's port. openclaw-failover-check.service runs it.

Usage: openclaw-failover inspect [OPTIONS]

Options:
  --config FILE  read FILE instead of /etc/openclaw-failover/config.json
  -h, --help     show this text
";

/// Arguments of `inspect`.
#[derive(Debug, PartialEq)]
pub(super) struct InspectCommand {
    config: Option<PathBuf>,
}

impl InspectCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let mut inspect = Self { config: None };
        while args.next_option()?.is_some() {
            inspect.config = Some(args.file_value()?);
        }
        Ok(inspect)
    }

    /// Writes the report into the unit's runtime directory, or next to the monitor's status.
    pub(super) fn run(self, _: &mut Output) -> Result<CommandOutcome, CliError> {
        let (_, config) = load_config(self.config.as_deref())?;
        let endpoint = Endpoint::from_url(&config.gateway.url).map_err(CliError::failed)?;
        let invocation = env::var("INVOCATION_ID").unwrap_or_default();
        let port = endpoint.address().port;
        let report = gateway_check::inspect_sockets(&Systemctl::default(), &config.gateway.unit, port, invocation);
        let folder = env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| gateway_check::report_folder(&Paths::from_environment()));
        gateway_check::write_report(&folder, &report.map_err(CliError::failed)?).map_err(CliError::failed)?;
        Ok(CommandOutcome::Success)
    }
}
