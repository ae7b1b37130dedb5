//! Arming: only an upstream that was seen healthy from here can cause a failover.

use openclaw_failover::failover::Action::{Order, Pull};
use openclaw_failover::failover::Order::Start;
use openclaw_failover::failover::{self};

use crate::events::{demote, healthy, promote, pulled, refused, resume, second};
use crate::night::{Night, defaults};

fn unarmed() -> Night {
    let mut night = Night::begins(0.0, defaults(), failover::Start::default());
    night.at(0.1, refused()).expect(&[Pull]).at(1.0, pulled());
    night.each(&[10.0, 20.0, 29.0], &refused()).expect(&[]);
    night
}

#[test]
fn unarmed_while_everything_fails_is_never_seen_healthy_and_told_hourly() {
    let mut night = unarmed();
    night.at(30.0, refused()).says("NeverSeenHealthy").is("standby");
    let mut told = 0;
    for at in (33..7300).step_by(3) {
        night.at(f64::from(at), refused());
        if at % 60 == 0 {
            night.at(f64::from(at), pulled());
        }
        let due = [3630, 7230].contains(&at);
        if due {
            night.says("NeverSeenHealthy");
            told += 1;
        } else {
            night.is_silent();
        }
    }
    assert_eq!(told, 2);
    night.is("standby").expect(&vec![Pull; 121]);
}

#[test]
fn promote_is_the_way_out_of_never_seen_healthy() {
    let mut night = unarmed();
    night.at(30.0, refused()).says("NeverSeenHealthy");
    night.at(31.0, promote()).is("promoting(sync)").expect(&[Pull]);
    night.at(32.0, pulled()).expect(&[Order(Start)]);
}

#[test]
fn the_first_healthy_verdict_arms_for_good() {
    let mut night = unarmed();
    night.at(30.0, healthy()).says("Armed { upstream: 0 }");
    night.at(40.0, healthy()).is_silent();
    night.at(50.0, refused()).expect(&[]);
    night.at(61.0, refused()).expect(&[Pull]).at(62.0, pulled()).each(&[65.0, 69.0], &refused()).is("standby");
    night.at(70.0, refused()).expect(&[Order(Start)]);
}

#[test]
fn one_armed_upstream_of_two_is_enough() {
    let policy = failover::Policy { upstreams: 2, ..defaults() };
    let start = failover::Start { armed: vec![false, true], ..failover::Start::default() };
    let mut night = Night::begins(0.0, policy, start);
    night.at(0.1, refused()).expect(&[Pull]).at(0.2, second(refused())).at(1.0, pulled());
    for at in [10.0, 20.0, 29.0] {
        night.at(at, refused()).at(at, second(refused())).expect(&[]);
    }
    // The only pull so far began before both were known to be down.
    night.at(30.0, refused()).expect(&[Pull]).at(30.2, pulled()).expect(&[Order(Start)]);
}

#[test]
fn a_reload_keeps_the_role_and_arms_as_it_is_told() {
    let mut night = Night::watching();
    night.machine.reconfigure(defaults(), false, &[false]);
    night.at(10.0, refused()).expect(&[Pull]).at(11.0, pulled());
    night.each(&[15.0, 20.0, 25.0], &refused());
    night.at(30.0, refused()).says("NeverSeenHealthy").is("standby").expect(&[]);
    let mut night = Night::watching().active();
    night.machine.reconfigure(defaults(), false, &[true]);
    night.at(45.0, refused()).is("active").expect(&[]);
}

#[test]
fn the_hour_is_told_even_while_a_hold_stands() {
    let mut night = unarmed();
    night.at(29.5, demote()).at(30.0, refused()).says("NeverSeenHealthy").is("standby");
    night.at(31.0, resume()).expect(&[]);
}
