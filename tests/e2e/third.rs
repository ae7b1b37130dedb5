//! A second standby behind the first: any one or two of three hosts fail, and each time exactly one gateway is up.
//!
//! Hosts fail by being unplugged. A host that comes back boots without any help.

use crate::host::Host;
use crate::lab::{Lab, MONITOR, PRIMARY, STANDBY, THIRD};
use crate::observe::Monitor;
use crate::outage::{CLOCK_TOLERANCE, LOAD_TOLERANCE, PROBE_INTERVAL, PROBE_TIMEOUT, PROMOTE_AFTER};
use crate::shell::{check_throughout, print_measurement, secs, unix_now, wait_until};

/// `promote.after` of the third host, in seconds.
const THIRD_PROMOTE_AFTER: f64 = 45.0;

#[test]
fn each_dies_and_each_two_and_one_gateway_is_up() {
    let lab = Lab::with_third();
    let (primary, standby, third) = (&lab.primary, &lab.standby, lab.third());
    let began = unix_now();
    wait_only_serving(&lab, PRIMARY);
    check_idle(third);

    standby.power_off();
    check_stays_serving(&lab, PRIMARY, 8);
    check_idle(third);
    third.power_off();
    check_stays_serving(&lab, PRIMARY, 3);
    standby.power_on();
    third.power_on();
    wait_monitor_watches(standby);
    wait_monitor_watches(third);
    check_stays_serving(&lab, PRIMARY, 5);
    assert_eq!(count_starts(&lab), [0, 0], "a gateway was started while the primary was up");
    let windows = [standby, third].map(|host| monitor_of(host).count_events("window_opened", 0.0));
    assert_eq!(windows, [0, 0], "no window began while the primary was up");

    let died = unix_now();
    primary.power_off();
    check_decision(standby, died, PROMOTE_AFTER);
    wait_only_serving(&lab, STANDBY);
    // Longer than the third host's window.
    check_stays_serving(&lab, STANDBY, 50);
    check_idle(third);
    third.power_off();
    check_stays_serving(&lab, STANDBY, 3);
    third.power_on();
    wait_monitor_watches(third);
    let sees = || monitor_of(third).sees_upstream_healthy(1).then_some(());
    wait_until("the third host sees the standby serve", secs(20), sees);
    assert_eq!(count_starts(&lab), [1, 0]);

    let died = unix_now();
    standby.power_off();
    check_decision(third, died, THIRD_PROMOTE_AFTER);
    wait_only_serving(&lab, THIRD);

    // The first standby does not know the third host and promotes itself; the third host demotes.
    standby.power_on();
    wait_only_serving(&lab, STANDBY);
    primary.power_on();
    wait_only_serving(&lab, PRIMARY);
    check_idle(third);
    assert_eq!(count_starts(&lab), [2, 1], "starts since {began}");
}

#[test]
fn two_die_at_once_and_the_primary_is_back_first() {
    let lab = Lab::with_third();
    let (primary, standby, third) = (&lab.primary, &lab.standby, lab.third());
    let died = unix_now();
    std::thread::scope(|scope| {
        scope.spawn(|| standby.power_off());
        primary.power_off();
    });
    check_decision(third, died, THIRD_PROMOTE_AFTER);
    wait_only_serving(&lab, THIRD);
    primary.power_on();
    wait_only_serving(&lab, PRIMARY);
    standby.power_on();
    wait_monitor_watches(standby);
    check_stays_serving(&lab, PRIMARY, 15);
    check_idle(third);
    assert_eq!(count_starts(&lab), [0, 1]);
}

/// Waits until one gateway answers and no other, and checks that this stays so.
fn wait_only_serving(lab: &Lab, address: &str) {
    let began = unix_now();
    wait_until(&format!("{address} alone serves"), secs(180), || (serving_addresses(lab) == [address]).then_some(()));
    print_measurement(&format!("{address} alone serves after {:.1} s", unix_now() - began));
    check_stays_serving(lab, address, 5);
}

fn check_stays_serving(lab: &Lab, address: &str, seconds: u64) {
    check_throughout(&format!("{address} alone serves"), secs(seconds), || serving_addresses(lab) == [address]);
}

/// Returns the addresses at which a gateway reports that it is started. Each host is asked from within.
fn serving_addresses(lab: &Lab) -> Vec<&'static str> {
    let hosts = [&lab.primary, &lab.standby, lab.third()];
    hosts.into_iter().filter(|host| host.sees_started(host.address)).map(|host| host.address).collect()
}

/// Waits for a promotion, and checks its time after the last healthy answer.
fn check_decision(host: &Host, died: f64, after: f64) {
    let decided = monitor_of(host).wait_event("promoting", died, secs(90));
    let window = decided.at - decided.last_healthy_at();
    print_measurement(&format!("{} decides {window:.3} s after the last healthy answer", host.address));
    assert!((after - CLOCK_TOLERANCE..=after + PROBE_TIMEOUT + LOAD_TOLERANCE).contains(&window), "{window} s");
    assert!(
        (after - PROBE_INTERVAL - LOAD_TOLERANCE..=after + PROBE_TIMEOUT + LOAD_TOLERANCE + 1.0)
            .contains(&(decided.at - died))
    );
}

/// Checks that an idle standby looks well although another upstream is down.
fn check_idle(host: &Host) {
    let monitor = monitor_of(host);
    wait_until("the host is in standby", secs(30), || (monitor.role() == "standby").then_some(()));
    let complaints = monitor.degraded_conditions();
    // The suite's gateways have no channels, and the git remote was down with the primary, so these reports are
    // expected.
    let is_known = |line: &&str| line.contains("no channel is enabled") || line.starts_with("sync_failing");
    let others = complaints.lines().filter(|line| !is_known(line));
    assert_eq!(others.count(), 0, "{complaints}");
    let shown = host.run_unchecked("openclaw-failover status");
    assert!(shown.ok && !shown.text.contains("\nwindow "), "{}", shown.text);
    let doctor = host.run_unchecked("openclaw-failover doctor").text;
    for check in ["upstream", "armed"] {
        let line = doctor.lines().find(|line| line.split_whitespace().nth(1) == Some(check)).unwrap_or_default();
        assert!(line.starts_with("ok ") || line.starts_with("warn "), "{check} in {doctor}");
    }
}

fn wait_monitor_watches(host: &Host) {
    wait_until("the monitor runs", secs(30), || (host.unit(MONITOR).active == "active").then_some(()));
    wait_until("the host is in standby", secs(30), || (monitor_of(host).role() == "standby").then_some(()));
}

/// Counts the starts of the gateways of both standbys.
fn count_starts(lab: &Lab) -> [usize; 2] {
    [&lab.standby, lab.third()].map(|host| Lab::journal_times_on(host, "Started").len())
}

fn monitor_of(host: &Host) -> Monitor<'_> {
    Monitor { host }
}
