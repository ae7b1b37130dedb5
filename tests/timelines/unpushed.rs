//! Pushes of local changes: repeated in the background, remembered across restarts, and never a delay of a promotion.

use openclaw_failover::failover::Action::{Pull, Push, StopSync, UnitAction};
use openclaw_failover::failover::Event;
use openclaw_failover::failover::UnitAction::Start;

use crate::events::{done, gone, healthy, pause, promote, pulled, pushed, refused, tick, up};
use crate::night::Night;

/// Night in which this host is back in standby at 140 s, with the push running.
fn pushing() -> Night {
    let mut night = Night::standby().draining();
    night.at(140.0, gone(2)).expect_role("standby").expect_actions(&[Push]);
    night
}

#[test]
fn a_demotion_returns_the_workspace_and_only_then_it_counts_as_returned() {
    let mut night = pushing();
    assert!(night.memory().has_unpushed_changes);
    night.at(145.0, pushed(true)).expect_actions(&[]);
    assert!(!night.memory().has_unpushed_changes);
    night.at(300.0, tick()).expect_actions(&[]);
}

#[test]
fn a_push_that_fails_is_retried_with_backoff_until_it_succeeds() {
    let mut night = pushing();
    let mut at = 140.1;
    for wait in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
        night.at(at, pushed(false));
        night.discard_so_far().at(at + 0.05, pulled()).discard_so_far();
        night.at(at + wait - 0.1, tick()).discard_so_far().at(at + wait - 0.05, pulled()).discard_so_far();
        night.at(at + wait, tick()).expect_actions(&[Push]);
        assert!(night.memory().has_unpushed_changes);
        at += wait + 0.1;
    }
    night.at(at, pushed(true)).discard_so_far();
    assert!(!night.memory().has_unpushed_changes);
}

#[test]
fn the_flag_survives_a_restart() {
    let night = pushing();
    let mut night = night.restart_at(150.0, gone(2));
    night.expect_actions(&[Push]).at(155.0, pushed(true)).expect_actions(&[Pull]);
    assert!(!night.memory().has_unpushed_changes);
    night.discard_so_far();
}

#[test]
fn a_push_under_way_delays_no_promotion() {
    let mut night = pushing();
    // One or two failures are no outage yet.
    night.at_each(&[141.0, 151.0], &refused()).expect_actions(&[]);
    // The pull of the primary's latest changes comes before this host's push.
    night.at(154.0, refused()).expect_actions(&[StopSync]).at(154.1, pushed(false)).expect_actions(&[Pull]);
    night.at(157.0, pulled()).expect_actions(&[]);
    night.at(160.0, refused()).expect_role("promoting(start)").expect_actions(&[UnitAction(Start)]);
    night.at(160.0, gone(2)).at(160.1, done()).at(170.0, up(3)).at(171.0, up(3)).expect_role("active");
    assert!(night.memory().has_unpushed_changes);
}

#[test]
fn a_push_that_does_not_end_is_waited_for_like_a_pull() {
    let mut night = pushing();
    night.at_each(&[141.0, 151.0], &refused()).at(154.0, refused()).expect_actions(&[StopSync]);
    // The push may be changing the work tree, which must not happen while an agent uses it.
    night.at(160.0, refused()).expect_role("promoting(sync)").expect_actions(&[]);
    night.at(165.0, tick()).expect_actions(&[StopSync]);
    night.at_each(&[170.0, 180.0, 190.0, 199.0], &refused()).expect_actions(&[]);
    night.at(200.0, pushed(false)).expect_role("promoting(start)").expect_actions(&[UnitAction(Start)]);
}

#[test]
fn a_promotion_on_command_pulls_what_there_is_time_for() {
    let mut night = pushing();
    night.at(141.0, promote()).expect_role("promoting(sync)").expect_actions(&[StopSync]);
    night.at(141.2, pushed(false)).expect_role("promoting(sync)").expect_actions(&[Pull]);
    night.at(143.0, pulled()).expect_role("promoting(start)").expect_actions(&[UnitAction(Start)]);
}

#[test]
fn an_outage_that_a_hold_forbids_does_not_block_pushes() {
    let mut night = pushing();
    night.at(140.5, pushed(false)).expect_actions(&[]).at(141.0, pause()).expect_actions(&[]);
    for at in (142..160).step_by(3) {
        night.at(f64::from(at), refused()).at(f64::from(at), pulled());
    }
    night.expect_actions(&[Pull]).at(163.0, refused()).expect_actions(&[Push]);
    night.at(170.0, refused()).expect_actions(&[]);
}

#[test]
fn what_a_pull_finds_is_returned_too() {
    let mut night = pushing();
    night.at(145.0, pushed(true)).expect_actions(&[]);
    night.at(440.0, tick()).expect_actions(&[Pull]).at(441.0, Event::Pulled { unpushed: true }).expect_actions(&[Push]);
    assert!(night.memory().has_unpushed_changes);
    night.at(442.0, pushed(true)).expect_actions(&[]);
    assert!(!night.memory().has_unpushed_changes);
}

#[test]
fn nothing_is_pushed_but_in_standby() {
    let mut night = Night::standby().active();
    night.at_each(&[50.0, 100.0, 1000.0], &tick()).expect_actions(&[]);
    assert!(night.memory().has_unpushed_changes);
}

#[test]
fn a_pull_and_a_push_never_run_side_by_side() {
    let mut night = pushing();
    night.at(150.0, healthy()).at(160.0, refused()).expect_actions(&[]);
    night.at(162.0, pushed(true)).expect_actions(&[Pull]);
    night.at(170.0, pulled()).expect_actions(&[]);
}
