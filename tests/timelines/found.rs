//! Adoption of a gateway that this machine did not start.

use openclaw_failover::failover::Action::{Order, Pull, Push};
use openclaw_failover::failover::Order::Stop;
use openclaw_failover::failover::{
    UnitState, {self},
};
use openclaw_failover::probe::{Failure, Verdict};

use crate::events::{boots, done, drains, gone, healthy, look, promote, refused, unit, up};
use crate::night::{Night, defaults};

/// Monitor that starts at 0 s without stored state.
fn starts(found: &failover::Event) -> Night {
    let start = failover::Start { armed: vec![true], unit: unit(found), ..failover::Start::default() };
    Night::begins(0.0, defaults(), start)
}

#[test]
fn a_gateway_found_running_is_adopted_as_active() {
    let mut night = starts(&up(7));
    night.at(0.0, up(7)).says("Adopted { cause: Found }").is("promoting(verify)");
    night.at(0.5, up(7)).is("active").says("Promoted { cause: Found").expect(&[]);
    assert!(night.memory().unreturned);
    assert!(night.memory().promotions.is_empty());
}

#[test]
fn it_leaves_through_the_ordinary_demotion() {
    let mut night = starts(&up(7));
    night.at(0.0, up(7)).at(0.5, up(7));
    night.each(&[1.0, 10.0, 20.0, 30.9], &healthy()).is("active").expect(&[]);
    night.at(31.0, healthy()).is("demoting").expect(&[Order(Stop)]);
    night.at(31.1, done()).at(32.0, gone(7)).is("standby").expect(&[Push]);
}

#[test]
fn promote_keeps_it_up() {
    let mut night = starts(&up(7));
    night.at(0.0, up(7)).at(0.5, up(7)).at(1.0, promote());
    for at in (10..3600).step_by(10) {
        night.at(f64::from(at), healthy()).at(f64::from(at), up(7));
    }
    night.is("active").expect(&[]);
}

#[test]
fn one_started_by_hand_while_the_primary_is_ready_leaves_its_operator_the_hold_down_to_keep_it() {
    let mut night = Night::watching();
    night.at(5.0, boots(2)).says("Adopted { cause: Found }").expect(&[]);
    night.each(&[10.0, 20.0, 29.0], &healthy()).is("promoting(verify)").expect(&[]);
    night.at(30.0, healthy()).says("Demoting { reason: Ready").expect(&[Order(Stop)]);
}

#[test]
fn one_started_by_hand_in_an_outage_is_adopted_before_the_window_is_due() {
    let mut night = Night::watching();
    night.at(10.0, refused()).expect(&[Pull]);
    night.at(15.0, up(2)).says("Adopted").at(15.5, up(2)).at(16.0, up(2)).is("active").expect(&[]);
}

#[test]
fn one_that_systemd_still_starts_is_verified() {
    let mut night = starts(&boots(7));
    night.at(0.0, look(UnitState::Activating, 7, Verdict::Failing(Failure::Refused))).is("promoting(verify)");
    night.at(8.0, up(7)).at(8.5, up(7)).is("active").expect(&[]);
}

#[test]
fn one_that_drains_is_demoting_until_it_is_down() {
    let mut night = starts(&drains(7));
    night.at(0.0, drains(7)).is("demoting").says("Demoting { reason: Found }").expect(&[]);
    night.at(100.0, drains(7)).expect(&[]);
    night.at(101.0, gone(7)).is("standby").expect(&[Pull]);
}

#[test]
fn what_is_down_is_standby_with_a_fresh_window() {
    let mut night = starts(&gone(7));
    night.at(0.0, gone(7)).is("standby").expect(&[Pull]);
    assert_eq!(night.window(), None);
}

#[test]
fn one_that_somebody_restarts_is_adopted_again_and_never_killed_for_it() {
    let mut night = starts(&drains(7));
    night.at(0.0, drains(7)).is("demoting").at(5.0, boots(8)).says("Adopted").is("promoting(verify)");
    night.at(12.0, up(8)).at(13.0, up(8)).is("active");
    for at in 14..120 {
        night.at(f64::from(at), refused()).at(f64::from(at), up(8));
    }
    night.is("active").expect(&[]);
}
