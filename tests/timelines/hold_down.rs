//! Hold-down = min(demote.max_after, demote.after × 2^(n−1)), and at least 630 s for an upstream in a crash loop.

use openclaw_failover::failover::{self, PersistentState};

use crate::events::{done, down, drill, gone, healthy, muted, promote, pulled, refused, resume, up};
use crate::night::{Night, defaults, time};

/// Takes the primary down after this second; the gateway answers 42 s later.
fn outage(night: &mut Night, at: f64, invocation: u128) {
    let steps = [10.0, 13.0, 16.0, 19.0, 22.0, 25.0, 28.0, 31.0];
    night.at(at, healthy());
    night.at_each(&steps.map(|step| at + step), &refused()).at(at + 32.0, pulled());
    night.at(at + 32.0, gone(invocation - 1)).at(at + 32.1, done());
    night.at(at + 41.0, up(invocation)).at(at + 42.0, up(invocation)).expect_role("active").expect_notice("Promoted");
}

/// Makes the primary ready and the gateway exit, which ends the failover at once.
fn back(night: &mut Night, at: f64, invocation: u128) {
    night.at(at, healthy()).at(at + 1.0, gone(invocation)).expect_role("standby");
    night.at(at + 2.0, crate::events::pushed(true)).at(at + 3.0, pulled()).discard_so_far();
}

#[test]
fn it_doubles_with_each_automatic_promotion_within_the_flap_window_up_to_its_longest() {
    let mut night = Night::standby();
    for (hold_down, invocation) in [30, 60, 120, 240, 480, 960, 1800, 1800, 1800].into_iter().zip(2..) {
        let at = 900.0 * (invocation - 2) as f64;
        outage(&mut night, at, invocation);
        night.expect_notice(&format!("hold_down: {hold_down}s"));
        assert_eq!(night.hold_down(), f64::from(hold_down));
        back(&mut night, at + 300.0, invocation);
    }
}

#[test]
fn it_decays_when_the_promotions_are_further_apart_than_the_flap_window() {
    let mut night = Night::standby();
    outage(&mut night, 0.0, 2);
    back(&mut night, 300.0, 2);
    outage(&mut night, 1000.0, 3);
    assert_eq!(night.hold_down(), 60.0);
    back(&mut night, 1300.0, 3);
    // 10,842 s is three hours after the first answer, not after the second.
    outage(&mut night, 10_800.0, 4);
    assert_eq!(night.hold_down(), 60.0);
    back(&mut night, 11_100.0, 4);
    outage(&mut night, 30_000.0, 5);
    assert_eq!(night.hold_down(), 30.0);
    night.discard_so_far();
}

#[test]
fn it_is_fixed_at_the_promotion() {
    let mut night = Night::standby();
    outage(&mut night, 0.0, 2);
    back(&mut night, 300.0, 2);
    outage(&mut night, 1000.0, 3);
    for at in (1050..40_000).step_by(10) {
        night.at(f64::from(at), refused()).at(f64::from(at), up(3));
    }
    assert_eq!(night.hold_down(), 60.0);
    night.at_each(&[40_000.0, 40_010.0, 40_020.0, 40_030.0, 40_040.0, 40_050.0, 40_059.0], &healthy());
    night.expect_role("active");
    night.at(40_060.0, healthy()).expect_role("demoting").discard_so_far();
}

#[test]
fn promotions_remembered_from_long_ago_do_not_count() {
    let memory =
        PersistentState { promotions: [-20_000.0, -10_801.0, -1.0].map(time).to_vec(), ..PersistentState::default() };
    let start = failover::InitialFacts { persistent_state: memory, armed: vec![true], unit: None };
    assert_eq!(Night::starting_at(0.0, defaults(), start).hold_down(), 30.0);
}

#[test]
fn only_automatic_promotions_count() {
    let mut night = Night::standby().active();
    back(&mut night, 100.0, 2);
    night.at(200.0, promote()).at(202.0, pulled()).at(202.0, gone(2)).at(202.1, done());
    night.at(210.0, up(3)).at(211.0, up(3)).expect_role("active").expect_notice("cause: Operator");
    night.at(215.0, resume()).at(216.0, healthy()).discard_so_far();
    assert_eq!(night.memory().promotions.len(), 1);
    back(&mut night, 220.0, 3);
    night.at(300.0, healthy()).at(301.0, drill(60)).at(302.0, pulled()).at(302.0, gone(3)).at(302.1, done());
    night.at(310.0, up(4)).at(311.0, up(4)).expect_role("active").expect_notice("cause: Drill").discard_so_far();
    assert_eq!(night.memory().promotions.len(), 1);
}

#[test]
fn a_promotion_undone_before_its_gateway_answered_counts_too() {
    let mut night = Night::standby().verifying();
    night.at_each(&[33.0, 43.0, 53.0, 63.0], &healthy());
    night.at(63.1, done()).at(64.0, gone(2)).expect_role("standby").discard_so_far();
    assert_eq!(night.memory().promotions, [time(64.0)]);
}

/// Takes the primary down at 500 s and again this many seconds later, for 10 s each.
fn falls_twice(apart: f64) -> Night {
    let mut night = Night::standby().active();
    night.at(490.0, healthy()).at(500.0, refused()).at(510.0, healthy());
    let mut at = 510.0;
    while at < 500.0 + apart {
        night.at(at, muted());
        at += 5.0;
    }
    night.at(500.0 + apart, refused()).expect_actions(&[]);
    night
}

#[test]
fn an_upstream_that_falls_twice_within_5_minutes_must_stay_ready_for_630_s() {
    let mut night = falls_twice(300.0);
    assert_eq!(night.hold_down(), 630.0);
    for at in (810..1440).step_by(10) {
        night.at(f64::from(at), healthy()).expect_role("active");
    }
    night.at(1440.0, healthy()).expect_role("demoting").discard_so_far();
    assert_eq!(night.hold_down(), 30.0);
}

#[test]
fn two_falls_further_apart_are_two_outages() {
    let night = falls_twice(301.0);
    assert_eq!(night.hold_down(), 30.0);
}

#[test]
fn the_630_s_are_a_least_and_not_a_most() {
    let promotions = [0.0; 6].map(time).to_vec();
    let memory = PersistentState { promotions, ..PersistentState::default() };
    let start = failover::InitialFacts { persistent_state: memory, armed: vec![true], unit: None };
    let mut night = Night::starting_at(0.0, defaults(), start);
    assert_eq!(night.hold_down(), 960.0);
    night.at(0.0, down()).at(1.0, pulled());
    night.at_each(&[10.0, 30.0], &healthy()).at(20.0, healthy());
    night.at(40.0, refused()).at(50.0, healthy()).at(60.0, refused()).discard_so_far();
    assert_eq!(night.hold_down(), 960.0);
}
