//! Stalls and suspensions of the monitor itself, which count neither as an outage nor as silence of the gateway.

use openclaw_failover::failover::Action::{Pull, Push, StopSync, UnitAction};
use openclaw_failover::failover::UnitAction::{Start, Stop};

use crate::events::{done, drains, gone, healthy, mute, pulled, refused, tick, up};
use crate::night::Night;

const HOUR: f64 = 3600.0;

#[test]
fn in_standby_it_counts_for_one_interval_and_timeout() {
    let mut night = Night::standby();
    night.at(HOUR, tick()).expect_actions(&[Pull]).at(HOUR, pulled());
    night.at(HOUR, refused()).expect_role("standby").expect_actions(&[]);
    assert_eq!(night.window(), Some(15.0));
    night.at(HOUR + 3.0, healthy()).expect_role("standby").expect_actions(&[]);
}

#[test]
fn in_an_open_window_it_decides_nothing() {
    let mut night = Night::standby();
    night.at(10.0, refused()).expect_actions(&[Pull]).at(11.0, pulled()).at_each(&[13.0, 16.0], &refused());
    night.at(HOUR, tick()).at(HOUR, pulled()).discard_so_far();
    night.at(HOUR + 0.1, healthy()).expect_role("standby").expect_actions(&[]);
}

#[test]
fn in_sync_nothing_is_started_before_the_primary_was_asked_again() {
    let mut night = Night::standby().syncing();
    night.at(HOUR, tick()).expect_actions(&[StopSync]).at(HOUR, pulled()).expect_actions(&[]);
    night.at(HOUR + 0.1, healthy());
    night.expect_notice("Aborted { why: Healthy }").expect_role("standby").expect_actions(&[Pull]);

    let mut night = Night::standby().syncing();
    night.at(HOUR, pulled()).expect_actions(&[]);
    night.at(HOUR + 0.1, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn in_start_it_delays_the_outcome_and_nothing_else() {
    let mut night = Night::standby().starting();
    night.at(HOUR, tick()).expect_actions(&[]).at(HOUR, done()).expect_role("promoting(verify)").expect_actions(&[]);
    night.at(HOUR + 0.5, up(2)).at(HOUR + 1.0, up(2)).expect_role("active").expect_actions(&[]);
}

#[test]
fn in_verify_it_is_not_the_gateways_silence() {
    let mut night = Night::standby().verifying();
    night.at(32.0, mute(2)).at(HOUR, tick()).expect_actions(&[]).expect_no_notice();
    night.at(HOUR + 0.1, healthy()).expect_actions(&[]);
    night.at(HOUR + 0.2, mute(2)).expect_actions(&[]).expect_no_notice();
    night.at(HOUR + 0.7, up(2)).at(HOUR + 1.2, up(2)).expect_role("active").expect_actions(&[]);
}

#[test]
fn while_active_it_is_not_the_gateways_silence() {
    let mut night = Night::standby().active();
    night.at(45.0, refused()).at(HOUR, tick()).expect_role("active").expect_actions(&[]);
    night.at_each(&[HOUR + 0.1, HOUR + 0.2], &refused()).expect_role("active").expect_actions(&[]);
    night.at(HOUR + 0.3, mute(2)).expect_role("active").expect_actions(&[]);
    night.at(HOUR + 10.0, up(2)).expect_role("active").expect_actions(&[]).expect_no_notice();
}

#[test]
fn while_active_it_is_no_part_of_the_hold_down() {
    let mut night = Night::standby().active();
    night.at(50.0, healthy()).at(HOUR, healthy()).expect_role("active").expect_actions(&[]);
    night.at(HOUR + 10.0, healthy()).expect_role("active").expect_actions(&[]);
    night.at(HOUR + 15.0, healthy()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn while_demoting_it_ends_the_drain_no_sooner() {
    let mut night = Night::standby().draining();
    night.at(HOUR, tick()).expect_notice("StopHangs").expect_actions(&[UnitAction(Stop)]);
    night.at(HOUR + 0.1, done()).at(HOUR + 0.2, drains(2)).expect_role("demoting").expect_actions(&[]);
    night.at(HOUR + 0.7, gone(2)).expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn while_a_cut_drain_waits_it_kills_but_starts_nothing_unasked() {
    let mut night = Night::standby().draining();
    night.at_each(&[140.0, 150.0, 160.0], &refused()).expect_notice("DrainCut");
    night.at(HOUR, gone(2)).expect_role("promoting(sync)").expect_actions(&[Pull]);
    night.at(HOUR, pulled()).expect_actions(&[]);
    night.at(HOUR + 0.1, healthy()).expect_notice("Aborted").expect_role("standby").expect_actions(&[Push]);
}
