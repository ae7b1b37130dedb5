//! A second standby behind the first: any one or two of three hosts fail, and each time exactly one gateway is up.
//!
//! Hosts fail by being unplugged. A host that comes back boots without any help.

use crate::host::Host;
use crate::lab::{Lab, MONITOR, PRIMARY, STANDBY, THIRD};
use crate::observe::Monitor;
use crate::outage::{AFTER, CLOCKS, INTERVAL, SLACK, TIMEOUT};
use crate::shell::{always, eventually, now, report, secs};

/// `promote.after` of the third host, in seconds.
const THIRDS_AFTER: f64 = 45.0;

#[test]
fn each_dies_and_each_two_and_one_gateway_is_up() {
    let lab = Lab::with_third();
    let (primary, standby, third) = (&lab.primary, &lab.standby, lab.third());
    let began = now();
    settles(&lab, PRIMARY);
    is_calm(third);

    standby.power_off();
    stays(&lab, PRIMARY, 8);
    is_calm(third);
    third.power_off();
    stays(&lab, PRIMARY, 3);
    standby.power_on();
    third.power_on();
    watches(standby);
    watches(third);
    stays(&lab, PRIMARY, 5);
    assert_eq!(starts(&lab), [0, 0], "a gateway was started while the primary was up");
    let windows = [standby, third].map(|host| of(host).count("window_opened", 0.0));
    assert_eq!(windows, [0, 0], "no window began while the primary was up");

    let died = now();
    primary.power_off();
    decides(standby, died, AFTER);
    settles(&lab, STANDBY);
    // Longer than the third host's window.
    stays(&lab, STANDBY, 50);
    is_calm(third);
    third.power_off();
    stays(&lab, STANDBY, 3);
    third.power_on();
    watches(third);
    let sees = || of(third).sees(1).then_some(());
    eventually("the third host sees the standby serve", secs(20), sees);
    assert_eq!(starts(&lab), [1, 0]);

    let died = now();
    standby.power_off();
    decides(third, died, THIRDS_AFTER);
    settles(&lab, THIRD);

    // The first standby does not know the third host and promotes itself; the third host demotes.
    standby.power_on();
    settles(&lab, STANDBY);
    primary.power_on();
    settles(&lab, PRIMARY);
    is_calm(third);
    assert_eq!(starts(&lab), [2, 1], "starts since {began}");
}

#[test]
fn two_die_at_once_and_the_primary_is_back_first() {
    let lab = Lab::with_third();
    let (primary, standby, third) = (&lab.primary, &lab.standby, lab.third());
    let died = now();
    std::thread::scope(|scope| {
        scope.spawn(|| standby.power_off());
        primary.power_off();
    });
    decides(third, died, THIRDS_AFTER);
    settles(&lab, THIRD);
    primary.power_on();
    settles(&lab, PRIMARY);
    standby.power_on();
    watches(standby);
    stays(&lab, PRIMARY, 15);
    is_calm(third);
    assert_eq!(starts(&lab), [0, 1]);
}

/// Waits until one gateway answers and no other, and checks that this stays so.
fn settles(lab: &Lab, address: &str) {
    let began = now();
    eventually(&format!("{address} alone serves"), secs(180), || (serving(lab) == [address]).then_some(()));
    report(&format!("{address} alone serves after {:.1} s", now() - began));
    stays(lab, address, 5);
}

fn stays(lab: &Lab, address: &str, seconds: u64) {
    always(&format!("{address} alone serves"), secs(seconds), || serving(lab) == [address]);
}

/// Returns the addresses at which a gateway reports that it is started. Each host is asked from within.
fn serving(lab: &Lab) -> Vec<&'static str> {
    let hosts = [&lab.primary, &lab.standby, lab.third()];
    hosts.into_iter().filter(|host| host.sees_started(host.address)).map(|host| host.address).collect()
}

/// Waits for a promotion, and checks its time after the last healthy answer.
fn decides(host: &Host, died: f64, after: f64) {
    let decided = of(host).wait_event("promoting", died, secs(90));
    let window = decided.at - decided.last_life();
    report(&format!("{} decides {window:.3} s after the last healthy answer", host.address));
    assert!((after - CLOCKS..=after + TIMEOUT + SLACK).contains(&window), "{window} s");
    assert!((after - INTERVAL - SLACK..=after + TIMEOUT + SLACK + 1.0).contains(&(decided.at - died)));
}

/// Checks that an idle standby looks well although another upstream is down.
fn is_calm(host: &Host) {
    let monitor = of(host);
    eventually("the host is in standby", secs(30), || (monitor.role() == "standby").then_some(()));
    let complaints = monitor.complaints();
    // The suite's gateways have no channels, and the git remote was down with the primary, so these reports are
    // expected.
    let is_known = |line: &&str| line.contains("no channel is enabled") || line.starts_with("sync_failing");
    let others = complaints.lines().filter(|line| !is_known(line));
    assert_eq!(others.count(), 0, "{complaints}");
    let shown = host.ask("openclaw-failover status");
    assert!(shown.ok && !shown.text.contains("\nwindow "), "{}", shown.text);
    let doctor = host.ask("openclaw-failover doctor").text;
    for check in ["upstream", "armed"] {
        let line = doctor.lines().find(|line| line.split_whitespace().nth(1) == Some(check)).unwrap_or_default();
        assert!(line.starts_with("ok ") || line.starts_with("warn "), "{check} in {doctor}");
    }
}

fn watches(host: &Host) {
    eventually("the monitor runs", secs(30), || (host.unit(MONITOR).active == "active").then_some(()));
    eventually("the host is in standby", secs(30), || (of(host).role() == "standby").then_some(()));
}

/// Counts the starts of the gateways of both standbys.
fn starts(lab: &Lab) -> [usize; 2] {
    [&lab.standby, lab.third()].map(|host| Lab::told_on(host, "Started").len())
}

fn of(host: &Host) -> Monitor<'_> {
    Monitor { host }
}
