//! Restarts: the monitor killed in each role, the host rebooted, and stored times in the future.

use std::time::Duration;

use openclaw_failover::failover::Action::{Order, Pull, Push};
use openclaw_failover::failover::Order::{Start, Stop};
use openclaw_failover::failover::{
    Cause, Failover, Hold, HoldKind, Memory, {self},
};

use crate::events::{boots, done, down, drains, gone, healthy, mute, pause, pulled, pushed, refused, unit, up};
use crate::night::{Night, defaults, time};

#[test]
fn killed_in_standby_it_starts_with_a_fresh_window() {
    let mut night = Night::watching();
    night.at(10.0, refused()).each(&[13.0, 16.0, 19.0, 22.0, 25.0, 28.0], &refused()).forget();
    let mut night = night.restarts(29.0, down());
    night.forget().each(&[31.0, 41.0, 51.0, 58.9], &refused()).is("standby").expect(&[]);
    night.at(59.0, refused()).is("promoting(sync)").expect(&[Pull]).at(60.0, pulled()).expect(&[Order(Start)]);
}

#[test]
fn killed_in_sync_it_decides_one_window_later() {
    let night = Night::watching().syncing();
    let mut night = night.restarts(32.0, down());
    assert!(night.memory().failover.as_ref().is_some_and(|failover| failover.ended.is_some()));
    night.forget().each(&[34.0, 44.0, 54.0, 61.9], &refused()).is("standby").expect(&[]);
    night.at(62.0, refused()).expect(&[Pull]).at(63.0, pulled()).expect(&[Order(Start)]);
}

#[test]
fn killed_in_start_it_verifies_what_it_finds() {
    let night = Night::watching().starting();
    let mut night = night.restarts(32.0, boots(2));
    night.is("promoting(verify)").says("Adopted { cause: Outage }").expect(&[]);
    night.at(40.0, up(2)).at(40.5, up(2)).is("active").says("Promoted { cause: Outage, took: 10.5s");
    assert_eq!(night.memory().promotions.len(), 1);
}

#[test]
fn killed_in_verify_it_goes_on_verifying() {
    let night = Night::watching().verifying();
    let mut night = night.restarts(35.0, boots(2));
    night.is("promoting(verify)").at(40.0, up(2)).at(40.5, up(2)).is("active").expect(&[]);
    assert_eq!(night.memory().promotions.len(), 1);
}

#[test]
fn killed_while_active_it_touches_nothing_and_counts_nothing_twice() {
    let night = Night::watching().active();
    let mut night = night.restarts(60.0, up(2));
    night.at(60.5, up(2)).is("active").expect(&[]);
    assert_eq!(night.memory().promotions.len(), 1);
    night.each(&[70.0, 80.0, 90.0, 99.9], &healthy()).is("active");
    night.at(100.0, healthy()).is("demoting").expect(&[Order(Stop)]);
}

#[test]
fn killed_while_demoting_it_sees_the_drain_through() {
    let night = Night::watching().draining();
    let mut night = night.restarts(140.0, drains(2));
    night.is("demoting").at(150.0, drains(2)).expect(&[]);
    night.at(160.0, gone(2)).is("standby").expect(&[Push]);
    assert!(night.memory().failover.as_ref().is_some_and(|failover| failover.ended == Some(time(160.0))));
}

#[test]
fn killed_before_its_stop_was_taken_it_waits_for_the_hold_down_anew() {
    let mut night = Night::watching().active();
    night.each(&[100.0, 110.0, 120.0, 130.0], &healthy()).expect(&[Order(Stop)]);
    let mut night = night.restarts(131.0, up(2));
    night.at(131.5, up(2)).is("active");
    night.each(&[135.0, 145.0, 155.0], &healthy()).expect(&[]);
    night.at(165.0, healthy()).is("demoting").expect(&[Order(Stop)]);
    night.at(165.1, done());
}

#[test]
fn the_standby_rebooted_while_active_takes_over_again_one_window_later() {
    let night = Night::watching().active();
    let mut night = night.restarts(200.0, gone(2));
    night.is("standby").expect(&[Push]);
    assert!(night.memory().unreturned);
    night
        .at(201.0, pushed(true))
        .expect(&[Pull])
        .at(201.1, pulled())
        .at(201.1, refused())
        .each(&[210.0, 220.0, 229.9], &refused())
        .is("standby")
        .expect(&[]);
    night.at(230.0, refused()).expect(&[Pull]).at(230.05, pulled()).is("promoting(start)").expect(&[Order(Start)]);
    night.at(230.1, done()).at(240.0, up(3)).at(241.0, up(3)).is("active").says("hold_down: 60s");
}

#[test]
fn holds_survive_a_restart() {
    let mut night = Night::watching();
    night.at(5.0, pause());
    let mut night = night.restarts(100.0, down());
    night.forget().each(&[110.0, 120.0, 130.0, 140.0], &refused()).is("standby").says("HeldBack").forget();
}

#[test]
fn at_most_one_unclean_exit_in_5_minutes_holds_across_a_restart() {
    let memory = Memory { killed: Some(time(-10.0)), ..Memory::default() };
    let start = failover::Start { memory, armed: vec![true], unit: unit(&mute(2)) };
    let policy = failover::Policy { start_timeout: Duration::from_secs(60), ..defaults() };
    let mut night = Night::begins(0.0, policy, start);
    for at in 0..290 {
        night.at(f64::from(at), mute(2)).expect(&[]);
    }
    night.at(290.0, mute(2)).says("StoppingSilent").expect(&[Order(Stop)]);
}

#[test]
fn a_persisted_time_in_the_future_counts_as_now() {
    let ahead = time(1_000_000.0);
    let memory = Memory {
        hold: Some(Hold { kind: HoldKind::Paused, since: ahead, until: None }),
        promotions: vec![ahead, time(-60.0)],
        unreturned: false,
        failover: Some(Failover {
            cause: Cause::Outage,
            life: ahead,
            decided: ahead,
            started: Some(ahead),
            answered: Some(ahead),
            ended: Some(ahead),
        }),
        demoting: None,
        killed: Some(ahead),
        drill: None,
        drilled: Some(ahead),
    };
    let start = failover::Start { memory, armed: vec![true], unit: None };
    let mut night = Night::begins(0.0, defaults(), start);
    let now = time(0.0);
    let known = night.memory().clone();
    assert_eq!(known.promotions, [time(-60.0), now]);
    assert_eq!((known.killed, known.drilled, known.hold.map(|hold| hold.since)), (Some(now), Some(now), Some(now)));
    let failover = known.failover.unwrap();
    assert_eq!((failover.life, failover.decided, failover.answered), (now, now, Some(now)));
    assert_eq!(night.hold_down(), 60.0);
    night.at(86_399.0, crate::events::tick()).forget().at(86_400.0, crate::events::tick()).says("HoldStands").forget();
}

#[test]
fn a_hold_that_was_announced_is_not_announced_at_each_start() {
    let hold = Hold { kind: HoldKind::Paused, since: time(-100_000.0), until: None };
    let memory = Memory { hold: Some(hold), ..Memory::default() };
    let mut night = Night::begins(0.0, defaults(), failover::Start { memory, armed: vec![true], unit: None });
    night.forget().at(0.1, crate::events::tick()).is_silent().at(72_799.0, crate::events::tick()).is_silent();
    night.at(72_800.0, crate::events::tick()).says("HoldStands").forget();
}

#[test]
fn a_demotion_goes_on_under_its_own_reason_after_a_restart_of_the_monitor() {
    let night = Night::with(|_| ()).draining();
    let mut night = night.restarts(131.0, drains(2));
    night.says("Demoting { reason: Ready { upstream: 0 } }").is("demoting").forget();
    night.at(140.0, gone(2)).says("Demoted { reason: Ready { upstream: 0 }, active_for: Some(99s) }").is("standby");
    night.forget();
    assert_eq!(night.memory().demoting, None);
}

#[test]
fn a_demotion_that_ended_while_no_monitor_ran_is_told() {
    let night = Night::with(|_| ()).draining();
    let mut night = night.restarts(150.0, gone(2));
    night.says("Demoted { reason: Ready { upstream: 0 }, active_for: Some(109s) }").is("standby").forget();
    night.at(151.0, gone(2)).is_silent();
    let night = Night::watching();
    night.restarts(10.0, down()).is_silent_but_for(&["Win"]).forget();
}

#[test]
fn a_stop_from_outside_stays_one_after_a_restart_of_the_monitor() {
    let night = Night::with(|_| ()).active();
    let mut night = night.restarts(131.0, drains(2));
    night.says("Demoting { reason: Found }").is("demoting").forget();
}
