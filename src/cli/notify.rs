//! `notify`: a test message to every webhook.

use std::path::PathBuf;

use crate::cli::args::Args;
use crate::cli::config::load_config;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::cli::printable::to_printable;
use crate::monitor::host_name;
use crate::notify::{self, CredentialStore};

pub(super) const HELP: &str = "\
Send a test message to every configured webhook. Run it as root: only root can
read their URLs. A running monitor uses a changed credential after a restart.

Usage: openclaw-failover notify --test [OPTIONS]

Options:
  --test         send the test messages
  --config FILE  read FILE instead of /etc/openclaw-failover/config.json
  -h, --help     show this text

Exit codes: 0 all were delivered, 1 one failed, 2 usage or configuration error.
";

/// Arguments of `notify`.
#[derive(Debug, PartialEq)]
pub(super) struct NotifyCommand {
    config: Option<PathBuf>,
}

impl NotifyCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let (mut test, mut config) = (false, None);
        while let Some(option) = args.next_option()? {
            match option {
                "--test" => test = true,
                _ => config = Some(args.file_value()?),
            }
        }
        if !test {
            return Err(args.usage_error("missing option: write notify --test"));
        }
        Ok(Self { config })
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        let (_, config) = load_config(self.config.as_deref())?;
        if config.notify.is_empty() {
            return Err(CliError::Failed("no webhook is configured; add one under \"notify\"".to_owned()));
        }
        let (credentials, host) = (CredentialStore::from_env(), host_name());
        let mut outcome = CommandOutcome::Success;
        for webhook in &config.notify {
            let result = match notify::send_test(webhook, &credentials, &host) {
                Ok(()) => "delivered".to_owned(),
                Err(why) => {
                    outcome = CommandOutcome::Failure;
                    format!("failed: {why}")
                }
            };
            let name = format!("{} ({})", webhook.credential, webhook.format.name());
            out.write_line(format_args!("{name:24}  {}", to_printable(&result)))?;
            out.flush()?;
        }
        Ok(outcome)
    }
}
