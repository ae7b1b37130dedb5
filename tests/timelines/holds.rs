//! Holds: every combination of hold and role, and the expiry of a hold.

use openclaw_failover::failover::Action::{Pull, Push, StopSync, UnitAction};
use openclaw_failover::failover::UnitAction::{Kill, Start, Stop};

use crate::events::{
    demote, done, down, drains, failed, gone, healthy, pause, promote, pulled, pushed, refused, resume, tick, until, up,
};
use crate::night::{Night, defaults};

#[test]
fn promote_in_standby_promotes_now_skipping_armed_and_witness() {
    let policy = openclaw_failover::failover::Policy { needs_witness: true, ..defaults() };
    let mut night = Night::starting_at(0.0, policy, openclaw_failover::failover::InitialFacts::default());
    night.at(0.0, down()).expect_actions(&[Pull]).at(1.0, pulled());
    night.at(5.0, promote());
    night.expect_role("promoting(sync)").expect_notice("Promoting { cause: Operator").expect_actions(&[Pull]);
    night.at(7.0, pulled()).expect_actions(&[UnitAction(Start)]).at(7.0, down()).at(7.1, done());
    night.at(15.0, up(2)).at(16.0, up(2)).expect_role("active").expect_notice("Promoted { cause: Operator");
}

#[test]
fn demote_and_pause_in_standby_stay() {
    for hold in [demote(), pause()] {
        let mut night = Night::standby();
        night.at(5.0, hold).expect_role("standby").expect_actions(&[]);
        night.at(10.0, refused()).expect_actions(&[Pull]).at(12.0, pulled()).at_each(&[20.0, 29.0], &refused());
        night.at(30.0, refused()).expect_notice("HeldBack").expect_role("standby").expect_actions(&[]);
        night.at(33.0, refused()).expect_no_notice();
    }
}

#[test]
fn promote_in_sync_goes_on_even_if_the_primary_is_back() {
    let mut night = Night::standby().syncing();
    night.at(31.0, promote()).expect_role("promoting(sync)");
    night.at(32.0, healthy()).expect_role("promoting(sync)").expect_actions(&[]);
    night.at(33.0, pulled()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn demote_and_pause_in_sync_abort() {
    for hold in [demote(), pause()] {
        let mut night = Night::standby().syncing();
        night.at(31.0, hold).expect_notice("Aborted { why: Held(").expect_role("standby").expect_actions(&[]);
        night.at(32.0, pulled()).at(33.0, refused()).expect_role("standby").expect_actions(&[]);
    }
}

#[test]
fn promote_in_start_and_verify_goes_on() {
    let mut night = Night::standby().starting();
    night.at(31.05, promote());
    night.at(31.1, done()).expect_role("promoting(verify)").at(32.0, healthy()).expect_actions(&[]);
    night.at(40.0, up(2)).at(41.0, up(2)).expect_role("active").expect_actions(&[]);
    for at in [50.0, 60.0, 70.0, 80.0, 90.0] {
        night.at(at, healthy()).expect_role("active").expect_actions(&[]);
    }
}

#[test]
fn demote_in_start_and_verify_stops() {
    let mut night = Night::standby().starting();
    night.at(31.05, demote()).expect_role("demoting").expect_actions(&[]);
    night.at(31.1, done()).expect_actions(&[UnitAction(Stop)]);
    night.at(31.2, done());
    night.at(32.0, gone(2)).expect_role("standby").expect_notice("Demoted { reason: Operator").expect_actions(&[Push]);

    let mut night = Night::standby().verifying();
    night.at(35.0, demote()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    night.at(35.1, done()).at(36.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn demote_between_two_tries_to_start_aborts() {
    let mut night = Night::standby().starting();
    night.at(31.1, failed("masked"));
    night.at(33.0, demote()).expect_notice("Aborted").expect_role("standby").discard_so_far();
}

#[test]
fn pause_in_start_and_verify_finishes_and_records_and_never_stops() {
    let mut night = Night::standby().starting();
    night.at(31.05, pause()).at(31.1, done()).expect_role("promoting(verify)").expect_actions(&[]);
    night.at_each(&[33.0, 43.0, 53.0, 63.0, 73.0], &healthy()).expect_actions(&[]);
    night.at(80.0, up(2)).at(81.0, up(2)).expect_role("active").expect_notice("Promoted").expect_actions(&[]);
    night.at(91.0, healthy()).expect_role("active").expect_actions(&[]);

    let mut night = Night::standby().verifying();
    night.at(35.0, pause());
    for at in (36..2000).step_by(1) {
        night.at(f64::from(at), crate::events::mute(2));
    }
    night.expect_role("promoting(verify)").expect_actions(&[]);
}

#[test]
fn pause_between_two_tries_to_start_starts_nothing() {
    let mut night = Night::standby().starting();
    night.at(31.1, failed("masked")).at(33.0, pause()).expect_actions(&[]);
    night.at_each(&[36.1, 40.0, 100.0], &refused()).expect_role("promoting(start)").expect_actions(&[]);
    night.at(101.0, resume()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn promote_while_active_stays_whatever_the_primary_does() {
    let mut night = Night::standby().active();
    night.at(50.0, promote());
    for at in (60..3600).step_by(10) {
        night.at(f64::from(at), healthy()).at(f64::from(at), up(2));
    }
    night.expect_role("active").expect_actions(&[]);
    night.at(3600.0, resume()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn demote_while_active_demotes_now() {
    let mut night = Night::standby().active();
    night.at(50.0, demote());
    night.expect_role("demoting").expect_notice("Demoting { reason: Operator }").expect_actions(&[UnitAction(Stop)]);
    night.at(50.1, done()).at(51.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
    night.at_each(&[60.0, 70.0, 80.0, 90.0], &refused()).expect_role("standby").discard_so_far();
}

#[test]
fn pause_while_active_freezes_as_is() {
    let mut night = Night::standby().active();
    night.at(50.0, pause());
    night.at_each(&[100.0, 110.0, 120.0, 130.0, 140.0], &healthy()).expect_role("active").expect_actions(&[]);
    let mut night = Night::standby().active();
    night.at(50.0, pause()).at(60.0, gone(2)).expect_notice("GatewayDown").expect_role("active").expect_actions(&[]);
    night.at_each(&[63.0, 66.0, 600.0], &refused()).expect_role("active").expect_actions(&[]);
}

#[test]
fn promote_while_demoting_cuts_the_drain_and_starts_again() {
    let mut night = Night::standby().draining();
    night.at(140.0, promote()).expect_notice("DrainCut { after: 15s }").expect_actions(&[]);
    night.at(150.0, healthy()).at(154.9, drains(2)).expect_actions(&[]);
    night.at(155.0, tick()).expect_actions(&[UnitAction(Kill)]).at(155.1, done());
    night.at(155.6, gone(2));
    night.expect_notice("Promoting { cause: Operator").expect_role("promoting(sync)").expect_actions(&[Pull]);
    night.at(157.0, pulled()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn resume_before_the_drain_is_cut_for_promote_lets_it_drain() {
    let mut night = Night::standby().draining();
    night.at(140.0, promote()).expect_notice("DrainCut").at(145.0, resume()).at(150.0, healthy());
    night.at(156.0, drains(2)).expect_role("demoting").expect_actions(&[]);
    night.at(160.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn demote_while_demoting_goes_on() {
    let mut night = Night::standby().draining();
    night.at(135.0, demote()).at(140.0, refused()).at_each(&[150.0, 160.0, 175.0], &refused()).expect_role("demoting");
    night.at(180.0, drains(2)).expect_actions(&[]).at(181.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn pause_while_demoting_finishes_the_stop() {
    let mut night = Night::standby().draining();
    night.at(135.0, pause()).at(140.0, drains(2)).expect_actions(&[]);
    night.at(600.0, drains(2)).expect_notice("StopHangs").expect_actions(&[]);
    night.at(601.0, gone(2)).expect_role("standby").expect_notice("Demoted").discard_so_far();
}

#[test]
fn pause_while_a_drain_is_to_be_cut_kills_and_starts_nothing() {
    let mut night = Night::standby().draining();
    night.at_each(&[140.0, 150.0, 160.0], &refused()).expect_notice("DrainCut").at(170.0, pause()).expect_actions(&[]);
    night.at(176.0, drains(2)).expect_actions(&[]);
    night.at(180.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
    night.at(200.0, resume()).expect_role("standby").expect_actions(&[]);
    night.at(201.0, refused()).expect_role("promoting(sync)").expect_actions(&[StopSync]);
    night.at(201.1, pushed(false)).expect_actions(&[Pull]);
    night.at(203.0, pulled()).expect_role("promoting(start)").expect_actions(&[UnitAction(Start)]);
}

#[test]
fn a_hold_ends_by_itself_and_what_is_due_happens_then() {
    let mut night = Night::standby();
    night.at(5.0, until(7205.0, pause())).at(10.0, refused()).at(11.0, pulled()).discard_so_far();
    for at in (20..7200).step_by(10) {
        night.at(f64::from(at), refused()).at(f64::from(at), pulled()).expect_role("standby");
    }
    night.discard_so_far().at(7204.9, refused()).expect_role("standby").discard_so_far();
    night.at(7205.0, tick()).expect_notice("HoldEnded { kind: Paused, by_time: true }").expect_role("standby");
    night.at(7207.0, refused()).expect_role("promoting(start)").discard_so_far();

    let mut night = Night::standby().active();
    night.at(50.0, until(400.0, pause()));
    for at in (60..400).step_by(10) {
        night.at(f64::from(at), healthy()).at(f64::from(at), up(2));
    }
    night.expect_role("active").expect_actions(&[]);
    night.at(400.0, tick()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn a_hold_set_in_place_of_another_is_the_only_one() {
    let mut night = Night::standby().active();
    night.at(50.0, until(60.0, promote()));
    night.at(55.0, pause()).expect_notice("HoldSet").at(61.0, tick()).expect_no_notice();
    assert!(night.memory().hold.as_ref().is_some_and(|hold| hold.until.is_none()));
}

#[test]
fn one_older_than_a_day_is_announced_daily() {
    let day = 86_400.0;
    let mut night = Night::standby();
    night.at(0.0, pause());
    for days in 1..=3 {
        let at = day * f64::from(days);
        night.at(at - 1.0, pulled()).at(at - 1.0, tick()).discard_so_far().at(at - 0.5, tick()).expect_no_notice();
        night.at(at, tick()).expect_notice("HoldStands { hold: Hold { kind: Paused").discard_so_far();
    }
}
