//! Answering process: only answers of the unit's own process count.

use openclaw_failover::failover::Action::{Pull, Push, UnitAction};
use openclaw_failover::failover::UnitAction::{Start, Stop};
use openclaw_failover::failover::UnitState;
use openclaw_failover::probe::{ProbeFailure, Verdict};

use crate::events::{
    boots, done, down, drill, failed, foreign, gone, healthy, look, pause, pulled, refused, tick, unproved, unverified,
    up,
};
use crate::night::Night;

const HELD: &str = "port 1 is held by python3, not by openclaw.service";

#[test]
fn a_foreign_answer_fails_the_start_with_its_cause() {
    let mut night = Night::standby().verifying();
    night.at(33.0, foreign(up(2))).expect_notice(&format!("StartFailed {{ why: Described(\"{HELD}\")"));
    assert!(night.machine.is_port_held() && night.machine.is_promotion_stuck());
    night.expect_role("promoting(clear)").expect_actions(&[UnitAction(Stop)]);
    // The port becomes free before the next start.
    night.at(33.1, done()).at(34.0, gone(2)).expect_no_notice().expect_role("promoting(start)").expect_actions(&[]);
    night.at(37.9, refused()).at(38.0, tick()).expect_actions(&[UnitAction(Start)]);
    night.at(38.0, gone(2));
    night.at(38.1, done()).at_each(&[45.0, 45.5], &up(3)).expect_notice("Promoted").expect_role("active");
    assert!(!night.machine.is_port_held());
}

#[test]
fn a_foreign_answer_never_promotes_however_often_it_comes() {
    let mut night = Night::standby().verifying();
    for round in 0..20 {
        let at = 33.0 + f64::from(round) * 0.5;
        night.at(at, foreign(up(2)));
        assert!(night.machine.is_port_held());
    }
    night.expect_actions(&[UnitAction(Stop)]);
    assert!(night.memory().last_failover.as_ref().unwrap().answered_at.is_none());
}

#[test]
fn the_pause_before_the_next_start_doubles_while_another_process_answers() {
    let mut night = Night::standby().verifying();
    let (mut at, mut invocation) = (33.0, 2);
    for wait in [5.0, 10.0, 20.0, 40.0, 80.0] {
        night.at(at, refused());
        night.at(at, foreign(up(invocation))).expect_notice("StartFailed").expect_actions(&[UnitAction(Stop)]);
        let held = look(UnitState::Down, invocation, Verdict::Healthy { ready: true });
        night.at(at + 0.1, done()).at(at + 0.5, held.clone()).expect_actions(&[]);
        night.at(at + wait - 0.1, refused()).expect_actions(&[]);
        night.at(at + wait, tick()).expect_actions(&[UnitAction(Start)]);
        night.at(at + wait, held).at(at + wait + 0.1, done());
        invocation += 1;
        at += wait + 1.0;
    }
}

#[test]
fn a_port_that_comes_free_is_not_waited_for_any_longer() {
    let mut night = Night::standby().verifying();
    let mut at = 33.0;
    night.at(at, foreign(up(2))).expect_actions(&[UnitAction(Stop)]).at(at + 0.1, done());
    let held = look(UnitState::Down, 2, Verdict::Healthy { ready: true });
    night.at(at + 0.5, held.clone());
    for wait in [4.5, 10.0, 20.0, 40.0] {
        at += wait + 0.5;
        night.at(at, refused());
        night.at(at, tick()).expect_actions(&[UnitAction(Start)]).at(at, held.clone()).at(at, failed("held"));
    }
    // The next start would be due in 80 s.
    night.at(at + 2.0, gone(2)).expect_only_notices(&["StartFailed"]).expect_actions(&[]);
    assert!(!night.machine.is_port_held());
    night.at(at + 6.9, refused()).expect_actions(&[]).at(at + 7.0, tick()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn an_answer_of_unknown_origin_counts_only_once_it_is_known() {
    let mut night = Night::standby().verifying();
    night.at_each(&[33.0, 33.5, 34.0, 34.5], &unproved(up(2))).expect_role("promoting(verify)").expect_actions(&[]);
    night.at_each(&[35.0, 35.5], &up(2)).expect_role("active").expect_notice("Promoted");
}

#[test]
fn where_it_cannot_be_checked_who_answers_the_host_is_promoted_and_degraded() {
    let mut night = Night::standby().verifying();
    night.at(33.0, unverified(up(2)));
    night.expect_notice("AnswerUnverified { why: \"polkit refuses\" }").expect_role("promoting(verify)");
    night.at(33.5, unverified(up(2))).expect_role("active").expect_notice("Promoted");
    assert_eq!(night.machine.unverified_reason(), Some("polkit refuses"));
    night.at(38.5, unverified(up(2))).expect_no_notice();
    night.at(43.5, up(2)).expect_notice("AnswerVerified");
    assert_eq!(night.machine.unverified_reason(), None);
}

#[test]
fn a_foreign_answer_while_active_degrades_at_once_and_is_no_answer() {
    let mut night = Night::standby().active();
    night.at(51.0, refused());
    night.at(51.0, foreign(up(2))).expect_notice("ForeignAnswer").expect_role("active").expect_actions(&[]);
    assert!(night.machine.is_port_held());
    let mut at = 56.0;
    while night.machine.is_port_held() && at < 341.0 {
        night.at(at, refused()).at(at, foreign(up(2)));
        at += 5.0;
    }
    assert_eq!(at, 341.0, "it was degraded all the time");
    // After as much silence as a start may take, it is started again.
    night.at(at, foreign(up(2))).at(at + 0.5, foreign(up(2)));
    night.expect_notice("StartFailed").expect_role("promoting(clear)").expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn a_squatter_that_drops_every_connection_is_one_too() {
    let mut night = Night::standby().active();
    let dropped = foreign(look(UnitState::Active, 2, Verdict::Failing(ProbeFailure::Refused)));
    night.at(51.0, refused()).at(51.0, dropped.clone()).expect_notice("ForeignAnswer");
    night.at(52.0, dropped).expect_no_notice();
    night.at(53.0, up(2)).expect_notice("PortFree").expect_role("active");
}

#[test]
fn a_gateway_that_is_found_is_not_believed_either() {
    let mut night = Night::standby();
    night.at(10.0, healthy()).at(10.0, unproved(up(2))).expect_notice("Adopted").expect_role("promoting(verify)");
    night.at(10.5, foreign(up(2))).expect_notice("StartFailed").expect_actions(&[UnitAction(Stop)]);
    night.at(10.6, done()).at(11.0, gone(2)).at(16.0, tick()).expect_notice("Aborted").expect_role("standby");
    night.expect_actions(&[Push]);
}

#[test]
fn a_foreign_answer_fails_a_drill_which_tries_once() {
    let mut night = Night::standby();
    night.at(10.0, healthy()).at(10.0, drill(60)).expect_actions(&[Pull]);
    night.at(10.5, pulled()).expect_actions(&[UnitAction(Start)]);
    night.at(10.5, down()).at(10.6, done()).at(11.0, boots(2)).discard_so_far();
    night.at(12.0, foreign(up(2)));
    night.expect_notice("retry_in: None").expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    night.at(12.1, done()).at(13.0, gone(2)).expect_notice("outcome: Some(Failed { step: Verify })");
    night.expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn nothing_is_stopped_for_a_foreign_answer_while_paused() {
    let mut night = Night::standby().verifying();
    night.at(32.5, pause()).discard_so_far();
    night.at(33.0, foreign(up(2))).expect_notice("ForeignAnswer").expect_role("promoting(verify)").expect_actions(&[]);
}
