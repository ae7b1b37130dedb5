//! All kinds of failures of a primary. Each time the standby promotes in time and demotes once.

use crate::lab::{GATEWAY, Lab};
use crate::outage::Outage;
use crate::stub::StubAnswer;

#[test]
fn killed_and_not_restarted() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.kill_primary());
    outage.check_failover();
    outage.check_failback(|| lab.start_primary());
}

#[test]
fn frozen() {
    let lab = Lab::new();
    let signal = |name: &str| lab.primary.run(&format!("systemctl kill --signal={name} {GATEWAY}"));
    let outage = Outage::begin(&lab, || drop(signal("STOP")));
    outage.check_failover();
    outage.check_failback(|| drop(signal("CONT")));
}

#[test]
fn cable_cut() {
    let lab = Lab::new();
    // The kernel would notice a link that is down; this one stays up and drops all packets.
    let outage = Outage::begin(&lab, || lab.primary.add_filter_rule("drop"));
    outage.check_failover();
    outage.check_failback(|| lab.primary.remove_filter_rules());
}

#[test]
fn port_rejected() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.primary.add_filter_rule("tcp dport 18789 reject"));
    outage.check_failover();
    outage.check_failback(|| lab.primary.remove_filter_rules());
}

#[test]
fn powered_off() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.primary.power_off());
    outage.check_failover();
    outage.check_failback(|| lab.primary.power_on());
}

#[test]
fn answers_http_500() {
    check_wrong_answer(StubAnswer::Error);
}

#[test]
fn answers_every_path_with_a_page() {
    check_wrong_answer(StubAnswer::Page);
}

fn check_wrong_answer(wrongly: StubAnswer) {
    let (lab, stub) = Lab::with_stub();
    let mut outage = Outage::begin(&lab, || stub.set_answer(wrongly));
    outage.last_life = Some(stub.last_healthy_at());
    outage.check_failover();
    outage.check_failback(|| stub.set_answer(StubAnswer::Started));
}
