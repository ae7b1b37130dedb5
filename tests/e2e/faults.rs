//! All kinds of failures of a primary. Each time the standby promotes in time and demotes once.

use crate::lab::{GATEWAY, Lab};
use crate::outage::Outage;
use crate::stub::Says;

#[test]
fn killed_and_not_restarted() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.kill_primary());
    outage.takeover();
    outage.failback(|| lab.start_primary());
}

#[test]
fn frozen() {
    let lab = Lab::new();
    let signal = |name: &str| lab.primary.run(&format!("systemctl kill --signal={name} {GATEWAY}"));
    let outage = Outage::begin(&lab, || drop(signal("STOP")));
    outage.takeover();
    outage.failback(|| drop(signal("CONT")));
}

#[test]
fn cable_cut() {
    let lab = Lab::new();
    // The kernel would notice a link that is down; this one stays up and drops all packets.
    let outage = Outage::begin(&lab, || lab.primary.filter("drop"));
    outage.takeover();
    outage.failback(|| lab.primary.unfilter());
}

#[test]
fn port_rejected() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.primary.filter("tcp dport 18789 reject"));
    outage.takeover();
    outage.failback(|| lab.primary.unfilter());
}

#[test]
fn powered_off() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.primary.power_off());
    outage.takeover();
    outage.failback(|| lab.primary.power_on());
}

#[test]
fn answers_http_500() {
    answers(Says::Error);
}

#[test]
fn answers_every_path_with_a_page() {
    answers(Says::Page);
}

fn answers(wrongly: Says) {
    let (lab, stub) = Lab::with_stub();
    let mut outage = Outage::begin(&lab, || stub.say(wrongly));
    outage.last_life = Some(stub.last_life());
    outage.takeover();
    outage.failback(|| stub.say(Says::Started));
}
