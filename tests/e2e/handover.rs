//! Running gateways keep running while this program replaces the old monitor, and while it is upgraded.

use crate::install::{self, NODE};
use crate::lab::{GATEWAY, Lab, MONITOR, STANDBY};
use crate::setup::{MANUAL_SETUP, MANUAL_SETUP_AS_OPENCLAW, SETUP_COMMAND, authorise_key};
use crate::shell::{secs, wait_until};
use crate::stub::StubAnswer;

#[test]
fn a_gateway_that_serves_goes_on_under_the_new_unit() {
    let (lab, stub) = Lab::with_bare_standby_and_stub();
    let host = &lab.standby;
    host.run(MANUAL_SETUP);
    host.run_as_openclaw(MANUAL_SETUP_AS_OPENCLAW);
    stub.set_answer(StubAnswer::Error);
    host.run(&format!("systemctl daemon-reload; systemctl start {GATEWAY}"));
    wait_until("the gateway serves", secs(120), || host.sees_started(STANDBY).then_some(()));
    let before = host.unit(GATEWAY);

    let done = host.run_unchecked("/root/openclaw-failover setup standby --yes");
    assert!(done.ok, "{}", done.text);
    assert!(done.text.contains("openclaw.service keeps running: the primary does not answer"), "{}", done.text);
    lab.monitor().wait_role("active", secs(30));
    assert!(host.sees_started(STANDBY), "the gateway answers");
    assert_eq!(host.unit(GATEWAY).main_pid, before.main_pid, "it is the same process");
    host.run(&format!("systemctl show {GATEWAY} -p FragmentPath,UnitFileState | grep -q =static"));

    stub.set_answer(StubAnswer::Started);
    lab.monitor().wait_role("standby", secs(120));
    assert_eq!(host.unit(GATEWAY).active, "inactive", "the primary is back");
}

#[test]
fn a_standby_that_serves_is_upgraded_and_one_that_was_removed_is_set_up_again() {
    let (lab, stub) = Lab::with_bare_standby_and_stub();
    let host = &lab.standby;
    let setup = format!("{SETUP_COMMAND} --yes");
    host.run_unchecked(&setup);
    authorise_key(&lab);
    host.run(&setup);
    lab.monitor().wait_sees_healthy();
    // A gateway that cannot reach Telegram takes five minutes to stop.
    host.write("/root/telegram.mjs", &install::suite_text("files/standby/telegram.mjs"));
    host.run(&format!("systemd-run --quiet --unit=telegram {NODE} /root/telegram.mjs /root/sent"));
    host.run_as_openclaw(r#"sed -i 's|"botToken"|"apiRoot": "http://127.0.0.1:8081", &|' .openclaw/openclaw.json"#);

    stub.set_answer(StubAnswer::Error);
    lab.monitor().wait_role("active", secs(180));
    let (gateway, monitor) = (host.unit(GATEWAY), host.unit(MONITOR));
    host.run("echo >> /root/openclaw-failover");
    let upgraded = host.run_unchecked(&setup);
    assert!(upgraded.ok && upgraded.text.contains("to do    program"), "{}", upgraded.text);
    assert_ne!(host.unit(MONITOR).main_pid, monitor.main_pid, "the monitor was restarted with the new program");
    lab.monitor().wait_role("active", secs(30));
    assert_eq!(host.unit(GATEWAY).main_pid, gateway.main_pid, "the gateway was not restarted");

    let gone = host.run_unchecked("openclaw-failover uninstall --yes");
    assert!(gone.ok, "{}", gone.text);
    assert_eq!(host.unit(GATEWAY).active, "inactive");
    // The outage continues. The monitor still remembers the primary.
    let again = host.run_unchecked(&setup);
    assert!(again.ok, "{}", again.text);
    lab.monitor().wait_role("active", secs(180));
    stub.set_answer(StubAnswer::Started);
    lab.monitor().wait_role("standby", secs(120));
}
