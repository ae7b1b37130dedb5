//! `uninstall`: removes what `setup` has installed.

use crate::cli::apply_plan::{ApplyMode, run_plan};
use crate::cli::args::Args;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::config::paths::Paths;
use crate::config::{Config, ConfigSource, DEFAULT_CONFIG_FILE, WorkspaceConfig};
use crate::doctor::HostContext;
use crate::setup::Plan;

pub(super) const HELP: &str = "\
Remove what setup has installed: units, polkit rule, program. Data, users,
packages, firewall, bans and upgrades stay.

Usage: openclaw-failover uninstall [OPTIONS]

Options:
  --dry-run   show the plan only
  --yes       do not ask
  -h, --help  show this text
";

/// Arguments of `uninstall`.
#[derive(Debug, PartialEq)]
pub(super) struct UninstallCommand(ApplyMode);

impl UninstallCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let mut mode = ApplyMode::default();
        while let Some(option) = args.next_option()? {
            match option {
                "--dry-run" => mode.dry_run = true,
                _ => mode.assume_yes = true,
            }
        }
        Ok(Self(mode))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        self.0.check_preconditions()?;
        let config = Config::for_primary(WorkspaceConfig::default());
        let source = ConfigSource::File(DEFAULT_CONFIG_FILE.into());
        let context = HostContext::for_this_host(config, source, Paths::from_environment());
        run_plan(&mut Plan::for_uninstall(context), self.0, |_, _| Ok(()), out)
    }
}
