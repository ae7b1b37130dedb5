//! `status`: the monitor's current state.

use std::thread;
use std::time::Duration;

use crate::cli::args::Args;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::config::paths::Paths;
use crate::control::{self, Request};
use crate::os::clock::read_wall_clock;
use crate::status::{StatusFormat, render_file, render_status};
use crate::text::CommandOutput;

/// Time limit for a live status from the monitor.
const LIVE_STATUS_TIMEOUT: Duration = Duration::from_secs(2);

/// Redraw interval of a watched status.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

pub(super) const HELP: &str = "\
The state of the monitor: role, verdicts, outage, last failover.

Usage: openclaw-failover status [OPTIONS]

Options:
  --json      print one object
  --watch     redraw every second until interrupted; needs a terminal
  -h, --help  show this text

Exit codes: 0 the monitor runs, 1 it does not, 2 usage error.
";

/// Arguments of `status`.
#[derive(Debug, PartialEq)]
pub(super) struct StatusCommand {
    json: bool,
    watch: bool,
}

impl StatusCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let mut status = Self { json: false, watch: false };
        while let Some(option) = args.next_option()? {
            match option {
                "--watch" => status.watch = true,
                _ => status.json = true,
            }
        }
        if status.json && status.watch {
            return Err(args.usage_error("--json and --watch cannot be used together"));
        }
        Ok(status)
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        match self.watch {
            true if out.is_terminal() => watch_status(out),
            true => {
                Err(CliError::Usage("status: --watch needs a terminal; without it `status` prints once".to_owned()))
            }
            false => print_status(self.json, out),
        }
    }
}

/// Prints the monitor's live status, or for users who may not ask it the last one that it wrote. `Failure` if it
/// does not run.
fn print_status(json: bool, out: &mut Output) -> Result<CommandOutcome, CliError> {
    out.print_command_output(&query_status(json, out))
}

/// Redraws the status in place until interrupted.
fn watch_status(out: &mut Output) -> Result<CommandOutcome, CliError> {
    loop {
        let shown = query_status(false, out);
        out.redraw(&shown.text)?;
        thread::sleep(REDRAW_INTERVAL);
    }
}

fn query_status(json: bool, out: &Output) -> CommandOutput {
    let (paths, form) = (Paths::from_environment(), StatusFormat { json, colour: out.has_colour() });
    match control::send_request(&paths.control_socket(), &Request::Status { since: None }, LIVE_STATUS_TIMEOUT) {
        Ok(answer) => render_status(&answer.status, form, read_wall_clock()),
        Err(_) => render_file(&paths.status_file(), form, read_wall_clock()),
    }
}
