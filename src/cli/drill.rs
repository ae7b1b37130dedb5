//! `drill`: a failover rehearsal, followed step by step.
//!
//! The monitor runs it; this command may end earlier.

use std::time::{Duration, Instant};

use lexopt::Parser;

use crate::cli::Answer;
use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::error::Error;
use crate::cli::operator::{ask, news, tell};
use crate::cli::output::{Output, printable};
use crate::control::{LONGEST_DRILL, Request};
use crate::failover::{
    Outcome, {self},
};
use crate::text::duration::show;
use crate::text::utc::span;

const HELP: &str = "\
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
pub(super) struct Drill {
    hold: Duration,
    force: bool,
}

impl Drill {
    pub(super) fn parse(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "drill", HELP, &["--hold", "--force"]);
        let mut drill = Self { hold: Duration::ZERO, force: false };
        while let Some(item) = args.next()? {
            match item {
                Item::Option("--hold") => drill.hold = args.duration("--hold")?,
                Item::Option(_) => drill.force = true,
                Item::Value(value) => return Err(args.unexpected(&value)),
                Item::Help(help) => return Ok(help),
            }
        }
        if drill.hold > LONGEST_DRILL {
            let (hold, longest) = (show(drill.hold), show(LONGEST_DRILL));
            return Err(args.usage(format!("--hold: '{hold}' is too long; write at most {longest}")));
        }
        Ok(Command::Drill(drill))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        let request = Request::Drill { hold: self.hold, force: self.force };
        let mut told = ask(&request)?;
        tell(&told, out)?;
        if told.status.drill.as_ref().is_none_or(|drill| drill.ended.is_some()) {
            // Refused; the monitor's message with the reason is printed already.
            for degraded in told.status.degraded.iter().filter(|_| !self.force) {
                out.line(format_args!("{}: {}", printable(&degraded.what), printable(&degraded.text)))?;
            }
            return Ok(Answer::No);
        }
        let (began, within, mut shown) = (Instant::now(), told.within, 0);
        loop {
            // The monitor may be restarting; it reports the drill's outcome afterwards.
            let Some(news) = news(&told, began, within, out)? else { continue };
            told = news;
            let drill = told.status.drill.as_ref();
            shown += drill.map_or(Ok(0), |drill| show_steps(drill, shown, out))?;
            tell(&told, out)?;
            match drill {
                Some(failover::Drill { ended: None, .. }) if began.elapsed() < within => {}
                Some(failover::Drill { ended: None, .. }) => {
                    let within = show(within);
                    return Err(Error::Failed(format!(
                        "not finished after {within}; the drill continues, see openclaw-failover status"
                    )));
                }
                Some(drill) if drill.outcome == Some(Outcome::Passed) => return Ok(Answer::Yes),
                Some(_) | None => return Ok(Answer::No),
            }
        }
    }
}

/// Prints the steps that have ended, except the first `shown`. Returns their number.
fn show_steps(drill: &failover::Drill, shown: usize, out: &mut Output) -> Result<usize, Error> {
    let mut steps = drill.steps().skip(shown);
    steps.try_fold(0, |count, (step, took)| {
        out.line(format_args!("  {:<7} {}", step.name(), span(took)))?;
        Ok(count + 1)
    })
}
