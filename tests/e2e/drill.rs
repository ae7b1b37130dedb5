//! Drills on a live standby: one that passes, some that are refused or fail, and some that an outage interrupts.

use std::thread;

use crate::lab::{GATEWAY, Lab, MONITOR};
use crate::observe::STATUS;
use crate::operator::{command_during, run_command, try_command};
use crate::outage::{CLOCK_TOLERANCE, HOLD_DOWN, LOAD_TOLERANCE, Outage, PROBE_INTERVAL, PROBE_TIMEOUT, PROMOTE_AFTER};
use crate::repository::PULL_UNIT;
use crate::shell::{check_throughout, print_measurement, secs, unix_now, wait_until};
use crate::stub::{Stub, StubAnswer};

const STEPS: [&str; 6] = ["pull", "start", "verify", "hold", "stop", "return"];
const DRILL_UNIT: &str = "openclaw-failover-drill.service";

#[test]
fn a_drill_passes_and_is_no_outage() {
    let (lab, _stub) = ready_lab();
    let (host, began) = (&lab.standby, unix_now());
    let before = run_command(host, "status");
    assert!(before.contains("drill      never run; run `openclaw-failover drill`"), "{before}");
    let told = run_command(host, "drill --hold 5s");
    print_measurement(&format!("a drill:\n{told}"));
    let mut rest = told.as_str();
    for step in STEPS {
        let found = rest.split_once(&format!("\n  {step:<7} ")).unwrap_or_else(|| panic!("no {step} in {told}"));
        rest = found.1;
    }
    assert!(told.trim_end().lines().last().is_some_and(|line| line.starts_with("the drill passed")), "{told}");
    assert_eq!(host.unit(GATEWAY).active, "inactive");
    assert_eq!(lab.gateway_starts().len(), 1, "starts of the standby's gateway");

    let ended = lab.monitor().wait_event("drill_ended", began, secs(5));
    assert_eq!(ended.field("outcome"), "passed", "{}", ended.text());
    let status = run_command(host, "status");
    print_measurement(&format!("then the status is:\n{status}"));
    assert!(status.contains("failover   none yet") && status.contains("drill      passed"), "{status}");
    let summary = run_command(host, "history --summary");
    assert!(summary.lines().any(|line| line.split_whitespace().eq(["drills", "1"])), "{summary}");
    assert!(!lab.monitor().events().iter().any(|event| event.field("cause") == "outage"), "a drill is not an outage");

    // The same through the unit of the timer, which is installed but not enabled.
    assert_eq!(host.run_unchecked("systemctl is-enabled openclaw-failover-drill.timer").text.trim(), "disabled");
    host.add_to_unit(DRILL_UNIT, "[Service]\nExecStart=\nExecStart=/usr/local/bin/openclaw-failover drill\n");
    host.run(&format!("systemctl start {DRILL_UNIT}"));
    assert_eq!(lab.monitor().count_events("drill_ended", began), 2);
    assert_eq!(lab.gateway_starts().len(), 2, "starts of the standby's gateway");
}

#[test]
fn a_drill_goes_on_without_whoever_asked_for_it() {
    let (lab, _stub) = ready_lab();
    let began = unix_now();
    let cut = lab.standby.run_unchecked("timeout --signal=KILL 1 openclaw-failover drill --hold 3s");
    assert!(!cut.ok && cut.text.contains("drill: "), "{}", cut.text);
    let ended = lab.monitor().wait_event("drill_ended", began, secs(90));
    assert_eq!(ended.field("outcome"), "passed", "{}", ended.text());
}

#[test]
fn a_drill_that_cannot_be_or_does_not_pass_says_why() {
    let (lab, stub) = ready_lab();
    let (host, monitor) = (&lab.standby, lab.monitor());
    let refused = |args: &str, why: &str| {
        let answer = try_command(host, &format!("drill {args}"));
        assert!(!answer.ok && answer.text.contains(why), "{args}: {}", answer.text);
    };
    run_command(host, "pause");
    refused("", "a hold is set");
    run_command(host, "resume");

    // The gateway cannot be started.
    host.run(&format!("systemctl mask {GATEWAY}"));
    wait_until("the monitor has checked twice", secs(30), || {
        host.run(&format!("systemctl reload {MONITOR}"));
        thread::sleep(secs(1));
        monitor.degraded_conditions().contains("masked").then_some(())
    });
    refused("", "a known problem could block a failover");
    refused("--force", "failed at step 'start'");
    host.run(&format!(
        "systemctl unmask {GATEWAY}; systemctl start {DRILL_UNIT} && exit 1; systemctl reset-failed {DRILL_UNIT}"
    ));
    assert_eq!(lab.gateway_starts(), [0.0; 0], "nothing was started");

    // A monitor killed during a drill reports that after its restart, and the gateway stops by the ordinary rules.
    let began = unix_now();
    command_during(&lab, "drill --hold 60s --force", "active", |first| {
        host.run(&format!("systemctl kill --kill-who=main --signal=KILL {MONITOR}"));
        let first = first();
        assert!(!first.ok && first.text.contains("was interrupted"), "{}", first.text);
    });
    monitor.wait_event("demoted", began, secs(60));
    assert_eq!(monitor.wait_event("drill_ended", began, secs(1)).field("outcome"), "interrupted");

    // An operator's command ends one drill, and the primary's failure prevents another.
    let began = unix_now();
    command_during(&lab, "drill --hold 60s --force", "active", |first| {
        run_command(host, "demote --for 2s");
        let first = first();
        assert!(!first.ok && first.text.contains("on an operator's request"), "{}", first.text);
    });
    monitor.wait_event("hold_ended", began, secs(10));
    stub.set_answer(StubAnswer::Error);
    monitor.wait_event("window_opened", began, secs(10));
    refused("", "no upstream is healthy");
    stub.set_answer(StubAnswer::Started);
}

#[test]
fn an_outage_overtakes_a_drill_whose_gateway_stays_up() {
    let (lab, stub) = ready_lab();
    let (host, monitor) = (&lab.standby, lab.monitor());
    command_during(&lab, "drill --hold 60s", "active", |first| {
        let serving = host.unit(GATEWAY);
        let began = unix_now();
        stub.set_answer(StubAnswer::Error);
        let life = stub.last_healthy_at();
        let first = first();
        assert!(!first.ok && first.text.contains("this is a real outage"), "{}", first.text);
        let ended = monitor.wait_event("drill_ended", began, secs(10));
        assert_eq!(ended.field("outcome"), "overtaken");

        let promoted = monitor.wait_event("promoted", began, secs(30));
        let late = promoted.at - life;
        print_measurement(&format!(
            "it was a failover {late:.3} s after the last proof of life, with the gateway up all along"
        ));
        assert_eq!(promoted.field("cause"), "outage");
        assert!(
            (PROMOTE_AFTER - CLOCK_TOLERANCE..=PROMOTE_AFTER + PROBE_TIMEOUT + LOAD_TOLERANCE).contains(&late),
            "{late} s after the last healthy answer"
        );
        let stays = || host.unit(GATEWAY) == serving;
        check_throughout("the gateway stays up", secs(10), stays);
        assert!(run_command(host, "status").contains("failover   outage"));

        let back = unix_now();
        stub.set_answer(StubAnswer::Started);
        let waited = monitor.wait_event("demoting", began, secs(40)).at - back;
        assert!(waited <= HOLD_DOWN + PROBE_INTERVAL + PROBE_TIMEOUT + LOAD_TOLERANCE, "demoted after {waited} s");
        monitor.wait_role("standby", secs(60));
    });
    assert_eq!(lab.gateway_starts().len(), 1, "starts of the standby's gateway");
}

#[test]
fn an_outage_overtakes_a_drill_that_has_started_nothing() {
    let (lab, stub) = ready_lab();
    lab.change_config(r#""sync_wait": "1s""#, r#""sync_wait": "30s""#);
    lab.standby.add_to_unit(PULL_UNIT, "[Service]\nExecStartPre=/bin/sleep 8\n");
    command_during(&lab, "drill", "(sync)", |first| {
        let mut outage = Outage::begin(&lab, || stub.set_answer(StubAnswer::Error));
        outage.last_life = Some(stub.last_healthy_at());
        let first = first();
        assert!(!first.ok && first.text.contains("drill cancelled"), "{}", first.text);
        outage.check_failover();
        outage.check_failback(|| stub.set_answer(StubAnswer::Started));
    });
}

/// Creates a lab whose standby is ready: its gateway has a channel.
fn ready_lab() -> (Lab, Stub) {
    let (lab, stub) = Lab::with_stub();
    let says = |words: &str| lab.standby.read(STATUS).is_some_and(|it| it.contains(words));
    // The running pull may have checked already, and a second start would join it.
    wait_until("the first pull has complained", secs(30), || says("no channel is enabled").then_some(()));
    lab.standby
        .run_as_openclaw("sed -i 's/\"cron\"/\"channels\": { \"discord\": {} }, \"cron\"/' .openclaw/openclaw.json");
    lab.standby.run(&format!("systemctl restart {MONITOR}"));
    let is_ready = || (says("\"up_to_date\"") && lab.monitor().degraded_conditions().is_empty()).then_some(());
    wait_until("the restarted monitor has pulled and reports no problem", secs(30), is_ready);
    lab.monitor().wait_sees_healthy();
    (lab, stub)
}
