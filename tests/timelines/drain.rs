//! Outage of the primary while this host's gateway drains.

use openclaw_failover::failover::Action::{Order, Pull, Push};
use openclaw_failover::failover::Order::{Kill, Start};

use crate::events::{done, drains, failed, gone, healthy, pulled, refused, tick, up};
use crate::night::Night;

/// The primary is down again from 140 s on, last healthy at 130 s: a promotion is due at 160 s.
fn due_again() -> Night {
    let mut night = Night::watching().draining();
    night.at(140.0, refused()).says("WindowOpened").expect(&[]);
    night.each(&[150.0, 159.9], &refused()).is_silent();
    night.at(160.0, refused()).says("DrainCut { after: 15s }").is("demoting").expect(&[]);
    night
}

#[test]
fn a_promotion_that_becomes_due_gives_it_15_s_more_then_kills_and_starts_again() {
    let mut night = due_again();
    night.at(170.0, refused()).at(174.9, drains(2)).expect(&[]);
    night.at(175.0, tick()).expect(&[Order(Kill)]).at(175.1, done());
    night.at(175.6, gone(2)).says("Demoted").says("Promoting { cause: Outage").expect(&[Pull]);
    night
        .at(175.7, pulled())
        .expect(&[Order(Start)])
        .at(175.7, gone(2))
        .at(175.8, done())
        .at(185.0, up(3))
        .at(186.0, up(3))
        .is("active")
        .says("Promoted");
}

#[test]
fn a_drain_that_ends_in_time_is_not_killed() {
    let mut night = due_again();
    night.at(168.0, gone(2)).is("promoting(sync)").expect(&[Pull]);
    night.at(169.0, pulled()).expect(&[Order(Start)]);
}

#[test]
fn the_primary_back_before_the_kill_lets_it_drain_on() {
    let mut night = due_again();
    night.at(170.0, healthy()).each(&[175.0, 180.0, 200.0], &drains(2)).is("demoting").expect(&[]);
    night.at(201.0, gone(2)).is("standby").expect(&[Push]);
}

#[test]
fn the_primary_back_after_the_kill_was_ordered_starts_nothing() {
    let mut night = due_again();
    night.at(175.0, tick()).expect(&[Order(Kill)]);
    night.at(175.05, healthy()).at(175.1, done()).at(175.6, gone(2)).is("standby").expect(&[Push]);
}

#[test]
fn a_kill_that_fails_is_reported_and_repeated_15_s_later() {
    let mut night = due_again();
    night.at(175.0, tick()).expect(&[Order(Kill)]).at(175.1, failed("Access denied")).says("StopFailed");
    night.each(&[180.0, 189.0], &drains(2)).is("demoting").expect(&[]);
    night.at(190.0, drains(2)).expect(&[Order(Kill)]).at(190.1, done());
    night.each(&[206.0, 300.0, 474.0], &drains(2)).is("demoting").expect(&[]);
}

#[test]
fn a_gateway_whose_stop_was_refused_serves_on_when_the_primary_dies_again() {
    let mut night = Night::watching().active();
    night.each(&[100.0, 110.0, 120.0, 130.0], &healthy()).is("demoting").forget();
    night.at(130.1, failed("Access denied")).says("StopFailed").at(130.5, up(2));
    for at in [135.0, 140.0, 145.0, 150.0, 155.0, 160.0, 165.0, 170.0] {
        night.at(at, refused()).at(at, up(2)).forget();
        night.at(at, failed("Access denied")).forget();
    }
    night.at(176.0, up(2)).says("Adopted").at(177.0, up(2)).at(178.0, up(2)).is("active").expect(&[]);
}
