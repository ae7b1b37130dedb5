//! Active role: the gateway is kept running, and the upstreams are still probed.

use openclaw_failover::failover::Action::{Push, UnitAction};
use openclaw_failover::failover::UnitAction::{Start, Stop};
use openclaw_failover::probe::ProbeFailure;

use crate::events::{boots, done, fails, gone, healthy, mute, muted, promote, refused, tick, up};
use crate::night::Night;

#[test]
fn restarts_an_exited_gateway_with_backoff() {
    let mut night = Night::standby().active();
    let (mut at, mut invocation) = (50.0, 2);
    for wait in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
        night.at(at, refused());
        night.at(at, gone(invocation)).expect_notice("GatewayDown").expect_role("promoting(start)").expect_actions(&[]);
        night.at(at + wait - 0.1, refused()).expect_actions(&[]);
        night.at(at + wait, tick()).expect_actions(&[UnitAction(Start)]);
        night.at(at + wait, gone(invocation)).at(at + wait + 0.1, done());
        invocation += 1;
        at += wait + 10.0;
        night.at(at, up(invocation)).at(at + 0.5, up(invocation)).expect_role("active").expect_actions(&[]);
        at += 10.0;
    }
}

#[test]
fn a_gateway_that_was_up_for_ten_minutes_is_started_again_at_once() {
    let mut night = Night::standby().active();
    for at in (45..=645).step_by(10) {
        night.at(f64::from(at), refused()).at(f64::from(at), up(2));
    }
    night.at(646.0, gone(2)).expect_notice("GatewayDown").expect_actions(&[UnitAction(Start)]);
}

/// A hosts file, DNS or an address of this host that leads the primary's name here, after the primary has died.
#[test]
fn an_upstream_that_has_become_this_host_is_never_failed_back_to() {
    let mut night = Night::standby().active();
    night.at(45.0, refused()).at(45.0, up(2)).expect_role("active");
    for at in (50..4000).step_by(10) {
        night.at(f64::from(at), fails(ProbeFailure::ThisHost));
        night.at(f64::from(at), up(2)).expect_role("active").expect_actions(&[]);
    }
    // Nor is it any part of a hold-down that the true primary's return begins.
    night.at(4000.0, healthy()).at(4020.0, fails(ProbeFailure::ThisHost)).at(4021.0, healthy()).at(4040.0, healthy());
    night.expect_role("active").expect_actions(&[]);
}

#[test]
fn a_restart_is_no_second_promotion() {
    let mut night = Night::standby().active();
    night.at(50.0, refused()).at(50.0, gone(2)).at(53.0, refused());
    night.at(55.0, tick()).expect_actions(&[UnitAction(Start)]).at(55.0, gone(2)).at(55.1, done());
    night.at(60.0, up(3)).discard_so_far().at(61.0, up(3)).expect_role("active").expect_notice("ServesAgain");
    assert_eq!(night.memory().promotions.len(), 1);
}

#[test]
fn a_gateway_that_goes_silent_is_given_its_patience_and_started_again() {
    let mut night = Night::standby().active();
    let mut at = 51.0;
    while at < 641.0 {
        night.at(at, refused()).at(at, mute(2));
        at += 10.0;
    }
    night.expect_notice("NotAnswering").expect_actions(&[]);
    night.at(641.0, mute(2)).expect_notice("StoppingSilent { waited: 600s }").expect_actions(&[UnitAction(Stop)]);
    night.at(641.1, done()).at(642.0, gone(2)).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn a_gateway_that_restarts_itself_within_its_patience_is_left_alone() {
    let mut night = Night::standby().active();
    for at in (50..400).step_by(10) {
        night.at(f64::from(at), if at < 220 { boots(3) } else { up(3) });
    }
    night.expect_role("active").expect_actions(&[]).expect_no_notice();
}

#[test]
fn if_it_is_down_and_the_upstream_ready_the_demotion_is_finished() {
    let mut night = Night::standby().active();
    night.at(100.0, healthy()).expect_actions(&[]);
    night.at(105.0, gone(2));
    night.expect_role("standby").expect_notice("GatewayDown").expect_notice("Demoted").expect_actions(&[Push]);
}

#[test]
fn if_it_is_down_while_a_promote_stands_it_is_started_again() {
    let mut night = Night::standby().active();
    night.at(90.0, promote()).at(100.0, healthy()).expect_actions(&[]);
    night.at(105.0, gone(2)).expect_role("promoting(start)").expect_actions(&[]);
    night.at(110.0, tick()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn if_it_is_down_and_the_upstream_neither_ready_nor_long_dead_it_waits() {
    let mut night = Night::standby().active();
    night.at(100.0, muted()).at(105.0, gone(2)).expect_role("active").expect_actions(&[]);
    night.at(110.0, muted()).expect_actions(&[]);
    night.at_each(&[120.0, 130.0, 139.9], &refused()).expect_actions(&[]);
    night.at(140.0, refused()).expect_role("promoting(start)").expect_actions(&[]);
    night.at(145.0, tick()).expect_actions(&[UnitAction(Start)]);
    let mut night = Night::standby().active();
    night.at(100.0, muted()).at(105.0, gone(2)).at(110.0, healthy()).expect_role("standby").expect_actions(&[Push]);
}
