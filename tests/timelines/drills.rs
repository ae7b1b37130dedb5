//! Drills: rehearsed failovers on a live standby.

use openclaw_failover::failover::Action::{Pull, Push, StopSync, UnitAction};
use openclaw_failover::failover::UnitAction::{Start, Stop};
use openclaw_failover::failover::{Cause, Drill, DrillOutcome, DrillStep};

use crate::events::{
    boots, channel_broken, demote, done, down, drains, drill, drill_degraded, failed, gone, healthy, mute, muted,
    pause, promote, pulled, pushed, refused, resume, tick, up,
};
use crate::night::Night;

/// Drill of 300 s, requested at 5 s.
fn syncing() -> Night {
    let mut night = Night::standby();
    night.at(5.0, drill(300));
    night.expect_notice("Promoting { cause: Drill").expect_role("promoting(sync)").expect_actions(&[Pull]);
    night
}

fn verifying() -> Night {
    let mut night = syncing();
    night.at(7.0, pulled()).expect_actions(&[UnitAction(Start)]).at(7.0, down()).at(7.1, done());
    night.expect_role("promoting(verify)").discard_so_far();
    night
}

fn active() -> Night {
    let mut night = verifying();
    night.at(15.0, up(2));
    night.at(16.0, up(2)).expect_role("active").expect_notice("Promoted { cause: Drill").discard_so_far();
    night
}

/// The same drill after the 300 s, while the gateway drains.
fn stopping() -> Night {
    let mut night = active();
    held(&mut night);
    night.at(316.0, tick());
    night.expect_role("demoting").expect_notice("Demoting { reason: DrillOver }").expect_actions(&[UnitAction(Stop)]);
    night.at(316.1, done()).at(316.5, drains(2)).expect_actions(&[]);
    night
}

/// Keeps the primary and the drill's gateway healthy from 20 s to 315 s.
fn held(night: &mut Night) {
    for at in (20..315).step_by(10) {
        night.at(f64::from(at), healthy()).at(f64::from(at), up(2)).expect_role("active").expect_actions(&[]);
    }
}

#[expect(clippy::unwrap_used, reason = "a night without its drill has failed")]
fn last(night: &Night) -> Drill {
    night.memory().last_drill.clone().unwrap()
}

fn outcome(night: &Night) -> Option<DrillOutcome> {
    let drill = last(night);
    assert_eq!(drill.ended_at.is_some(), drill.outcome.is_some(), "{drill:?}");
    assert_eq!(night.memory().drill_passed_at.is_some(), drill.outcome == Some(DrillOutcome::Passed));
    drill.outcome
}

fn failed_at(step: DrillStep) -> Option<DrillOutcome> {
    Some(DrillOutcome::Failed { step })
}

#[test]
fn a_drill_pulls_starts_verifies_holds_stops_and_returns_and_is_no_failover() {
    let mut night = stopping();
    night.at(317.0, gone(2));
    night.expect_role("standby").expect_notice("Demoted { reason: DrillOver").expect_actions(&[Push]);
    assert_eq!(last(&night).step, DrillStep::Return);
    night.at(319.0, pushed(true)).expect_notice("DrillEnded").expect_actions(&[Pull]).at(320.0, pulled());
    assert_eq!(outcome(&night), Some(DrillOutcome::Passed));
    let steps: Vec<_> = last(&night).finished_steps().map(|(step, took)| (step.name(), took.as_millis())).collect();
    let expected =
        [("pull", 2000), ("start", 100), ("verify", 8900), ("hold", 300_000), ("stop", 1000), ("return", 2000)];
    assert_eq!(steps, expected);
    assert_eq!((night.memory().last_failover.clone(), night.memory().promotions.len()), (None, 0));
    assert_eq!(night.hold_down(), 30.0);
}

#[test]
fn promote_ends_the_drill_as_promoted() {
    for (mut night, at) in [(syncing(), 6.0), (verifying(), 8.0), (active(), 20.0)] {
        night.at(at, promote()).expect_notice("outcome: Some(Promoted)").expect_actions(&[]);
        night.at(at + 1.0, pulled()).discard_so_far();
        let failover = night.memory().last_failover.clone().unwrap();
        assert_eq!((failover.cause, failover.ended_at), (Cause::Operator, None));
        assert_eq!(outcome(&night), Some(DrillOutcome::Promoted));
        night.at(400.0, healthy()).at(401.0, tick()).expect_actions(&[]);
    }
    let mut night = stopping();
    night.at(317.0, promote()).expect_notice("DrainCut").expect_role("demoting").expect_actions(&[]);
    night.at(320.0, gone(2));
    night.expect_notice("outcome: Some(Promoted)").expect_role("promoting(sync)").expect_actions(&[Pull]);
    let mut night = stopping();
    night.at(317.0, gone(2)).expect_actions(&[Push]);
    night.at(318.0, promote());
    night.expect_notice("outcome: Some(Promoted)").expect_role("promoting(sync)").expect_actions(&[StopSync]);
}

#[test]
fn demote_stops_the_drill_now() {
    let mut night = syncing();
    night.at(6.0, demote());
    night.expect_notice("Aborted").expect_notice("outcome: Some(Stopped)").expect_role("standby").expect_actions(&[]);
    for (mut night, at) in [(verifying(), 10.0), (active(), 20.0)] {
        night.at(at, demote()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
        night.at(at + 0.1, done());
        night.at(at + 1.0, gone(2)).expect_role("standby").expect_notice("DrillEnded").expect_actions(&[Push]);
        assert_eq!(outcome(&night), Some(DrillOutcome::Stopped));
    }
    let mut night = stopping();
    night.at(317.0, demote()).expect_role("demoting").at(318.0, gone(2)).expect_actions(&[Push]);
    night.at(319.0, pushed(true)).discard_so_far();
    assert_eq!(outcome(&night), Some(DrillOutcome::Passed), "it was over");
}

#[test]
fn pause_stops_the_drill_first_then_is_paused() {
    let mut night = syncing();
    night.at(6.0, pause());
    night.expect_notice("Aborted").expect_notice("outcome: Some(Stopped)").expect_role("standby").expect_actions(&[]);
    for mut night in [verifying(), active()] {
        night.at(20.0, pause()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
        night.at(20.1, done()).at(21.0, gone(2)).expect_role("standby").discard_so_far();
        assert_eq!(outcome(&night), Some(DrillOutcome::Stopped));
        night.at_each(&[30.0, 40.0, 50.0, 60.0], &refused());
        night.expect_role("standby").expect_notice("HeldBack").discard_so_far();
    }
    let mut night = stopping();
    night.at(317.0, pause()).expect_role("demoting").at(318.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
    night.at(319.0, pushed(true)).discard_so_far();
    assert_eq!(outcome(&night), Some(DrillOutcome::Passed), "it was over");
}

#[test]
fn a_drill_is_refused_while_the_primary_is_down() {
    let mut night = Night::standby();
    night.at(10.0, refused()).expect_actions(&[Pull]);
    night.at(11.0, drill(300)).expect_notice("DrillRefused { why: PrimaryDown }").expect_actions(&[]);
}

#[test]
fn a_drill_is_refused_out_of_standby_and_under_a_hold() {
    let mut night = Night::standby().active();
    night.at(50.0, drill(300));
    night.expect_notice("DrillRefused { why: NotStandby }").expect_role("active").expect_actions(&[]);
    let mut night = Night::standby();
    night.at(5.0, pause());
    night.at(6.0, drill(300)).expect_notice("DrillRefused { why: Held }").expect_role("standby").expect_actions(&[]);
    assert_eq!(night.memory().last_drill, None);
}

#[test]
fn a_drill_is_refused_in_a_drill_and_when_something_stands_in_its_way() {
    let mut night = active();
    night.at(20.0, drill(5)).expect_notice("DrillRefused { why: UnderWay }").expect_role("active").expect_actions(&[]);
    let mut night = stopping();
    night.at(317.0, gone(2)).expect_actions(&[Push]);
    night.at(318.0, drill(5)).expect_notice("UnderWay").expect_role("standby").expect_actions(&[]);
    let mut night = Night::standby();
    night.at(5.0, drill_degraded());
    night.expect_notice("DrillRefused { why: Degraded }").expect_role("standby").expect_actions(&[]);
}

#[test]
fn the_primary_dead_during_a_drill_is_a_failover_on_time_and_the_gateway_stays_up() {
    let mut night = active();
    night.at(20.0, healthy());
    night.at(30.0, refused()).expect_notice("outcome: Some(Overtaken)").expect_role("active").expect_actions(&[]);
    assert_eq!(outcome(&night), Some(DrillOutcome::Overtaken));
    assert_eq!((night.memory().promotions.len(), night.hold_down()), (0, 30.0));
    night.at_each(&[33.0, 36.0, 45.0], &refused()).expect_no_notice();
    night.at(50.0, refused()).expect_notice("Promoted { cause: Outage").expect_role("active").expect_actions(&[]);
    assert_eq!(night.memory().promotions.len(), 1);
    for at in (60..340).step_by(10) {
        night.at(f64::from(at), refused()).at(f64::from(at), up(2)).expect_no_notice();
    }
    night.expect_role("active").expect_actions(&[]);
    night.at_each(&[340.0, 350.0, 360.0, 369.0], &healthy()).expect_role("active").expect_actions(&[]);
    night.at(370.0, healthy()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    let failover = night.memory().last_failover.clone().unwrap();
    assert_eq!((failover.cause, failover.answered_at.is_some()), (Cause::Outage, true));
}

#[test]
fn a_blip_of_the_primary_ends_the_drill_and_is_no_failover() {
    let mut night = active();
    night.at(20.0, refused()).expect_notice("outcome: Some(Overtaken)");
    night.at(23.0, healthy()).expect_role("active").expect_actions(&[]);
    night.at_each(&[33.0, 43.0], &healthy()).expect_role("active");
    night.at(53.0, healthy()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    assert_eq!(night.memory().promotions, []);
}

#[test]
fn the_primary_dead_while_the_drill_verifies_leaves_the_gateway_to_the_ordinary_rules() {
    let mut night = verifying();
    night.at(10.0, refused());
    night.expect_notice("outcome: Some(Overtaken)").expect_role("promoting(verify)").expect_actions(&[]);
    night.at(15.0, up(2));
    night.at(16.0, up(2)).expect_role("active").expect_notice("Promoted { cause: Found").expect_actions(&[]);
    night.at_each(&[20.0, 25.0], &refused());
    night.at(30.0, refused()).expect_notice("Promoted { cause: Outage").expect_actions(&[]);
    assert_eq!(night.memory().promotions.len(), 1);
}

#[test]
fn the_primary_dead_before_the_drill_started_anything_ends_it() {
    let mut night = syncing();
    night.at(6.0, refused());
    night.expect_notice("Aborted { why: DrillOvertaken }").expect_role("standby").expect_actions(&[]);
    assert_eq!(outcome(&night), Some(DrillOutcome::Overtaken));
    // The outage is then promoted for, in time.
    night.at_each(&[9.0, 12.0, 20.0], &refused()).at(30.0, refused()).expect_role("promoting(sync)").at(30.5, pulled());
    night.expect_actions(&[UnitAction(Start)]);
}

#[test]
fn the_primary_dead_during_the_start_of_a_drill_waits_for_that_start() {
    let mut night = syncing();
    night.at(7.0, pulled()).expect_actions(&[UnitAction(Start)]);
    night.at(8.0, refused()).expect_notice("outcome: Some(Overtaken)").expect_actions(&[]);
    night.at(8.1, done()).expect_role("promoting(verify)");
    night.at(9.0, up(2)).at(10.0, up(2)).expect_role("active").expect_actions(&[]);
}

#[test]
fn the_primary_dead_while_the_drill_stops_or_returns_is_promoted_for() {
    let mut night = stopping();
    night.at_each(&[318.0, 321.0, 324.0, 332.0], &refused()).expect_role("demoting").expect_actions(&[]);
    night.at(345.0, refused()).expect_notice("DrainCut").at(350.0, gone(2)).expect_notice("outcome: Some(Overtaken)");
    night.expect_role("promoting(sync)").expect_actions(&[Pull]);
    let mut night = stopping();
    night.at(317.0, gone(2)).expect_actions(&[Push]);
    night.at_each(&[320.0, 325.0, 330.0], &refused()).expect_actions(&[StopSync]);
    night.at(331.0, pushed(false));
    night.expect_notice("outcome: Some(Overtaken)").expect_role("standby").expect_actions(&[Pull]);
    night.at(345.0, refused()).expect_role("promoting(sync)").at(346.0, pulled()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn a_drill_tries_once() {
    let mut night = syncing();
    night.at(7.0, pulled()).expect_actions(&[UnitAction(Start)]);
    night.at(7.1, failed("masked")).expect_notice("retry_in: None");
    night.expect_notice("Aborted { why: DrillFailed }").expect_role("standby").discard_so_far();
    assert_eq!(outcome(&night), failed_at(DrillStep::Start));
    night.at(20.0, resume()).at(60.0, tick()).expect_role("standby").expect_actions(&[]);
    let mut night = verifying();
    night.at(9.0, gone(2)).expect_notice("Aborted { why: DrillFailed }").expect_role("standby").discard_so_far();
    assert_eq!(outcome(&night), failed_at(DrillStep::Verify));
}

#[test]
fn a_gateway_that_never_serves_is_stopped_after_its_patience() {
    for says in [boots(2), mute(2)] {
        let mut night = verifying();
        for at in (10..=300).step_by(10) {
            night.at(f64::from(at), healthy());
            night.at(f64::from(at), says.clone()).expect_role("promoting(verify)").expect_actions(&[]);
        }
        night.at(307.0, says.clone()).at(308.0, says).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
        night.at(308.1, done());
        night.at(309.0, gone(2)).expect_role("standby").expect_notice("DrillEnded").expect_actions(&[Push]);
        assert_eq!(outcome(&night), failed_at(DrillStep::Verify));
    }
}

#[test]
fn does_not_restart_a_gateway_that_exits_in_a_drill() {
    for probe in [healthy(), muted()] {
        let mut night = active();
        night.at(20.0, probe).at(25.0, gone(2));
        night.expect_notice("GatewayDown").expect_notice("DrillEnded").expect_role("standby").expect_actions(&[Push]);
        assert_eq!(outcome(&night), failed_at(DrillStep::Hold));
    }
}

#[test]
fn a_gateway_that_falls_silent_in_its_hold_is_stopped() {
    let mut night = Night::with_policy(|policy| policy.start_timeout = std::time::Duration::from_secs(60));
    night.at(5.0, drill(300)).at(7.0, pulled()).at(7.0, down()).at(7.1, done());
    night.at(15.0, up(2)).at(16.0, up(2)).expect_role("active").discard_so_far();
    for at in (20..76).step_by(5) {
        night.at(f64::from(at), healthy()).at(f64::from(at), mute(2)).expect_role("active").expect_actions(&[]);
    }
    night.at(76.0, mute(2)).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    night.at(76.1, done()).at(77.0, gone(2)).discard_so_far();
    assert_eq!(outcome(&night), failed_at(DrillStep::Hold));
}

#[test]
fn an_answering_gateway_without_its_channel_has_not_passed() {
    let mut night = active();
    night.at(20.0, channel_broken(up(2))).expect_notice("ChannelsBroken").expect_actions(&[]);
    for at in (30..315).step_by(10) {
        night.at(f64::from(at), healthy()).at(f64::from(at), channel_broken(up(2))).expect_actions(&[]);
    }
    night.at(316.0, tick()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    night.at(316.1, done()).at(317.0, gone(2)).discard_so_far();
    assert_eq!(outcome(&night), failed_at(DrillStep::Hold));
}

#[test]
fn a_stop_that_fails_or_hangs_is_tried_again_and_has_failed() {
    let mut night = active();
    held(&mut night);
    night.at(316.0, tick()).expect_actions(&[UnitAction(Stop)]);
    night.at(316.1, failed("Access denied")).expect_notice("StopFailed").expect_actions(&[]);
    night.at(322.0, tick()).expect_actions(&[UnitAction(Stop)]);
    night.at(322.1, done()).at(323.0, gone(2)).expect_notice("DrillEnded").discard_so_far();
    assert_eq!(outcome(&night), failed_at(DrillStep::Stop));
    let mut night = stopping();
    night.at(662.0, drains(2)).expect_notice("StopHangs").expect_role("demoting").discard_so_far();
    night.at(662.1, done()).at(663.0, gone(2)).expect_role("standby").discard_so_far();
    assert_eq!(outcome(&night), failed_at(DrillStep::Stop));
}

#[test]
fn what_cannot_be_returned_has_failed_and_is_pushed_again() {
    let mut night = stopping();
    night.at(317.0, gone(2)).expect_actions(&[Push]);
    night.at(318.0, pushed(false)).expect_notice("DrillEnded").discard_so_far();
    assert_eq!(outcome(&night), failed_at(DrillStep::Return));
    assert!(night.memory().has_unpushed_changes);
}

#[test]
fn a_monitor_restart_interrupts_a_drill_and_demotes_normally() {
    for (before, at) in [(verifying(), 10.0), (active(), 20.0)] {
        let mut night = before.restart_at(at, up(2));
        night.at(at + 1.0, up(2)).at(at + 2.0, up(2)).expect_role("active").discard_so_far();
        assert_eq!(outcome(&night), Some(DrillOutcome::Interrupted));
        assert_eq!(night.memory().last_failover.as_ref().map(|failover| failover.cause), Some(Cause::Found));
        night.at_each(&[at + 3.0, at + 13.0, at + 23.0], &healthy()).expect_role("active");
        night.at(at + 33.0, healthy()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    }
    let mut before = stopping();
    before.at(317.0, gone(2)).expect_actions(&[Push]);
    let mut night = before.restart_at(320.0, gone(2));
    night.discard_so_far();
    assert_eq!(outcome(&night), Some(DrillOutcome::Interrupted));
}

#[test]
fn a_drill_without_a_hold_stops_as_soon_as_it_has_answered() {
    let mut night = Night::standby();
    night.at(5.0, drill(0)).at(6.0, pulled()).at(6.0, down()).at(6.1, done()).discard_so_far();
    night.at(10.0, up(2)).at(11.0, up(2)).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    night.at(11.1, done()).at(12.0, gone(2)).expect_actions(&[Push]).at(13.0, pushed(true)).discard_so_far();
    assert_eq!(outcome(&night), Some(DrillOutcome::Passed));
}
