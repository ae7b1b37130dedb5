//! Status: built, written, read and rendered.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use openclaw_failover::config::Config;
use openclaw_failover::failover::{
    Answerer, Cause, CauseKind, DemotionReasonKind, Drill, DrillOutcome, DrillStep, Event, Failover, Hold, HoldKind,
    InitialFacts, Machine, Observation, ObservedUnit, OperatorCommand, PersistentState, Policy, PromotionStepKind,
    RoleKind, UnitActionError, UnitState,
};
use openclaw_failover::os::clock::WallClockOffset;
use openclaw_failover::probe::{Channels, ProbeFailure, ProbeResult, Verdict, VerdictKind};
use openclaw_failover::records::timeline::{Timeline, TimelineCell};
use openclaw_failover::status::{
    DegradedCondition, GatewayStatus, LastProbe, MonitorFacts, ProbeStatus, RoleStatus, Status, StatusFormat,
    UpstreamStatus, WindowStatus, render_file,
};
use openclaw_failover::text::{Named, json};
use openclaw_failover::workspace::summary::{PullSummary, PushSummary};

use super::{at, primary};

const SECOND: Duration = Duration::from_secs(1);
const JSON: StatusFormat = StatusFormat { json: true, colour: false };

/// Timeline of a healthy half hour after a time without a monitor.
fn healthy_timeline() -> Timeline {
    let mut strip = Timeline::default();
    strip.record(at(0), TimelineCell::Healthy);
    strip
}

/// Returns a status with every field set, made of `word`.
pub(crate) fn full_status(word: &str) -> Status {
    let words = vec![word.to_owned(); 3];
    let probed = ProbeStatus {
        verdict: Named::Unknown(word.to_owned()),
        ready: true,
        detail: word.to_owned(),
        latency: Duration::from_micros(12_345),
        since: at(10),
        failing_channels: words.clone(),
        suppressed_channels: words.clone(),
    };
    let upstream = UpstreamStatus {
        name: word.to_owned(),
        urls: words,
        last_probe: Some(probed.clone()),
        ready_for: Some(SECOND * 12),
        seen_healthy: false,
        unsteady: true,
    };
    Status {
        pid: 4711,
        version: word.to_owned(),
        started_at: at(0),
        boot: None,
        updated_at: at(100),
        interval: SECOND * 10,
        role: RoleStatus {
            kind: Named::Unknown(word.to_owned()),
            step: Some(Named::Unknown(word.to_owned())),
            cause: Some(Named::Unknown(word.to_owned())),
            demotion_reason: None,
            since: at(5),
        },
        upstreams: vec![upstream; 3],
        window: Some(WindowStatus {
            elapsed: Duration::from_millis(30_012),
            needed: SECOND * 30,
            failures: 11,
            last_healthy_at: at(50),
        }),
        hold: Some(Hold { kind: HoldKind::Paused, since: at(1), until: Some(at(7200)), reason: Some(word.to_owned()) }),
        hold_down: SECOND * 30,
        gateway: GatewayStatus {
            unit: word.to_owned(),
            unit_state: Some(Named::Unknown(word.to_owned())),
            url: word.to_owned(),
            last_probe: Some(probed),
        },
        last_pull: Some(PullSummary {
            outcome: word.to_owned(),
            commit: Some(word.to_owned()),
            committed_at: Some(at(20)),
            ended_at: at(60),
            last_complete_at: Some(at(30)),
            is_stale: true,
            conflict_branches: word.to_owned(),
            withheld: word.to_owned(),
            error: Some(word.to_owned()),
        }),
        last_push: Some(PushSummary {
            outcome: word.to_owned(),
            ended_at: at(70),
            last_complete_at: Some(at(40)),
            error: Some(word.to_owned()),
        }),
        has_unpushed_changes: true,
        last_failover: Some(Failover {
            cause: Cause::Operator,
            last_healthy_at: at(1),
            decided_at: at(31),
            started_at: None,
            answered_at: Some(at(45)),
            ended_at: Some(at(90)),
        }),
        last_drill: Some(Drill {
            began_at: at(60),
            step: DrillStep::Stop,
            step_since: at(80),
            step_durations: [Some(SECOND), Some(SECOND * 2), None, None, None, None],
            outcome: Some(DrillOutcome::Failed { step: DrillStep::Verify }),
            ended_at: Some(at(90)),
        }),
        drill_due_at: Some(at(100)),
        degraded: vec![DegradedCondition { name: word.to_owned(), text: word.to_owned() }; 3],
        timeline: healthy_timeline(),
    }
}

fn healthy() -> ProbeResult {
    ProbeResult {
        verdict: Verdict::Healthy { ready: true },
        channels: Channels::default(),
        detail: "started".to_owned(),
        latency: Duration::from_nanos(12_345_678),
        url: "http://100.64.0.1:18789".to_owned(),
    }
}

fn refused() -> ProbeResult {
    let verdict = Verdict::Failing(ProbeFailure::Refused);
    ProbeResult { verdict, detail: "connection refused".to_owned(), ..healthy() }
}

fn machine(memory: PersistentState) -> Machine {
    let policy = Policy::new(&primary(), false);
    Machine::new(policy, at(0), InitialFacts { persistent_state: memory, armed: vec![true], unit: None })
}

fn probed(machine: &mut Machine, seconds: u64, answer: &ProbeResult) {
    let _ = machine.handle_event(at(seconds), Event::Probed { upstream: 0, verdict: answer.verdict });
}

#[test]
fn a_written_status_reads_back() {
    for status in
        [full_status("word"), full_status("\u{1b}[31m\n\"界"), Status { updated_at: at(1), ..Status::default() }]
    {
        assert_eq!(Status::from_json(status.to_json().to_pretty().as_bytes()), Ok(status));
    }
    let mut status = full_status("word");
    for reason in DemotionReasonKind::ALL {
        (status.role.kind, status.role.cause) = (RoleKind::Demoting.into(), None);
        status.role.demotion_reason = Some(reason.into());
        assert_eq!(Status::from_json(status.to_json().to_pretty().as_bytes()), Ok(status.clone()));
    }
}

#[test]
fn replaces_the_file_atomically_and_world_readable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.json");
    full_status("a").save(&path).unwrap();
    full_status("b").save(&path).unwrap();
    assert_eq!(Status::from_json(&fs::read(&path).unwrap()), Ok(full_status("b")));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(full_status("c").save(&path.join("below")).is_err());
}

#[test]
fn the_status_reflects_the_machine() {
    let config = primary();
    let mut machine = machine(PersistentState::default());
    let mut seen = None;
    for (seconds, answer) in [(0, healthy()), (10, healthy()), (20, refused()), (23, refused()), (26, refused())] {
        probed(&mut machine, seconds, &answer);
        seen = Some(LastProbe::from_result(seen.as_ref(), &answer, at(seconds)));
    }
    let facts = MonitorFacts {
        config: &config,
        wall: WallClockOffset::new(at(26), at(3626)),
        now: at(26),
        started_at: at(0),
        interval: SECOND * 10,
        upstreams: &[seen],
        gateway: None,
        last_pull: None,
        last_push: None,
        degraded: &[DegradedCondition { name: "disk".to_owned(), text: "full".to_owned() }],
        timeline: &healthy_timeline(),
    };
    let status = Status::new(&machine, &facts);
    assert_eq!((status.updated_at, status.started_at), (at(3626), at(3600)));
    assert_eq!((&status.role.kind, status.role.since), (&RoleKind::Standby.into(), at(3600)));
    let window = WindowStatus { elapsed: SECOND * 16, needed: SECOND * 30, failures: 3, last_healthy_at: at(3610) };
    assert_eq!(status.window, Some(window));
    let upstream = &status.upstreams[0];
    let probed = upstream.last_probe.as_ref().unwrap();
    assert_eq!((&probed.verdict, probed.since, probed.ready), (&VerdictKind::Refused.into(), at(3620), false));
    assert!(upstream.seen_healthy && upstream.ready_for.is_none());
    assert_eq!(status.degraded.len(), 1);
    assert_eq!(Status::from_json(status.to_json().to_string().as_bytes()), Ok(status.clone()));
    assert!(!status.to_json().to_string().contains("primary-token"));

    probed_until_active(&mut machine);
    let status = Status::new(&machine, &MonitorFacts { now: at(40), ..facts });
    assert_eq!(status.role.kind, RoleKind::Promoting);
    assert_eq!(status.role.step, Some(PromotionStepKind::Sync.into()));
    assert_eq!((status.role.cause, status.role.demotion_reason), (Some(CauseKind::Outage.into()), None));
}

fn probed_until_active(machine: &mut Machine) {
    for seconds in [29, 32, 35, 38, 40] {
        probed(machine, seconds, &refused());
    }
}

#[test]
fn a_monitor_without_updates_for_three_intervals_counts_as_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.json");
    let code = |interval: Duration, age: u64| {
        Status { interval, ..full_status("word") }.save(&path).unwrap();
        render_file(&path, StatusFormat::default(), at(100 + age)).exit_code
    };
    assert_eq!((code(SECOND * 10, 0), code(SECOND * 10, 30), code(SECOND * 10, 31)), (0, 0, 1));
    assert_eq!((code(SECOND, 10), code(SECOND, 11)), (0, 1));
    let clock_set_back = render_file(&path, StatusFormat::default(), at(0));
    assert_eq!(clock_set_back.exit_code, 1);
    assert_eq!(
        render_file(&path, StatusFormat::default(), at(111)).text.lines().next(),
        Some("monitor not running: last update 2026-11-21 22:01:40Z, 11 s ago (process 4711)")
    );
}

#[test]
fn a_missing_status_means_not_running_in_json_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.json");
    let shown = render_file(&path, StatusFormat::default(), at(0));
    assert_eq!((shown.text, shown.exit_code), (format!("monitor not running: there is no {}\n", path.display()), 1));
    let whole = full_status("word").to_json().to_string();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(render_file(&path, StatusFormat::default(), at(100)).exit_code, 1, "torn at byte {cut}");
    }
    for foreign in ["{}", "null", "{\"schema\":2}", "\u{0}"] {
        fs::write(&path, foreign).unwrap();
        let shown = render_file(&path, JSON, at(100));
        assert_eq!(shown.exit_code, 1);
        assert_eq!(json::parse(&shown.text).unwrap().get("running").unwrap().as_bool(), Some(false));
    }
}

#[test]
fn json_adds_running_and_age() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.json");
    full_status("word").save(&path).unwrap();
    let json = json::parse(&render_file(&path, JSON, at(102)).text).unwrap();
    assert_eq!(json.get("running").unwrap().as_bool(), Some(true));
    assert_eq!(json.get("age_seconds").unwrap().as_f64(), Some(2.0));
    assert_eq!(json.get("role").unwrap().as_str(), Some("word"));
}

#[test]
fn a_newer_monitor_may_say_more_and_other_things() {
    let text = "{\"schema\":1,\"updated_at\":\"2026-11-21T22:00:00Z\",\"interval_seconds\":10,\"role\":\"resting\",\
                \"hold\":{\"kind\":\"frozen\"},\"upstreams\":[{\"name\":7},3],\"window\":[],\"pid\":-1,\"new\":{}}";
    let status = Status::from_json(text.as_bytes()).unwrap();
    assert_eq!(
        (status.role.kind.to_string().as_str(), status.hold.as_ref(), status.upstreams.len()),
        ("resting", None, 2)
    );
    assert!(status.render(at(0), false).starts_with("role       resting since "));
}

#[test]
fn no_line_exceeds_80_columns() {
    let long = "x".repeat(5000);
    for word in ["", "word", "\u{1b}[2J\u{202e}\n\ttab", long.as_str(), "界 界界界 ".repeat(200).as_str()] {
        for now in [at(100), at(9999)] {
            for role in RoleKind::ALL.map(Named::Known).into_iter().chain([Named::Unknown(word.to_owned())]) {
                let mut status = full_status(word);
                status.role.kind = role;
                let page = status.render(now, false);
                for line in page.lines() {
                    let columns: usize = line.chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum();
                    assert!(columns <= 80, "{columns} columns: {line}");
                    assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
                }
            }
        }
    }
}

#[test]
fn an_idle_standby_is_not_shown_as_failing() {
    let mut status = full_status("word");
    for (upstream, (name, verdict)) in status.upstreams.iter_mut().zip([
        ("primary", VerdictKind::Healthy),
        ("first", VerdictKind::Refused),
        ("second", VerdictKind::Unreachable),
    ]) {
        upstream.name = name.to_owned();
        upstream.last_probe.as_mut().unwrap().verdict = verdict.into();
    }
    let of =
        |status: &Status| status.upstreams.iter().map(|upstream| status.is_idle_standby(upstream)).collect::<Vec<_>>();
    assert_eq!(of(&status), [false, true, false]);
    let page = status.render(at(100), false);
    assert!(page.contains("first: on standby for 1 m 30 s; its gateway is down"), "{page}");
    // All gateways listed before it are down, so it should be up.
    status.upstreams.rotate_left(1);
    assert_eq!(of(&status), [false, false, false]);
}

#[test]
fn a_quiet_standby_fits_half_a_screen() {
    let config = primary();
    let memory = PersistentState {
        last_failover: Some(Failover {
            cause: Cause::Outage,
            last_healthy_at: at(1),
            decided_at: at(31),
            started_at: None,
            answered_at: Some(at(45)),
            ended_at: Some(at(90)),
        }),
        ..PersistentState::default()
    };
    let policy = Policy::new(&config, false);
    let mut machine =
        Machine::new(policy, at(1000), InitialFacts { persistent_state: memory, armed: vec![true], unit: None });
    let _ = machine.handle_event(at(1010), Event::Probed { upstream: 0, verdict: healthy().verdict });
    let pull = PullSummary {
        outcome: "up_to_date".to_owned(),
        commit: Some("1a2b3c4d5e6f70".to_owned()),
        committed_at: Some(at(60)),
        ended_at: at(950),
        ..PullSummary::default()
    };
    let facts = MonitorFacts {
        config: &config,
        wall: WallClockOffset::default(),
        now: at(1010),
        started_at: at(1000),
        interval: SECOND * 10,
        upstreams: &[Some(LastProbe::from_result(None, &healthy(), at(1005)))],
        gateway: Some(&LastProbe::from_result(None, &refused(), at(1005))),
        last_pull: Some(&pull),
        last_push: None,
        degraded: &[],
        timeline: &healthy_timeline(),
    };
    let page = Status::new(&machine, &facts).render(at(1012), false);
    let pid = std::process::id();
    let expected = format!(
        "\
role       standby since 2026-11-21 22:01:30Z, 15 m 22 s
ready      yes: this host could take over
upstream   primary: healthy for 7 s, answers in 12 ms
           http://100.64.0.1:18789
gateway    openclaw.service: state unknown; http://127.0.0.1:18789: refused for
           7 s (connection refused)
workspace  up_to_date 1 m 2 s ago, at 1a2b3c4d5e6f, committed 15 m 52 s ago
failover   outage at 2026-11-21 22:00:31Z, 30 s after the last healthy probe;
           served 14 s later, for 45 s
drill      never run; run `openclaw-failover drill`
24 h       _______________________________________________.
           . healthy, x failing, # active, = held, _ monitor down
monitor    version 0.1.0, process {pid}, up 10 s, updated 2 s ago
"
    );
    assert_eq!(page, expected);
}

#[test]
fn the_last_and_the_next_drill_share_a_row() {
    let drill = |outcome: Option<DrillOutcome>| Drill {
        began_at: at(0),
        step: DrillStep::Verify,
        step_since: at(5),
        step_durations: [Some(SECOND), None, None, None, None, None],
        outcome,
        ended_at: outcome.map(|_| at(90)),
    };
    let row = |drill: Option<Drill>, due: Option<u64>| {
        let status = Status { updated_at: at(100), last_drill: drill, drill_due_at: due.map(at), ..Status::default() };
        let page = status.render(at(100), false);
        page.lines().find_map(|line| Some(line.strip_prefix("drill")?.trim().to_owned())).unwrap_or_default()
    };
    let failed = DrillOutcome::Failed { step: DrillStep::Verify };
    assert_eq!(row(None, None), "");
    assert_eq!(row(None, Some(100)), "never run; run `openclaw-failover drill`");
    assert_eq!(row(Some(drill(None)), None), "running for 1 m 40 s: verify");
    assert_eq!(row(Some(drill(Some(failed))), None), "failed at step 'verify' 10 s ago");
    let due = row(Some(drill(Some(DrillOutcome::Passed))), Some(7200));
    assert_eq!(due, "passed 10 s ago; the next is due at 2026-11-22 00:00:00Z");
}

#[test]
fn a_gateway_that_fails_to_start_is_not_ready() {
    let mut machine = machine(PersistentState::default());
    let promote = OperatorCommand::Hold { kind: HoldKind::Promoted, until: None, reason: None };
    let down = ObservedUnit { state: UnitState::Down, invocation: None, main_pid: None };
    let observed =
        Observation { unit: Some(down), verdict: None, are_channels_healthy: true, answerer: Answerer::Pending };
    let events = [
        Event::Command(promote),
        Event::Pulled { unpushed: false },
        Event::Observed(observed),
        Event::UnitActionEnded(Err(UnitActionError::refused("it exits at once"))),
    ];
    for (seconds, event) in (1..).zip(events) {
        let status = machine_status(&machine, &primary(), seconds);
        assert!(status.could_take_over(), "{status:?}");
        let _ = machine.handle_event(at(seconds), event);
    }
    let status = machine_status(&machine, &primary(), 10);
    assert!(!status.could_take_over());
    let page = status.render(at(10), false);
    assert!(page.contains("ready      no: this host could not take over") && page.contains("start_failing"), "{page}");
}

/// Returns the status of a machine without other facts.
fn machine_status(machine: &Machine, config: &Config, seconds: u64) -> Status {
    let facts = MonitorFacts {
        config,
        wall: WallClockOffset::default(),
        now: at(seconds),
        started_at: at(1),
        interval: SECOND * 10,
        upstreams: &[None],
        gateway: None,
        last_pull: None,
        last_push: None,
        degraded: &[],
        timeline: &healthy_timeline(),
    };
    Status::new(machine, &facts)
}

#[test]
fn a_drill_that_passed_puts_the_next_one_off() {
    let due = |interval: u64, drilled: Option<u64>| {
        let mut config = primary();
        config.drill.interval = SECOND * u32::try_from(interval).unwrap();
        let memory = PersistentState { drill_passed_at: drilled.map(at), ..PersistentState::default() };
        machine_status(&machine(memory), &config, 100).drill_due_at
    };
    assert_eq!(due(3600, None), Some(at(1)), "none has ever passed");
    assert_eq!(due(3600, Some(0)), Some(at(3600)));
    assert_eq!(due(0, Some(0)), None);
}
