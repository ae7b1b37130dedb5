//! Chronic partial outages: the primary keeps failing and coming back, but no outage reaches `promote.after`.

use openclaw_failover::failover::UnitAction::Start;
use openclaw_failover::failover::{Action, Cause, MachineNotice, Policy, Role};
use openclaw_failover::probe::ProbeFailure;

use crate::events::{done, gone, healthy, mute, pause, pulled, refused, resume, tick, up, witness};
use crate::night::{Night, defaults};
use crate::play::{Plan, Play, fails, up as alive};

const HOUR: f64 = 3600.0;

/// Plan of a primary that is healthy until `from`, then down for `down` of each `down + up` seconds.
fn loops(from: f64, down: f64, up: f64) -> Plan {
    loops_until(from, down, up, f64::MAX)
}

fn loops_until(from: f64, down: f64, up: f64, end: f64) -> Plan {
    Box::new(move |now| match (now - from) % (down + up) {
        _ if now < from || now >= end => alive(),
        phase if phase < down => fails(ProbeFailure::Refused),
        _ => alive(),
    })
}

/// Configuration with quick probes and `promote.after: 6s`, as in the reported night.
fn quick() -> Policy {
    let second = std::time::Duration::from_secs;
    Policy {
        promote_after: second(6),
        interval: second(1),
        retry_interval: second(1),
        timeout: second(1),
        ..defaults()
    }
}

fn said(play: &Play, wanted: impl Fn(&MachineNotice) -> bool) -> Vec<f64> {
    play.times_of(|action| matches!(action, Action::Announce(note) if wanted(note)))
}

fn promotions_for_flapping(play: &Play) -> Vec<f64> {
    said(play, |note| matches!(note, MachineNotice::Promoted { cause: Cause::Flapping, .. }))
}

#[test]
fn a_crash_loop_of_1_5_s_up_and_3_s_down_is_failed_over_once() {
    let mut play = Play::new(&quick(), vec![loops(200.0, 3.0, 1.5)]);
    play.run_until(200.0 + 84.0);
    // At a down share of two thirds, 60 s of down time in the rated 120 s take 90 s.
    assert_eq!(play.decision_times(), [], "available for 76 s of 120 s");
    play.run_until(2.0 * HOUR);
    let (flapping, promoted) =
        (said(&play, |note| matches!(note, MachineNotice::Flapping { .. })), promotions_for_flapping(&play));
    assert_eq!((flapping.len(), promoted.len()), (1, 1), "{flapping:?} {promoted:?}");
    assert!((285.0..310.0).contains(&flapping[0]), "{flapping:?}");
    assert!(promoted[0] - flapping[0] < 20.0, "{flapping:?} {promoted:?}");
    assert_eq!(play.stop_times(), [], "a primary that is never ready for the hold-down is not failed back to");
}

#[test]
fn the_same_at_the_default_pace_takes_about_ten_minutes() {
    let mut play = Play::new(&defaults(), vec![loops(1000.0, 3.0, 1.5)]);
    play.run_until(2.0 * HOUR);
    let promoted = promotions_for_flapping(&play);
    assert_eq!(promoted.len(), 1, "{promoted:?}");
    assert!((1300.0..1700.0).contains(&promoted[0]), "{promoted:?}");
}

#[test]
fn a_primary_that_is_available_for_60_percent_is_left_alone() {
    for (down, up) in [(18.0, 27.0), (16.0, 24.0), (12.0, 18.0), (8.0, 12.0), (4.0, 6.0)] {
        for phase in 0..20 {
            let mut play = Play::new(&defaults(), vec![loops(1000.0 + f64::from(phase), down, up)]);
            play.run_until(2.0 * HOUR);
            assert_eq!(play.decision_times(), [], "{down} s down, {up} s up, phase {phase}");
        }
    }
}

#[test]
fn a_primary_that_is_available_for_40_percent_is_failed_over() {
    for (down, up) in [(18.0, 12.0), (15.0, 10.0), (12.0, 8.0)] {
        for phase in 0..20 {
            let mut play = Play::new(&defaults(), vec![loops(1000.0 + f64::from(phase), down, up)]);
            play.run_until(1700.0);
            assert_eq!(promotions_for_flapping(&play).len(), 1, "{down} s down, {up} s up, phase {phase}");
        }
    }
}

#[test]
fn restarts_never_cause_a_failover() {
    let second = std::time::Duration::from_secs;
    let patient = Policy { restart_grace: second(180), ..defaults() };
    // An update that takes 170 s, a restart each hour, and four restarts in a row.
    for (policy, plan) in [
        (&patient, loops_until(1000.0, 170.0, 5000.0, 2000.0)),
        (&patient, loops_until(1000.0, 100.0, 30.0, 1000.0 + 4.0 * 130.0)),
        (&defaults(), loops(1000.0, 18.0, HOUR - 18.0)),
        (&defaults(), loops(1000.0, 18.0, 100.0)),
    ] {
        let mut play = Play::new(policy, vec![plan]);
        play.run_until(24.0 * HOUR);
        assert_eq!(play.decision_times(), vec![]);
        assert_eq!(said(&play, |note| matches!(note, MachineNotice::Flapping { .. })), vec![]);
    }
}

#[test]
fn five_outages_of_a_patient_host_are_a_pattern_and_four_are_not() {
    let second = std::time::Duration::from_secs;
    let patient = Policy { restart_grace: second(180), ..defaults() };
    // 80 s down and 40 s up: five outages in ten minutes. 110 s and 60 s: less than four.
    let mut play = Play::new(&patient, vec![loops(1000.0, 80.0, 40.0)]);
    play.run_until(2000.0);
    assert_eq!(promotions_for_flapping(&play).len(), 1);
    let mut play = Play::new(&patient, vec![loops(1000.0, 110.0, 60.0)]);
    play.run_until(12.0 * HOUR);
    assert_eq!(play.decision_times(), []);
}

#[test]
fn a_steady_primary_is_failed_back_to_after_the_hold_down_and_starts_with_a_clean_slate() {
    let mut play = Play::new(&defaults(), vec![loops_until(1000.0, 20.0, 10.0, 2000.0)]);
    play.run_until(2.0 * HOUR);
    let (promoted, stops) = (promotions_for_flapping(&play), play.stop_times());
    assert_eq!((promoted.len(), stops.len()), (1, 1), "{promoted:?} {stops:?}");
    // The primary went down repeatedly, so OpenClaw's crash-loop breaker is waited out too.
    assert!((2620.0..2660.0).contains(&stops[0]), "{stops:?}");
    let flapping = said(&play, |note| matches!(note, MachineNotice::Flapping { .. } | MachineNotice::Steady { .. }));
    assert_eq!(flapping.len(), 2, "{flapping:?}");
}

#[test]
fn two_upstreams_that_take_turns_are_no_outage() {
    let (mut policy, plans) = (defaults(), vec![loops(1000.0, 20.0, 20.0), loops(1020.0, 20.0, 20.0)]);
    policy.upstreams = 2;
    let mut play = Play::new(&policy, plans);
    play.run_until(4.0 * HOUR);
    assert_eq!(play.decision_times(), []);
    let dead: Plan = Box::new(|now| if now < 500.0 { alive() } else { fails(ProbeFailure::Unreachable) });
    let mut play = Play::new(&policy, vec![loops(1000.0, 20.0, 10.0), dead]);
    play.run_until(2000.0);
    assert_eq!(promotions_for_flapping(&play).len(), 1, "one is down and the other keeps failing");
}

#[test]
fn a_host_that_keeps_being_cut_off_itself_does_nothing() {
    let policy = Policy { needs_witness: true, ..defaults() };
    let mut play = Play::new(&policy, vec![loops(1000.0, 20.0, 10.0)]);
    play.witness = |now| (now - 1000.0) % 30.0 >= 20.0;
    play.run_until(4.0 * HOUR);
    assert_eq!(play.decision_times(), []);
    let mut play = Play::new(&policy, vec![loops(1000.0, 20.0, 10.0)]);
    play.run_until(2000.0);
    assert_eq!(promotions_for_flapping(&play).len(), 1, "with a witness that answers");
}

#[test]
fn a_monitor_that_was_stalled_counts_nothing_of_its_sleep() {
    let mut night = Night::standby();
    let mut at = 0.0;
    for _ in 0..8 {
        night.at(at + 10.0, refused()).at(at + 13.0, healthy());
        at += 73.0;
    }
    night.discard_so_far();
    // Eight stalls of one minute between verdicts: at most 15 s of each count, and half of that as down.
    assert!(!night.machine.availability().is_chronic(), "{:?}", night.machine.availability());
    assert_eq!(night.machine.availability().outages, 8);
}

#[test]
fn an_outage_before_a_stall_is_not_spread_over_the_stall() {
    let mut night = Night::standby();
    night.at(1.0, pause());
    for at in (4..=280).step_by(3) {
        night.at(f64::from(at), refused());
    }
    night.at(880.0, refused()).discard_so_far();
    let recent = night.machine.availability();
    // Two failures in a row count for `retry_interval` plus `timeout` at most.
    assert_eq!(recent.period - recent.available, std::time::Duration::from_secs(8));
}

/// Lets the primary fail for 20 s of each 30 s, probe by probe, from 0 s to `end`.
fn flap(night: &mut Night, from: f64, end: f64) {
    let mut at = from;
    while at < end {
        for second in (0..20).step_by(3) {
            night.at(at + f64::from(second), refused());
        }
        for second in (21..30).step_by(3) {
            night.at(at + f64::from(second), healthy());
        }
        at += 30.0;
    }
}

#[test]
fn announces_once_that_a_hold_forbids_it() {
    let mut night = Night::standby();
    night.at(1.0, pause()).expect_notice("HoldSet");
    flap(&mut night, 10.0, 700.0);
    night.expect_role("standby").expect_notice("HeldBack").expect_notice("Flapping {").discard_so_far();
    flap(&mut night, 700.0, 1300.0);
    night.expect_only_notices(&["Window"]).expect_role("standby");
    night.at(1301.0, resume()).expect_role("standby").discard_so_far();
    night.at(1303.0, refused()).expect_notice("Promoting { cause: Flapping").discard_so_far();
}

/// Lets the primary flap until a failover for it is decided. Returns the second of the decision.
fn decided_for_flapping(night: &mut Night) -> f64 {
    flap(night, 10.0, 460.0);
    let decides = (460..).step_by(3).find(|second| {
        night.at(f64::from(*second), if second % 30 < 20 { refused() } else { healthy() });
        night.machine.role() != &Role::Standby
    });
    night.expect_notice("Promoting { cause: Flapping").expect_role("promoting(sync)").discard_so_far();
    decides.map_or(f64::NAN, f64::from)
}

#[test]
fn a_healthy_probe_before_the_start_does_not_call_it_off() {
    let mut night = Night::standby();
    let at = decided_for_flapping(&mut night);
    night.at(at + 1.0, healthy());
    night.at(at + 2.0, pulled()).expect_actions(&[Action::UnitAction(Start)]).expect_role("promoting(start)");
    night.at(at + 2.1, done()).at(at + 9.0, up(2)).at(at + 10.0, up(2)).expect_role("active");
    night.expect_notice("Promoted { cause: Flapping").discard_so_far();
    // The local gateway exits while the primary happens to be up: it is started again.
    night.at(at + 20.0, refused()).at(at + 23.0, healthy()).at(at + 24.0, gone(2)).expect_notice("GatewayDown");
    night.at(at + 29.1, tick()).expect_actions(&[Action::UnitAction(Start)]);
    night.at(at + 29.2, done()).at(at + 30.0, mute(3)).expect_role("promoting(verify)").discard_so_far();
}

#[test]
fn a_primary_that_stays_calls_it_off_before_the_start() {
    let mut night = Night::standby();
    let at = decided_for_flapping(&mut night);
    night.at_each(&[at + 3.0, at + 13.0, at + 23.0, at + 32.0], &healthy());
    night.expect_role("promoting(sync)").discard_so_far();
    night.at(at + 33.1, healthy()).expect_notice("Aborted { why: Healthy }").expect_role("standby").discard_so_far();
}

#[test]
fn a_drill_that_a_flapping_primary_overtakes_becomes_a_failover() {
    let mut night = Night::standby();
    flap(&mut night, 10.0, 250.0);
    night.expect_role("standby").discard_so_far();
    night.at(251.0, crate::events::drill(600)).discard_so_far();
    night.at(252.0, pulled());
    night.at(252.1, done()).at(255.0, up(2)).at(256.0, up(2)).expect_role("active").discard_so_far();
    night.at_each(&[257.0, 258.0, 259.0], &healthy());
    flap(&mut night, 260.0, 560.0);
    night.expect_notice("Promoted { cause: Flapping").expect_role("active").discard_so_far();
    assert!(night.memory().last_failover.as_ref().is_some_and(|failover| failover.cause == Cause::Flapping));
}

#[test]
fn other_upstreams_or_another_promote_after_start_a_new_account() {
    let mut night = Night::standby();
    flap(&mut night, 10.0, 300.0);
    assert!(night.machine.availability().outages > 5);
    let (policy, armed) = (night.policy.clone(), [true]);
    night.machine.reconfigure(policy.clone(), true, &armed);
    assert!(night.machine.availability().outages > 5, "the same configuration again");
    night.machine.reconfigure(policy, false, &armed);
    assert_eq!(night.machine.availability().outages, 0);
    night.discard_so_far();
}

#[test]
fn a_restarted_monitor_starts_a_new_account() {
    let mut night = Night::standby();
    flap(&mut night, 10.0, 300.0);
    night.discard_so_far();
    let mut night = night.restart_at(301.0, crate::events::down());
    flap(&mut night, 310.0, 600.0);
    night.expect_role("standby").discard_so_far();
    flap(&mut night, 610.0, 910.0);
    night.expect_notice("Promoting { cause: Flapping").discard_so_far();
}

#[test]
fn thousands_of_blips_keep_the_history_small_and_the_account_right() {
    let policy = Policy { promote_after: std::time::Duration::from_secs(1000), ..quick() };
    let mut play = Play::new(&policy, vec![loops(100.0, 2.0, 4.0)]);
    play.run_until(30_000.0);
    let recent = play.machine.availability();
    assert!((3000..3500).contains(&recent.outages), "{recent:?}");
    let share = recent.available.as_secs_f64() / recent.period.as_secs_f64();
    assert!((0.62..0.76).contains(&share), "{share}");
    assert_eq!(play.decision_times(), []);
}

#[test]
fn an_outage_in_which_no_witness_answered_is_left_out_of_the_account() {
    let mut night = Night::with_policy(|policy| policy.needs_witness = true);
    for round in 0..10 {
        let at = f64::from(round) * 40.0;
        night.at(at + 10.0, refused()).at(at + 11.0, witness(false));
        night.at_each(&[at + 13.0, at + 16.0, at + 25.0], &refused()).at(at + 35.0, healthy());
    }
    night.discard_so_far();
    assert_eq!(night.machine.availability().outages, 0);
}
