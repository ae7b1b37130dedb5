//! Faults of the standby itself, at various times. The standby recovers each time, and never touches the gateway
//! without need.

use crate::host::UnitStatus;
use crate::lab::{GATEWAY, Lab, MONITOR, STANDBY};
use crate::observe::STATE;
use crate::outage::Outage;
use crate::shell::{check_throughout, print_measurement, secs, unix_now, wait_until};

#[test]
fn monitor_killed_in_each_role() {
    let lab = Lab::new();
    let monitor = lab.monitor();
    // Slow enough for a kill during the start.
    lab.standby.add_to_unit(GATEWAY, "[Service]\nExecStop=/bin/sleep 5\n");

    kill_monitor(&lab);
    monitor.wait_role("standby", secs(10));
    monitor.wait_sees_healthy();

    let outage = Outage::begin(&lab, || lab.kill_primary());
    outage.check_decision();
    wait_until("systemd starts the gateway", secs(10), || (gateway_state(&lab).main_pid > 0).then_some(()));
    assert_ne!(monitor.role(), "active");
    let starting = gateway_state(&lab);
    kill_monitor(&lab);
    monitor.wait_role("active", secs(60));
    assert_eq!(gateway_state(&lab), starting, "the running start was not repeated");

    kill_monitor(&lab);
    monitor.wait_role("active", secs(10));
    assert_eq!(gateway_state(&lab), starting, "the gateway runs on without the monitor");

    lab.start_primary();
    lab.wait_primary_serves();
    let back = unix_now();
    wait_until("the standby demotes", secs(30), || (gateway_state(&lab).active == "deactivating").then_some(()));
    kill_monitor(&lab);
    wait_until("the gateway is down", secs(30), || (gateway_state(&lab).active == "inactive").then_some(()));
    monitor.wait_role("standby", secs(30));
    lab.check_starts(outage.began, back, 1);
}

#[test]
fn binary_replaced_while_active() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.kill_primary());
    let serving = outage.check_failover();
    lab.standby.run(&format!(
        "cd /usr/local/bin; cp openclaw-failover new; mv new openclaw-failover; systemctl restart {MONITOR}"
    ));
    lab.monitor().wait_role("active", secs(10));
    let untouched = || gateway_state(&lab) == serving && lab.standby.sees_started(STANDBY);
    check_throughout("an upgrade of the monitor leaves the gateway alone", secs(15), untouched);
    lab.start_primary();
    lab.wait_primary_serves();
    lab.check_returns_to_standby(outage.began, 1);
}

#[test]
fn rebooted_while_active() {
    let lab = Lab::new();
    let outage = Outage::begin(&lab, || lab.kill_primary());
    outage.check_failover();
    lab.standby.reboot();
    let booted = unix_now();
    wait_until("the standby serves again", secs(90), || lab.standby.sees_started(STANDBY).then_some(()));
    lab.monitor().wait_role("active", secs(10));
    print_measurement(&format!("served again {:.0} s after the reboot", unix_now() - booted));
    lab.start_primary();
    lab.wait_primary_serves();
    lab.check_returns_to_standby(outage.began, 2);
}

#[test]
fn state_files_truncated() {
    let lab = Lab::new();
    let damage = |bytes: u32| {
        let files = format!("{STATE}/state.json {STATE}/seen-healthy.json {STATE}/history.jsonl");
        lab.standby.run(&format!("truncate --size={bytes} {files}"));
    };
    // In standby: the upstream is seen healthy again.
    damage(0);
    kill_monitor(&lab);
    lab.monitor().wait_role("standby", secs(10));
    lab.monitor().wait_sees_healthy();

    let outage = Outage::begin(&lab, || lab.kill_primary());
    let serving = outage.check_failover();
    // While active, with a truncated file: the running gateway is found and kept.
    damage(20);
    kill_monitor(&lab);
    lab.monitor().wait_role("active", secs(10));
    let untouched = || gateway_state(&lab) == serving && lab.standby.sees_started(STANDBY);
    check_throughout("the gateway runs on although the monitor's state is damaged", secs(15), untouched);
    lab.start_primary();
    lab.wait_primary_serves();
    lab.check_returns_to_standby(outage.began, 1);
}

#[test]
fn disk_full() {
    let lab = Lab::new();
    // A copy of everything on a disk with little free space.
    lab.standby.run(&format!(
        "systemctl stop {MONITOR}; cp -a {STATE} /root/state; mount -t tmpfs -o size=256k tmpfs {STATE}; \
         cp -a /root/state/. {STATE}/; chown openclaw-failover: {STATE}"
    ));
    lab.start_monitor();
    lab.standby.run(&format!("! cat /dev/zero > {STATE}/filler"));

    let began = unix_now();
    lab.kill_primary();
    wait_until("the standby serves", secs(60), || lab.standby.sees_started(STANDBY).then_some(()));
    lab.monitor().wait_role("active", secs(10));
    lab.monitor().wait_degraded("No space left", secs(10));
    lab.start_primary();
    lab.wait_primary_serves();
    lab.check_returns_to_standby(began, 1);

    lab.standby.run(&format!("rm {STATE}/filler"));
    let again = Outage::begin(&lab, || lab.kill_primary());
    again.check_failover();
}

#[test]
fn polkitd_gone() {
    let lab = Lab::new();
    lab.standby.run("systemctl mask --quiet --runtime --now polkit.service");
    let began = unix_now();
    lab.kill_primary();
    // The start is refused; the monitor reports that and tries again.
    let cannot = "cannot start openclaw.service: polkit does not answer";
    lab.monitor().wait_degraded(cannot, secs(30));
    assert_eq!(gateway_state(&lab).active, "inactive");
    lab.standby.run("systemctl unmask --quiet --runtime polkit.service");
    wait_until("the standby serves", secs(120), || lab.standby.sees_started(STANDBY).then_some(()));
    lab.monitor().wait_role("active", secs(10));
    wait_until("the standby is ready again", secs(10), || {
        (!lab.monitor().degraded_conditions().contains(cannot)).then_some(())
    });
    lab.start_primary();
    lab.wait_primary_serves();
    lab.check_returns_to_standby(began, 1);
}

#[test]
fn unit_masked() {
    let lab = Lab::new();
    lab.standby.run(&format!("systemctl mask --quiet --runtime {GATEWAY}"));
    let began = unix_now();
    lab.kill_primary();
    let failed = lab.monitor().wait_event("start_failed", began, secs(30));
    assert!(failed.text().contains("masked"), "it says why: {}", failed.text());
    lab.standby.run(&format!("systemctl unmask --quiet --runtime {GATEWAY}"));
    wait_until("the standby serves", secs(120), || lab.standby.sees_started(STANDBY).then_some(()));
    lab.monitor().wait_role("active", secs(10));
    lab.start_primary();
    lab.wait_primary_serves();
    lab.check_returns_to_standby(began, 1);
}

#[test]
fn nothing_happens_while_all_is_well() {
    let lab = Lab::new();
    let quiet = || gateway_state(&lab).active == "inactive" && lab.monitor().role() == "standby";
    check_throughout("the standby stays in standby", secs(60), quiet);
    // The standby is ready only after the pull of the workspace.
    lab.primary.run(
        "cd /home/openclaw/.openclaw/workspace && runuser -u openclaw -- sh -c \
         'echo learned >> MEMORY.md; git commit -qam Learn; git push -q origin main'",
    );
    lab.standby.run("systemctl start openclaw-sync-pull.service");
    let memory = lab.standby.read("/home/openclaw/.openclaw/workspace/MEMORY.md").unwrap_or_default();
    assert!(memory.ends_with("learned\n"), "the standby's workspace says: {memory}");
    assert_eq!(lab.gateway_starts(), [0.0; 0]);
}

/// Kills the monitor with KILL and waits until systemd has restarted it.
fn kill_monitor(lab: &Lab) {
    let before = lab.standby.unit(MONITOR);
    lab.standby.run(&format!("systemctl kill --kill-who=main --signal=KILL {MONITOR}"));
    wait_until("the restarted monitor runs", secs(20), || {
        let unit = lab.standby.unit(MONITOR);
        (unit.active == "active" && unit.invocation != before.invocation).then_some(())
    });
}

fn gateway_state(lab: &Lab) -> UnitStatus {
    lab.standby.unit(GATEWAY)
}
