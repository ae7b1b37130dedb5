//! `config`: the effective configuration, and validation of a file.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::cli::args::Args;
use crate::cli::error::{CliError, print_warning};
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::cli::printable::to_printable;
use crate::config::address::Host;
use crate::config::endpoint::Endpoint;
use crate::config::{self, ConfigErrors, ConfigSource};
use crate::doctor;
use crate::os::is_own_address;

pub(super) const HELP: &str = "\
Print the effective configuration, every default included, or validate a file.

Usage: openclaw-failover config [OPTIONS]

Options:
  --config FILE  print FILE's instead of /etc/openclaw-failover/config.json's
  --check FILE   validate FILE, and print all that is wrong with it
  --primary      with --check: FILE is a primary's, without upstreams
  -h, --help     show this text

Names of credentials are checked, not their existence. If the default file does
not exist, the variables of the old shell monitor are read: PRIMARY_IP,
PRIMARY_PORT, SECRETS_HOST, CHECK_INTERVAL, FAIL_THRESHOLD.
";

/// Arguments of `config`.
#[derive(Debug, PartialEq)]
pub(super) enum ConfigCommand {
    /// Print the effective configuration.
    Print(Option<PathBuf>),
    /// Validate a file.
    Check {
        /// The file.
        file: PathBuf,
        /// True if it is a primary's.
        is_primary: bool,
    },
}

impl ConfigCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let (mut file, mut check, mut is_primary) = (None, None, false);
        while let Some(option) = args.next_option()? {
            match option {
                "--check" => check = Some(args.file_value()?),
                "--primary" => is_primary = true,
                _ => file = Some(args.file_value()?),
            }
        }
        match (file, check) {
            (Some(_), Some(_)) => Err(args.usage_error("--check and --config cannot be used together")),
            (None, Some(file)) => Ok(Self::Check { file, is_primary }),
            (_, None) if is_primary => Err(args.usage_error("--primary goes with --check")),
            (file, None) => Ok(Self::Print(file)),
        }
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        match self {
            Self::Print(file) => {
                let (_, config) = load_config(file.as_deref())?;
                out.write_line(config.to_json().to_pretty())?;
            }
            Self::Check { file, is_primary } => {
                let own = if is_primary {
                    config::load_primary(Some(&file))?;
                    Vec::new()
                } else {
                    let config = config::load_config(&file)?;
                    warn_of_foreign_gateway(&config.gateway.url);
                    find_own_urls(&config)
                };
                let name = file.display().to_string();
                out.write_line(format_args!("{}: ok", to_printable(&name)))?;
                for url in own {
                    out.write_line(format_args!(
                        "warning: upstream {url} is an address of this host: here it counts as down and never \
                         arms failover; use the address of another host"
                    ))?;
                }
            }
        }
        Ok(CommandOutcome::Success)
    }
}

/// Warns of a gateway URL whose address this host does not have. The file may be for another host, so it is no error.
fn warn_of_foreign_gateway(url: &str) {
    let Ok(Host::Ip(ip)) = Endpoint::from_url(url).map(|endpoint| endpoint.address().host.clone()) else { return };
    if !is_own_address(SocketAddr::new(ip, 0)) {
        print_warning(&format!(
            "gateway.url: {ip} is not an address of this host; it must be the gateway that this standby starts"
        ));
    }
}

/// Returns the upstream URLs that lead back to this host. The file may be for another host, so they are no errors.
fn find_own_urls(config: &config::Config) -> Vec<String> {
    let urls = config.upstreams.iter().flat_map(|upstream| &upstream.urls);
    let is_own = |url: &&String| Endpoint::from_url(url).is_ok_and(|endpoint| endpoint.is_own_interface());
    urls.filter(is_own).cloned().collect()
}

/// Refuses to let root read a configuration that the agent can change. `user` is the agent's, where systemd does not
/// know it.
pub(super) fn refuse_agents_config(file: Option<&Path>, user: Option<&str>) -> Result<(), CliError> {
    file.map_or(Ok(()), |file| doctor::refuse_agents_file(file, user))
        .map_err(|why| CliError::Configuration(ConfigErrors::single(why.to_string())))
}

/// Loads the configuration for a command; returns its source too.
pub(super) fn load_config(file: Option<&Path>) -> Result<(ConfigSource, config::Config), CliError> {
    load_config_or(file, |_| None)
}

/// Loads the configuration, with a second source for variables that are not set.
pub(super) fn load_config_or(
    file: Option<&Path>,
    other: fn(&str) -> Option<String>,
) -> Result<(ConfigSource, config::Config), CliError> {
    // Invalid UTF-8 is kept as replacement characters, so that the value is rejected and not ignored.
    let set = |name: &str| Some(env::var_os(name)?.to_string_lossy().into_owned());
    let variable = |name: &str| set(name).or_else(|| other(name));
    refuse_agents_config(file, None)?;
    let source = config::find_source(file, variable)?;
    let config = source.load()?;
    Ok((source, config))
}
