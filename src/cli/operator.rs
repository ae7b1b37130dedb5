//! `promote`, `demote`, `pause` and `resume`: the operator's overrides.

use std::thread;
use std::time::{Duration, Instant};

use crate::cli::args::Args;
use crate::cli::error::CliError;
use crate::cli::outcome::CommandOutcome;
use crate::cli::output::Output;
use crate::cli::printable::to_printable;
use crate::config::paths::Paths;
use crate::control::{self, ControlResponse, MAX_REASON_CHARS, Request};
use crate::failover::{HoldKind, RoleKind};
use crate::text::duration::{self, format_duration};

pub(super) const PROMOTE_HELP: &str = "\
Start this host's gateway now and keep it running until `resume`, regardless of
upstreams and witnesses, and even if failover is not armed. Waits until the
gateway answers; the order stays in force if the wait is interrupted.

Usage: openclaw-failover promote

Options:
  -h, --help  show this text

Exit codes: 0 this host serves, 1 not, or not in time, 2 usage error.
";

pub(super) const DEMOTE_HELP: &str = "\
Stop this host's gateway and keep it down, regardless of the upstreams:
automatic failover is off meanwhile. Waits until the gateway is down; the order
stays in force if the wait is interrupted. `resume` ends it early.

Usage: openclaw-failover demote [OPTIONS]

Options:
  --for TIME  for this long (default 2h), such as 30m, or `ever`
  -h, --help  show this text

Exit codes: 0 this host stands by, 1 not, or not in time, 2 usage error.
";

pub(super) const PAUSE_HELP: &str = "\
Leave this host's gateway as it is: neither start nor stop it. Automatic
failover is off meanwhile; what is due happens when the pause ends. `resume`
ends it early.

Usage: openclaw-failover pause [OPTIONS]

Options:
  --for TIME     for this long (default 2h), such as 30m, or `ever`
  --reason TEXT  reason, shown in status, history and notifications
  -h, --help     show this text

Exit codes: 0 paused, 1 not, 2 usage error.
";

pub(super) const RESUME_HELP: &str = "\
End a promote, demote or pause and return to automatic failover.

Usage: openclaw-failover resume

Options:
  -h, --help  show this text

Exit codes: 0 no hold is left, 1 it could not be ended, 2 usage error.
";

/// Default duration of `demote` and `pause`: long enough for maintenance, and a forgotten one ends before the night.
const DEFAULT_HOLD_DURATION: Duration = Duration::from_secs(2 * 60 * 60);

/// Minimum duration of a hold.
const MINIMUM_HOLD_DURATION: Duration = Duration::from_secs(1);

/// Time limit for the monitor to answer.
const MONITOR_ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Interval between requests for the progress of an order.
const PROGRESS_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Order to the monitor.
#[derive(Debug, PartialEq)]
pub(super) struct OperatorArgs(Request);

impl OperatorArgs {
    pub(super) fn parse_promote(args: Args) -> Result<Self, CliError> {
        parse_hold(args, HoldKind::Promoted, None)
    }

    pub(super) fn parse_demote(args: Args) -> Result<Self, CliError> {
        parse_hold(args, HoldKind::Standby, Some(DEFAULT_HOLD_DURATION))
    }

    pub(super) fn parse_pause(args: Args) -> Result<Self, CliError> {
        parse_hold(args, HoldKind::Paused, Some(DEFAULT_HOLD_DURATION))
    }

    pub(super) fn parse_resume(args: Args) -> Result<Self, CliError> {
        args.finish().map(|()| Self(Request::Resume))
    }

    pub(super) fn run(self, out: &mut Output) -> Result<CommandOutcome, CliError> {
        let response = send_request(&self.0)?;
        print_messages(&response, out)?;
        let wanted = match self.0 {
            Request::Hold { kind: HoldKind::Promoted, .. } => RoleKind::Active,
            Request::Hold { kind: HoldKind::Standby, .. } => RoleKind::Standby,
            _ if response.events.is_empty() => {
                out.write_line("no hold is set: automatic failover is ON")?;
                return Ok(CommandOutcome::Success);
            }
            _ => return Ok(CommandOutcome::Success),
        };
        follow_order(response, wanted, out)
    }
}

fn parse_hold(mut args: Args, kind: HoldKind, mut lasts: Option<Duration>) -> Result<OperatorArgs, CliError> {
    let mut reason = None;
    while let Some(option) = args.next_option()? {
        match option {
            "--reason" => reason = Some(parse_reason(&mut args)?),
            _ => {
                let text = args.text_value()?;
                lasts = if text == "ever" { None } else { Some(parse_hold_duration(&args, &text)?) };
            }
        }
    }
    Ok(OperatorArgs(Request::Hold { kind, duration: lasts, reason }))
}

fn parse_reason(args: &mut Args) -> Result<String, CliError> {
    let text = args.text_value()?;
    match text.chars().count() {
        _ if text.trim().is_empty() => Err(args.usage_error("--reason: it is empty")),
        longer if longer > MAX_REASON_CHARS => {
            Err(args.usage_error(format!("--reason: it is {longer} characters long; write at most {MAX_REASON_CHARS}")))
        }
        _ => Ok(text),
    }
}

fn parse_hold_duration(args: &Args, text: &str) -> Result<Duration, CliError> {
    let span = duration::parse_duration(text)
        .map_err(|what| args.usage_error(format!("--for: '{text}' {what}, or `ever`")))?;
    if span < MINIMUM_HOLD_DURATION {
        return Err(args.usage_error(format!(
            "--for: '{text}' is too short; write at least {}",
            format_duration(MINIMUM_HOLD_DURATION)
        )));
    }
    Ok(span)
}

/// Prints the progress of an order until this host has the wanted role.
fn follow_order(mut response: ControlResponse, wanted: RoleKind, out: &mut Output) -> Result<CommandOutcome, CliError> {
    let kind = |response: &ControlResponse| response.status.hold.as_ref().map(|hold| hold.kind);
    let (began, hold) = (Instant::now(), kind(&response));
    if response.status.role.kind == wanted {
        out.write_line(format_args!("this host is {} already", wanted.name()))?;
    }
    // The first answer names the time limit of the order: once the hold has ended, other limits apply.
    let within = response.time_limit;
    loop {
        let role = &response.status.role.kind;
        if *role == wanted {
            return Ok(CommandOutcome::Success);
        }
        if kind(&response) != hold {
            return Err(CliError::Failed(format!("not done: the hold was ended or replaced; this host is {role}")));
        }
        if began.elapsed() >= within {
            let within = format_duration(within);
            return Err(CliError::Failed(format!(
                "not done after {within}: this host is {role}; the monitor continues, see openclaw-failover status"
            )));
        }
        // The monitor may be restarting; its hold survives that.
        let Some(update) = await_news(&response, began, within, out)? else { continue };
        response = update;
        print_messages(&response, out)?;
    }
}

/// Waits, then requests the messages since the last answer. Returns `None` while the monitor does not answer within the
/// limit.
pub(super) fn await_news(
    response: &ControlResponse,
    began: Instant,
    within: Duration,
    out: &mut Output,
) -> Result<Option<ControlResponse>, CliError> {
    out.flush()?;
    thread::sleep(PROGRESS_POLL_INTERVAL);
    match send_request(&Request::Status { since: Some(response.next_event) }) {
        Err(_) if began.elapsed() < within => Ok(None),
        update => update.map(Some),
    }
}

pub(super) fn print_messages(response: &ControlResponse, out: &mut Output) -> Result<(), CliError> {
    response.events.iter().try_for_each(|sentence| out.write_line(to_printable(sentence)))
}

/// Sends a request to this host's monitor.
pub(super) fn send_request(request: &Request) -> Result<ControlResponse, CliError> {
    let path = Paths::from_environment().control_socket();
    control::send_request(&path, request, MONITOR_ANSWER_TIMEOUT).map_err(CliError::failed)
}
