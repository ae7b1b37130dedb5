//! Active: the gateway is kept running, and the upstreams are watched on.

use openclaw_failover::failover::Action::{Order, Push};
use openclaw_failover::failover::Order::{Start, Stop};

use openclaw_failover::probe::Failure;

use crate::events::{boots, done, fails, gone, healthy, mute, muted, promote, refused, tick, up};
use crate::night::Night;

#[test]
fn a_gateway_that_dies_is_started_again_backing_off() {
    let mut night = Night::watching().active();
    let (mut at, mut invocation) = (50.0, 2);
    for wait in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
        night.at(at, refused()).at(at, gone(invocation)).says("WentDown").is("promoting(start)").expect(&[]);
        night.at(at + wait - 0.1, refused()).expect(&[]);
        night.at(at + wait, tick()).expect(&[Order(Start)]);
        night.at(at + wait, gone(invocation)).at(at + wait + 0.1, done());
        invocation += 1;
        at += wait + 10.0;
        night.at(at, up(invocation)).at(at + 0.5, up(invocation)).is("active").expect(&[]);
        at += 10.0;
    }
}

#[test]
fn a_gateway_that_was_up_for_ten_minutes_is_started_again_at_once() {
    let mut night = Night::watching().active();
    for at in (45..=645).step_by(10) {
        night.at(f64::from(at), refused()).at(f64::from(at), up(2));
    }
    night.at(646.0, gone(2)).says("WentDown").expect(&[Order(Start)]);
}

/// A hosts file, DNS or an address of this host that leads the primary's name here, after the primary has died.
#[test]
fn an_upstream_that_has_become_this_host_is_never_failed_back_to() {
    let mut night = Night::watching().active();
    night.at(45.0, refused()).at(45.0, up(2)).is("active");
    for at in (50..4000).step_by(10) {
        night.at(f64::from(at), fails(Failure::ThisHost)).at(f64::from(at), up(2)).is("active").expect(&[]);
    }
    // Nor is it any part of a hold-down that the true primary's return begins.
    night.at(4000.0, healthy()).at(4020.0, fails(Failure::ThisHost)).at(4021.0, healthy()).at(4040.0, healthy());
    night.is("active").expect(&[]);
}

#[test]
fn a_restart_is_no_second_promotion() {
    let mut night = Night::watching().active();
    night.at(50.0, refused()).at(50.0, gone(2)).at(53.0, refused());
    night.at(55.0, tick()).expect(&[Order(Start)]).at(55.0, gone(2)).at(55.1, done());
    night.at(60.0, up(3)).forget().at(61.0, up(3)).is("active").says("ServesAgain");
    assert_eq!(night.memory().promotions.len(), 1);
}

#[test]
fn a_gateway_that_goes_silent_is_given_its_patience_and_started_again() {
    let mut night = Night::watching().active();
    let mut at = 51.0;
    while at < 641.0 {
        night.at(at, refused()).at(at, mute(2));
        at += 10.0;
    }
    night
        .says("NotAnswering")
        .expect(&[])
        .at(641.0, mute(2))
        .says("StoppingSilent { waited: 600s }")
        .expect(&[Order(Stop)]);
    night.at(641.1, done()).at(642.0, gone(2)).expect(&[Order(Start)]);
}

#[test]
fn a_gateway_that_restarts_itself_within_its_patience_is_left_alone() {
    let mut night = Night::watching().active();
    for at in (50..400).step_by(10) {
        night.at(f64::from(at), if at < 220 { boots(3) } else { up(3) });
    }
    night.is("active").expect(&[]).is_silent();
}

#[test]
fn if_it_is_down_and_the_upstream_ready_the_demotion_is_finished() {
    let mut night = Night::watching().active();
    night.at(100.0, healthy()).expect(&[]);
    night.at(105.0, gone(2)).is("standby").says("WentDown").says("Demoted").expect(&[Push]);
}

#[test]
fn if_it_is_down_while_a_promote_stands_it_is_started_again() {
    let mut night = Night::watching().active();
    night.at(90.0, promote()).at(100.0, healthy()).expect(&[]);
    night.at(105.0, gone(2)).is("promoting(start)").expect(&[]);
    night.at(110.0, tick()).expect(&[Order(Start)]);
}

#[test]
fn if_it_is_down_and_the_upstream_neither_ready_nor_long_dead_it_waits() {
    let mut night = Night::watching().active();
    night.at(100.0, muted()).at(105.0, gone(2)).is("active").expect(&[]);
    night.at(110.0, muted()).expect(&[]);
    night.each(&[120.0, 130.0, 139.9], &refused()).expect(&[]);
    night.at(140.0, refused()).is("promoting(start)").expect(&[]);
    night.at(145.0, tick()).expect(&[Order(Start)]);
    let mut night = Night::watching().active();
    night.at(100.0, muted()).at(105.0, gone(2)).at(110.0, healthy()).is("standby").expect(&[Push]);
}
