//! `notify`: a test message to every webhook.

use std::path::PathBuf;

use lexopt::Parser;

use crate::cli::Answer;
use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::config::configuration;
use crate::cli::error::Error;
use crate::cli::output::{Output, printable};
use crate::monitor::host_name;
use crate::notify::{
    Vault, {self},
};

const HELP: &str = "\
Send a test message to every configured webhook. Run it as root: only root can
read their URLs. A running monitor uses a changed credential after a restart.

Usage: openclaw-failover notify --test [OPTIONS]

Options:
  --test         send the test messages
  --config FILE  read FILE instead of /etc/openclaw-failover/config.json
  -h, --help     show this text

Exit codes: 0 all were delivered, 1 one failed, 2 usage or configuration error.
";

const OPTIONS: &[&str] = &["--test", "--config"];

/// Arguments of `notify`.
#[derive(Debug, PartialEq)]
pub(super) struct Notify {
    config: Option<PathBuf>,
}

impl Notify {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "notify", HELP, OPTIONS);
        let (mut test, mut config) = (false, None);
        while let Some(item) = args.next()? {
            match item {
                Item::Option("--test") => test = true,
                Item::Option(_) => config = Some(args.file()?),
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        if !test {
            return Err(args.usage("missing option: write notify --test"));
        }
        Ok(Command::Notify(Self { config }))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        let (_, config) = configuration(self.config.as_deref())?;
        if config.notify.is_empty() {
            return Err(Error::Failed("no webhook is configured; add one under \"notify\"".to_owned()));
        }
        let (vault, host) = (Vault::from_env(), host_name());
        let mut answer = Answer::Yes;
        for webhook in &config.notify {
            let said = match notify::test(webhook, &vault, &host) {
                Ok(()) => "delivered".to_owned(),
                Err(why) => {
                    answer = Answer::No;
                    format!("failed: {why}")
                }
            };
            let name = format!("{} ({})", webhook.credential, webhook.format.name());
            out.line(format_args!("{name:24}  {}", printable(&said)))?;
            out.flush()?;
        }
        Ok(answer)
    }
}
