//! Two upstreams.

use std::time::Duration;

use openclaw_failover::failover::Action::{Order, Pull};
use openclaw_failover::failover::Order::{Start, Stop};
use openclaw_failover::failover::{Policy, Start as Begin};
use openclaw_failover::probe::Failure;

use crate::events::{done, fails, gone, healthy, pulled, refused, second, up};
use crate::night::{Night, defaults};
use crate::play::{Play, assert_between, dies};

fn two() -> Night {
    Night::with(|policy| policy.upstreams = 2)
}

/// Night in which both are down from 10 s on; the gateway answers at 41 s.
fn active() -> Night {
    let mut night = two();
    night.at(10.0, refused()).at(10.0, second(refused())).expect(&[Pull]).at(12.0, pulled());
    night.at(20.0, refused()).at(20.0, second(refused())).expect(&[]);
    night.at(30.0, refused()).at(30.0, second(refused())).expect(&[Order(Start)]);
    night.at(30.0, gone(1)).at(30.1, done()).at(40.0, up(2)).at(41.0, up(2)).is("active").forget();
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
        night.is("standby");
    }
    assert_eq!(night.window(), None);
    night.forget();
}

#[test]
fn one_that_was_not_asked_yet_may_live() {
    let policy = Policy { upstreams: 2, ..defaults() };
    let start = || Begin { armed: vec![true, false], ..Begin::default() };
    // The verdict on another standby, which is down, comes before that on the primary.
    let mut night = Night::begins(0.0, policy.clone(), start());
    night.at(0.1, second(refused())).is_silent().at(0.2, healthy()).is_silent();
    assert_eq!(night.window(), None);
    night.forget();
    // If the primary is down too, no time is lost: the outage counts from the start.
    let mut night = Night::begins(0.0, policy, start());
    night.each(&[0.1, 3.0], &second(refused())).is_silent();
    night.at(5.0, fails(Failure::ResponseTimeout)).says("WindowOpened { upstream: 0").forget();
    for at in (6..30).step_by(3) {
        night.at(f64::from(at), second(refused())).at(f64::from(at) + 0.5, refused());
    }
    night.at(30.0, pulled()).is("standby").forget();
    night.at(30.1, second(refused())).is("promoting(sync)").forget();
}

#[test]
fn when_the_second_dies_too_the_window_counts_from_its_last_life() {
    let mut night = two();
    for at in [10.0, 20.0, 30.0, 40.0] {
        night.at(at, second(healthy())).at(at + 5.0, refused()).expect(&[]);
    }
    night.at(50.0, second(refused())).says("WindowOpened { upstream: 1").expect(&[Pull]).at(52.0, pulled());
    for at in [55.0, 60.0, 65.0, 69.0] {
        night.at(at, refused()).at(at + 0.5, second(refused())).is("standby").expect(&[]);
    }
    night.at(70.0, refused()).expect(&[Order(Start)]);
}

#[test]
fn both_must_have_failed_since_the_window_opened() {
    let mut night = two();
    night.at(10.0, refused()).expect(&[]);
    night.at(15.0, second(refused())).expect(&[Pull]).at(16.0, pulled());
    night.each(&[20.0, 25.0, 30.0], &second(refused())).is("standby").expect(&[]);
    night.at(31.0, refused()).expect(&[Order(Start)]);
}

#[test]
fn ready_means_one_and_the_same_upstream_throughout() {
    let mut night = active();
    night.at(400.0, healthy()).at(410.0, healthy()).at(415.0, second(healthy())).at(418.0, refused());
    night.at(425.0, second(healthy())).at(432.0, healthy()).at(435.0, second(refused())).expect(&[]);
    night.at(442.0, healthy()).at(445.0, second(refused())).at(452.0, healthy()).is("active").expect(&[]);
    night.at(462.0, healthy()).is("demoting").says("Ready { upstream: 0 }").expect(&[Order(Stop)]);
}

#[test]
fn either_upstream_may_be_the_one() {
    let mut night = active();
    night.each(&[100.0, 110.0, 120.0], &second(healthy())).each(&[121.0, 124.0], &refused()).is("active").expect(&[]);
    night.at(130.0, second(healthy())).says("Ready { upstream: 1 }").expect(&[Order(Stop)]);
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
    let mut night = Night::with(policy);
    // The second was healthy last, and it times out: no restart grace, although the first refuses connections.
    night.at(10.0, refused()).at(10.0, second(fails(Failure::Unreachable))).expect(&[Pull]).at(12.0, pulled());
    night.at(20.0, refused()).at(20.0, second(fails(Failure::Unreachable)));
    night.at(30.0, refused()).expect(&[Order(Start)]);
}

#[test]
fn the_decision_falls_in_time_for_two_that_die_apart() {
    for apart in [0.0, 1.0, 4.0, 9.0, 17.0, 60.0] {
        for kinds in [[Failure::Refused; 2], [Failure::ResponseTimeout, Failure::Refused], [Failure::ConnectTimeout; 2]]
        {
            let plans = vec![dies(101.0 + apart, kinds[0]), dies(101.0, kinds[1])];
            let mut night = Play::new(&defaults(), plans);
            night.until(300.0);
            let (decided, life) = (night.decided()[0], night.life().unwrap());
            assert_between(decided, life + 30.0, life + 35.0, &format!("{kinds:?} {apart} s apart"));
        }
    }
}
