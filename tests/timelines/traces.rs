//! Golden traces in `tests/traces/`: whole nights in the format of the flight recorder, and the output of `replay` for
//! each, compared byte for byte.
//!
//! After an intended change of the machine, the recorder or a message, write them again, and read the difference before
//! you commit it:
//!
//! ```text
//! GOLDEN_TRACES=write cargo test --test timelines traces
//! ```

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::fs;
use std::path::PathBuf;

use openclaw_failover::config;
use openclaw_failover::probe::ProbeFailure;
use openclaw_failover::records::trace;

use crate::events::{pause, until};
use crate::play::{Play, fails, spans};

/// Plan of a primary that is up except for these spans in seconds, in which it fails in this way.
fn primary(failure: ProbeFailure, down: &[(f64, f64)]) -> crate::play::Plan {
    let edges = down.iter().flat_map(|&(from, back)| [(from, fails(failure)), (back, crate::play::up())]);
    spans([(0.0, crate::play::up())].into_iter().chain(edges).collect())
}

fn night(witnesses: &str, failure: ProbeFailure, down: &[(f64, f64)]) -> Play {
    let text = format!(
        r#"{{ "upstreams": [{{ "name": "primary", "urls": ["http://100.64.0.1:18789"] }}],
              "promote": {{ "witnesses": [{witnesses}] }} }}"#
    );
    Play::recorded(config::parse(&text, "the night").unwrap(), vec![primary(failure, down)])
}

/// Records a night and compares it with the stored one.
fn compare_with_golden(name: &str, mut night: Play, end: f64) {
    night.run_until(end);
    let trace = night.trace();
    let path = |ending: &str| PathBuf::from(format!("{}/tests/traces/{name}.{ending}", env!("CARGO_MANIFEST_DIR")));
    if std::env::var_os("GOLDEN_TRACES").is_some_and(|value| value == "write") {
        fs::create_dir_all(path("").parent().unwrap()).unwrap();
        fs::write(path("jsonl"), &trace).unwrap();
        fs::write(path("txt"), replay(&trace)).unwrap();
    }
    let expected = fs::read_to_string(path("txt")).unwrap();
    let kept = replay(&fs::read_to_string(path("jsonl")).unwrap());
    assert_same_text(&kept, &expected, "a decision or its message has changed");
    assert_same_text(&replay(&trace), &expected, "the recorded trace of the same night has changed");
}

/// Replays a trace and returns the output. The trace must be complete and every decision the same.
fn replay(text: &str) -> String {
    let mut printed = Vec::new();
    let replayed = trace::replay(text, &mut printed).unwrap();
    assert_eq!((replayed.differences, replayed.describe_skipped()), (0, None));
    String::from_utf8(printed).unwrap()
}

/// Compares two texts byte for byte, and shows only the first line that differs.
fn assert_same_text(text: &str, expected: &str, what: &str) {
    let differs = text.lines().zip(expected.lines()).find(|(line, expected)| line != expected);
    assert_eq!(differs, None, "{what}");
    assert!(text == expected, "{what}: one is longer");
}

#[test]
fn an_outage_with_failover_and_failback() {
    compare_with_golden("outage", night("", ProbeFailure::ConnectTimeout, &[(103.0, 403.0)]), 600.0);
}

#[test]
fn a_blip_that_ends_before_a_promotion() {
    compare_with_golden("blip", night("", ProbeFailure::Refused, &[(101.0, 119.0)]), 300.0);
}

#[test]
fn an_isolated_night() {
    let mut night = night(r#""tcp://192.0.2.3:53""#, ProbeFailure::Unreachable, &[(101.0, 700.0)]);
    night.witness = |now| now >= 700.0;
    compare_with_golden("isolated", night, 900.0);
}

#[test]
fn a_flapping_night() {
    let down: Vec<_> = (0..8).map(|fall| (101.0 + f64::from(fall) * 240.0, 221.0 + f64::from(fall) * 240.0)).collect();
    compare_with_golden("flapping", night("", ProbeFailure::Refused, &down), 3600.0);
}

#[test]
fn an_operators_hold() {
    let mut night = night("", ProbeFailure::Status(502), &[(101.0, 700.0)]);
    night.schedule_event(50.0, until(400.0, pause()));
    compare_with_golden("hold", night, 900.0);
}
