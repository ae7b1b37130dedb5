//! Replay: from the trace of a machine, another one makes the same decisions.

use std::fs;
use std::time::Duration;

use openclaw_failover::config;
use openclaw_failover::failover::{
    Action, Answerer, Event, HoldKind, InitialFacts, InvocationId, Machine, Observation, ObservedUnit, OperatorCommand,
    UnitActionError, UnitState,
};
use openclaw_failover::probe::{ProbeFailure, Verdict};
use openclaw_failover::records::trace::{self, ReplayResult, SegmentStart, Tracer, append_batch, decision_names};
use openclaw_failover::text::Time;

const CONFIG: &str = r#"{ "upstreams": [
    { "name": "primary", "urls": ["http://192.0.2.1:18789"] }, { "name": "other", "urls": ["http://192.0.2.2:18789"] } ],
    "promote": { "witnesses": ["tcp://192.0.2.3:53"] } }"#;

/// Random generator without a crate: xorshift64*.
struct XorShift(u64);

impl XorShift {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

fn begin() -> SegmentStart {
    SegmentStart {
        at: Time::from_millis(1_795_300_000_000),
        config: config::parse(CONFIG, "config").unwrap(),
        has_witnesses: true,
        start: InitialFacts { armed: vec![true, false], ..InitialFacts::default() },
        same_upstreams: None,
    }
}

/// Returns a random event. Outages come in spells; they are not drawn for each probe.
fn random_event(random: &mut XorShift, spell: u64) -> Event {
    let verdict = match spell {
        0 => Verdict::Healthy { ready: true },
        1 => Verdict::Failing(ProbeFailure::Refused),
        2 => Verdict::Failing(ProbeFailure::Status(502)),
        _ => Verdict::Healthy { ready: false },
    };
    let state = [UnitState::Down, UnitState::Active, UnitState::Activating, UnitState::Deactivating];
    match random.below(40) {
        0..20 => Event::Probed { upstream: usize::from(random.below(4) == 0), verdict },
        20..28 => {
            let state = state[random.below(4) as usize % if spell == 0 { 1 } else { 4 }];
            let unit = ObservedUnit { state, invocation: Some(InvocationId(7)), main_pid: Some(9) };
            let verdict = (random.below(2) == 0).then_some(Verdict::Healthy { ready: true });
            let answerer = if random.below(2) == 0 { Answerer::Unit } else { Answerer::Other("x".to_owned()) };
            Event::Observed(Observation { unit: Some(unit), verdict, are_channels_healthy: true, answerer })
        }
        28..30 => {
            Event::UnitActionEnded(if random.below(3) == 0 { Err(UnitActionError::refused("masked")) } else { Ok(()) })
        }
        30..32 => Event::Pulled { unpushed: random.below(2) == 0 },
        32..34 => Event::Pushed { returned: random.below(2) == 0 },
        34..36 => Event::WitnessesAnswered { alive: random.below(3) > 0 },
        36 if random.below(4) == 0 => {
            let kind = [HoldKind::Paused, HoldKind::Promoted, HoldKind::Standby][random.below(3) as usize];
            Event::Command(OperatorCommand::Hold { kind, until: None, reason: None })
        }
        37 if random.below(4) == 0 => {
            Event::Command(OperatorCommand::Drill { hold: Duration::from_secs(60), degraded: false })
        }
        38 => Event::Command(OperatorCommand::Resume),
        _ => Event::Tick,
    }
}

/// Replays a trace. Returns the result and the output.
fn replay(text: &str) -> (ReplayResult, String) {
    let mut printed = Vec::new();
    let replayed = trace::replay(text, &mut printed).unwrap();
    (replayed, String::from_utf8(printed).unwrap())
}

/// Gives a machine `events` events. Returns the number of its decisions and its trace.
fn record(seed: u64, events: usize) -> (usize, String) {
    let (mut random, begin) = (XorShift(seed * 2 + 1), begin());
    let (mut machine, mut tracer) = (begin.new_machine(), Tracer::default());
    let mut text: String = tracer.begin_segment(&begin).into_iter().map(|batch| batch.lines).collect();
    let (mut at, mut decided, mut spell) = (begin.at, 0, 0);
    for _ in 0..events {
        if random.below(60) == 0 {
            spell = random.below(4);
        }
        // Many at the same time, and sometimes a long pause.
        at = at
            + Duration::from_millis([0, 1, 20, 1000, 4999, 700_000][random.below(600).trailing_zeros() as usize % 6]);
        let event = random_event(&mut random, spell);
        let actions: Vec<Action> = machine.handle_event(at, event.clone());
        let did = decision_names(&actions, at, &begin.config);
        decided += did.len();
        text.extend(tracer.record_event(at, event, &did).map(|batch| batch.lines));
    }
    text.extend(tracer.flush().map(|batch| batch.lines));
    (decided, text)
}

#[test]
fn replay_decides_as_the_machine_did() {
    let mut all = 0;
    for seed in 0..200 {
        let (decided, text) = record(seed, 1000);
        let (replayed, printed) = replay(&text);
        let last = printed.lines().last().unwrap_or_default();
        let expected = format!("1000 events, {decided} decisions, all as recorded");
        assert_eq!(last, expected, "seed {seed}:\n{printed}");
        assert_eq!(replayed, ReplayResult { events: 1000, decisions: decided, ..ReplayResult::default() });
        all += decided;
    }
    assert!(all > 5000, "only {all} decisions");
}

#[test]
fn reports_a_different_decision() {
    let (_, text) = record(3, 1000);
    let changed = text.replacen("\"promoting\"", "\"nothing of the kind\"", 1);
    assert_ne!(changed, text);
    let (replayed, printed) = replay(&changed);
    assert_eq!(replayed.differences, 1);
    assert!(printed.contains("DIFFERS"), "{printed}");
}

#[test]
fn folds_equal_events_and_skips_only_a_partial_line() {
    let (mut tracer, begin) = (Tracer::default(), begin());
    let mut machine: Machine = begin.new_machine();
    let mut text: String = tracer.begin_segment(&begin).into_iter().map(|batch| batch.lines).collect();
    for number in 0..10_000_u64 {
        let at = begin.at + Duration::from_millis(5000 * number);
        let event = Event::Probed { upstream: 0, verdict: Verdict::Healthy { ready: true } };
        let did = decision_names(&machine.handle_event(at, event.clone()), at, &begin.config);
        text.extend(tracer.record_event(at, event, &did).map(|batch| batch.lines));
    }
    text.extend(tracer.flush().map(|batch| batch.lines));
    assert!(text.len() < 10_000 * 8, "{} bytes", text.len());
    let torn = format!("{text}{{\"at\":17953000\n");
    let (replayed, printed) = replay(&torn);
    let expected =
        ReplayResult { events: 10_000, decisions: replayed.decisions, unreadable: 1, ..ReplayResult::default() };
    assert_eq!(replayed, expected, "{printed}");
    assert!(printed.contains("10000 events"), "{printed}");
}

#[test]
fn a_text_that_is_no_trace_holds_no_events() {
    for foreign in
        ["", "[]", "{\"at\":1}", "{\"at\":1,\"begin\":{}}", "\u{1b}[2J", "{\"at\":1,\"tick\":true,\"more\":[9]}"]
    {
        let (replayed, printed) = replay(foreign);
        assert_eq!((replayed.events, printed.as_str()), (0, ""), "{foreign}");
        assert_eq!(replayed.describe_skipped().is_some(), !foreign.is_empty(), "{foreign}");
    }
}

#[test]
fn skips_a_segment_with_an_unreadable_start() {
    let (_, text) = record(3, 1000);
    let (first, _) = text.split_once('\n').unwrap();
    let torn = first.replacen("\"upstreams\"", "\"downstreams\"", 1);
    assert_ne!(torn, first);
    let (replayed, printed) = replay(&format!("{text}{torn}\n{}", &text[first.len() + 1..]));
    let left_out = (replayed.events, replayed.differences, replayed.unreadable, replayed.without_begin);
    assert_eq!(left_out, (1000, 0, 1, 1000), "{printed}");
}

#[test]
fn equal_events_are_as_many_as_the_recorder_folds_and_no_more() {
    let (_, text) = record(3, 10);
    let (begin, _) = text.split_once('\n').unwrap();
    for (steps, events, unreadable) in [(64, 65, 0), (65, 0, 1)] {
        let more = vec!["1"; steps].join(",");
        let (replayed, _) = replay(&format!("{begin}\n{{\"at\":1795300000000,\"tick\":true,\"more\":[{more}]}}"));
        assert_eq!((replayed.events, replayed.unreadable), (events, unreadable));
    }
}

#[test]
fn prints_1000_differences_and_counts_the_rest() {
    let (_, text) = record(3, 10);
    let (begin, _) = text.split_once('\n').unwrap();
    let forged = "{\"at\":1795300000000,\"tick\":true,\"did\":[\"nothing of the kind\"]}\n".repeat(3000);
    let (replayed, printed) = replay(&format!("{begin}\n{forged}"));
    assert_eq!(replayed.differences, 3000);
    assert_eq!(printed.matches("DIFFERS").count(), 1000);
    let last = printed.lines().last().unwrap_or_default();
    assert_eq!(last, "3000 events, 0 decisions, differences at 3000 events (the first 1000 are shown)");
}

#[test]
fn the_file_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    for _ in 0..40 {
        let (mut tracer, begin) = (Tracer::default(), begin());
        tracer.begin_segment(&begin).iter().for_each(|batch| append_batch(&path, batch).unwrap());
        let mut number = 0;
        while !tracer.is_full(true) {
            number += 1;
            let at = begin.at + Duration::from_millis(number * 1000);
            let event = Event::WitnessesAnswered { alive: number % 2 == 0 };
            if let Some(batch) = tracer.record_event(at, event, &["isolated"]) {
                append_batch(&path, &batch).unwrap();
            }
        }
    }
    let length = |path| fs::metadata(path).unwrap().len();
    assert!(length(&path) + length(&folder.path().join("trace.1.jsonl")) < 2 * 1024 * 1024);
}

#[test]
fn a_file_from_elsewhere_cannot_move_the_cursor() {
    let night = include_str!("../traces/outage.jsonl");
    let forged = night.replacen("\"window_opened\"", "\"\\u001b]0;mine\\u0007\"", 1);
    assert_ne!(forged, night);
    let (_, printed) = replay(&forged);
    assert!(printed.contains("DIFFERS") && !printed.contains(['\u{1b}', '\u{7}']), "{printed}");
}
