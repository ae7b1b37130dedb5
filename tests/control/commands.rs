//! Operators' commands: their requests to the monitor, their output, and their exit codes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use openclaw_failover::control::{ControlResponse, Refusal, Request};
use openclaw_failover::failover::{Drill, DrillOutcome, DrillStep, Hold, HoldKind};
use openclaw_failover::status::DegradedCondition;
use openclaw_failover::text::Time;

use crate::scripted_monitor::{ScriptedMonitor, response};

/// Runs the program beside a monitor. Returns its exit code, output and errors.
fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw-failover"));
    command.env_clear().env("OPENCLAW_FAILOVER_RUN_DIR", folder).args(args).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn hold(kind: HoldKind) -> Option<Hold> {
    Some(Hold { kind, since: Time::from_millis(1_795_300_000_000), until: None, reason: None })
}

fn hold_request(kind: HoldKind, seconds: u64) -> Request {
    Request::Hold { kind, duration: Some(Duration::from_secs(seconds)), reason: None }
}

#[test]
fn promote_follows_until_the_gateway_answers() {
    let promoted = || hold(HoldKind::Promoted);
    let monitor = ScriptedMonitor::open(move |nth, _| match nth {
        0 => Ok(response("promoting", promoted(), &["an operator set the hold", "takes over"])),
        1 => Ok(response("promoting", promoted(), &[])),
        2 => Err("the monitor restarts".into()),
        _ => Ok(response("active", promoted(), &["this host is active\u{1b}[2J"])),
    });
    let (code, out, complaints) = run(monitor.run_dir(), &["promote"]);
    assert_eq!((code, complaints.as_str()), (0, ""));
    assert_eq!(out, "an operator set the hold\ntakes over\nthis host is active\\u{1b}[2J\n");
    let asked = monitor.requests();
    assert_eq!(asked.first(), Some(&Request::Hold { kind: HoldKind::Promoted, duration: None, reason: None }));
    assert_eq!(asked.get(1), Some(&Request::Status { since: Some(7) }));
}

#[test]
fn demote_says_so_when_there_is_nothing_to_do() {
    let monitor = ScriptedMonitor::open(|_, _| Ok(response("standby", hold(HoldKind::Standby), &["held"])));
    let (code, out, _) = run(monitor.run_dir(), &["demote"]);
    assert_eq!((code, out.as_str()), (0, "held\nthis host is standby already\n"));
    run(monitor.run_dir(), &["demote", "--for", "30m"]);
    run(monitor.run_dir(), &["demote", "--for=ever"]);
    let kind = HoldKind::Standby;
    assert_eq!(
        monitor.requests(),
        [hold_request(kind, 7200), hold_request(kind, 1800), Request::Hold { kind, duration: None, reason: None }]
    );
}

#[test]
fn a_hold_that_ends_or_takes_too_long_is_a_failure() {
    let ended = ScriptedMonitor::open(|nth, _| {
        Ok(if nth == 0 { response("demoting", hold(HoldKind::Standby), &[]) } else { response("demoting", None, &[]) })
    });
    let (code, _, complaints) = run(ended.run_dir(), &["demote"]);
    assert_eq!(code, 1);
    assert!(complaints.contains("not done: the hold was ended or replaced; this host is demoting"), "{complaints}");

    let endless = ScriptedMonitor::open(|_, _| {
        let mut endless = response("demoting", hold(HoldKind::Standby), &[]);
        endless.time_limit = Duration::from_secs(1);
        Ok(endless)
    });
    let (code, _, complaints) = run(endless.run_dir(), &["demote"]);
    assert_eq!(code, 1);
    assert!(complaints.contains("not done after 1s: this host is demoting; the monitor continues"), "{complaints}");
}

#[test]
fn pause_and_resume_are_done_at_once() {
    let monitor = ScriptedMonitor::open(|nth, _| Ok(response("active", None, if nth < 2 { &["said"] } else { &[] })));
    assert_eq!(run(monitor.run_dir(), &["pause", "--for", "1m"]), (0, "said\n".to_owned(), String::new()));
    assert_eq!(run(monitor.run_dir(), &["resume"]), (0, "said\n".to_owned(), String::new()));
    let (code, out, _) = run(monitor.run_dir(), &["resume"]);
    assert_eq!((code, out.as_str()), (0, "no hold is set: automatic failover is ON\n"));
    assert_eq!(monitor.requests(), [hold_request(HoldKind::Paused, 60), Request::Resume, Request::Resume]);
}

#[test]
fn fails_without_a_monitor_or_after_a_refusal() {
    let no_monitor = tempfile::tempdir().unwrap();
    for command in ["pause", "drill"] {
        let (code, out, complaints) = run(no_monitor.path(), &[command]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(complaints.contains("nothing listens on") && complaints.contains("systemctl start"), "{complaints}");
    }
    assert_eq!(run(no_monitor.path(), &["drill", "--hold", "2d"]).0, 2);
    let monitor = ScriptedMonitor::open(|_, _| Err("no".into()));
    assert_eq!(run(monitor.run_dir(), &["promote"]).2, "openclaw-failover: the monitor refused the request: no\n");
}

#[test]
fn status_comes_from_the_monitor() {
    let monitor = ScriptedMonitor::open(|_, _| Ok(response("active", None, &[])));
    let (_, out, _) = run(monitor.run_dir(), &["status", "--json"]);
    assert!(out.contains(r#""role": "active""#), "{out}");
    assert_eq!(monitor.requests(), [Request::Status { since: None }]);
}

/// Returns the response of a monitor whose drill has come this far.
fn drill_response(steps: &[u64], outcome: Option<DrillOutcome>, said: &[&str]) -> Result<ControlResponse, Refusal> {
    let mut response = response("active", None, said);
    let began = Time::from_millis(1_795_300_000_000);
    let mut took = [None; 6];
    for (took, millis) in took.iter_mut().zip(steps) {
        *took = Some(Duration::from_millis(*millis));
    }
    let ended = outcome.map(|_| began + Duration::from_secs(20));
    response.status.last_drill = Some(Drill {
        began_at: began,
        step: DrillStep::Pull,
        step_since: began,
        step_durations: took,
        outcome,
        ended_at: ended,
    });
    Ok(response)
}

#[test]
fn a_drill_is_followed_step_by_step() {
    let monitor = ScriptedMonitor::open(|nth, _| match nth {
        0 => drill_response(&[], None, &["drill: the gateway is started"]),
        1 => drill_response(&[812, 95], None, &[]),
        2 => Err("the monitor is busy".into()),
        3 => drill_response(&[812, 95, 6100], None, &["this host is active"]),
        _ => drill_response(&[812, 95, 6100, 10_000, 1100, 1200], Some(DrillOutcome::Passed), &["the drill passed"]),
    });
    let (code, out, complaints) = run(monitor.run_dir(), &["drill", "--hold", "10s"]);
    assert_eq!((code, complaints.as_str()), (0, ""));
    let expected = "drill: the gateway is started\n  pull    812 ms\n  start   95 ms\n  verify  6.1 s\n\
                    this host is active\n  hold    10 s\n  stop    1.1 s\n  return  1.2 s\nthe drill passed\n";
    assert_eq!(out, expected);
    let hold = Duration::from_secs(10);
    assert_eq!(monitor.requests()[..2], [Request::Drill { hold, force: false }, Request::Status { since: Some(7) }]);
}

#[test]
fn a_drill_that_does_not_pass_is_a_failure() {
    for outcome in [DrillOutcome::Failed { step: DrillStep::Start }, DrillOutcome::Overtaken, DrillOutcome::Interrupted]
    {
        let monitor =
            ScriptedMonitor::open(move |nth, _| drill_response(&[1], (nth > 0).then_some(outcome), &["said"]));
        let (code, out, _) = run(monitor.run_dir(), &["drill", "--force"]);
        assert_eq!((code, out.as_str()), (1, "said\n  pull    1 ms\nsaid\n"));
        assert_eq!(monitor.requests()[0], Request::Drill { hold: Duration::ZERO, force: true });
    }
    let endless = ScriptedMonitor::open(|_, _| {
        let response = drill_response(&[], None, &[]);
        response.map(|response| ControlResponse { time_limit: Duration::from_secs(1), ..response })
    });
    let (code, _, complaints) = run(endless.run_dir(), &["drill"]);
    assert_eq!(code, 1);
    assert!(complaints.contains("not finished after 1s; the drill continues"), "{complaints}");
}

#[test]
fn a_drill_that_is_refused_says_why() {
    let monitor = ScriptedMonitor::open(|_, _| {
        let mut response = drill_response(&[], Some(DrillOutcome::Passed), &["drill refused: degraded"])?;
        response.status.degraded =
            vec![DegradedCondition { name: "not_ready".to_owned(), text: "masked\u{1b}".to_owned() }];
        Ok(response)
    });
    let (code, out, _) = run(monitor.run_dir(), &["drill"]);
    assert_eq!((code, out.as_str()), (1, "drill refused: degraded\nnot_ready: masked\\u{1b}\n"));
    assert_eq!(monitor.requests().len(), 1, "the last drill is not this one");
}
