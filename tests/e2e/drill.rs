//! Drills on a live standby: one that passes, some that are refused or fail, and some that an outage interrupts.

use std::thread;

use crate::lab::{GATEWAY, Lab, MONITOR};
use crate::observe::STATUS;
use crate::operator::{done, during, operator};
use crate::outage::{AFTER, CLOCKS, HOLD_DOWN, INTERVAL, Outage, SLACK, TIMEOUT};
use crate::repository::PULL;
use crate::shell::{always, eventually, now, report, secs};
use crate::stub::{Says, Stub};

const STEPS: [&str; 6] = ["pull", "start", "verify", "hold", "stop", "return"];
const UNIT: &str = "openclaw-failover-drill.service";

#[test]
fn a_drill_passes_and_is_no_outage() {
    let (lab, _stub) = ready();
    let (host, began) = (&lab.standby, now());
    let before = done(host, "status");
    assert!(before.contains("drill      never run; run `openclaw-failover drill`"), "{before}");
    let told = done(host, "drill --hold 5s");
    report(&format!("a drill:\n{told}"));
    let mut rest = told.as_str();
    for step in STEPS {
        let found = rest.split_once(&format!("\n  {step:<7} ")).unwrap_or_else(|| panic!("no {step} in {told}"));
        rest = found.1;
    }
    assert!(told.trim_end().lines().last().is_some_and(|line| line.starts_with("the drill passed")), "{told}");
    assert_eq!(host.unit(GATEWAY).active, "inactive");
    assert_eq!(lab.starts().len(), 1, "starts of the standby's gateway");

    let ended = lab.monitor().wait_event("drill_ended", began, secs(5));
    assert_eq!(ended.says("outcome"), "passed", "{}", ended.text());
    let status = done(host, "status");
    report(&format!("then the status is:\n{status}"));
    assert!(status.contains("failover   none yet") && status.contains("drill      passed"), "{status}");
    let summary = done(host, "history --summary");
    assert!(summary.contains("drills               1"), "{summary}");
    assert!(!lab.monitor().events().iter().any(|event| event.says("cause") == "outage"), "a drill is not an outage");

    // The same through the unit of the timer, which is installed but not enabled.
    assert_eq!(host.ask("systemctl is-enabled openclaw-failover-drill.timer").text.trim(), "disabled");
    host.add_to_unit(UNIT, "[Service]\nExecStart=\nExecStart=/usr/local/bin/openclaw-failover drill\n");
    host.run(&format!("systemctl start {UNIT}"));
    assert_eq!(lab.monitor().count("drill_ended", began), 2);
    assert_eq!(lab.starts().len(), 2, "starts of the standby's gateway");
}

#[test]
fn a_drill_goes_on_without_whoever_asked_for_it() {
    let (lab, _stub) = ready();
    let began = now();
    let cut = lab.standby.ask("timeout --signal=KILL 1 openclaw-failover drill --hold 3s");
    assert!(!cut.ok && cut.text.contains("drill: "), "{}", cut.text);
    let ended = lab.monitor().wait_event("drill_ended", began, secs(90));
    assert_eq!(ended.says("outcome"), "passed", "{}", ended.text());
}

#[test]
fn a_drill_that_cannot_be_or_does_not_pass_says_why() {
    let (lab, stub) = ready();
    let (host, monitor) = (&lab.standby, lab.monitor());
    let refused = |args: &str, why: &str| {
        let answer = operator(host, &format!("drill {args}"));
        assert!(!answer.ok && answer.text.contains(why), "{args}: {}", answer.text);
    };
    done(host, "pause");
    refused("", "a hold is set");
    done(host, "resume");

    // The gateway cannot be started.
    host.run(&format!("systemctl mask {GATEWAY}"));
    eventually("the monitor has checked twice", secs(30), || {
        host.run(&format!("systemctl reload {MONITOR}"));
        thread::sleep(secs(1));
        monitor.complaints().contains("masked").then_some(())
    });
    refused("", "a known problem could block a failover");
    refused("--force", "failed at step 'start'");
    host.run(&format!("systemctl unmask {GATEWAY}; systemctl start {UNIT} && exit 1; systemctl reset-failed {UNIT}"));
    assert_eq!(lab.starts(), [0.0; 0], "nothing was started");

    // A monitor killed during a drill reports that after its restart, and the gateway stops by the ordinary rules.
    let began = now();
    during(&lab, "drill --hold 60s --force", "active", |first| {
        host.run(&format!("systemctl kill --kill-who=main --signal=KILL {MONITOR}"));
        let first = first();
        assert!(!first.ok && first.text.contains("was interrupted"), "{}", first.text);
    });
    monitor.wait_event("demoted", began, secs(60));
    assert_eq!(monitor.wait_event("drill_ended", began, secs(1)).says("outcome"), "interrupted");

    // An operator's command ends one drill, and the primary's failure prevents another.
    let began = now();
    during(&lab, "drill --hold 60s --force", "active", |first| {
        done(host, "demote --for 2s");
        let first = first();
        assert!(!first.ok && first.text.contains("on an operator's request"), "{}", first.text);
    });
    monitor.wait_event("hold_ended", began, secs(10));
    stub.say(Says::Error);
    monitor.wait_event("window_opened", began, secs(10));
    refused("", "no upstream is healthy");
    stub.say(Says::Started);
}

#[test]
fn an_outage_overtakes_a_drill_whose_gateway_stays_up() {
    let (lab, stub) = ready();
    let (host, monitor) = (&lab.standby, lab.monitor());
    during(&lab, "drill --hold 60s", "active", |first| {
        let serving = host.unit(GATEWAY);
        let began = now();
        stub.say(Says::Error);
        let life = stub.last_life();
        let first = first();
        assert!(!first.ok && first.text.contains("this is a real outage"), "{}", first.text);
        let ended = monitor.wait_event("drill_ended", began, secs(10));
        assert_eq!(ended.says("outcome"), "overtaken");

        let promoted = monitor.wait_event("promoted", began, secs(30));
        let late = promoted.at - life;
        report(&format!("it was a failover {late:.3} s after the last proof of life, with the gateway up all along"));
        assert_eq!(promoted.says("cause"), "outage");
        assert!((AFTER - CLOCKS..=AFTER + TIMEOUT + SLACK).contains(&late), "{late} s after the last healthy answer");
        let stays = || host.unit(GATEWAY) == serving;
        always("the gateway stays up", secs(10), stays);
        assert!(done(host, "status").contains("failover   outage"));

        let back = now();
        stub.say(Says::Started);
        let waited = monitor.wait_event("demoting", began, secs(40)).at - back;
        assert!(waited <= HOLD_DOWN + INTERVAL + TIMEOUT + SLACK, "demoted after {waited} s");
        monitor.wait_role("standby", secs(60));
    });
    assert_eq!(lab.starts().len(), 1, "starts of the standby's gateway");
}

#[test]
fn an_outage_overtakes_a_drill_that_has_started_nothing() {
    let (lab, stub) = ready();
    lab.reconfigure(r#""sync_wait": "1s""#, r#""sync_wait": "30s""#);
    lab.standby.add_to_unit(PULL, "[Service]\nExecStartPre=/bin/sleep 8\n");
    during(&lab, "drill", "(sync)", |first| {
        let mut outage = Outage::begin(&lab, || stub.say(Says::Error));
        outage.last_life = Some(stub.last_life());
        let first = first();
        assert!(!first.ok && first.text.contains("drill cancelled"), "{}", first.text);
        outage.takeover();
        outage.failback(|| stub.say(Says::Started));
    });
}

/// Creates a lab whose standby is ready: its gateway has a channel.
fn ready() -> (Lab, Stub) {
    let (lab, stub) = Lab::with_stub();
    let says = |words: &str| lab.standby.read(STATUS).is_some_and(|it| it.contains(words));
    // The running pull may have checked already, and a second start would join it.
    eventually("the first pull has complained", secs(30), || says("no channel is enabled").then_some(()));
    lab.standby.openclaw("sed -i 's/\"cron\"/\"channels\": { \"discord\": {} }, \"cron\"/' .openclaw/openclaw.json");
    lab.standby.run(&format!("systemctl restart {MONITOR}"));
    let is_ready = || (says("\"up_to_date\"") && lab.monitor().complaints().is_empty()).then_some(());
    eventually("the restarted monitor has pulled and reports no problem", secs(30), is_ready);
    lab.monitor().wait_sees_healthy();
    (lab, stub)
}
