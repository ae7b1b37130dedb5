//! Witnesses: a promotion needs an answer from elsewhere, which proves that this host is not cut off.

use openclaw_failover::failover::Action::{Pull, QueryWitnesses, UnitAction};
use openclaw_failover::failover::UnitAction::Start;
use openclaw_failover::probe::ProbeFailure;

use crate::events::{healthy, pulled, refused, tick, witness};
use crate::night::{Night, defaults};
use crate::play::{Play, fails_from};

fn witnessed() -> Night {
    Night::with_policy(|policy| policy.needs_witness = true)
}

/// Night from the first failure at 10 s until just before a promotion is due, with this answer of the witnesses.
fn until_due(alive: bool) -> Night {
    let mut night = witnessed();
    night.at(10.0, refused()).expect_actions(&[Pull, QueryWitnesses]);
    night.at(10.1, witness(alive)).at(12.0, pulled()).expect_actions(&[]);
    for at in [13.0, 16.0, 19.0, 22.0, 25.0, 28.0] {
        night.at(at, refused()).expect_actions(&[QueryWitnesses]).at(at + 0.1, witness(alive)).expect_actions(&[]);
    }
    night
}

#[test]
fn witnesses_are_asked_beside_each_retry_and_never_while_healthy() {
    let mut night = witnessed();
    night.at_each(&[10.0, 20.0, 30.0], &healthy()).at(31.0, tick()).expect_actions(&[]);
    drop(until_due(true));
}

#[test]
fn a_live_witness_lets_the_promotion_happen() {
    until_due(true).at(30.0, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn all_silent_is_isolated_said_once_and_no_promotion() {
    let mut night = until_due(false);
    night.at(30.0, refused()).expect_notice("Isolated").expect_role("standby").expect_actions(&[]);
    assert!(night.machine.is_isolated());
    night.at(31.0, refused()).expect_no_notice().expect_actions(&[QueryWitnesses]);
    night.at(31.1, witness(false)).expect_no_notice();
    night.at(34.0, refused()).expect_no_notice().expect_actions(&[QueryWitnesses]);
}

#[test]
fn isolation_ends_at_once_when_a_witness_answers() {
    let mut night = until_due(false);
    night.at(30.0, refused()).expect_notice("Isolated");
    night.at(31.0, refused()).expect_actions(&[QueryWitnesses]);
    night.at(31.1, witness(true));
    night.expect_notice("Reconnected").expect_notice("Promoting").expect_actions(&[UnitAction(Start)]);
    assert!(!night.machine.is_isolated());
}

#[test]
fn isolation_ends_when_an_upstream_answers() {
    let mut night = until_due(false);
    night.at(30.0, refused()).expect_notice("Isolated");
    night.at(31.0, healthy());
    night.expect_notice("WindowClosed").expect_notice("Reconnected").expect_role("standby").expect_actions(&[]);
    assert!(!night.machine.is_isolated());
}

#[test]
fn an_answer_that_is_still_awaited_decides_when_it_comes() {
    let mut night = witnessed();
    night.at(10.0, refused()).expect_actions(&[Pull, QueryWitnesses]).at(12.0, pulled());
    night.at_each(&[13.0, 16.0, 19.0, 22.0, 25.0, 28.0], &refused()).expect_actions(&[]);
    night.at(29.9, witness(true)).expect_role("standby").expect_actions(&[QueryWitnesses]);
    night.at(30.0, refused()).expect_role("standby").expect_actions(&[]);
    night.at(30.3, witness(true)).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn an_answer_asked_for_before_the_windows_first_failure_does_not_count() {
    let mut night = witnessed();
    night.at(10.0, refused()).expect_actions(&[Pull, QueryWitnesses]);
    night.at(11.0, healthy()).at(12.0, pulled()).at(21.0, refused());
    night.at(22.0, witness(true)).expect_actions(&[Pull, QueryWitnesses]);
    night.at(22.1, pulled()).at(22.1, witness(true));
    night.at_each(&[31.0, 40.9], &refused()).expect_role("standby").expect_actions(&[QueryWitnesses]);
    night.at(41.0, refused()).expect_role("standby").at(41.2, witness(true)).expect_actions(&[QueryWitnesses]);
    night.at(41.3, witness(true)).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn an_answer_older_than_one_retry_does_not_count() {
    let mut night = until_due(true);
    night.at(34.0, refused()).expect_role("standby").expect_actions(&[QueryWitnesses]);
    night.at(34.1, witness(true)).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn without_a_witness_configured_none_is_asked() {
    let mut night = Night::standby();
    night.at(10.0, refused()).expect_actions(&[Pull]);
    night.at(13.0, refused()).expect_actions(&[]);
}

#[test]
fn a_flapping_witness_delays_the_promotion_by_at_most_its_silence() {
    let policy = openclaw_failover::failover::Policy { needs_witness: true, ..defaults() };
    let mut night = Play::new(&policy, vec![fails_from(61.0, ProbeFailure::Refused)]);
    // The witness is silent for 12 s, answers for 4 s, and so on.
    night.witness = |now| now % 16.0 >= 12.0;
    night.run_until(400.0);
    let decided = night.decision_times();
    assert_eq!(decided.len(), 1);
    // A promotion is due at 90 s; the witness answers again from 92 s on and is queried every 3 s.
    crate::play::assert_between(decided[0], 92.0, 95.2, "decided");
}

#[test]
fn a_reload_without_the_witness_ends_the_isolation() {
    let mut night = Night::with_policy(|policy| policy.needs_witness = true);
    for at in [10.0, 13.0, 16.0, 19.0, 22.0, 25.0, 28.0, 31.0, 34.0] {
        night.at(at, refused()).at(at + 0.5, witness(false)).discard_so_far();
    }
    assert!(night.machine.is_isolated());
    night.machine.reconfigure(defaults(), true, &[true]);
    assert!(!night.machine.is_isolated());
    night.at(37.0, refused()).expect_notice("Promoting").discard_so_far();
}
