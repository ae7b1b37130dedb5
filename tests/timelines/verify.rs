//! Verification: a start that systemd accepted is not a promotion until the gateway has answered.

use openclaw_failover::failover::Action::{Order, Push};
use openclaw_failover::failover::Order::{Start, Stop};
use openclaw_failover::failover::{Answerer, Event, Invocation, Observation, Unit, UnitState};
use openclaw_failover::probe::{Failure, Verdict};

use crate::events::{
    answers, boots, channel_broken, done, down, failed, gone, healthy, look, mute, refused, tick, unproved, up,
};
use crate::night::Night;

const READY: Verdict = Verdict::Healthy { ready: true };

#[test]
fn a_start_that_systemd_took_is_not_a_promotion() {
    let mut night = Night::watching().verifying();
    night.is_silent().is("promoting(verify)");
    night.each(&[32.0, 33.0, 34.0], &boots(2)).is("promoting(verify)").expect(&[]).is_silent();
}

#[test]
fn the_gateway_must_answer_twice() {
    let mut night = Night::watching().verifying();
    night.at(40.0, up(2)).is("promoting(verify)").is_silent();
    night.at(41.0, up(2)).is("active").says("Promoted { cause: Outage, took: 11s, hold_down: 30s }").expect(&[]);
}

#[test]
fn a_failure_between_two_answers_counts_the_first_one_out() {
    let mut night = Night::watching().verifying();
    night.at(40.0, up(2)).at(41.0, mute(2)).at(42.0, up(2)).is("promoting(verify)");
    night.at(43.0, up(2)).is("active");
}

#[test]
fn both_answers_must_come_from_one_process() {
    let mut night = Night::watching().verifying();
    night.at(40.0, up(2)).at(41.0, up(3)).is("promoting(verify)");
    night.at(42.0, up(3)).is("active");
}

#[test]
fn the_invocation_must_be_new() {
    let mut night = Night::watching().verifying();
    night.each(&[40.0, 41.0, 42.0], &up(1)).is("promoting(verify)").expect(&[]);
    night.at(43.0, up(2)).at(44.0, up(2)).is("active");
}

#[test]
fn the_units_main_pid_must_be_alive() {
    let without = Unit { state: UnitState::Active, invocation: Some(Invocation(2)), main_pid: None };
    let seen = Event::Observed(Observation {
        unit: Some(without),
        verdict: Some(READY),
        channels_well: true,
        answerer: Answerer::Unit,
    });
    let mut night = Night::watching().verifying();
    night.each(&[40.0, 41.0, 42.0], &seen).is("promoting(verify)").expect(&[]);
}

#[test]
fn an_answer_while_the_unit_is_not_yet_active_or_unknown_proves_nothing() {
    let mut night = Night::watching().verifying();
    night.each(&[40.0, 41.0], &look(UnitState::Activating, 2, READY)).is("promoting(verify)");
    night.each(&[42.0, 43.0], &answers()).is("promoting(verify)").expect(&[]);
}

#[test]
fn a_process_that_is_gone_is_started_again() {
    let mut night = Night::watching().verifying();
    night.at(35.0, gone(2)).says("StartFailed { why: \"its process exited\", retry_in: Some(5s) }").expect(&[]);
    night.at(40.0, tick()).expect(&[Order(Start)]).at(40.0, gone(2)).at(40.1, done());
    night.each(&[50.0, 51.0], &up(2)).is("promoting(verify)");
    night.each(&[52.0, 53.0], &up(3)).is("active");
}

#[test]
fn the_port_held_by_another_process_is_its_own_error() {
    let mut night = Night::watching();
    let held = look(UnitState::Down, 1, READY);
    night.at(5.0, held.clone()).says("PortHeld").is("standby").expect(&[]);
    assert!(night.machine.port_held());
    night.at(15.0, held).is_silent();
    night.at(25.0, down()).says("PortFree");
    assert!(!night.machine.port_held());
}

#[test]
fn a_port_that_nobody_accepts_on_is_not_held() {
    for failure in [Failure::Refused, Failure::Dns, Failure::Unreachable, Failure::ConnectTimeout] {
        let mut night = Night::watching();
        night.at(5.0, look(UnitState::Down, 1, Verdict::Failing(failure))).is_silent();
    }
}

#[test]
fn another_process_on_the_port_promotes_nothing() {
    let mut night = Night::watching().syncing();
    let held = look(UnitState::Down, 1, READY);
    night.at(31.0, crate::events::pulled()).expect(&[Order(Start)]);
    night.at(31.0, held.clone()).at(31.1, done()).says("PortHeld");
    night.each(&[31.5, 32.0, 32.5], &unproved(up(2))).is("promoting(verify)");
    night.at(33.0, held).says("StartFailed").expect(&[]);
    night.at(38.0, tick()).expect(&[Order(Start)]);
    night.at(38.0, down()).says("PortFree").at(38.1, done());
    night.each(&[45.0, 45.5], &up(3)).is("active").says("Promoted");
}

#[test]
fn a_start_that_fails_while_the_port_is_held_says_both() {
    let mut night = Night::watching().syncing();
    night.at(31.0, crate::events::pulled()).expect(&[Order(Start)]);
    night.at(31.0, look(UnitState::Down, 1, Verdict::Failing(Failure::NotOpenClaw))).at(31.1, failed("exit 1"));
    night.says("PortHeld { verdict: Failing(NotOpenClaw) }").says("StartFailed").expect(&[]);
}

#[test]
fn an_answering_gateway_without_its_channel_is_active_but_degraded_and_never_restarted_for_it() {
    let mut night = Night::watching().verifying();
    night.at(40.0, channel_broken(up(2))).at(41.0, channel_broken(up(2)));
    night.is("active").says("Promoted").says("ChannelsBroken");
    assert!(night.machine.channels_broken());
    for at in (51..3600).step_by(10) {
        night.at(f64::from(at), channel_broken(up(2))).is_silent().expect(&[]);
    }
    night.at(3601.0, up(2)).says("ChannelsWell").is("active");
}

#[test]
fn the_primary_back_during_verify_demotes_after_the_hold_down() {
    let mut night = Night::watching().verifying();
    night.each(&[33.0, 43.0, 53.0, 62.9], &healthy()).is("promoting(verify)").expect(&[]);
    night.at(63.0, healthy()).is("demoting").expect(&[Order(Stop)]);
    night.at(63.1, done()).at(64.0, gone(2)).says("Demoted { reason: Ready { upstream: 0 }, active_for: None }");
    night.is("standby").expect(&[Push]);
}

#[test]
fn the_primary_back_and_gone_again_during_verify_changes_nothing() {
    let mut night = Night::watching().verifying();
    night.each(&[33.0, 43.0, 53.0], &healthy()).at(56.0, refused()).expect(&[]);
    night.at(60.0, up(2)).at(61.0, up(2)).is("active").expect(&[]);
}
