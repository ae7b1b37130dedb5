//! `drill`: a failover rehearsal, followed step by step.
//!
//! The monitor runs it; this command may end earlier.

use std::time::{Duration, Instant};

use crate::cli::args::Args;
use crate::cli::error::CliError;
use crate::cli::operator::{await_news, print_messages, send_request};
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::cli::printable::to_printable;
use crate::control::{MAX_DRILL_HOLD, Request};
use crate::failover::{self, DrillOutcome};
use crate::text::duration::format_duration;
use crate::text::utc::format_span;

pub(super) const HELP: &str = "\
Rehearse a failover on this standby while the primary is up: pull, start,
verify, hold, stop, return. Each step is timed and printed as it ends. If the
primary fails meanwhile, the drill becomes a real failover. If this command is
interrupted, the drill continues; `openclaw-failover demote` ends it now. A
drill that is running already is followed, and its outcome is the exit code.

Usage: openclaw-failover drill [OPTIONS]

Options:
  --hold TIME  stay up for this long (default 0s), such as 5m
  --force      run although a condition would prevent a failover
  -h, --help   show this text

Exit codes: 0 passed, 1 failed, refused or not found, 2 usage error.
";

/// Arguments of `drill`.
#[derive(Debug, PartialEq)]
pub(super) struct DrillCommand {
    hold: Duration,
    force: bool,
}

impl DrillCommand {
    pub(super) fn parse(mut args: Args) -> Result<Self, CliError> {
        let mut drill = Self { hold: Duration::ZERO, force: false };
        while let Some(option) = args.next_option()? {
            match option {
                "--hold" => drill.hold = args.duration_value("--hold")?,
                _ => drill.force = true,
            }
        }
        if drill.hold > MAX_DRILL_HOLD {
            let (hold, longest) = (format_duration(drill.hold), format_duration(MAX_DRILL_HOLD));
            return Err(args.usage_error(format!("--hold: '{hold}' is too long; write at most {longest}")));
        }
        Ok(drill)
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        let request = Request::Drill { hold: self.hold, force: self.force };
        let mut response = send_request(&request)?;
        print_messages(&response, out)?;
        if response.status.last_drill.as_ref().is_none_or(|drill| drill.ended_at.is_some()) {
            // Refused; the monitor's message with the reason is printed already.
            for degraded in response.status.degraded.iter().filter(|_| !self.force) {
                out.write_line(format_args!("{}: {}", to_printable(&degraded.name), to_printable(&degraded.text)))?;
            }
            return Ok(CommandOutcome::Failure);
        }
        let (began, within, mut shown) = (Instant::now(), response.time_limit, 0);
        loop {
            // The monitor may be restarting; it reports the drill's outcome afterwards.
            let Some(update) = await_news(&response, began, within, out)? else { continue };
            response = update;
            let drill = response.status.last_drill.as_ref();
            shown += drill.map_or(Ok(0), |drill| show_steps(drill, shown, out))?;
            print_messages(&response, out)?;
            match drill {
                Some(failover::Drill { ended_at: None, .. }) if began.elapsed() < within => {}
                Some(failover::Drill { ended_at: None, .. }) => {
                    let within = format_duration(within);
                    return Err(CliError::Failed(format!(
                        "not finished after {within}; the drill continues, see openclaw-failover status"
                    )));
                }
                Some(drill) if drill.outcome == Some(DrillOutcome::Passed) => return Ok(CommandOutcome::Success),
                Some(_) | None => return Ok(CommandOutcome::Failure),
            }
        }
    }
}

/// Prints the steps that have ended, except the first `shown`. Returns their number.
fn show_steps(drill: &failover::Drill, shown: usize, out: &mut Output) -> Result<usize, CliError> {
    let mut steps = drill.finished_steps().skip(shown);
    steps.try_fold(0, |count, (step, took)| {
        out.write_line(format_args!("  {:<7} {}", step.name(), format_span(took)))?;
        Ok(count + 1)
    })
}
