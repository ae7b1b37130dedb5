//! Outage of the primary while this host's gateway drains.

use openclaw_failover::failover::Action::{Pull, Push, UnitAction};
use openclaw_failover::failover::UnitAction::{Kill, Start};

use crate::events::{done, drains, failed, gone, healthy, pulled, refused, tick, up};
use crate::night::Night;

/// The primary is down again from 140 s on, last healthy at 130 s: a promotion is due at 160 s.
fn due_again() -> Night {
    let mut night = Night::standby().draining();
    night.at(140.0, refused()).expect_notice("WindowOpened").expect_actions(&[]);
    night.at_each(&[150.0, 159.9], &refused()).expect_no_notice();
    night.at(160.0, refused()).expect_notice("DrainCut { after: 15s }").expect_role("demoting").expect_actions(&[]);
    night
}

#[test]
fn a_promotion_that_becomes_due_gives_it_15_s_more_then_kills_and_starts_again() {
    let mut night = due_again();
    night.at(170.0, refused()).at(174.9, drains(2)).expect_actions(&[]);
    night.at(175.0, tick()).expect_actions(&[UnitAction(Kill)]).at(175.1, done());
    night.at(175.6, gone(2));
    night.expect_notice("Demoted").expect_notice("Promoting { cause: Outage").expect_actions(&[Pull]);
    night.at(175.7, pulled()).expect_actions(&[UnitAction(Start)]).at(175.7, gone(2));
    night.at(175.8, done()).at(185.0, up(3)).at(186.0, up(3)).expect_role("active").expect_notice("Promoted");
}

#[test]
fn a_drain_that_ends_in_time_is_not_killed() {
    let mut night = due_again();
    night.at(168.0, gone(2)).expect_role("promoting(sync)").expect_actions(&[Pull]);
    night.at(169.0, pulled()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn the_primary_back_before_the_kill_lets_it_drain_on() {
    let mut night = due_again();
    night.at(170.0, healthy()).at_each(&[175.0, 180.0, 200.0], &drains(2)).expect_role("demoting").expect_actions(&[]);
    night.at(201.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn the_primary_back_after_the_kill_was_ordered_starts_nothing() {
    let mut night = due_again();
    night.at(175.0, tick()).expect_actions(&[UnitAction(Kill)]);
    night.at(175.05, healthy()).at(175.1, done()).at(175.6, gone(2)).expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn a_kill_that_fails_is_reported_and_repeated_15_s_later() {
    let mut night = due_again();
    night.at(175.0, tick()).expect_actions(&[UnitAction(Kill)]);
    night.at(175.1, failed("Access denied")).expect_notice("StopFailed");
    night.at_each(&[180.0, 189.0], &drains(2)).expect_role("demoting").expect_actions(&[]);
    night.at(190.0, drains(2)).expect_actions(&[UnitAction(Kill)]).at(190.1, done());
    night.at_each(&[206.0, 300.0, 474.0], &drains(2)).expect_role("demoting").expect_actions(&[]);
}

#[test]
fn a_refused_stop_keeps_the_gateway_up_in_a_new_outage() {
    let mut night = Night::standby().active();
    night.at_each(&[100.0, 110.0, 120.0, 130.0], &healthy()).expect_role("demoting").discard_so_far();
    night.at(130.1, failed("Access denied")).expect_notice("StopFailed").at(130.5, up(2));
    for at in [135.0, 140.0, 145.0, 150.0, 155.0, 160.0, 165.0, 170.0] {
        night.at(at, refused()).at(at, up(2)).discard_so_far();
        night.at(at, failed("Access denied")).discard_so_far();
    }
    night.at(176.0, up(2)).expect_notice("Adopted");
    night.at(177.0, up(2)).at(178.0, up(2)).expect_role("active").expect_actions(&[]);
}
