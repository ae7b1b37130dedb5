//! Start of a machine from a state file that is damaged, or whose times are wrong.

use std::fs;
use std::time::Duration;

use openclaw_failover::failover::{
    Cause, Drill, DrillOutcome, DrillStep, Failover, Hold, HoldKind, InitialFacts, Machine, PersistentState, Policy,
};
use openclaw_failover::os::clock::WallClockOffset;
use openclaw_failover::records::state::{load, save};
use openclaw_failover::text::Time;

use super::{at, primary};

fn memory(seconds: u64) -> PersistentState {
    PersistentState {
        hold: Some(Hold { kind: HoldKind::Standby, since: at(seconds), until: Some(at(seconds + 7200)), reason: None }),
        promotions: vec![at(seconds)],
        has_unpushed_changes: true,
        last_failover: Some(Failover {
            cause: Cause::Outage,
            last_healthy_at: at(seconds),
            decided_at: at(seconds),
            started_at: None,
            answered_at: Some(at(seconds)),
            ended_at: Some(at(seconds)),
        }),
        demotion_reason: None,
        killed_at: Some(at(seconds)),
        last_drill: Some(Drill {
            began_at: at(seconds),
            step: DrillStep::Pull,
            step_since: at(seconds),
            step_durations: [Some(Duration::from_secs(1)), None, None, None, None, None],
            outcome: Some(DrillOutcome::Stopped),
            ended_at: Some(at(seconds)),
        }),
        drill_passed_at: Some(at(seconds)),
    }
}

fn start_machine(memory: PersistentState, now: Time) -> Machine {
    Machine::new(
        Policy::new(&primary(), false),
        now,
        InitialFacts { persistent_state: memory, armed: vec![true], unit: None },
    )
}

#[test]
fn times_in_the_future_count_as_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    save(&path, &memory(100_000), WallClockOffset::default()).unwrap();
    let (found, unreadable) = load(&path, at(0));
    assert!(unreadable.is_none());
    let machine = start_machine(found, at(0));
    let mut expected = memory(0);
    expected.hold = expected.hold.map(|hold| Hold { until: Some(at(107_200)), ..hold });
    assert_eq!(machine.persistent_state(), &expected);
}

#[test]
fn a_clock_that_was_set_while_the_monitor_ran_moves_nothing_against_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let day = Duration::from_secs(24 * 3600);
    save(&path, &memory(100), WallClockOffset::new(at(200), at(200) + day)).unwrap();
    let machine = start_machine(load(&path, at(201) + day).0, at(201) + day);
    let killed = machine.persistent_state().killed_at.unwrap();
    assert_eq!((at(201) + day).since(killed), Duration::from_secs(101));
}

#[test]
fn a_monitor_starts_with_a_truncated_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    fs::write(&path, "{\"schema\": 1, \"hold\"").unwrap();
    let (found, unreadable) = load(&path, at(0));
    assert_eq!(start_machine(found, at(0)).persistent_state(), &PersistentState::default());
    let reported = unreadable.unwrap().to_string();
    assert!(
        reported.contains("state.json.unreadable-1795298400; the saved state is lost, including any hold"),
        "{reported}"
    );
    save(&path, &memory(0), WallClockOffset::default()).unwrap();
    assert_eq!(load(&path, at(0)).0, memory(0));
}
