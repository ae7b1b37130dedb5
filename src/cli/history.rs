//! `history`: every transition, with its reason and its timings.

use std::time::Duration;

use lexopt::Parser;

use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::error::Error;
use crate::cli::output::Output;
use crate::cli::{Answer, rooms};
use crate::records::history::Form;

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
pub(super) struct History {
    since: Option<Duration>,
    form: Form,
}

impl History {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "history", HELP, OPTIONS);
        let mut history = Self { since: None, form: Form::default() };
        while let Some(item) = args.next()? {
            match item {
                Item::Option("--since") => history.since = Some(args.duration("--since")?),
                Item::Option("--summary") => history.form.summary = true,
                Item::Option(_) => history.form.json = true,
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        Ok(Command::History(history))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        rooms::history(self.since, self.form, out)
    }
}
