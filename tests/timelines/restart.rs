//! Restarts: the monitor killed in each role, the host rebooted, and stored times in the future.

use std::time::Duration;

use openclaw_failover::failover::Action::{Pull, Push, UnitAction};
use openclaw_failover::failover::UnitAction::{Start, Stop};
use openclaw_failover::failover::{self, Cause, Failover, Hold, HoldKind, PersistentState};

use crate::events::{boots, done, down, drains, gone, healthy, mute, pause, pulled, pushed, refused, unit, up};
use crate::night::{Night, defaults, time};

#[test]
fn killed_in_standby_it_starts_with_a_fresh_window() {
    let mut night = Night::standby();
    night.at(10.0, refused()).at_each(&[13.0, 16.0, 19.0, 22.0, 25.0, 28.0], &refused()).discard_so_far();
    let mut night = night.restart_at(29.0, down());
    night.discard_so_far().at(31.0, refused()).expect_actions(&[Pull]).at(32.0, pulled());
    night.at_each(&[41.0, 51.0, 58.9], &refused()).expect_role("standby").expect_actions(&[]);
    night.at(59.0, refused()).expect_role("promoting(start)").expect_actions(&[UnitAction(Start)]);
}

#[test]
fn killed_in_sync_it_decides_one_window_later() {
    let night = Night::standby().syncing();
    let mut night = night.restart_at(32.0, down());
    assert!(night.memory().last_failover.as_ref().is_some_and(|failover| failover.ended_at.is_some()));
    night.discard_so_far().at(34.0, refused()).expect_actions(&[Pull]).at(35.0, pulled());
    night.at_each(&[44.0, 54.0, 61.9], &refused()).expect_role("standby").expect_actions(&[]);
    night.at(62.0, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn killed_in_start_it_verifies_what_it_finds() {
    let night = Night::standby().starting();
    let mut night = night.restart_at(32.0, boots(2));
    night.expect_role("promoting(verify)").expect_notice("Adopted { cause: Outage }").expect_actions(&[]);
    night.at(40.0, up(2)).at(40.5, up(2)).expect_role("active").expect_notice("Promoted { cause: Outage, took: 10.5s");
    assert_eq!(night.memory().promotions.len(), 1);
}

#[test]
fn killed_in_verify_it_goes_on_verifying() {
    let night = Night::standby().verifying();
    let mut night = night.restart_at(35.0, boots(2));
    night.expect_role("promoting(verify)").at(40.0, up(2)).at(40.5, up(2)).expect_role("active").expect_actions(&[]);
    assert_eq!(night.memory().promotions.len(), 1);
}

#[test]
fn killed_while_active_it_touches_nothing_and_counts_nothing_twice() {
    let night = Night::standby().active();
    let mut night = night.restart_at(60.0, up(2));
    night.at(60.5, up(2)).expect_role("active").expect_actions(&[]);
    assert_eq!(night.memory().promotions.len(), 1);
    night.at_each(&[70.0, 80.0, 90.0, 99.9], &healthy()).expect_role("active");
    night.at(100.0, healthy()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn killed_while_demoting_it_sees_the_drain_through() {
    let night = Night::standby().draining();
    let mut night = night.restart_at(140.0, drains(2));
    night.expect_role("demoting").at(150.0, drains(2)).expect_actions(&[]);
    night.at(160.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
    assert!(night.memory().last_failover.as_ref().is_some_and(|failover| failover.ended_at == Some(time(160.0))));
}

#[test]
fn a_kill_before_the_stop_restarts_the_hold_down() {
    let mut night = Night::standby().active();
    night.at_each(&[100.0, 110.0, 120.0, 130.0], &healthy()).expect_actions(&[UnitAction(Stop)]);
    let mut night = night.restart_at(131.0, up(2));
    night.at(131.5, up(2)).expect_role("active");
    night.at_each(&[135.0, 145.0, 155.0], &healthy()).expect_actions(&[]);
    night.at(165.0, healthy()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    night.at(165.1, done());
}

#[test]
fn the_standby_rebooted_while_active_takes_over_again_one_window_later() {
    let night = Night::standby().active();
    let mut night = night.restart_at(200.0, gone(2));
    night.expect_role("standby").expect_actions(&[Push]);
    assert!(night.memory().has_unpushed_changes);
    night.at(201.0, pushed(true)).expect_actions(&[Pull]);
    night.at(201.1, pulled()).at(201.1, refused()).expect_actions(&[Pull]);
    night.at(202.0, pulled()).at_each(&[210.0, 220.0, 229.9], &refused()).expect_role("standby").expect_actions(&[]);
    night.at(230.0, refused()).expect_role("promoting(start)").expect_actions(&[UnitAction(Start)]);
    night.at(230.1, done()).at(240.0, up(3)).at(241.0, up(3)).expect_role("active").expect_notice("hold_down: 60s");
}

#[test]
fn holds_survive_a_restart() {
    let mut night = Night::standby();
    night.at(5.0, pause());
    let mut night = night.restart_at(100.0, down());
    night.discard_so_far().at_each(&[110.0, 120.0, 130.0, 140.0], &refused());
    night.expect_role("standby").expect_notice("HeldBack").discard_so_far();
}

#[test]
fn at_most_one_unclean_exit_in_5_minutes_holds_across_a_restart() {
    let memory = PersistentState { killed_at: Some(time(-10.0)), ..PersistentState::default() };
    let start = failover::InitialFacts { persistent_state: memory, armed: vec![true], unit: unit(&mute(2)) };
    let policy = failover::Policy { start_timeout: Duration::from_secs(60), ..defaults() };
    let mut night = Night::starting_at(0.0, policy, start);
    for at in 0..290 {
        night.at(f64::from(at), mute(2)).expect_actions(&[]);
    }
    night.at(290.0, mute(2)).expect_notice("StoppingSilent").expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn a_persisted_time_in_the_future_counts_as_now() {
    let ahead = time(1_000_000.0);
    let memory = PersistentState {
        hold: Some(Hold { kind: HoldKind::Paused, since: ahead, until: None, reason: None }),
        promotions: vec![ahead, time(-60.0)],
        has_unpushed_changes: false,
        last_failover: Some(Failover {
            cause: Cause::Outage,
            last_healthy_at: ahead,
            decided_at: ahead,
            started_at: Some(ahead),
            answered_at: Some(ahead),
            ended_at: Some(ahead),
        }),
        demotion_reason: None,
        killed_at: Some(ahead),
        last_drill: None,
        drill_passed_at: Some(ahead),
    };
    let start = failover::InitialFacts { persistent_state: memory, armed: vec![true], unit: None };
    let mut night = Night::starting_at(0.0, defaults(), start);
    let now = time(0.0);
    let known = night.memory().clone();
    assert_eq!(known.promotions, [time(-60.0), now]);
    assert_eq!(known.killed_at, Some(now));
    assert_eq!(known.drill_passed_at, Some(now));
    assert_eq!(known.hold.map(|hold| hold.since), Some(now));
    let failover = known.last_failover.unwrap();
    assert_eq!((failover.last_healthy_at, failover.decided_at, failover.answered_at), (now, now, Some(now)));
    assert_eq!(night.hold_down(), 60.0);
    night.at(86_399.0, crate::events::tick()).discard_so_far();
    night.at(86_400.0, crate::events::tick()).expect_notice("HoldStands").discard_so_far();
}

#[test]
fn a_hold_that_was_announced_is_not_announced_at_each_start() {
    let hold = Hold { kind: HoldKind::Paused, since: time(-100_000.0), until: None, reason: None };
    let memory = PersistentState { hold: Some(hold), ..PersistentState::default() };
    let mut night = Night::starting_at(
        0.0,
        defaults(),
        failover::InitialFacts { persistent_state: memory, armed: vec![true], unit: None },
    );
    night.discard_so_far();
    night.at(0.1, crate::events::tick()).expect_no_notice().at(72_799.0, crate::events::tick()).expect_no_notice();
    night.at(72_800.0, crate::events::tick()).expect_notice("HoldStands").discard_so_far();
}

#[test]
fn a_demotion_keeps_its_reason_after_a_monitor_restart() {
    let night = Night::with_policy(|_| ()).draining();
    let mut night = night.restart_at(131.0, drains(2));
    night.expect_notice("Demoting { reason: Ready { upstream: 0 } }").expect_role("demoting").discard_so_far();
    night.at(140.0, gone(2));
    night.expect_notice("Demoted { reason: Ready { upstream: 0 }, active_for: Some(99s) }").expect_role("standby");
    night.discard_so_far();
    assert_eq!(night.memory().demotion_reason, None);
}

#[test]
fn announces_a_demotion_that_ended_without_a_monitor() {
    let night = Night::with_policy(|_| ()).draining();
    let mut night = night.restart_at(150.0, gone(2));
    night.expect_notice("Demoted { reason: Ready { upstream: 0 }, active_for: Some(109s) }");
    night.expect_role("standby").discard_so_far();
    night.at(151.0, gone(2)).expect_no_notice();
    let night = Night::standby();
    night.restart_at(10.0, down()).expect_only_notices(&["Win"]).discard_so_far();
}

#[test]
fn a_stop_from_outside_stays_one_after_a_restart_of_the_monitor() {
    let night = Night::with_policy(|_| ()).active();
    let mut night = night.restart_at(131.0, drains(2));
    night.expect_notice("Demoting { reason: Found }").expect_role("demoting").discard_so_far();
}
