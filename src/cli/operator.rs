//! `promote`, `demote`, `pause` and `resume`: the operator's overrides.

use std::time::{Duration, Instant};
use std::{env, thread};

use lexopt::Parser;

use crate::cli::Answer;
use crate::cli::args::{Args, Item};
use crate::cli::command::Command;
use crate::cli::error::Error;
use crate::cli::output::{Output, printable};
use crate::config::paths::Paths;
use crate::control::{
    Answer as Told, LONGEST_REASON, Request, {self},
};
use crate::failover::HoldKind;
use crate::text::duration::{
    show, {self},
};

const PROMOTE: &str = "\
Start this host's gateway now and keep it running until `resume`, regardless of
upstreams and witnesses, and even if failover is not armed. Waits until the
gateway answers; the order stays in force if the wait is interrupted.

Usage: openclaw-failover promote

Options:
  -h, --help  show this text

Exit codes: 0 this host serves, 1 not, or not in time, 2 usage error.
";

const DEMOTE: &str = "\
Stop this host's gateway and keep it down, regardless of the upstreams:
automatic failover is off meanwhile. Waits until the gateway is down; the order
stays in force if the wait is interrupted. `resume` ends it early.

Usage: openclaw-failover demote [OPTIONS]

Options:
  --for TIME  for this long (default 2h), such as 30m, or `ever`
  -h, --help  show this text

Exit codes: 0 this host stands by, 1 not, or not in time, 2 usage error.
";

const PAUSE: &str = "\
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

const RESUME: &str = "\
End a promote, demote or pause and return to automatic failover.

Usage: openclaw-failover resume

Options:
  -h, --help  show this text

Exit codes: 0 no hold is left, 1 it could not be ended, 2 usage error.
";

/// Default duration of `demote` and `pause`: long enough for maintenance, and a forgotten one ends before the night.
const LASTS: Duration = Duration::from_secs(2 * 60 * 60);

/// Minimum duration of a hold.
const SHORTEST: Duration = Duration::from_secs(1);

/// Time limit for the monitor to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Interval between requests for the progress of an order.
const PACE: Duration = Duration::from_millis(500);

/// Order to the monitor.
#[derive(Debug, PartialEq)]
pub(super) struct Operator(Request);

impl Operator {
    pub(super) fn parse_promote(parser: Parser) -> Result<Command, Error> {
        parse_hold(Args::new(parser, "promote", PROMOTE, &[]), HoldKind::Promoted, None)
    }

    pub(super) fn parse_demote(parser: Parser) -> Result<Command, Error> {
        parse_hold(Args::new(parser, "demote", DEMOTE, &["--for"]), HoldKind::Standby, Some(LASTS))
    }

    pub(super) fn parse_pause(parser: Parser) -> Result<Command, Error> {
        parse_hold(Args::new(parser, "pause", PAUSE, &["--for", "--reason"]), HoldKind::Paused, Some(LASTS))
    }

    pub(super) fn parse_resume(parser: Parser) -> Result<Command, Error> {
        let mut args = Args::new(parser, "resume", RESUME, &[]);
        match args.next()? {
            None => Ok(Command::Operator(Self(Request::Resume))),
            Some(Item::Help(help)) => Ok(help),
            Some(Item::Option(value)) => Err(args.unexpected(&value.into())),
            Some(Item::Value(value)) => Err(args.unexpected(&value)),
        }
    }

    pub(super) fn run(self, out: &mut Output) -> Result<Answer, Error> {
        let told = ask(&self.0)?;
        tell(&told, out)?;
        let wanted = match self.0 {
            Request::Hold { kind: HoldKind::Promoted, .. } => "active",
            Request::Hold { kind: HoldKind::Standby, .. } => "standby",
            _ if told.said.is_empty() => {
                out.line("nothing is held: the ordinary rules apply")?;
                return Ok(Answer::Yes);
            }
            _ => return Ok(Answer::Yes),
        };
        follow(told, wanted, out)
    }
}

fn parse_hold(mut args: Args, kind: HoldKind, mut lasts: Option<Duration>) -> Result<Command, Error> {
    let mut reason = None;
    while let Some(item) = args.next()? {
        match item {
            Item::Option("--reason") => reason = Some(because(&mut args)?),
            Item::Option(_) => {
                let text = args.text()?;
                lasts = if text == "ever" { None } else { Some(span(&args, &text)?) };
            }
            Item::Value(value) => return Err(args.unexpected(&value)),
            Item::Help(help) => return Ok(help),
        }
    }
    Ok(Command::Operator(Operator(Request::Hold { kind, lasts, reason })))
}

fn because(args: &mut Args) -> Result<String, Error> {
    let text = args.text()?;
    match text.chars().count() {
        _ if text.trim().is_empty() => Err(args.usage("--reason: it is empty")),
        longer if longer > LONGEST_REASON => {
            Err(args.usage(format!("--reason: it is {longer} characters long; write at most {LONGEST_REASON}")))
        }
        _ => Ok(text),
    }
}

fn span(args: &Args, text: &str) -> Result<Duration, Error> {
    let span = duration::parse(text).map_err(|what| args.usage(format!("--for: '{text}' {what}, or `ever`")))?;
    if span < SHORTEST {
        return Err(args.usage(format!("--for: '{text}' is too short; write at least {}", show(SHORTEST))));
    }
    Ok(span)
}

/// Prints the progress of an order until this host has the wanted role.
fn follow(mut told: Told, wanted: &str, out: &mut Output) -> Result<Answer, Error> {
    let kind = |told: &Told| told.status.hold.map(|hold| hold.kind);
    let (began, hold) = (Instant::now(), kind(&told));
    if told.status.role.name == wanted {
        out.line(format_args!("this host is {wanted} already"))?;
    }
    // The first answer names the time limit of the order: once the hold has ended, other limits apply.
    let within = told.within;
    loop {
        let role = &told.status.role.name;
        if role == wanted {
            return Ok(Answer::Yes);
        }
        if kind(&told) != hold {
            return Err(Error::Failed(format!("not done: the hold was ended or replaced; this host is {role}")));
        }
        if began.elapsed() >= within {
            let within = show(within);
            return Err(Error::Failed(format!(
                "not done after {within}: this host is {role}; the monitor continues, see openclaw-failover status"
            )));
        }
        // The monitor may be restarting; its hold survives that.
        let Some(news) = news(&told, began, within, out)? else { continue };
        told = news;
        tell(&told, out)?;
    }
}

/// Waits, then requests the messages since the last answer. Returns `None` while the monitor does not answer within the
/// limit.
pub(super) fn news(told: &Told, began: Instant, within: Duration, out: &mut Output) -> Result<Option<Told>, Error> {
    out.flush()?;
    thread::sleep(PACE);
    match ask(&Request::News { since: Some(told.next) }) {
        Err(_) if began.elapsed() < within => Ok(None),
        news => news.map(Some),
    }
}

pub(super) fn tell(told: &Told, out: &mut Output) -> Result<(), Error> {
    told.said.iter().try_for_each(|sentence| out.line(printable(sentence)))
}

/// Sends a request to this host's monitor.
pub(super) fn ask(request: &Request) -> Result<Told, Error> {
    let path = Paths::new(|name| env::var_os(name)).control();
    control::ask(&path, request, PATIENCE).map_err(|why| Error::Failed(why.to_string()))
}
