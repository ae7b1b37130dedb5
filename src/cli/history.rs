//! `history`: every transition, with its reason and its timings.

use std::time::Duration;

use lexopt::Parser;

use crate::cli::args::{Args, Argument};
use crate::cli::command::CliCommand;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::{CommandOutcome, actions};
use crate::records::history::HistoryFormat;

const HELP: &str = "\
Every promotion and demotion, with its reason and its timings.

Usage: openclaw-failover history [OPTIONS]

Options:
  --since TIME  only the last TIME, such as 30d
  --summary     print totals: availability, outages, time to promote
  --json        print an array of one object per event, or the summary's object
  -h, --help    show this text
";

const OPTIONS: &[&str] = &["--since", "--summary", "--json"];

/// Arguments of `history`.
#[derive(Debug, PartialEq)]
pub(super) struct HistoryCommand {
    since: Option<Duration>,
    form: HistoryFormat,
}

impl HistoryCommand {
    pub(super) fn parse(parser: Parser) -> Result<CliCommand, CliError> {
        let mut args = Args::new(parser, "history", HELP, OPTIONS);
        let mut history = Self { since: None, form: HistoryFormat::default() };
        while let Some(item) = args.next()? {
            match item {
                Argument::Option("--since") => history.since = Some(args.duration_value("--since")?),
                Argument::Option("--summary") => history.form.summary = true,
                Argument::Option(_) => history.form.json = true,
                Argument::Value(value) => return Err(args.unexpected_argument(&value)),
                Argument::Help(help) => return Ok(help),
            }
        }
        Ok(CliCommand::History(history))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        actions::print_history(self.since, self.form, out)
    }
}
