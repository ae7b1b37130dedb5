//! `sync pull`: fetch the workspace and the secrets.

use std::path::PathBuf;

use lexopt::Parser;

use crate::config::nearest::nearest;

use super::args::{Args, Item};
use super::command::Command;
use super::config::configuration;
use super::error::Error;
use super::output::Output;
use super::{Answer, rooms};

const HELP: &str = "\
Fetch the workspace from its git remote and the secrets from their hosts. What
cannot be fast-forwarded is reported and left untouched.

Usage: openclaw-failover sync pull [OPTIONS]

Options:
  --config FILE  read FILE instead of /etc/openclaw-failover/config.json
  -h, --help     this text
";

const OPTIONS: &[&str] = &["--config"];

/// Fetch the workspace and the secrets.
#[derive(Debug, PartialEq)]
pub(super) struct Sync {
    config: Option<PathBuf>,
}

impl Sync {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "sync", HELP, OPTIONS);
        let mut config = None;
        let mut pull = false;
        while let Some(item) = args.next()? {
            match item {
                Item::Option(_) => config = Some(args.file()?),
                Item::Value(value) if !pull && value == "pull" => pull = true,
                Item::Value(value) if !pull => {
                    let typed = value.to_string_lossy().into_owned();
                    let hint = match nearest(&typed, ["pull"]) {
                        Some(near) => format!("did you mean '{near}'?"),
                        None => "it knows 'pull'".to_owned(),
                    };
                    return Err(args.usage(format!("sync has no '{typed}', {hint}")));
                }
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        if !pull {
            return Err(args.usage("sync wants to be told what to do: sync pull"));
        }
        Ok(Command::Sync(Self { config }))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        let (_, config) = configuration(self.config.as_deref())?;
        rooms::pull(&config, out)
    }
}
