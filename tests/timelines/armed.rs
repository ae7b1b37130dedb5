//! Arming: only an upstream that was seen healthy from here can cause a failover.

use openclaw_failover::failover;
use openclaw_failover::failover::Action::{Pull, UnitAction};
use openclaw_failover::failover::UnitAction::Start;

use crate::events::{demote, healthy, promote, pulled, refused, resume, second};
use crate::night::{Night, defaults};

fn unarmed() -> Night {
    let mut night = Night::starting_at(0.0, defaults(), failover::InitialFacts::default());
    night.at(0.1, refused()).expect_actions(&[Pull]).at(1.0, pulled());
    night.at_each(&[10.0, 20.0, 29.0], &refused()).expect_actions(&[]);
    night
}

#[test]
fn reminds_hourly_that_no_upstream_was_ever_healthy() {
    let mut night = unarmed();
    night.at(30.0, refused()).expect_notice("NeverSeenHealthy").expect_role("standby");
    let mut reminders = 0;
    for at in (33..7300).step_by(3) {
        night.at(f64::from(at), refused());
        if at % 60 == 0 {
            night.at(f64::from(at), pulled());
        }
        let due = [3630, 7230].contains(&at);
        if due {
            night.expect_notice("NeverSeenHealthy");
            reminders += 1;
        } else {
            night.expect_no_notice();
        }
    }
    assert_eq!(reminders, 2);
    night.expect_role("standby").expect_actions(&vec![Pull; 121]);
}

#[test]
fn promote_is_the_way_out_of_never_seen_healthy() {
    let mut night = unarmed();
    night.at(30.0, refused()).expect_notice("NeverSeenHealthy");
    night.at(31.0, promote()).expect_role("promoting(sync)").expect_actions(&[Pull]);
    night.at(32.0, pulled()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn the_first_healthy_verdict_arms_for_good() {
    let mut night = unarmed();
    night.at(30.0, healthy()).expect_notice("Armed { upstream: 0 }");
    night.at(40.0, healthy()).expect_no_notice();
    night.at(50.0, refused()).expect_actions(&[Pull]).at(51.0, pulled());
    night.at_each(&[61.0, 65.0, 69.0], &refused()).expect_role("standby").expect_actions(&[]);
    night.at(70.0, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn one_armed_upstream_of_two_is_enough() {
    let policy = failover::Policy { upstreams: 2, ..defaults() };
    let start = failover::InitialFacts { armed: vec![false, true], ..failover::InitialFacts::default() };
    let mut night = Night::starting_at(0.0, policy, start);
    night.at(0.1, refused()).expect_actions(&[Pull]).at(0.2, second(refused()));
    // That pull began before both were known to be down, so another one follows it.
    night.at(1.0, pulled()).expect_actions(&[Pull]).at(2.0, pulled());
    for at in [10.0, 20.0, 29.0] {
        night.at(at, refused()).at(at, second(refused())).expect_actions(&[]);
    }
    night.at(30.0, refused()).expect_actions(&[UnitAction(Start)]);
}

#[test]
fn a_reload_keeps_the_role_and_sets_the_armed_upstreams() {
    let mut night = Night::standby();
    night.machine.reconfigure(defaults(), false, &[false]);
    night.at(10.0, refused()).expect_actions(&[Pull]).at(11.0, pulled());
    night.at_each(&[15.0, 20.0, 25.0], &refused());
    night.at(30.0, refused()).expect_notice("NeverSeenHealthy").expect_role("standby").expect_actions(&[]);
    let mut night = Night::standby().active();
    night.machine.reconfigure(defaults(), false, &[true]);
    night.at(45.0, refused()).expect_role("active").expect_actions(&[]);
}

#[test]
fn reminds_hourly_even_while_a_hold_is_set() {
    let mut night = unarmed();
    night.at(29.5, demote()).at(30.0, refused()).expect_notice("NeverSeenHealthy").expect_role("standby");
    night.at(31.0, resume()).expect_actions(&[]);
}
