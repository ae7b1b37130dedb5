//! Queued messages of a killed standby gateway are not sent at the next promotion, a day or a month later, unless the
//! configuration asks for it.

use crate::host::Host;
use crate::install::{NODE, OPENCLAW, add_telegram};
use crate::lab::{GATEWAY, Lab};
use crate::outage::Outage;
use crate::repository::{PUSH_UNIT, report_field};
use crate::shell::{check_throughout, secs, wait_until};
use crate::stub::StubAnswer;

const STATE: &str = "/home/openclaw/.openclaw/state/openclaw.sqlite";
const SENT: &str = "/root/sent";

#[test]
fn a_queued_message_is_put_away_and_not_sent_at_the_next_promotion() {
    let (lab, stub) = Lab::with_stub();
    let host = &lab.standby;
    add_telegram(host);
    start_telegram(host);
    let outage = Outage::begin(&lab, || stub.set_answer(StubAnswer::Error));
    outage.check_failover();

    host.run("systemctl stop telegram");
    let answer = send_message(host, "written in the outage");
    assert!(answer.contains("sendMessage"), "the message cannot be sent: {answer}");
    host.run(&format!("systemctl kill --kill-who=main --signal=KILL {GATEWAY}"));
    assert_eq!(queued_messages(host), ["written in the outage"], "the message is queued");
    stub.set_answer(StubAnswer::Started);
    let archived = lab.monitor().wait_event("archived", outage.began, secs(90));
    assert!(archived.text().contains("1 queued messages"), "{}", archived.text());
    lab.monitor().wait_role("standby", secs(10));
    assert_eq!(queued_messages(host), [""; 0], "the message is no longer queued");
    keep_queue(&lab, "to be sent all the same");

    start_telegram(host);
    let again = Outage::begin(&lab, || stub.set_answer(StubAnswer::Error));
    again.check_failover();
    // A kept message is sent, so the archived one would have been sent, too.
    wait_until("the kept message is sent", secs(60), || {
        sent_messages(host).contains("to be sent all the same").then_some(())
    });
    check_throughout("no archived message is sent", secs(10), || {
        !sent_messages(host).contains("written in the outage")
    });
}

/// Enables `keep_queue`, and puts the archived message back into the queue with another text.
fn keep_queue(lab: &Lab, text: &str) {
    let host = &lab.standby;
    lab.add_to_config(r#""gateway": { "keep_queue": true }"#);
    let archived = host.run("cat /var/lib/openclaw-sync/archive/*-state.sqlite | base64 --wrap=0");
    host.run_in_workspace(&format!(
        "base64 --decode <<< {archived} > ~/archive.sqlite; sqlite3 {STATE} \"
             ATTACH '/home/openclaw/archive.sqlite' AS old;
             UPDATE old.delivery_queue_entries SET id = 'kept-' || id,
                 entry_json = replace(replace(entry_json, 'written in the outage', '{text}'), id, 'kept-' || id);
             INSERT INTO delivery_queue_entries SELECT * FROM old.delivery_queue_entries\""
    ));
    host.run(&format!("systemctl start {PUSH_UNIT}"));
    let report = host.sync_report(PUSH_UNIT);
    assert!(report_field(&report, "archived").contains("\"count\":0"), "{}", report.value);
    assert_eq!(queued_messages(host), [text], "the message is kept");
}

fn start_telegram(host: &Host) {
    host.run(&format!("systemd-run --quiet --unit=telegram {NODE} /root/telegram.mjs {SENT}"));
}

/// Makes the gateway send a message to its user, and returns the answer.
fn send_message(host: &Host, text: &str) -> String {
    let openclaw = "message send --channel telegram --target 1234567890 --message";
    let script = format!(
        "set -a; . /etc/openclaw/gateway.env; HOME=/home/openclaw; NODE_COMPILE_CACHE=/var/cache/openclaw; cd ~; \
         setpriv --reuid=openclaw --regid=openclaw --init-groups timeout 60 {NODE} {OPENCLAW} {openclaw} '{text}'"
    );
    host.run_unchecked(&script).text
}

/// Returns the messages sent to the user.
fn sent_messages(host: &Host) -> String {
    host.read(SENT).unwrap_or_default()
}

/// Returns the texts in the gateway's queue.
fn queued_messages(host: &Host) -> Vec<String> {
    let text = "json_extract(entry_json, '$.preparedBatch.entries[0].payload.text')";
    let rows = host.run_in_workspace(&format!(
        "sqlite3 {STATE} \"SELECT {text} FROM delivery_queue_entries WHERE status = 'pending'\""
    ));
    rows.lines().map(str::to_owned).collect()
}
