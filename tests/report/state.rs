//! Start of a machine from a state file that is damaged, or whose times are wrong.

use std::fs;
use std::time::Duration;

use openclaw_failover::failover::{
    Cause, Drill, DrillStep, Failover, Hold, HoldKind, Machine, Memory, Outcome, Policy, Start,
};
use openclaw_failover::os::clock::Wall;
use openclaw_failover::records::state::{load, save};
use openclaw_failover::text::Time;

use super::{at, primary};

fn memory(seconds: u64) -> Memory {
    Memory {
        hold: Some(Hold { kind: HoldKind::Standby, since: at(seconds), until: Some(at(seconds + 7200)) }),
        promotions: vec![at(seconds)],
        unreturned: true,
        failover: Some(Failover {
            cause: Cause::Outage,
            life: at(seconds),
            decided: at(seconds),
            started: None,
            answered: Some(at(seconds)),
            ended: Some(at(seconds)),
        }),
        demoting: None,
        killed: Some(at(seconds)),
        drill: Some(Drill {
            began: at(seconds),
            step: DrillStep::Pull,
            since: at(seconds),
            took: [Some(Duration::from_secs(1)), None, None, None, None, None],
            outcome: Some(Outcome::Stopped),
            ended: Some(at(seconds)),
        }),
        drilled: Some(at(seconds)),
    }
}

fn started(memory: Memory, now: Time) -> Machine {
    Machine::new(Policy::new(&primary(), false), now, Start { memory, armed: vec![true], unit: None })
}

#[test]
fn what_a_clock_that_ran_ahead_wrote_counts_as_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    save(&path, &memory(100_000), None, Wall::default()).unwrap();
    let (found, _, unreadable) = load(&path, at(0));
    assert!(unreadable.is_none());
    let machine = started(found, at(0));
    let mut expected = memory(0);
    expected.hold = expected.hold.map(|hold| Hold { until: Some(at(107_200)), ..hold });
    assert_eq!(machine.memory(), &expected);
}

#[test]
fn a_clock_that_was_set_while_the_monitor_ran_moves_nothing_against_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let day = Duration::from_secs(24 * 3600);
    save(&path, &memory(100), None, Wall::new(at(200), at(200) + day)).unwrap();
    let machine = started(load(&path, at(201) + day).0, at(201) + day);
    let killed = machine.memory().killed.unwrap();
    assert_eq!((at(201) + day).since(killed), Duration::from_secs(101));
}

#[test]
fn a_torn_file_still_makes_a_monitor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    fs::write(&path, "{\"schema\": 1, \"hold\"").unwrap();
    let (found, _, unreadable) = load(&path, at(0));
    assert_eq!(started(found, at(0)).memory(), &Memory::default());
    let told = unreadable.unwrap().to_string();
    assert!(told.contains("state.json.unreadable-1795298400; the saved state is lost, including any hold"), "{told}");
    save(&path, &memory(0), None, Wall::default()).unwrap();
    assert_eq!(load(&path, at(0)).0, memory(0));
}
