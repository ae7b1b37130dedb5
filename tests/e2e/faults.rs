//! Every way in which a primary can fail. Each time the standby takes over in time and steps aside once.

use crate::lab::{GATEWAY, Lab};
use crate::outage::Outage;
use crate::stub::Says;

#[test]
fn killed_and_not_restarted() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || {
        lab.primary.run(&format!(
            "mkdir -p /run/systemd/system/{GATEWAY}.d; \
             printf '[Service]\\nRestart=no\\n' > /run/systemd/system/{GATEWAY}.d/held-off.conf; \
             systemctl daemon-reload; systemctl kill --signal=KILL {GATEWAY}"
        ));
    });
    outage.takeover();
    outage.failback(|| {
        lab.primary.run(&format!("systemctl start {GATEWAY}"));
    });
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
    let outage = Outage::begin(&lab, || filter(&lab, "drop"));
    outage.takeover();
    outage.failback(|| unfilter(&lab));
}

#[test]
fn port_rejected() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || filter(&lab, "tcp dport 18789 reject"));
    outage.takeover();
    outage.failback(|| unfilter(&lab));
}

#[test]
fn powered_off() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.primary.power_off());
    outage.takeover();
    outage.failback(|| {
        lab.primary.wire("up");
        lab.primary.power_on();
    });
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

/// Lets the primary's packet filter do something to everything that comes in.
fn filter(lab: &Lab, rule: &str) {
    lab.primary.run(&format!(
        "nft 'add table inet fault; \
              add chain inet fault input {{ type filter hook input priority 0; }}; \
              add rule inet fault input {rule}'"
    ));
}

fn unfilter(lab: &Lab) {
    lab.primary.run("nft delete table inet fault");
}
