//! Promotion from the decision to the start: the pull, the wait for it, and an upstream that recovers in time.

use std::time::Duration;

use openclaw_failover::failover::Action::{Pull, Push, StopSync, UnitAction};
use openclaw_failover::failover::UnitAction::Start;

use crate::events::{done, failed, gone, healthy, pulled, refused, tick, up};
use crate::night::Night;

#[test]
fn the_pull_has_been_running_since_the_windows_first_failing_verdict() {
    Night::standby().at(10.0, refused()).expect_actions(&[Pull]);
}

#[test]
fn the_first_pull_of_an_outage_waits_for_no_earlier_one() {
    let mut night = Night::standby();
    night.at(10.0, refused()).expect_actions(&[Pull]).at(12.0, pulled());
    night.at(15.0, healthy()).at(25.0, refused()).expect_actions(&[Pull]).at(25.5, pulled());
    night.at(26.0, healthy()).expect_actions(&[]);
}

#[test]
fn later_pulls_of_an_outage_begin_at_most_once_a_minute() {
    let mut night = Night::with_policy(|policy| policy.promote_after = Duration::from_secs(300));
    night.at(10.0, refused()).expect_actions(&[Pull]).at(12.0, pulled());
    night.at_each(&[20.0, 40.0, 60.0, 69.9], &refused()).expect_actions(&[]);
    night.at(70.0, refused()).expect_actions(&[Pull]);
}

#[test]
fn a_pull_that_began_before_the_outage_is_followed_by_the_first_one_of_the_outage() {
    let mut night = Night::standby();
    night.at(10.0, refused()).expect_actions(&[Pull]).at(11.0, healthy());
    night.at_each(&[21.0, 31.0], &refused()).expect_actions(&[]);
    night.at(32.0, pulled()).at(32.1, tick()).expect_actions(&[Pull]);
    night.at(41.0, refused()).expect_role("promoting(sync)").expect_actions(&[]);
    night.at(46.0, refused()).expect_actions(&[StopSync]).at(46.1, pulled()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn a_standby_pulls_every_refresh() {
    let mut night = Night::standby();
    night.at(199.9, tick()).expect_actions(&[]);
    night.at(200.0, tick()).expect_actions(&[Pull]).at(201.0, pulled());
    night.at(499.9, tick()).expect_actions(&[]);
    night.at(500.0, tick()).expect_actions(&[Pull]);
}

#[test]
fn the_promotion_waits_at_most_sync_wait_for_what_still_runs() {
    let mut night = Night::standby().syncing();
    night.at(34.9, tick()).expect_actions(&[]).expect_role("promoting(sync)");
    night.at(35.0, tick()).expect_actions(&[StopSync]);
    night.at(35.1, pulled()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn the_promotion_starts_at_once_when_the_pull_ends() {
    Night::standby().syncing().at(31.5, pulled()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn a_pull_that_moves_the_tree_is_waited_for_but_never_for_ever() {
    let mut night = Night::standby().syncing();
    night.at(35.0, tick()).expect_actions(&[StopSync]);
    night.at(99.9, refused()).expect_actions(&[]).expect_role("promoting(sync)");
    night.at(100.0, tick()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn without_a_wait_the_pull_is_cut_at_the_decision() {
    let mut night = Night::with_policy(|policy| policy.sync_wait = Duration::ZERO);
    night.at(10.0, refused()).expect_actions(&[Pull]);
    night.at_each(&[20.0, 29.0], &refused()).expect_actions(&[]);
    night.at(30.0, refused()).expect_actions(&[StopSync]);
    night.at(30.1, pulled()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn the_primary_back_during_sync_aborts() {
    let mut night = Night::standby().syncing();
    night.at(33.0, healthy()).expect_notice("Aborted { why: Healthy }").expect_role("standby").expect_actions(&[]);
    night.at(33.5, pulled()).expect_actions(&[]);
    assert!(night.memory().promotions.is_empty());
    assert!(!night.memory().has_unpushed_changes);
}

#[test]
fn the_primary_back_between_two_tries_to_start_aborts() {
    let mut night = Night::standby().starting();
    night.at(31.1, failed("Unit openclaw.service is masked.")).expect_notice("StartFailed").expect_actions(&[]);
    night.at(33.0, healthy()).expect_notice("Aborted { why: Healthy }").expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn the_primary_back_once_the_start_was_issued_is_left_to_the_hold_down() {
    let mut night = Night::standby().starting();
    night.at(31.05, healthy()).expect_role("promoting(start)").expect_actions(&[]);
    night.at(31.1, done()).expect_role("promoting(verify)").expect_actions(&[]);
    night.at(40.0, up(2)).at(41.0, up(2)).expect_role("active").expect_notice("Promoted").expect_actions(&[]);
}

#[test]
fn a_start_that_fails_is_retried_with_backoff() {
    let mut night = Night::standby().starting();
    let mut at = 31.1;
    for wait in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
        night.at(at, failed("Access denied"));
        night.expect_notice(&format!("StartFailed {{ why: Described(\"Access denied\"), retry_in: Some({wait}"));
        night.at(at + wait - 0.1, refused()).expect_actions(&[]);
        night.at(at + wait, tick()).expect_actions(&[UnitAction(Start)]);
        at += wait + 0.1;
    }
    night.at(at, failed("Access denied")).expect_role("promoting(start)");
}

#[test]
fn a_gateway_that_came_up_although_its_start_failed_is_verified() {
    let mut night = Night::standby().starting();
    night.at(31.1, failed("timed out")).at(32.0, up(2)).expect_role("promoting(verify)").expect_actions(&[]);
    night.at(32.5, up(2)).at(33.0, up(2)).expect_role("active").expect_actions(&[]);
}

#[test]
fn the_workspace_counts_as_unpushed_from_the_start_on() {
    let night = Night::standby().syncing();
    assert!(!night.memory().has_unpushed_changes);
    let night = Night::standby().starting();
    assert!(night.memory().has_unpushed_changes);
}

#[test]
fn the_failover_is_remembered_with_its_times() {
    let mut night = Night::standby().active();
    let failover = night.memory().last_failover.clone().unwrap();
    let s = crate::night::second_of;
    assert_eq!((s(failover.last_healthy_at), s(failover.decided_at)), (0.0, 30.0));
    assert_eq!((failover.started_at.map(s), failover.answered_at.map(s)), (Some(31.1), Some(41.0)));
    assert_eq!(failover.ended_at, None);
    night.at(50.0, gone(2)).expect_actions(&[]);
}
