//! Output for operators in each role, on real hosts: printed for the README, and never wider than a terminal.

use std::time::Instant;

use crate::host::Host;
use crate::install::{NODE, add_telegram};
use crate::lab::{GATEWAY, Lab, MONITOR};
use crate::repository::PULL_UNIT;
use crate::shell::{secs, wait_until};
use crate::stub::StubAnswer;

#[test]
fn every_role_fits_a_terminal() {
    let (lab, stub) = Lab::with_stub();
    let (host, monitor) = (&lab.standby, lab.monitor());
    add_telegram(host);
    host.run(&format!("systemd-run --quiet --unit=telegram {NODE} /root/telegram.mjs /root/sent"));
    lab.change_config(r#""telegram""#, r#""discord""#);
    lab.add_to_config(r#""workspace": { "refresh": "2s" }"#);
    // Slow enough for a command to arrive during the start.
    lab.change_config(r#""sync_wait": "1s""#, r#""sync_wait": "30s""#);
    host.add_to_unit(GATEWAY, "[Service]\nExecStop=/bin/sleep 5\n");
    wait_and_print(host, "standby", "yes: this host could take over");

    host.add_to_unit(PULL_UNIT, "[Service]\nExecStartPre=/bin/sleep 15\n");
    stub.set_answer(StubAnswer::Error);
    wait_and_print(host, "window", "[##########");
    wait_and_print(host, "promoting", "promoting (sync)");
    wait_and_print(host, "active", "this host serves");
    host.add_to_unit(PULL_UNIT, "[Service]\n");
    stub.set_answer(StubAnswer::Started);
    wait_and_print(host, "demoting", "demoting since");
    monitor.wait_role("standby", secs(60));
    wait_until("local changes are pushed", secs(30), || (monitor.count_events("pushed", 0.0) > 0).then_some(()));

    host.run("openclaw-failover pause --for 30m");
    wait_and_print(host, "paused", "hold       paused since");
    host.run("openclaw-failover resume");
    host.run(&format!("systemctl mask {GATEWAY}"));
    wait_until("the masked unit is reported", secs(60), || {
        host.run(&format!("systemctl reload {MONITOR}; sleep 2"));
        status_page(host).contains("not_ready: ").then_some(())
    });
    wait_and_print(host, "degraded", "degraded   not_ready");
    host.run(&format!("systemctl unmask {GATEWAY}"));

    println!("--- history --summary\n{}", host.run("openclaw-failover history --summary"));
    println!("--- replay\n{}", host.run("openclaw-failover replay"));
    host.run(&format!("systemctl kill --kill-who=main --signal=STOP {MONITOR}"));
    wait_and_print(host, "no monitor", "monitor not running: last update");
    host.run(&format!("systemctl stop {MONITOR}"));
    wait_and_print(host, "nothing", "monitor not running: there is no");
}

/// Waits until the status contains this text, and prints the status.
fn wait_and_print(host: &Host, what: &str, words: &str) {
    let began = Instant::now();
    let page = loop {
        let page = status_page(host);
        if page.contains(words) {
            break page;
        }
        assert!(began.elapsed() < secs(40), "{what}: {words} is not in:\n{page}");
    };
    println!("--- {what}\n{page}");
    for line in page.lines() {
        assert!(line.chars().count() <= 80, "{what}: {line}");
    }
    assert!(page.lines().count() <= 24, "{what} is more than a screen");
}

fn status_page(host: &Host) -> String {
    host.run_unchecked("openclaw-failover status").text
}
