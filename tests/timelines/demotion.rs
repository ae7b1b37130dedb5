//! Failback to an upstream that stays ready.

use openclaw_failover::failover::Action::{Push, UnitAction};
use openclaw_failover::failover::UnitAction::Stop;

use crate::events::{done, drains, failed, gone, healthy, muted, refused, silent, tick, up};
use crate::night::Night;

#[test]
fn one_upstream_ready_for_the_hold_down_demotes() {
    let mut night = Night::standby().active();
    night.at_each(&[100.0, 110.0, 120.0, 129.9], &healthy()).expect_role("active").expect_actions(&[]);
    night.at(130.0, healthy()).expect_role("demoting");
    night.expect_notice("Demoting { reason: Ready { upstream: 0 } }").expect_actions(&[UnitAction(Stop)]);
    night.at(130.1, done()).at(130.6, gone(2)).expect_role("standby").expect_actions(&[Push]);
    night.expect_notice("Demoted { reason: Ready { upstream: 0 }, active_for: Some(89.6s) }");
}

#[test]
fn any_other_verdict_breaks_the_ready_streak() {
    for other in [refused(), silent(), muted(), crate::events::starting()] {
        let mut night = Night::standby().active();
        night.at_each(&[400.0, 410.0, 420.0], &healthy()).at(429.0, other).at(432.0, healthy());
        night.at_each(&[442.0, 452.0, 461.9], &healthy()).expect_role("active").expect_actions(&[]);
        night.at(462.0, healthy()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    }
}

#[test]
fn the_hold_down_ends_only_on_a_verdict() {
    let mut night = Night::standby().active();
    night.at_each(&[100.0, 110.0, 120.0], &healthy());
    night.at_each(&[130.0, 131.0, 139.0], &tick()).expect_role("active").expect_actions(&[]);
}

#[test]
fn it_drains_as_long_as_stop_timeout_and_is_not_asked_twice() {
    let mut night = Night::standby().draining();
    let mut at = 131.0;
    while at < 475.0 {
        night.at(at, drains(2)).expect_actions(&[]).expect_no_notice();
        at += 0.5;
    }
    night.at(475.0, drains(2));
    night.expect_role("demoting").expect_notice("StopHangs { waited: 345s }").expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn a_stop_that_hangs_stays_demoting_and_is_retried_with_backoff() {
    let mut night = Night::standby().draining();
    night.at(475.0, drains(2)).expect_notice("StopHangs").expect_actions(&[UnitAction(Stop)]);
    let mut at = 475.1;
    for wait in [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
        night.at(at, done()).at(at - 0.1 + wait - 0.2, drains(2)).expect_actions(&[]);
        night.at(at - 0.1 + wait, tick());
        night.expect_role("demoting").expect_no_notice().expect_actions(&[UnitAction(Stop)]);
        at += wait;
    }
    night.at(at, done()).at(at + 1.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn a_stop_that_fails_stays_demoting_is_retried_with_backoff_and_reported() {
    let mut night = Night::standby().active();
    night.at_each(&[100.0, 110.0, 120.0, 130.0], &healthy()).expect_actions(&[UnitAction(Stop)]);
    let mut at = 130.0;
    for wait in [5.0, 10.0, 20.0, 40.0, 80.0] {
        night.at(at + 0.5, failed("Access denied"));
        night.expect_notice("StopFailed { why: \"Access denied\"").expect_role("demoting");
        night.at(at + wait - 0.1, up(2)).expect_actions(&[]);
        night.at(at + wait, tick()).expect_actions(&[UnitAction(Stop)]);
        at += wait;
    }
    night.at(at + 0.1, done()).at(at + 0.5, gone(2)).expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn a_stop_without_effect_is_asked_for_again() {
    let mut night = Night::standby().active();
    night.at_each(&[100.0, 110.0, 120.0, 130.0], &healthy()).expect_actions(&[UnitAction(Stop)]);
    night.at(130.1, done()).at(131.0, up(2)).at(134.9, up(2)).expect_actions(&[]);
    night.at(135.0, up(2)).expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn the_gateway_is_down_only_by_systemd() {
    let mut night = Night::standby().draining();
    night.at(132.0, crate::events::answers()).expect_role("demoting");
    night.at(133.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
}
