//! Returning the workspace is a background duty with a durable flag, and never delays a promotion.

use openclaw_failover::failover::Action::{Order, Pull, Push};
use openclaw_failover::failover::Order::Start;

use crate::events::{done, gone, healthy, pulled, pushed, refused, tick, up};
use crate::night::Night;

/// Back in standby at 140 s, the push under way.
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
    night.each(&[141.0, 151.0, 159.9], &refused()).expect(&[]);
    night.at(160.0, refused()).is("promoting(start)").expect(&[Order(Start)]);
    night.at(160.0, gone(2)).at(160.1, done()).at(161.0, pushed(true)).at(170.0, up(3)).at(171.0, up(3)).is("active");
    assert!(night.memory().unreturned);
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
