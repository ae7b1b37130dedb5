//! Pushes of local changes: repeated in the background, remembered across restarts, and never a delay of a promotion.

use openclaw_failover::failover::Action::{CutSync, Order, Pull, Push};
use openclaw_failover::failover::Event;
use openclaw_failover::failover::Order::Start;

use crate::events::{done, gone, healthy, pause, promote, pulled, pushed, refused, tick, up};
use crate::night::Night;

/// Night in which this host is back in standby at 140 s, with the push running.
fn pushing() -> Night {
    let mut night = Night::watching().draining();
    night.at(140.0, gone(2)).is("standby").expect(&[Push]);
    night
}

#[test]
fn a_demotion_returns_the_workspace_and_only_then_it_counts_as_returned() {
    let mut night = pushing();
    assert!(night.memory().unreturned);
    night.at(145.0, pushed(true)).expect(&[]);
    assert!(!night.memory().unreturned);
    night.at(300.0, tick()).expect(&[]);
}

#[test]
fn a_push_that_fails_is_retried_with_backoff_until_it_succeeds() {
    let mut night = pushing();
    let mut at = 140.1;
    for wait in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
        night.at(at, pushed(false));
        night.forget().at(at + 0.05, pulled()).forget();
        night.at(at + wait - 0.1, tick()).forget().at(at + wait - 0.05, pulled()).forget();
        night.at(at + wait, tick()).expect(&[Push]);
        assert!(night.memory().unreturned);
        at += wait + 0.1;
    }
    night.at(at, pushed(true)).forget();
    assert!(!night.memory().unreturned);
}

#[test]
fn the_flag_survives_a_restart() {
    let night = pushing();
    let mut night = night.restarts(150.0, gone(2));
    night.expect(&[Push]).at(155.0, pushed(true)).expect(&[Pull]);
    assert!(!night.memory().unreturned);
    night.forget();
}

#[test]
fn a_push_under_way_delays_no_promotion() {
    let mut night = pushing();
    // One or two failures are no outage yet.
    night.each(&[141.0, 151.0], &refused()).expect(&[]);
    // The pull of the primary's latest changes comes before this host's push.
    night.at(154.0, refused()).expect(&[CutSync]).at(154.1, pushed(false)).expect(&[Pull]);
    night.at(157.0, pulled()).expect(&[]);
    night.at(160.0, refused()).is("promoting(start)").expect(&[Order(Start)]);
    night.at(160.0, gone(2)).at(160.1, done()).at(170.0, up(3)).at(171.0, up(3)).is("active");
    assert!(night.memory().unreturned);
}

#[test]
fn a_push_that_does_not_end_is_waited_for_like_a_pull() {
    let mut night = pushing();
    night.each(&[141.0, 151.0], &refused()).at(154.0, refused()).expect(&[CutSync]);
    // The push may be changing the work tree, which must not happen while an agent uses it.
    night.at(160.0, refused()).is("promoting(sync)").expect(&[]);
    night.at(165.0, tick()).expect(&[CutSync]).each(&[170.0, 180.0, 190.0, 199.0], &refused()).expect(&[]);
    night.at(200.0, pushed(false)).is("promoting(start)").expect(&[Order(Start)]);
}

#[test]
fn a_promotion_on_command_pulls_what_there_is_time_for() {
    let mut night = pushing();
    night.at(141.0, promote()).is("promoting(sync)").expect(&[CutSync]);
    night.at(141.2, pushed(false)).is("promoting(sync)").expect(&[Pull]);
    night.at(143.0, pulled()).is("promoting(start)").expect(&[Order(Start)]);
}

#[test]
fn an_outage_that_nobody_may_answer_does_not_keep_what_was_learned() {
    let mut night = pushing();
    night.at(140.5, pushed(false)).expect(&[]).at(141.0, pause()).expect(&[]);
    for at in (142..160).step_by(3) {
        night.at(f64::from(at), refused()).at(f64::from(at), pulled());
    }
    night.expect(&[Pull]).at(163.0, refused()).expect(&[Push]);
    night.at(170.0, refused()).expect(&[]);
}

#[test]
fn what_a_pull_finds_is_returned_too() {
    let mut night = pushing();
    night.at(145.0, pushed(true)).expect(&[]);
    night.at(440.0, tick()).expect(&[Pull]).at(441.0, Event::Pulled { unreturned: true }).expect(&[Push]);
    assert!(night.memory().unreturned);
    night.at(442.0, pushed(true)).expect(&[]);
    assert!(!night.memory().unreturned);
}

#[test]
fn nothing_is_pushed_but_in_standby() {
    let mut night = Night::watching().active();
    night.each(&[50.0, 100.0, 1000.0], &tick()).expect(&[]);
    assert!(night.memory().unreturned);
}

#[test]
fn a_pull_and_a_push_never_run_side_by_side() {
    let mut night = pushing();
    night.at(150.0, healthy()).at(160.0, refused()).expect(&[]);
    night.at(162.0, pushed(true)).expect(&[Pull]);
    night.at(170.0, pulled()).expect(&[]);
}
