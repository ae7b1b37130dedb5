//! A rehearsed failover on the live standby.

use openclaw_failover::failover::Action::{Order, Pull, Push};
use openclaw_failover::failover::Order::{Start, Stop};

use crate::events::{
    demote, done, down, drill, failed, gone, healthy, pause, promote, pulled, refused, resume, tick, up,
};
use crate::night::Night;

/// A drill of 300 s, asked for at 5 s.
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

#[test]
fn a_drill_promotes_stays_and_demotes_while_the_primary_lives() {
    let mut night = active();
    for at in (20..315).step_by(10) {
        night.at(f64::from(at), healthy()).at(f64::from(at), up(2)).is("active").expect(&[]);
    }
    night.at(316.0, tick()).is("demoting").says("Demoting { reason: DrillOver }").expect(&[Order(Stop)]);
    night.at(316.1, done()).at(317.0, gone(2)).is("standby").expect(&[Push]);
}

#[test]
fn promote_ends_the_drill_as_promoted() {
    for (mut night, at) in [(syncing(), 6.0), (verifying(), 8.0), (active(), 20.0)] {
        night.at(at, promote()).expect(&[]).at(at + 1.0, pulled()).forget();
        assert!(night.memory().failover.as_ref().is_some_and(|failover| {
            failover.cause == openclaw_failover::failover::Cause::Operator && failover.ended.is_none()
        }));
        night.at(400.0, healthy()).at(401.0, tick()).expect(&[]);
    }
}

#[test]
fn demote_stops_the_drill_now() {
    let mut night = syncing();
    night.at(6.0, demote()).says("Aborted").is("standby").expect(&[]);
    let mut night = verifying();
    night.at(10.0, demote()).is("demoting").expect(&[Order(Stop)]);
    let mut night = active();
    night.at(20.0, demote()).is("demoting").expect(&[Order(Stop)]);
    night.at(20.1, done()).at(21.0, gone(2)).is("standby").expect(&[Push]);
}

#[test]
fn pause_stops_the_drill_first_then_is_paused() {
    let mut night = syncing();
    night.at(6.0, pause()).says("Aborted").is("standby").expect(&[]);
    for mut night in [verifying(), active()] {
        night.at(20.0, pause()).is("demoting").expect(&[Order(Stop)]);
        night.at(20.1, done()).at(21.0, gone(2)).is("standby").forget();
        night.each(&[30.0, 40.0, 50.0, 60.0], &refused()).is("standby").says("HeldBack").forget();
    }
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
}

#[test]
fn the_primary_dead_during_a_drill_keeps_the_gateway_up_under_the_ordinary_rules() {
    let mut night = active();
    night.at(20.0, refused()).says("DrillOvertaken").is("active").expect(&[]);
    for at in (30..340).step_by(10) {
        night.at(f64::from(at), refused()).at(f64::from(at), up(2));
    }
    night.is("active").expect(&[]);
    night.each(&[340.0, 350.0, 360.0, 369.0], &healthy()).is("active").expect(&[]);
    night.at(370.0, healthy()).is("demoting").expect(&[Order(Stop)]);
}

#[test]
fn the_primary_dead_before_the_drill_started_anything_ends_it() {
    let mut night = syncing();
    night.at(6.0, refused()).says("Aborted { why: DrillOvertaken }").is("standby").expect(&[]);
}

#[test]
fn a_drill_tries_once() {
    let mut night = syncing();
    night.at(7.0, pulled()).expect(&[Order(Start)]).at(7.1, failed("masked")).says("StartFailed");
    night.says("Aborted { why: DrillFailed }").is("standby").forget();
    night.at(20.0, resume()).at(60.0, tick()).is("standby").expect(&[]);
}
