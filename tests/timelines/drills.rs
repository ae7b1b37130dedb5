//! Drills: rehearsed failovers on a live standby.

use openclaw_failover::failover::Action::{CutSync, Order, Pull, Push};
use openclaw_failover::failover::Order::{Start, Stop};
use openclaw_failover::failover::{Cause, Drill, DrillStep, Outcome};

use crate::events::{
    boots, channel_broken, demote, done, down, drains, drill, drill_degraded, failed, gone, healthy, mute, muted,
    pause, promote, pulled, pushed, refused, resume, tick, up,
};
use crate::night::Night;

/// Drill of 300 s, requested at 5 s.
fn syncing() -> Night {
    let mut night = Night::watching();
    night.at(5.0, drill(300)).says("Promoting { cause: Drill").is("promoting(sync)").expect(&[Pull]);
    night
}

fn verifying() -> Night {
    let mut night = syncing();
    night.at(7.0, pulled()).expect(&[Order(Start)]).at(7.0, down()).at(7.1, done());
    night.is("promoting(verify)").forget();
    night
}

fn active() -> Night {
    let mut night = verifying();
    night.at(15.0, up(2)).at(16.0, up(2)).is("active").says("Promoted { cause: Drill").forget();
    night
}

/// The same drill after the 300 s, while the gateway drains.
fn stopping() -> Night {
    let mut night = active();
    held(&mut night);
    night.at(316.0, tick()).is("demoting").says("Demoting { reason: DrillOver }").expect(&[Order(Stop)]);
    night.at(316.1, done()).at(316.5, drains(2)).expect(&[]);
    night
}

/// Keeps the primary and the drill's gateway healthy from 20 s to 315 s.
fn held(night: &mut Night) {
    for at in (20..315).step_by(10) {
        night.at(f64::from(at), healthy()).at(f64::from(at), up(2)).is("active").expect(&[]);
    }
}

#[expect(clippy::unwrap_used, reason = "a night without its drill has failed")]
fn last(night: &Night) -> Drill {
    night.memory().drill.clone().unwrap()
}

fn outcome(night: &Night) -> Option<Outcome> {
    let drill = last(night);
    assert_eq!(drill.ended.is_some(), drill.outcome.is_some(), "{drill:?}");
    assert_eq!(night.memory().drilled.is_some(), drill.outcome == Some(Outcome::Passed));
    drill.outcome
}

fn failed_at(step: DrillStep) -> Option<Outcome> {
    Some(Outcome::Failed { step })
}

#[test]
fn a_drill_pulls_starts_verifies_holds_stops_and_returns_and_is_no_failover() {
    let mut night = stopping();
    night.at(317.0, gone(2)).is("standby").says("Demoted { reason: DrillOver").expect(&[Push]);
    assert_eq!(last(&night).step, DrillStep::Return);
    night.at(319.0, pushed(true)).says("DrillEnded").expect(&[Pull]).at(320.0, pulled());
    assert_eq!(outcome(&night), Some(Outcome::Passed));
    let steps: Vec<_> = last(&night).steps().map(|(step, took)| (step.name(), took.as_millis())).collect();
    let expected =
        [("pull", 2000), ("start", 100), ("verify", 8900), ("hold", 300_000), ("stop", 1000), ("return", 2000)];
    assert_eq!(steps, expected);
    assert_eq!((night.memory().failover.clone(), night.memory().promotions.len()), (None, 0));
    assert_eq!(night.hold_down(), 30.0);
}

#[test]
fn promote_ends_the_drill_as_promoted() {
    for (mut night, at) in [(syncing(), 6.0), (verifying(), 8.0), (active(), 20.0)] {
        night.at(at, promote()).says("outcome: Some(Promoted)").expect(&[]).at(at + 1.0, pulled()).forget();
        let failover = night.memory().failover.clone().unwrap();
        assert_eq!((failover.cause, failover.ended), (Cause::Operator, None));
        assert_eq!(outcome(&night), Some(Outcome::Promoted));
        night.at(400.0, healthy()).at(401.0, tick()).expect(&[]);
    }
    let mut night = stopping();
    night.at(317.0, promote()).says("DrainCut").is("demoting").expect(&[]);
    night.at(320.0, gone(2)).says("outcome: Some(Promoted)").is("promoting(sync)").expect(&[Pull]);
    let mut night = stopping();
    night.at(317.0, gone(2)).expect(&[Push]);
    night.at(318.0, promote()).says("outcome: Some(Promoted)").is("promoting(sync)").expect(&[CutSync]);
}

#[test]
fn demote_stops_the_drill_now() {
    let mut night = syncing();
    night.at(6.0, demote()).says("Aborted").says("outcome: Some(Stopped)").is("standby").expect(&[]);
    for (mut night, at) in [(verifying(), 10.0), (active(), 20.0)] {
        night.at(at, demote()).is("demoting").expect(&[Order(Stop)]);
        night.at(at + 0.1, done()).at(at + 1.0, gone(2)).is("standby").says("DrillEnded").expect(&[Push]);
        assert_eq!(outcome(&night), Some(Outcome::Stopped));
    }
    let mut night = stopping();
    night.at(317.0, demote()).is("demoting").at(318.0, gone(2)).expect(&[Push]);
    night.at(319.0, pushed(true)).forget();
    assert_eq!(outcome(&night), Some(Outcome::Passed), "it was over");
}

#[test]
fn pause_stops_the_drill_first_then_is_paused() {
    let mut night = syncing();
    night.at(6.0, pause()).says("Aborted").says("outcome: Some(Stopped)").is("standby").expect(&[]);
    for mut night in [verifying(), active()] {
        night.at(20.0, pause()).is("demoting").expect(&[Order(Stop)]);
        night.at(20.1, done()).at(21.0, gone(2)).is("standby").forget();
        assert_eq!(outcome(&night), Some(Outcome::Stopped));
        night.each(&[30.0, 40.0, 50.0, 60.0], &refused()).is("standby").says("HeldBack").forget();
    }
    let mut night = stopping();
    night.at(317.0, pause()).is("demoting").at(318.0, gone(2)).is("standby").expect(&[Push]);
    night.at(319.0, pushed(true)).forget();
    assert_eq!(outcome(&night), Some(Outcome::Passed), "it was over");
}

#[test]
fn a_drill_is_refused_while_the_primary_is_down() {
    let mut night = Night::watching();
    night
        .at(10.0, refused())
        .expect(&[Pull])
        .at(11.0, drill(300))
        .says("DrillRefused { why: PrimaryDown }")
        .expect(&[]);
}

#[test]
fn a_drill_is_refused_out_of_standby_and_under_a_hold() {
    let mut night = Night::watching().active();
    night.at(50.0, drill(300)).says("DrillRefused { why: NotStandby }").is("active").expect(&[]);
    let mut night = Night::watching();
    night.at(5.0, pause()).at(6.0, drill(300)).says("DrillRefused { why: Held }").is("standby").expect(&[]);
    assert_eq!(night.memory().drill, None);
}

#[test]
fn a_drill_is_refused_in_a_drill_and_when_something_stands_in_its_way() {
    let mut night = active();
    night.at(20.0, drill(5)).says("DrillRefused { why: UnderWay }").is("active").expect(&[]);
    let mut night = stopping();
    night.at(317.0, gone(2)).expect(&[Push]).at(318.0, drill(5)).says("UnderWay").is("standby").expect(&[]);
    let mut night = Night::watching();
    night.at(5.0, drill_degraded()).says("DrillRefused { why: Degraded }").is("standby").expect(&[]);
}

#[test]
fn the_primary_dead_during_a_drill_is_a_failover_on_time_and_the_gateway_stays_up() {
    let mut night = active();
    night.at(20.0, healthy()).at(30.0, refused()).says("outcome: Some(Overtaken)").is("active").expect(&[]);
    assert_eq!(outcome(&night), Some(Outcome::Overtaken));
    assert_eq!((night.memory().promotions.len(), night.hold_down()), (0, 30.0));
    night.each(&[33.0, 36.0, 45.0], &refused()).is_silent();
    night.at(50.0, refused()).says("Promoted { cause: Outage").is("active").expect(&[]);
    assert_eq!(night.memory().promotions.len(), 1);
    for at in (60..340).step_by(10) {
        night.at(f64::from(at), refused()).at(f64::from(at), up(2)).is_silent();
    }
    night.is("active").expect(&[]);
    night.each(&[340.0, 350.0, 360.0, 369.0], &healthy()).is("active").expect(&[]);
    night.at(370.0, healthy()).is("demoting").expect(&[Order(Stop)]);
    let failover = night.memory().failover.clone().unwrap();
    assert_eq!((failover.cause, failover.answered.is_some()), (Cause::Outage, true));
}

#[test]
fn a_blip_of_the_primary_ends_the_drill_and_is_no_failover() {
    let mut night = active();
    night.at(20.0, refused()).says("outcome: Some(Overtaken)").at(23.0, healthy()).is("active").expect(&[]);
    night.each(&[33.0, 43.0], &healthy()).is("active").at(53.0, healthy()).is("demoting").expect(&[Order(Stop)]);
    assert_eq!(night.memory().promotions, []);
}

#[test]
fn the_primary_dead_while_the_drill_verifies_leaves_the_gateway_to_the_ordinary_rules() {
    let mut night = verifying();
    night.at(10.0, refused()).says("outcome: Some(Overtaken)").is("promoting(verify)").expect(&[]);
    night.at(15.0, up(2)).at(16.0, up(2)).is("active").says("Promoted { cause: Found").expect(&[]);
    night.each(&[20.0, 25.0], &refused()).at(30.0, refused()).says("Promoted { cause: Outage").expect(&[]);
    assert_eq!(night.memory().promotions.len(), 1);
}

#[test]
fn the_primary_dead_before_the_drill_started_anything_ends_it() {
    let mut night = syncing();
    night.at(6.0, refused()).says("Aborted { why: DrillOvertaken }").is("standby").expect(&[]);
    assert_eq!(outcome(&night), Some(Outcome::Overtaken));
    // The outage is then promoted for, in time.
    night.each(&[9.0, 12.0, 20.0], &refused()).at(30.0, refused()).is("promoting(sync)").at(30.5, pulled());
    night.expect(&[Order(Start)]);
}

#[test]
fn the_primary_dead_during_the_start_of_a_drill_waits_for_that_start() {
    let mut night = syncing();
    night.at(7.0, pulled()).expect(&[Order(Start)]).at(8.0, refused()).says("outcome: Some(Overtaken)").expect(&[]);
    night.at(8.1, done()).is("promoting(verify)").at(9.0, up(2)).at(10.0, up(2)).is("active").expect(&[]);
}

#[test]
fn the_primary_dead_while_the_drill_stops_or_returns_is_promoted_for() {
    let mut night = stopping();
    night.each(&[318.0, 321.0, 324.0, 332.0], &refused()).is("demoting").expect(&[]);
    night.at(345.0, refused()).says("DrainCut").at(350.0, gone(2)).says("outcome: Some(Overtaken)");
    night.is("promoting(sync)").expect(&[Pull]);
    let mut night = stopping();
    night.at(317.0, gone(2)).expect(&[Push]);
    night.each(&[320.0, 325.0, 330.0], &refused()).expect(&[CutSync]);
    night.at(331.0, pushed(false)).says("outcome: Some(Overtaken)").is("standby").expect(&[Pull]);
    night.at(345.0, refused()).is("promoting(sync)").at(346.0, pulled()).expect(&[Order(Start)]);
}

#[test]
fn a_drill_tries_once() {
    let mut night = syncing();
    night.at(7.0, pulled()).expect(&[Order(Start)]).at(7.1, failed("masked")).says("retry_in: None");
    night.says("Aborted { why: DrillFailed }").is("standby").forget();
    assert_eq!(outcome(&night), failed_at(DrillStep::Start));
    night.at(20.0, resume()).at(60.0, tick()).is("standby").expect(&[]);
    let mut night = verifying();
    night.at(9.0, gone(2)).says("Aborted { why: DrillFailed }").is("standby").forget();
    assert_eq!(outcome(&night), failed_at(DrillStep::Verify));
}

#[test]
fn a_gateway_that_never_serves_is_stopped_after_its_patience() {
    for says in [boots(2), mute(2)] {
        let mut night = verifying();
        for at in (10..=300).step_by(10) {
            night.at(f64::from(at), healthy()).at(f64::from(at), says.clone()).is("promoting(verify)").expect(&[]);
        }
        night.at(307.0, says.clone()).at(308.0, says).is("demoting").expect(&[Order(Stop)]);
        night.at(308.1, done()).at(309.0, gone(2)).is("standby").says("DrillEnded").expect(&[Push]);
        assert_eq!(outcome(&night), failed_at(DrillStep::Verify));
    }
}

#[test]
fn a_gateway_that_dies_in_its_hold_is_not_started_again() {
    for probe in [healthy(), muted()] {
        let mut night = active();
        night.at(20.0, probe).at(25.0, gone(2)).says("WentDown").says("DrillEnded").is("standby").expect(&[Push]);
        assert_eq!(outcome(&night), failed_at(DrillStep::Hold));
    }
}

#[test]
fn a_gateway_that_falls_silent_in_its_hold_is_stopped() {
    let mut night = Night::with(|policy| policy.start_timeout = std::time::Duration::from_secs(60));
    night.at(5.0, drill(300)).at(7.0, pulled()).at(7.0, down()).at(7.1, done());
    night.at(15.0, up(2)).at(16.0, up(2)).is("active").forget();
    for at in (20..76).step_by(5) {
        night.at(f64::from(at), healthy()).at(f64::from(at), mute(2)).is("active").expect(&[]);
    }
    night.at(76.0, mute(2)).is("demoting").expect(&[Order(Stop)]);
    night.at(76.1, done()).at(77.0, gone(2)).forget();
    assert_eq!(outcome(&night), failed_at(DrillStep::Hold));
}

#[test]
fn an_answering_gateway_without_its_channel_has_not_passed() {
    let mut night = active();
    night.at(20.0, channel_broken(up(2))).says("ChannelsBroken").expect(&[]);
    for at in (30..315).step_by(10) {
        night.at(f64::from(at), healthy()).at(f64::from(at), channel_broken(up(2))).expect(&[]);
    }
    night.at(316.0, tick()).is("demoting").expect(&[Order(Stop)]);
    night.at(316.1, done()).at(317.0, gone(2)).forget();
    assert_eq!(outcome(&night), failed_at(DrillStep::Hold));
}

#[test]
fn a_stop_that_fails_or_hangs_is_tried_again_and_has_failed() {
    let mut night = active();
    held(&mut night);
    night.at(316.0, tick()).expect(&[Order(Stop)]).at(316.1, failed("Access denied")).says("StopFailed").expect(&[]);
    night.at(322.0, tick()).expect(&[Order(Stop)]).at(322.1, done()).at(323.0, gone(2)).says("DrillEnded").forget();
    assert_eq!(outcome(&night), failed_at(DrillStep::Stop));
    let mut night = stopping();
    night.at(662.0, drains(2)).says("StopHangs").is("demoting").forget();
    night.at(662.1, done()).at(663.0, gone(2)).is("standby").forget();
    assert_eq!(outcome(&night), failed_at(DrillStep::Stop));
}

#[test]
fn what_cannot_be_returned_has_failed_and_is_pushed_again() {
    let mut night = stopping();
    night.at(317.0, gone(2)).expect(&[Push]).at(318.0, pushed(false)).says("DrillEnded").forget();
    assert_eq!(outcome(&night), failed_at(DrillStep::Return));
    assert!(night.memory().unreturned);
}

#[test]
fn a_monitor_that_restarts_in_a_drill_says_so_and_leaves_by_the_ordinary_demotion() {
    for (before, at) in [(verifying(), 10.0), (active(), 20.0)] {
        let mut night = before.restarts(at, up(2));
        night.at(at + 1.0, up(2)).at(at + 2.0, up(2)).is("active").forget();
        assert_eq!(outcome(&night), Some(Outcome::Interrupted));
        assert_eq!(night.memory().failover.as_ref().map(|failover| failover.cause), Some(Cause::Found));
        night.each(&[at + 3.0, at + 13.0, at + 23.0], &healthy()).is("active");
        night.at(at + 33.0, healthy()).is("demoting").expect(&[Order(Stop)]);
    }
    let mut before = stopping();
    before.at(317.0, gone(2)).expect(&[Push]);
    let mut night = before.restarts(320.0, gone(2));
    night.forget();
    assert_eq!(outcome(&night), Some(Outcome::Interrupted));
}

#[test]
fn a_drill_without_a_hold_stops_as_soon_as_it_has_answered() {
    let mut night = Night::watching();
    night.at(5.0, drill(0)).at(6.0, pulled()).at(6.0, down()).at(6.1, done()).forget();
    night.at(10.0, up(2)).at(11.0, up(2)).is("demoting").expect(&[Order(Stop)]);
    night.at(11.1, done()).at(12.0, gone(2)).expect(&[Push]).at(13.0, pushed(true)).forget();
    assert_eq!(outcome(&night), Some(Outcome::Passed));
}
