//! Whole nights with the real probe schedule.

use std::time::Duration;

use openclaw_failover::failover::{Action, MachineNotice, Policy, UnitAction};
use openclaw_failover::probe::{ProbeFailure, Verdict};

use crate::night::defaults;
use crate::play::{Plan, Play, assert_between, fails, fails_from, spans, up};

#[test]
fn one_outage_of_five_minutes() {
    let plan = spans(vec![(0.0, up()), (103.0, fails(ProbeFailure::ConnectTimeout)), (403.0, up())]);
    let mut night = Play::new(&defaults(), vec![plan]);
    night.run_until(1000.0);
    let (decided, promoted, stops) = (night.decision_times(), night.promoted(), night.stop_times());
    assert_eq!((decided.len(), promoted.len(), stops.len()), (1, 1, 1));
    assert_between(decided[0], 130.0, 135.1, "decided");
    assert_between(promoted[0], decided[0] + 8.0, decided[0] + 9.5, "promoted");
    assert_between(stops[0], 433.0, 449.0, "asked to stop");
    assert_eq!(night.times_of(|action| *action == Action::Push).len(), 1);
}

#[test]
fn decision_to_start_takes_no_time_when_no_pull_runs_and_at_most_sync_wait_when_one_does() {
    let mut night = Play::new(&defaults(), vec![fails_from(101.0, ProbeFailure::Refused)]);
    night.run_until(200.0);
    let starts = night.times_of(|action| *action == Action::UnitAction(UnitAction::Start));
    assert_eq!(starts, night.decision_times());
}

/// Plan of a primary that is up and failing in turn, for this many seconds each, from 100 s on.
fn flap(each: f64, end: f64, failure: ProbeFailure) -> Plan {
    Box::new(move |now| {
        let down = (100.0..end).contains(&now) && (((now - 100.0) / each) as u64).is_multiple_of(2);
        if down { fails(failure) } else { up() }
    })
}

#[test]
fn a_flap_every_20_s_never_promotes() {
    for failure in [ProbeFailure::Refused, ProbeFailure::ResponseTimeout, ProbeFailure::Starting] {
        let mut night = Play::new(&defaults(), vec![flap(20.0, 4000.0, failure)]);
        night.run_until(4500.0);
        assert_eq!(night.decision_times(), [0.0; 0], "{failure:?}");
    }
}

#[test]
fn a_flap_every_20_s_while_active_never_demotes_until_it_ends() {
    let flapping = flap(20.0, 2000.0, ProbeFailure::Refused);
    let plan: Plan =
        Box::new(move |now| if (40.0..190.0).contains(&now) { fails(ProbeFailure::Refused) } else { flapping(now) });
    let mut night = Play::new(&defaults(), vec![plan]);
    night.run_until(4000.0);
    assert_eq!(night.decision_times().len(), 1);
    let stops = night.stop_times();
    assert_eq!(stops.len(), 1);
    // The last outage is from 1,980 s to 2,000 s; then come 630 s without a break.
    assert_between(stops[0], 2000.0 + 630.0, 2000.0 + 630.0 + 20.0, "asked to stop");
}

#[test]
fn a_flap_every_2_minutes_causes_a_handful_of_transitions_in_a_day() {
    let mut night = Play::new(&defaults(), vec![flap(120.0, 86_500.0, ProbeFailure::Refused)]);
    night.run_until(86_500.0);
    let promoted = night.promoted();
    assert!((1..=4).contains(&promoted.len()), "{promoted:?}");
}

/// Plan of a primary that restarts at 100 s and reports `starting` until 270 s.
fn slow_start() -> Plan {
    spans(vec![
        (0.0, up()),
        (100.0, fails(ProbeFailure::Refused)),
        (103.0, fails(ProbeFailure::Starting)),
        (273.0, up()),
    ])
}

#[test]
fn a_primary_that_takes_170_s_to_start_is_stood_in_for_and_given_back() {
    let mut night = Play::new(&defaults(), vec![slow_start()]);
    night.run_until(1000.0);
    let (decided, stops) = (night.decision_times(), night.stop_times());
    assert_eq!((decided.len(), stops.len()), (1, 1));
    assert_between(decided[0], 120.0, 125.1, "decided");
    assert_between(stops[0], 303.0, 317.0, "asked to stop");
}

#[test]
fn a_primary_that_takes_170_s_to_start_is_waited_for_with_restart_grace() {
    let policy = Policy { restart_grace: Duration::from_secs(180), ..defaults() };
    let mut night = Play::new(&policy, vec![slow_start()]);
    night.run_until(1000.0);
    assert_eq!(night.decision_times(), [0.0; 0]);
    let mut night = Play::new(&policy, vec![fails_from(101.0, ProbeFailure::Unreachable)]);
    night.run_until(1000.0);
    assert_between(night.decision_times()[0], 130.0, 135.1, "a host that is down gets no restart grace");
}

/// Plan with three crashes of 15 s, a minute down, and five minutes muted by the crash-loop breaker, then healthy.
fn crashes(last: (Verdict, f64)) -> Plan {
    let refused = fails(ProbeFailure::Refused);
    let crashes = [(100.0, refused), (115.0, up()), (160.0, refused), (175.0, up()), (220.0, refused)];
    spans([vec![(0.0, up())], crashes.to_vec(), vec![(290.0, last), (590.0, up())]].concat())
}

#[test]
fn three_crashes_in_5_minutes_do_not_demote_while_the_primary_says_that_it_is_muted() {
    let mut night = Play::new(&defaults(), vec![crashes((Verdict::Healthy { ready: false }, 0.02))]);
    night.run_until(2000.0);
    assert_eq!(night.decision_times().len(), 1);
    let stops = night.stop_times();
    assert_eq!(stops.len(), 1);
    assert_between(stops[0], 590.0 + 630.0, 590.0 + 630.0 + 20.0, "asked to stop");
}

#[test]
fn three_crashes_in_5_minutes_do_not_demote_for_630_s_even_if_it_says_nothing_of_its_channels() {
    let mut night = Play::new(&defaults(), vec![crashes(up())]);
    night.run_until(2000.0);
    let stops = night.stop_times();
    assert_eq!(stops.len(), 1);
    assert_between(stops[0], 290.0 + 630.0, 290.0 + 630.0 + 20.0, "asked to stop");
}

#[test]
fn the_primary_dead_again_during_the_drain_is_stood_in_for_again() {
    let dead = fails(ProbeFailure::Refused);
    let plan = spans(vec![(0.0, up()), (101.0, dead), (200.0, up()), (236.0, dead), (2000.0, up())]);
    let mut night = Play::new(&defaults(), vec![plan]);
    night.drain = 315.0;
    night.run_until(1500.0);
    let kills = night.times_of(|action| *action == Action::UnitAction(UnitAction::Kill));
    let starts = night.times_of(|action| *action == Action::UnitAction(UnitAction::Start));
    assert_eq!((kills.len(), starts.len(), night.stop_times().len()), (1, 2, 1));
    let cut = night.times_of(|action| matches!(action, Action::Announce(MachineNotice::DrainCut { .. })));
    assert_between(kills[0], cut[0] + 15.0, cut[0] + 15.0, "killed");
    assert_between(starts[1], kills[0], kills[0] + 1.0 + 2.0, "started again, after a pull of 2 s");
}
