//! Operators' commands: their requests to the monitor, their output, and their exit codes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use openclaw_failover::control::{Answer, Request};
use openclaw_failover::failover::{Drill, DrillStep, Hold, HoldKind, Outcome};
use openclaw_failover::status::Degraded;
use openclaw_failover::text::Time;

use crate::desk::{Desk, answer};

/// Runs the program beside a monitor. Returns its exit code, output and errors.
fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-failover"));
    command.env_clear().env("OPENCLAW_FAILOVER_RUN_DIR", folder).args(args).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn hold(kind: HoldKind) -> Option<Hold> {
    Some(Hold { kind, since: Time::from_millis(1_795_300_000_000), until: None })
}

fn lasts(kind: HoldKind, seconds: u64) -> Request {
    Request::Hold { kind, lasts: Some(Duration::from_secs(seconds)), reason: None }
}

#[test]
fn promote_follows_until_the_gateway_answers() {
    let promoted = || hold(HoldKind::Promoted);
    let desk = Desk::open(move |nth, _| match nth {
        0 => Ok(answer("promoting", promoted(), &["an operator set the hold", "takes over"])),
        1 => Ok(answer("promoting", promoted(), &[])),
        2 => Err("the monitor restarts".to_owned()),
        _ => Ok(answer("active", promoted(), &["this host is active\u{1b}[2J"])),
    });
    let (code, out, complaints) = run(desk.folder(), &["promote"]);
    assert_eq!((code, complaints.as_str()), (0, ""));
    assert_eq!(out, "an operator set the hold\ntakes over\nthis host is active\\u{1b}[2J\n");
    let asked = desk.asked();
    assert_eq!(asked.first(), Some(&Request::Hold { kind: HoldKind::Promoted, lasts: None, reason: None }));
    assert_eq!(asked.get(1), Some(&Request::News { since: Some(7) }));
}

#[test]
fn demote_says_so_when_there_is_nothing_to_do() {
    let desk = Desk::open(|_, _| Ok(answer("standby", hold(HoldKind::Standby), &["held"])));
    let (code, out, _) = run(desk.folder(), &["demote"]);
    assert_eq!((code, out.as_str()), (0, "held\nthis host is standby already\n"));
    run(desk.folder(), &["demote", "--for", "30m"]);
    run(desk.folder(), &["demote", "--for=ever"]);
    let kind = HoldKind::Standby;
    assert_eq!(desk.asked(), [lasts(kind, 7200), lasts(kind, 1800), Request::Hold { kind, lasts: None, reason: None }]);
}

#[test]
fn a_hold_that_ends_or_takes_too_long_is_a_failure() {
    let ended = Desk::open(|nth, _| {
        Ok(if nth == 0 { answer("demoting", hold(HoldKind::Standby), &[]) } else { answer("demoting", None, &[]) })
    });
    let (code, _, complaints) = run(ended.folder(), &["demote"]);
    assert_eq!(code, 1);
    assert!(complaints.contains("not done: the hold was ended or replaced; this host is demoting"), "{complaints}");

    let endless = Desk::open(|_, _| {
        let mut endless = answer("demoting", hold(HoldKind::Standby), &[]);
        endless.within = Duration::from_secs(1);
        Ok(endless)
    });
    let (code, _, complaints) = run(endless.folder(), &["demote"]);
    assert_eq!(code, 1);
    assert!(complaints.contains("not done after 1s: this host is demoting; the monitor continues"), "{complaints}");
}

#[test]
fn pause_and_resume_are_done_at_once() {
    let desk = Desk::open(|nth, _| Ok(answer("active", None, if nth < 2 { &["said"] } else { &[] })));
    assert_eq!(run(desk.folder(), &["pause", "--for", "1m"]), (0, "said\n".to_owned(), String::new()));
    assert_eq!(run(desk.folder(), &["resume"]), (0, "said\n".to_owned(), String::new()));
    let (code, out, _) = run(desk.folder(), &["resume"]);
    assert_eq!((code, out.as_str()), (0, "nothing is held: the ordinary rules apply\n"));
    assert_eq!(desk.asked(), [lasts(HoldKind::Paused, 60), Request::Resume, Request::Resume]);
}

#[test]
fn without_a_monitor_or_against_its_will_it_is_no() {
    let no_monitor = tempfile::tempdir().unwrap();
    for command in ["pause", "drill"] {
        let (code, out, complaints) = run(no_monitor.path(), &[command]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(complaints.contains("nothing listens on") && complaints.contains("systemctl start"), "{complaints}");
    }
    assert_eq!(run(no_monitor.path(), &["drill", "--hold", "2d"]).0, 2);
    let desk = Desk::open(|_, _| Err("no".to_owned()));
    assert_eq!(run(desk.folder(), &["promote"]).2, "openclaw-failover: the monitor refused the request: no\n");
}

#[test]
fn status_is_the_monitors_own_word() {
    let desk = Desk::open(|_, _| Ok(answer("active", None, &[])));
    let (_, out, _) = run(desk.folder(), &["status", "--json"]);
    assert!(out.contains(r#""role": "active""#), "{out}");
    assert_eq!(desk.asked(), [Request::News { since: None }]);
}

/// Returns the response of a monitor whose drill has come this far.
fn drilling(steps: &[u64], outcome: Option<Outcome>, said: &[&str]) -> Result<Answer, String> {
    let mut told = answer("active", None, said);
    let began = Time::from_millis(1_795_300_000_000);
    let mut took = [None; 6];
    for (took, millis) in took.iter_mut().zip(steps) {
        *took = Some(Duration::from_millis(*millis));
    }
    let ended = outcome.map(|_| began + Duration::from_secs(20));
    told.status.drill = Some(Drill { began, step: DrillStep::Pull, since: began, took, outcome, ended });
    Ok(told)
}

#[test]
fn a_drill_is_followed_step_by_step() {
    let desk = Desk::open(|nth, _| match nth {
        0 => drilling(&[], None, &["drill: the gateway is started"]),
        1 => drilling(&[812, 95], None, &[]),
        2 => Err("the monitor is busy".to_owned()),
        3 => drilling(&[812, 95, 6100], None, &["this host is active"]),
        _ => drilling(&[812, 95, 6100, 10_000, 1100, 1200], Some(Outcome::Passed), &["the drill passed"]),
    });
    let (code, out, complaints) = run(desk.folder(), &["drill", "--hold", "10s"]);
    assert_eq!((code, complaints.as_str()), (0, ""));
    let expected = "drill: the gateway is started\n  pull    812 ms\n  start   95 ms\n  verify  6.1 s\n\
                    this host is active\n  hold    10 s\n  stop    1.1 s\n  return  1.2 s\nthe drill passed\n";
    assert_eq!(out, expected);
    let hold = Duration::from_secs(10);
    assert_eq!(desk.asked()[..2], [Request::Drill { hold, force: false }, Request::News { since: Some(7) }]);
}

#[test]
fn a_drill_that_does_not_pass_is_a_failure() {
    for outcome in [Outcome::Failed { step: DrillStep::Start }, Outcome::Overtaken, Outcome::Interrupted] {
        let desk = Desk::open(move |nth, _| drilling(&[1], (nth > 0).then_some(outcome), &["said"]));
        let (code, out, _) = run(desk.folder(), &["drill", "--force"]);
        assert_eq!((code, out.as_str()), (1, "said\n  pull    1 ms\nsaid\n"));
        assert_eq!(desk.asked()[0], Request::Drill { hold: Duration::ZERO, force: true });
    }
    let endless = Desk::open(|_, _| {
        let told = drilling(&[], None, &[]);
        told.map(|told| Answer { within: Duration::from_secs(1), ..told })
    });
    let (code, _, complaints) = run(endless.folder(), &["drill"]);
    assert_eq!(code, 1);
    assert!(complaints.contains("not finished after 1s; the drill continues"), "{complaints}");
}

#[test]
fn a_drill_that_is_refused_says_why() {
    let desk = Desk::open(|_, _| {
        let mut told = drilling(&[], Some(Outcome::Passed), &["drill refused: degraded"])?;
        told.status.degraded = vec![Degraded { what: "not_ready".to_owned(), text: "masked\u{1b}".to_owned() }];
        Ok(told)
    });
    let (code, out, _) = run(desk.folder(), &["drill"]);
    assert_eq!((code, out.as_str()), (1, "drill refused: degraded\nnot_ready: masked\\u{1b}\n"));
    assert_eq!(desk.asked().len(), 1, "the last drill is not this one");
}
