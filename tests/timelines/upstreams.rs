//! Two upstreams.

use std::time::Duration;

use openclaw_failover::failover::Action::{Pull, UnitAction};
use openclaw_failover::failover::UnitAction::{Start, Stop};
use openclaw_failover::failover::{InitialFacts as Begin, Policy};
use openclaw_failover::probe::ProbeFailure;

use crate::events::{done, fails, gone, healthy, pulled, refused, second, up};
use crate::night::{Night, defaults};
use crate::play::{Play, assert_between, fails_from};

fn two() -> Night {
    Night::with_policy(|policy| policy.upstreams = 2)
}

/// Night in which both are down from 10 s on; the gateway answers at 41 s.
fn active() -> Night {
    let mut night = two();
    night.at(10.0, refused()).at(10.0, second(refused())).expect_actions(&[Pull]).at(12.0, pulled());
    night.at(20.0, refused()).at(20.0, second(refused())).expect_actions(&[]);
    night.at(30.0, refused()).at(30.0, second(refused())).expect_actions(&[UnitAction(Start)]);
    night.at(30.0, gone(1)).at(30.1, done()).at(40.0, up(2)).at(41.0, up(2)).expect_role("active").discard_so_far();
    night
}

#[test]
fn the_window_runs_only_while_no_upstream_is_healthy() {
    let mut night = two();
    for at in (10..600).step_by(5) {
        night.at(f64::from(at), refused());
        if at % 10 == 0 {
            night.at(f64::from(at), second(healthy()));
        }
        night.expect_role("standby");
    }
    assert_eq!(night.window(), None);
    night.discard_so_far();
}

#[test]
fn one_that_was_not_asked_yet_may_live() {
    let policy = Policy { upstreams: 2, ..defaults() };
    let start = || Begin { armed: vec![true, false], ..Begin::default() };
    // The verdict on another standby, which is down, comes before that on the primary.
    let mut night = Night::starting_at(0.0, policy.clone(), start());
    night.at(0.1, second(refused())).expect_no_notice().at(0.2, healthy()).expect_no_notice();
    assert_eq!(night.window(), None);
    night.discard_so_far();
    // If the primary is down too, no time is lost: the outage counts from the start.
    let mut night = Night::starting_at(0.0, policy, start());
    night.at_each(&[0.1, 3.0], &second(refused())).expect_no_notice();
    night.at(5.0, fails(ProbeFailure::ResponseTimeout)).expect_notice("WindowOpened { upstream: 0").discard_so_far();
    for at in (6..30).step_by(3) {
        night.at(f64::from(at), second(refused())).at(f64::from(at) + 0.5, refused());
    }
    night.at(30.0, pulled()).expect_role("standby").discard_so_far();
    night.at(30.1, second(refused())).expect_role("promoting(sync)").discard_so_far();
}

#[test]
fn the_outage_counts_from_the_last_healthy_upstream() {
    let mut night = two();
    for at in [10.0, 20.0, 30.0, 40.0] {
        night.at(at, second(healthy())).at(at + 5.0, refused()).expect_actions(&[]);
    }
    night.at(50.0, second(refused())).expect_notice("WindowOpened { upstream: 1").expect_actions(&[Pull]);
    night.at(52.0, pulled());
    for at in [55.0, 60.0, 65.0, 69.0] {
        night.at(at, refused()).at(at + 0.5, second(refused())).expect_role("standby").expect_actions(&[]);
    }
    night.at(70.0, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn both_must_have_failed_since_the_window_opened() {
    let mut night = two();
    night.at(10.0, refused()).expect_actions(&[]);
    night.at(15.0, second(refused())).expect_actions(&[Pull]).at(16.0, pulled());
    night.at_each(&[20.0, 25.0, 30.0], &second(refused())).expect_role("standby").expect_actions(&[]);
    night.at(31.0, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn ready_means_one_and_the_same_upstream_throughout() {
    let mut night = active();
    night.at(400.0, healthy()).at(410.0, healthy()).at(415.0, second(healthy())).at(418.0, refused());
    night.at(425.0, second(healthy())).at(432.0, healthy()).at(435.0, second(refused())).expect_actions(&[]);
    night.at(442.0, healthy());
    night.at(445.0, second(refused())).at(452.0, healthy()).expect_role("active").expect_actions(&[]);
    night.at(462.0, healthy());
    night.expect_role("demoting").expect_notice("Ready { upstream: 0 }").expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn either_upstream_may_be_the_one() {
    let mut night = active();
    night.at_each(&[100.0, 110.0, 120.0], &second(healthy()));
    night.at_each(&[121.0, 124.0], &refused()).expect_role("active").expect_actions(&[]);
    night.at(130.0, second(healthy())).expect_notice("Ready { upstream: 1 }").expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn a_crash_loop_of_one_does_not_lengthen_the_hold_down_of_the_other() {
    let mut night = active();
    for at in [100.0, 120.0, 140.0] {
        night.at(at, healthy()).at(at + 10.0, refused());
    }
    assert_eq!(night.machine.hold_down(Some(0)), Duration::from_secs(630));
    assert_eq!(night.machine.hold_down(Some(1)), Duration::from_secs(30));
}

#[test]
fn restart_grace_asks_the_upstream_that_was_healthy_last() {
    let policy = |policy: &mut Policy| (policy.upstreams, policy.restart_grace) = (2, Duration::from_secs(60));
    let mut night = Night::with_policy(policy);
    // The second was healthy last, and it times out: no restart grace, although the first refuses connections.
    night.at(10.0, refused());
    night.at(10.0, second(fails(ProbeFailure::Unreachable))).expect_actions(&[Pull]).at(12.0, pulled());
    night.at(20.0, refused()).at(20.0, second(fails(ProbeFailure::Unreachable)));
    night.at(30.0, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn the_decision_falls_in_time_for_two_that_die_apart() {
    for apart in [0.0, 1.0, 4.0, 9.0, 17.0, 60.0] {
        for kinds in [
            [ProbeFailure::Refused; 2],
            [ProbeFailure::ResponseTimeout, ProbeFailure::Refused],
            [ProbeFailure::ConnectTimeout; 2],
        ] {
            let plans = vec![fails_from(101.0 + apart, kinds[0]), fails_from(101.0, kinds[1])];
            let mut night = Play::new(&defaults(), plans);
            night.run_until(300.0);
            let (decided, life) = (night.decision_times()[0], night.last_healthy_time().unwrap());
            assert_between(decided, life + 30.0, life + 35.0, &format!("{kinds:?} {apart} s apart"));
        }
    }
}
