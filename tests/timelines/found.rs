//! Adoption of a gateway that this machine did not start.

use openclaw_failover::failover::Action::{Pull, Push, UnitAction};
use openclaw_failover::failover::UnitAction::Stop;
use openclaw_failover::failover::{self, UnitState};
use openclaw_failover::probe::{ProbeFailure, Verdict};

use crate::events::{boots, done, drains, gone, healthy, look, promote, refused, unit, up};
use crate::night::{Night, defaults};

/// Monitor that starts at 0 s without stored state.
fn starts(found: &failover::Event) -> Night {
    let start = failover::InitialFacts { armed: vec![true], unit: unit(found), ..failover::InitialFacts::default() };
    Night::starting_at(0.0, defaults(), start)
}

#[test]
fn a_gateway_found_running_is_adopted_as_active() {
    let mut night = starts(&up(7));
    night.at(0.0, up(7)).expect_notice("Adopted { cause: Found }").expect_role("promoting(verify)");
    night.at(0.5, up(7)).expect_role("active").expect_notice("Promoted { cause: Found").expect_actions(&[]);
    assert!(night.memory().has_unpushed_changes);
    assert!(night.memory().promotions.is_empty());
}

#[test]
fn it_leaves_through_the_ordinary_demotion() {
    let mut night = starts(&up(7));
    night.at(0.0, up(7)).at(0.5, up(7));
    night.at_each(&[1.0, 10.0, 20.0, 30.9], &healthy()).expect_role("active").expect_actions(&[]);
    night.at(31.0, healthy()).expect_role("demoting").expect_actions(&[UnitAction(Stop)]);
    night.at(31.1, done()).at(32.0, gone(7)).expect_role("standby").expect_actions(&[Push]);
}

#[test]
fn promote_keeps_it_up() {
    let mut night = starts(&up(7));
    night.at(0.0, up(7)).at(0.5, up(7)).at(1.0, promote());
    for at in (10..3600).step_by(10) {
        night.at(f64::from(at), healthy()).at(f64::from(at), up(7));
    }
    night.expect_role("active").expect_actions(&[]);
}

#[test]
fn one_started_by_hand_while_the_primary_is_ready_leaves_its_operator_the_hold_down_to_keep_it() {
    let mut night = Night::standby();
    night.at(5.0, boots(2)).expect_notice("Adopted { cause: Found }").expect_actions(&[]);
    night.at_each(&[10.0, 20.0, 29.0], &healthy()).expect_role("promoting(verify)").expect_actions(&[]);
    night.at(30.0, healthy()).expect_notice("Demoting { reason: Ready").expect_actions(&[UnitAction(Stop)]);
}

#[test]
fn one_started_by_hand_in_an_outage_is_adopted_before_the_window_is_due() {
    let mut night = Night::standby();
    night.at(10.0, refused()).expect_actions(&[Pull]);
    night.at(15.0, up(2)).expect_notice("Adopted");
    night.at(15.5, up(2)).at(16.0, up(2)).expect_role("active").expect_actions(&[]);
}

#[test]
fn one_that_systemd_still_starts_is_verified() {
    let mut night = starts(&boots(7));
    night.at(0.0, look(UnitState::Activating, 7, Verdict::Failing(ProbeFailure::Refused)));
    night.expect_role("promoting(verify)");
    night.at(8.0, up(7)).at(8.5, up(7)).expect_role("active").expect_actions(&[]);
}

#[test]
fn one_that_drains_is_demoting_until_it_is_down() {
    let mut night = starts(&drains(7));
    night.at(0.0, drains(7)).expect_role("demoting").expect_notice("Demoting { reason: Found }").expect_actions(&[]);
    night.at(100.0, drains(7)).expect_actions(&[]);
    night.at(101.0, gone(7)).expect_role("standby").expect_actions(&[Pull]);
}

#[test]
fn what_is_down_is_standby_with_a_fresh_window() {
    let mut night = starts(&gone(7));
    night.at(0.0, gone(7)).expect_role("standby").expect_actions(&[Pull]);
    assert_eq!(night.window(), None);
}

#[test]
fn adopts_a_gateway_that_is_restarted_from_outside() {
    let mut night = starts(&drains(7));
    night.at(0.0, drains(7)).expect_role("demoting");
    night.at(5.0, boots(8)).expect_notice("Adopted").expect_role("promoting(verify)");
    night.at(12.0, up(8)).at(13.0, up(8)).expect_role("active");
    for at in 14..120 {
        night.at(f64::from(at), refused()).at(f64::from(at), up(8));
    }
    night.expect_role("active").expect_actions(&[]);
}
