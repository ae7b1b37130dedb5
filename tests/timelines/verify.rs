//! Verification: a start that systemd accepted is not a promotion until the gateway has answered.

use openclaw_failover::failover::Action::{Push, UnitAction};
use openclaw_failover::failover::UnitAction::{Start, Stop};
use openclaw_failover::failover::{Answerer, Event, InvocationId, Observation, ObservedUnit, UnitState};
use openclaw_failover::probe::{ProbeFailure, Verdict};

use crate::events::{
    answers, boots, channel_broken, done, down, failed, gone, healthy, look, mute, refused, tick, unproved, up,
};
use crate::night::Night;

const READY: Verdict = Verdict::Healthy { ready: true };

#[test]
fn a_start_that_systemd_took_is_not_a_promotion() {
    let mut night = Night::standby().verifying();
    night.expect_no_notice().expect_role("promoting(verify)");
    night.at_each(&[32.0, 33.0, 34.0], &boots(2));
    night.expect_role("promoting(verify)").expect_actions(&[]).expect_no_notice();
}

#[test]
fn the_gateway_must_answer_twice() {
    let mut night = Night::standby().verifying();
    night.at(40.0, up(2)).expect_role("promoting(verify)").expect_no_notice();
    night.at(41.0, up(2)).expect_role("active");
    night.expect_notice("Promoted { cause: Outage, took: 11s, hold_down: 30s }").expect_actions(&[]);
}

#[test]
fn a_failure_between_two_answers_counts_the_first_one_out() {
    let mut night = Night::standby().verifying();
    night.at(40.0, up(2)).at(41.0, mute(2)).at(42.0, up(2)).expect_role("promoting(verify)");
    night.at(43.0, up(2)).expect_role("active");
}

#[test]
fn both_answers_must_come_from_one_process() {
    let mut night = Night::standby().verifying();
    night.at(40.0, up(2)).at(41.0, up(3)).expect_role("promoting(verify)");
    night.at(42.0, up(3)).expect_role("active");
}

#[test]
fn the_invocation_must_be_new() {
    let mut night = Night::standby().verifying();
    night.at_each(&[40.0, 41.0, 42.0], &up(1)).expect_role("promoting(verify)").expect_actions(&[]);
    night.at(43.0, up(2)).at(44.0, up(2)).expect_role("active");
}

#[test]
fn the_units_main_pid_must_be_alive() {
    let without = ObservedUnit { state: UnitState::Active, invocation: Some(InvocationId(2)), main_pid: None };
    let seen = Event::Observed(Observation {
        unit: Some(without),
        verdict: Some(READY),
        are_channels_healthy: true,
        answerer: Answerer::Unit,
    });
    let mut night = Night::standby().verifying();
    night.at_each(&[40.0, 41.0, 42.0], &seen).expect_role("promoting(verify)").expect_actions(&[]);
}

#[test]
fn an_answer_while_the_unit_is_not_yet_active_or_unknown_proves_nothing() {
    let mut night = Night::standby().verifying();
    night.at_each(&[40.0, 41.0], &look(UnitState::Activating, 2, READY)).expect_role("promoting(verify)");
    night.at_each(&[42.0, 43.0], &answers()).expect_role("promoting(verify)").expect_actions(&[]);
}

#[test]
fn a_process_that_is_gone_is_started_again() {
    let mut night = Night::standby().verifying();
    night.at(35.0, gone(2)).expect_notice("StartFailed { why: ProcessExited, retry_in: Some(5s) }").expect_actions(&[]);
    night.at(40.0, tick()).expect_actions(&[UnitAction(Start)]).at(40.0, gone(2)).at(40.1, done());
    night.at_each(&[50.0, 51.0], &up(2)).expect_role("promoting(verify)");
    night.at_each(&[52.0, 53.0], &up(3)).expect_role("active");
}

#[test]
fn a_port_held_by_another_process_has_its_own_error() {
    let mut night = Night::standby();
    let held = look(UnitState::Down, 1, READY);
    night.at(5.0, held.clone()).expect_notice("PortHeld").expect_role("standby").expect_actions(&[]);
    assert!(night.machine.is_port_held());
    night.at(15.0, held).expect_no_notice();
    night.at(25.0, down()).expect_notice("PortFree");
    assert!(!night.machine.is_port_held());
}

#[test]
fn a_port_without_listener_is_not_held() {
    for failure in [ProbeFailure::Refused, ProbeFailure::Dns, ProbeFailure::Unreachable, ProbeFailure::ConnectTimeout] {
        let mut night = Night::standby();
        night.at(5.0, look(UnitState::Down, 1, Verdict::Failing(failure))).expect_no_notice();
    }
}

#[test]
fn another_process_on_the_port_promotes_nothing() {
    let mut night = Night::standby().syncing();
    let held = look(UnitState::Down, 1, READY);
    night.at(31.0, crate::events::pulled()).expect_actions(&[UnitAction(Start)]);
    night.at(31.0, held.clone()).at(31.1, done()).expect_notice("PortHeld");
    night.at_each(&[31.5, 32.0, 32.5], &unproved(up(2))).expect_role("promoting(verify)");
    night.at(33.0, held).expect_notice("StartFailed").expect_actions(&[]);
    night.at(38.0, tick()).expect_actions(&[UnitAction(Start)]);
    night.at(38.0, down()).expect_notice("PortFree").at(38.1, done());
    night.at_each(&[45.0, 45.5], &up(3)).expect_role("active").expect_notice("Promoted");
}

#[test]
fn a_start_that_fails_while_the_port_is_held_says_both() {
    let mut night = Night::standby().syncing();
    night.at(31.0, crate::events::pulled()).expect_actions(&[UnitAction(Start)]);
    night.at(31.0, look(UnitState::Down, 1, Verdict::Failing(ProbeFailure::NotOpenClaw))).at(31.1, failed("exit 1"));
    night.expect_notice("PortHeld { verdict: Failing(NotOpenClaw) }").expect_notice("StartFailed").expect_actions(&[]);
}

#[test]
fn an_answering_gateway_without_its_channel_is_active_but_degraded_and_never_restarted_for_it() {
    let mut night = Night::standby().verifying();
    night.at(40.0, channel_broken(up(2))).at(41.0, channel_broken(up(2)));
    night.expect_role("active").expect_notice("Promoted").expect_notice("ChannelsBroken");
    assert!(night.machine.has_broken_channels());
    for at in (51..3600).step_by(10) {
        night.at(f64::from(at), channel_broken(up(2))).expect_no_notice().expect_actions(&[]);
    }
    night.at(3601.0, up(2)).expect_notice("ChannelsRecovered").expect_role("active");
}

#[test]
fn the_primary_back_during_verify_demotes_after_the_hold_down() {
    let mut night = Night::standby().verifying();
    night.at_each(&[33.0, 43.0, 53.0, 62.9], &healthy()).expect_role("promoting(verify)").expect_actions(&[]);
    night.at(63.0, healthy()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    night.at(63.1, done());
    night.at(64.0, gone(2)).expect_notice("Demoted { reason: Ready { upstream: 0 }, active_for: None }");
    night.expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn the_primary_back_and_gone_again_during_verify_changes_nothing() {
    let mut night = Night::standby().verifying();
    night.at_each(&[33.0, 43.0, 53.0], &healthy()).at(56.0, refused()).expect_actions(&[]);
    night.at(60.0, up(2)).at(61.0, up(2)).expect_role("active").expect_actions(&[]);
}
