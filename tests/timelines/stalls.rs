//! Stalls and suspensions of the monitor itself, which count neither as an outage nor as silence of the gateway.

use openclaw_failover::failover::Action::{CutSync, Order, Pull, Push};
use openclaw_failover::failover::Order::{Start, Stop};

use crate::events::{done, drains, gone, healthy, mute, pulled, refused, tick, up};
use crate::night::Night;

const HOUR: f64 = 3600.0;

#[test]
fn in_standby_it_counts_for_one_interval_and_timeout() {
    let mut night = Night::watching();
    night.at(HOUR, tick()).expect(&[Pull]).at(HOUR, pulled());
    night.at(HOUR, refused()).is("standby").expect(&[]);
    assert_eq!(night.window(), Some(15.0));
    night.at(HOUR + 3.0, healthy()).is("standby").expect(&[]);
}

#[test]
fn in_an_open_window_it_decides_nothing() {
    let mut night = Night::watching();
    night.at(10.0, refused()).expect(&[Pull]).at(11.0, pulled()).each(&[13.0, 16.0], &refused());
    night.at(HOUR, tick()).at(HOUR, pulled()).forget();
    night.at(HOUR + 0.1, healthy()).is("standby").expect(&[]);
}

#[test]
fn in_sync_nothing_is_started_before_the_primary_was_asked_again() {
    let mut night = Night::watching().syncing();
    night.at(HOUR, tick()).expect(&[CutSync]).at(HOUR, pulled()).expect(&[]);
    night.at(HOUR + 0.1, healthy()).says("Aborted { why: Healthy }").is("standby").expect(&[Pull]);

    let mut night = Night::watching().syncing();
    night.at(HOUR, pulled()).expect(&[]);
    night.at(HOUR + 0.1, refused()).expect(&[Order(Start)]);
}

#[test]
fn in_start_it_delays_the_outcome_and_nothing_else() {
    let mut night = Night::watching().starting();
    night.at(HOUR, tick()).expect(&[]).at(HOUR, done()).is("promoting(verify)").expect(&[]);
    night.at(HOUR + 0.5, up(2)).at(HOUR + 1.0, up(2)).is("active").expect(&[]);
}

#[test]
fn in_verify_it_is_not_the_gateways_silence() {
    let mut night = Night::watching().verifying();
    night.at(32.0, mute(2)).at(HOUR, tick()).expect(&[]).is_silent();
    night.at(HOUR + 0.1, healthy()).expect(&[]);
    night.at(HOUR + 0.2, mute(2)).expect(&[]).is_silent();
    night.at(HOUR + 0.7, up(2)).at(HOUR + 1.2, up(2)).is("active").expect(&[]);
}

#[test]
fn while_active_it_is_not_the_gateways_silence() {
    let mut night = Night::watching().active();
    night.at(45.0, refused()).at(HOUR, tick()).is("active").expect(&[]);
    night.each(&[HOUR + 0.1, HOUR + 0.2], &refused()).is("active").expect(&[]);
    night.at(HOUR + 0.3, mute(2)).is("active").expect(&[]);
    night.at(HOUR + 10.0, up(2)).is("active").expect(&[]).is_silent();
}

#[test]
fn while_active_it_is_no_part_of_the_hold_down() {
    let mut night = Night::watching().active();
    night.at(50.0, healthy()).at(HOUR, healthy()).is("active").expect(&[]);
    night.at(HOUR + 10.0, healthy()).is("active").expect(&[]);
    night.at(HOUR + 15.0, healthy()).is("demoting").expect(&[Order(Stop)]);
}

#[test]
fn while_demoting_it_ends_the_drain_no_sooner() {
    let mut night = Night::watching().draining();
    night.at(HOUR, tick()).says("StopHangs").expect(&[Order(Stop)]);
    night.at(HOUR + 0.1, done()).at(HOUR + 0.2, drains(2)).is("demoting").expect(&[]);
    night.at(HOUR + 0.7, gone(2)).is("standby").expect(&[Push]);
}

#[test]
fn while_a_cut_drain_waits_it_kills_but_starts_nothing_unasked() {
    let mut night = Night::watching().draining();
    night.each(&[140.0, 150.0, 160.0], &refused()).says("DrainCut");
    night.at(HOUR, gone(2)).is("promoting(sync)").expect(&[Pull]).at(HOUR, pulled()).expect(&[]);
    night.at(HOUR + 0.1, healthy()).says("Aborted").is("standby").expect(&[Push]);
}
