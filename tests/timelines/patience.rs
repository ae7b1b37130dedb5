//! Timeouts of a silent gateway, and the restart that follows.

use std::time::Duration;

use openclaw_failover::failover::Action::{Pull, UnitAction};
use openclaw_failover::failover::UnitAction::{Kill, Start, Stop};
use openclaw_failover::failover::{Event, UnitState};
use openclaw_failover::probe::{ProbeFailure, Verdict};

use crate::events::{boots, demote, done, drains, failed, gone, look, mute, promote, pulled, refused, up};
use crate::night::Night;

/// Polls the gateway twice a second from `from` until before `until`, while the primary stays down.
fn looks(night: &mut Night, from: f64, until: f64, seen: &Event) {
    let mut at = from;
    while at < until - 0.001 {
        night.at(at, seen.clone()).at(at, refused());
        at += 0.5;
    }
}

#[test]
fn no_answer_within_start_timeout_shouts_and_twice_that_stops() {
    let mut night = Night::standby().verifying();
    looks(&mut night, 31.1, 331.1, &mute(2));
    night.expect_actions(&[]).expect_no_notice();
    night.at(331.1, mute(2)).expect_notice("NotAnswering { waited: 300s }").expect_actions(&[]);
    looks(&mut night, 331.6, 631.1, &mute(2));
    night.expect_actions(&[]).expect_no_notice();
    night.at(631.1, mute(2)).expect_notice("StoppingSilent { waited: 600s }").expect_actions(&[UnitAction(Stop)]);
    night.at(631.2, done()).at(632.0, gone(2)).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn while_it_says_starting_it_is_left_alone() {
    let mut night = Night::standby().verifying();
    looks(&mut night, 31.1, 331.1, &boots(2));
    night.expect_no_notice();
    night.at(331.1, boots(2)).expect_notice("NotAnswering");
    looks(&mut night, 331.6, 7231.1, &boots(2));
    night.expect_role("promoting(verify)").expect_no_notice().expect_actions(&[]);
    night.at(7232.0, up(2)).at(7232.5, up(2)).expect_role("active").expect_notice("Promoted");
}

#[test]
fn any_answer_at_all_is_an_answer() {
    let mut night = Night::standby().verifying();
    let broken = look(UnitState::Active, 2, Verdict::Failing(ProbeFailure::Status(500)));
    looks(&mut night, 31.1, 600.0, &mute(2));
    night.at(600.0, broken).expect_actions(&[]);
    looks(&mut night, 600.5, 1200.0, &mute(2));
    night.expect_actions(&[]);
    night.at(1200.0, mute(2)).expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn a_gateway_behind_tls_that_cannot_be_verified_is_left_alone() {
    let mut night = Night::standby().verifying();
    let unverified = look(UnitState::Active, 2, Verdict::Failing(ProbeFailure::Tls));
    looks(&mut night, 31.1, 331.1, &unverified);
    night.expect_no_notice();
    night.at(331.1, unverified.clone()).expect_notice("NotAnswering").expect_actions(&[]);
    looks(&mut night, 331.6, 7231.1, &unverified);
    night.expect_role("promoting(verify)").expect_no_notice().expect_actions(&[]);
}

#[test]
fn each_retry_doubles_the_patience_up_to_30_minutes() {
    let mut night = Night::standby().verifying();
    let (mut began, mut invocation) = (31.1, 2);
    for patience in [300.0, 600.0, 1200.0, 1800.0, 1800.0] {
        looks(&mut night, began, began + patience, &mute(invocation));
        night.expect_no_notice();
        night.at(began + patience, mute(invocation)).expect_notice("NotAnswering").expect_actions(&[]);
        looks(&mut night, began + patience + 0.5, began + patience * 2.0, &mute(invocation));
        night.expect_no_notice();
        let stop = began + patience * 2.0;
        night.at(stop, mute(invocation)).expect_notice("StoppingSilent").expect_actions(&[UnitAction(Stop)]);
        night.at(stop + 0.1, done()).at(stop + 0.5, gone(invocation)).expect_actions(&[UnitAction(Start)]);
        night.at(stop + 0.6, gone(invocation)).at(stop + 0.7, done());
        (began, invocation) = (stop + 0.7, invocation + 1);
    }
}

#[test]
fn the_monitor_causes_at_most_one_unclean_exit_in_5_minutes() {
    let mut night = Night::with_policy(|policy| policy.start_timeout = Duration::from_secs(60)).verifying();
    looks(&mut night, 31.1, 151.1, &mute(2));
    night.at(151.1, mute(2)).expect_actions(&[UnitAction(Stop)]);
    night.at(151.2, done()).at(151.6, gone(2)).expect_actions(&[UnitAction(Start)]);
    night.at(151.7, gone(2)).at(151.8, done());
    // Its timeout of 2 × 120 s ends at 391.8 s, the five minutes between unclean exits only at 451.1 s.
    looks(&mut night, 152.1, 451.1, &mute(3));
    night.expect_notice("NotAnswering").expect_actions(&[]);
    night.at(451.1, mute(3)).expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn a_cut_drain_waits_for_the_5_minutes_too() {
    let mut night = Night::standby().draining();
    night.at_each(&[140.0, 150.0, 159.9], &refused());
    night.at(160.0, refused()).expect_notice("DrainCut").at(170.0, refused()).expect_actions(&[]);
    night.at(175.0, drains(2)).expect_actions(&[UnitAction(Kill)]);
    night.at(175.1, done()).at(175.6, gone(2)).expect_actions(&[Pull]);
    night.at(175.7, pulled()).expect_actions(&[UnitAction(Start)]).at(175.7, gone(2)).at(175.8, done());
    night.at(180.0, up(3)).at(180.5, up(3)).expect_role("active");
    // An operator demotes and then promotes: the drain is to be cut at 215 s, the five minutes end at 475 s.
    night.at(190.0, demote()).expect_actions(&[UnitAction(Stop)]).at(190.1, done()).at(190.5, drains(3));
    night.at(200.0, promote()).expect_notice("DrainCut");
    looks(&mut night, 201.0, 475.0, &drains(3));
    night.expect_actions(&[]);
    night.at(475.1, drains(3)).expect_actions(&[UnitAction(Kill)]);
}

#[test]
fn a_stop_of_a_silent_gateway_that_hangs_is_repeated() {
    let mut night = Night::standby().verifying();
    looks(&mut night, 31.1, 631.1, &mute(2));
    night.at(631.1, mute(2)).expect_actions(&[UnitAction(Stop)]);
    night.at(631.2, failed("timed out")).expect_notice("StopFailed");
    looks(&mut night, 631.6, 976.1, &mute(2));
    night.expect_actions(&[]);
    night.at(976.1, mute(2)).expect_actions(&[UnitAction(Stop)]);
}
