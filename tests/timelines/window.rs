//! Outage window, probe schedule, and decision.

use std::time::Duration;

use openclaw_failover::failover::Action::{Pull, UnitAction};
use openclaw_failover::failover::UnitAction::Start;
use openclaw_failover::failover::{self, ProbeSchedule};
use openclaw_failover::probe::ProbeFailure;

use crate::events::{fails, healthy, pulled, refused, silent, starting, tick};
use crate::night::{Night, defaults, second_of, time};
use crate::play::{self, Play, assert_between};

#[test]
fn outage_just_after_a_probe() {
    let mut night = Night::standby();
    night.at(10.0, refused()).expect_actions(&[Pull]).expect_notice("WindowOpened");
    night.at(12.0, pulled()).expect_actions(&[]);
    night.at_each(&[13.0, 16.0, 19.0, 22.0, 25.0, 28.0], &refused()).expect_actions(&[]).expect_no_notice();
    night.at(30.0, refused());
    night.expect_actions(&[UnitAction(Start)]).expect_notice("Promoting { cause: Outage, window: 30s, failures: 8");
    night.expect_role("promoting(start)");
}

#[test]
fn outage_just_before_a_probe() {
    let mut night = Night::standby();
    night.at(10.0, healthy()).expect_actions(&[]);
    night.at(20.0, refused()).expect_actions(&[Pull]).at(21.0, pulled());
    night.at_each(&[23.0, 26.0, 29.0, 32.0, 35.0, 38.0, 39.9], &refused()).expect_role("standby").expect_actions(&[]);
    night.at(40.0, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn silence_is_decided_when_the_probe_that_met_the_window_ends() {
    let mut night = Night::standby();
    night.at(15.0, silent()).expect_actions(&[Pull]).at(17.0, pulled());
    night.at_each(&[20.0, 25.0, 29.9], &silent()).expect_role("standby").expect_actions(&[]);
    night.at(34.9, silent()).expect_actions(&[UnitAction(Start)]).expect_notice("window: 34.9s");
}

#[test]
fn the_decision_falls_on_a_failing_verdict_and_never_on_a_tick() {
    let mut night = Night::standby();
    night.at(10.0, refused()).expect_actions(&[Pull]).at(12.0, pulled());
    night.at_each(&[13.0, 16.0, 19.0, 22.0, 25.0], &refused());
    night.at_each(&[30.0, 31.0, 39.0], &tick()).expect_role("standby").expect_actions(&[]);
    night.at(39.5, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn at_least_promote_failures_verdicts_in_a_row_must_have_failed() {
    let mut night = Night::with_policy(|policy| policy.failures = 5);
    night.at(10.0, refused()).expect_actions(&[Pull]).at(12.0, pulled());
    night.at_each(&[20.0, 30.0, 35.0], &refused()).expect_role("standby").expect_actions(&[]);
    night.at(36.0, refused()).expect_actions(&[UnitAction(Start)]).expect_notice("failures: 5");
}

#[test]
fn one_healthy_verdict_closes_the_window() {
    let mut night = Night::standby();
    night.at(10.0, refused()).expect_actions(&[Pull]).at(12.0, pulled());
    night.at_each(&[19.0, 28.0], &refused());
    night.at(29.0, healthy()).expect_notice("WindowClosed { upstream: 0, lasted: 29s }");
    assert_eq!(night.window(), None);
    night.at(39.0, refused()).expect_actions(&[Pull]).at(40.0, pulled());
    night.at_each(&[49.0, 58.9], &refused()).expect_role("standby").expect_actions(&[]);
    night.at(59.0, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn an_upstream_that_is_alive_and_muted_is_no_outage() {
    let mut night = Night::standby();
    night.at_each(&[10.0, 20.0, 30.0, 40.0, 50.0], &crate::events::muted());
    night.expect_role("standby").expect_actions(&[]).expect_no_notice();
}

#[test]
fn the_window_starts_at_zero_when_the_monitor_starts() {
    let start = failover::InitialFacts { armed: vec![true], ..failover::InitialFacts::default() };
    let mut night = Night::starting_at(0.0, defaults(), start);
    night.at(0.1, refused()).expect_actions(&[Pull]).at(2.0, pulled());
    night.at_each(&[10.0, 20.0, 29.9], &refused()).expect_role("standby").expect_actions(&[]);
    night.at(30.0, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn the_time_between_two_verdicts_counts_for_at_most_interval_and_timeout() {
    let mut night = Night::standby();
    night.at(7200.0, refused()).expect_actions(&[Pull]).at(7202.0, pulled());
    assert_eq!(night.window(), Some(15.0));
    night.at_each(&[7203.0, 7206.0, 7209.0, 7212.0], &refused()).expect_role("standby").expect_actions(&[]);
    night.at(7215.0, refused()).expect_actions(&[UnitAction(Start)]).expect_notice("window: 30s");
}

#[test]
fn restart_grace_is_added_while_the_primary_is_refused_starting_or_draining() {
    for failure in [ProbeFailure::Refused, ProbeFailure::Starting, ProbeFailure::Draining] {
        let mut night = Night::with_policy(|policy| policy.restart_grace = Duration::from_secs(60));
        night.at(10.0, fails(failure)).expect_actions(&[Pull]).at(12.0, pulled());
        for at in (20..90).step_by(10) {
            night.at(f64::from(at), fails(failure)).expect_role("standby");
        }
        night.expect_actions(&[Pull]).at(75.0, pulled());
        night.at(89.9, fails(failure)).expect_role("standby");
        night.at(90.0, fails(failure)).expect_actions(&[UnitAction(Start)]);
    }
}

#[test]
fn restart_grace_is_not_given_to_any_other_failure() {
    use ProbeFailure::{Draining, Refused, Starting};
    for failure in ProbeFailure::ALL.into_iter().filter(|failure| ![Refused, Starting, Draining].contains(failure)) {
        let mut night = Night::with_policy(|policy| policy.restart_grace = Duration::from_secs(60));
        night.at(10.0, starting()).expect_actions(&[Pull]).at(12.0, pulled());
        night.at_each(&[20.0, 29.0], &starting()).expect_role("standby");
        night.at(31.0, fails(failure)).expect_actions(&[UnitAction(Start)]);
    }
}

#[test]
fn every_interval_while_healthy_and_every_retry_interval_after_a_failure_at_a_fixed_rate() {
    let mut pace = ProbeSchedule::new(&defaults(), time(0.0));
    let mut next =
        |began: f64, ended: f64, healthy: bool| second_of(pace.next_probe_at(time(began), time(ended), healthy));
    assert_eq!(next(0.0, 0.5, true), 10.0);
    assert_eq!(next(10.0, 14.9, true), 20.0);
    assert_eq!(next(20.0, 20.1, false), 23.0);
    assert_eq!(next(23.0, 28.0, false), 28.0);
    assert_eq!(next(28.0, 28.1, false), 31.0);
}

/// Tries an outage at every quarter of a second around a probe, with refusals, timeouts and both in turn.
#[test]
fn the_decision_falls_between_promote_after_and_that_plus_max_timeout_retry() {
    let kinds: [fn(f64) -> ProbeFailure; 5] = [
        |_| ProbeFailure::Refused,
        |_| ProbeFailure::ResponseTimeout,
        |_| ProbeFailure::ConnectTimeout,
        |now| {
            if ((now * 7.0) as u64).is_multiple_of(2) { ProbeFailure::Refused } else { ProbeFailure::ResponseTimeout }
        },
        |now| if now < 120.0 { ProbeFailure::Status(500) } else { ProbeFailure::ResponseTimeout },
    ];
    for kind in kinds {
        for quarter in 0..=44 {
            let death = 99.5 + f64::from(quarter) / 4.0;
            let plan = Box::new(move |now| if now < death { play::up() } else { play::fails(kind(now)) });
            let mut night = Play::new(&defaults(), vec![plan]);
            night.run_until(death + 120.0);
            let (decided, life) = (night.decision_times()[0], night.last_healthy_time().unwrap());
            let what = format!("down at {death} s by {:?}, last healthy at {life} s", kind(death));
            assert!(death - life <= 10.0, "{what}");
            assert_between(decided, life + 30.0, life + 35.0, &what);
        }
    }
}
