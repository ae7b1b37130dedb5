//! `history`: every transition, with its reason and its timings.

use std::time::Duration;

use crate::cli::args::Args;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::config::paths::Paths;
use crate::os::clock::read_wall_clock;
use crate::records::history as past;
use crate::records::history::HistoryFormat;

pub(super) const HELP: &str = "\
Every promotion and demotion, with its reason and its timings.

Usage: openclaw-failover history [OPTIONS]

Options:
  --since TIME  only the last TIME, such as 30d
  --summary     print totals: availability, outages, time to promote
  --json        print an array of one object per event, or the summary's object
  -h, --help    show this text
";

/// Arguments of `history`.
#[derive(Debug, PartialEq)]
pub(super) struct HistoryCommand {
    since: Option<Duration>,
    form: HistoryFormat,
}

impl HistoryCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let mut history = Self { since: None, form: HistoryFormat::default() };
        while let Some(option) = args.next_option()? {
            match option {
                "--since" => history.since = Some(args.duration_value("--since")?),
                "--summary" => history.form.summary = true,
                _ => history.form.json = true,
            }
        }
        Ok(history)
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        print_history(self.since, self.form, out)
    }
}

/// Prints the history, all of it or the last `since`.
fn print_history(
    since: Option<Duration>,
    form: past::HistoryFormat,
    out: &mut Output,
) -> Result<CommandOutcome, CliError> {
    let shown = past::render_history(&Paths::from_environment().history_file(), since, form, read_wall_clock());
    out.print_command_output(&shown.map_err(CliError::failed)?)
}
