//! Webhooks on the standby: one that stores every message, and one that is down.

use std::collections::BTreeSet;

use openclaw_failover::text::json::{self, Node};

use crate::host::Host;
use crate::install::{NODE, suite_text};
use crate::lab::{CONFIG, Lab, MONITOR};
use crate::observe::STATE;
use crate::outage::Outage;
use crate::shell::{print_measurement, secs, wait_until};
use crate::stub::StubAnswer;

/// Events that are always sent.
pub(crate) const NOTIFIED_EVENTS: [&str; 3] = ["promoting", "promoted", "demoted"];

/// Stub of a webhook, and of a gateway that starts at once.
pub(crate) const STUB: &str = "/opt/stub.mjs";

/// File with the received messages.
const RECEIVED_FILE: &str = "/root/told.jsonl";

/// Time and name of an event, as in the history.
pub(crate) type Transition = (String, String);

/// Webhook of one host.
pub(crate) struct Webhook<'a>(&'a Host);

impl<'a> Webhook<'a> {
    /// Creates the webhook and its credential, without starting it.
    pub(crate) fn install(host: &'a Host) -> Self {
        host.write(STUB, &suite_text("files/standby/stub.mjs"));
        host.run(&format!("chmod 644 {STUB}"));
        host.write("/etc/openclaw-failover/credentials/hook", "http://127.0.0.1:9000/");
        Self(host)
    }

    pub(crate) fn start(&self) {
        self.0.run(&format!("systemd-run --quiet --unit=hook {NODE} {STUB} 9000 {RECEIVED_FILE}"));
    }

    pub(crate) fn stop(&self) {
        self.0.run("systemctl stop hook.service");
    }

    /// Returns all received events of [`NOTIFIED_EVENTS`], including duplicates.
    pub(crate) fn received_events(&self) -> Vec<Transition> {
        parse_events(&self.0.read(RECEIVED_FILE).unwrap_or_default())
    }

    /// Waits until every event has arrived. A webhook that was down for long is retried after up to five minutes.
    pub(crate) fn wait_all_received(&self) {
        let told = || self.received_events().into_iter().collect::<BTreeSet<_>>();
        let all = || expected_events(self.0).iter().all(|known| told().contains(known));
        wait_until("the webhook received every event", secs(400), || all().then_some(()));
    }
}

/// Returns the events of the history that are in [`NOTIFIED_EVENTS`].
pub(crate) fn history_events(host: &Host) -> Vec<Transition> {
    parse_events(&history_text(host))
}

/// Returns those events that no drill caused. Of a drill only the result is sent.
pub(crate) fn expected_events(host: &Host) -> Vec<Transition> {
    let entries = history_text(host);
    let of_no_drill: Vec<_> = entries.lines().filter(|line| !line.contains(r#""drill":true"#)).collect();
    parse_events(&of_no_drill.join("\n"))
}

fn history_text(host: &Host) -> String {
    host.read(&format!("{STATE}/history.jsonl")).unwrap_or_default()
}

fn parse_events(text: &str) -> Vec<Transition> {
    let field = |node: &Node, key: &str| Some(node.get(key)?.as_str()?.to_owned());
    let nodes = text.lines().filter_map(|line| json::parse(line).ok());
    let named = nodes.filter_map(|node| Some((field(&node, "at")?, field(&node, "event")?)));
    named.filter(|(_, name)| NOTIFIED_EVENTS.contains(&name.as_str())).collect()
}

#[test]
fn a_dead_webhook_delays_no_failover_and_is_told_once_it_lives() {
    let (lab, stub) = Lab::with_stub();
    let host = &lab.standby;
    let webhook = Webhook::install(host);
    let config = host.read(CONFIG).unwrap_or_default();
    // The second webhook does not answer, not even with a refusal.
    host.write("/etc/openclaw-failover/credentials/nowhere", "https://10.77.0.9/");
    let notify =
        r#"{ "notify": [{ "credential": "hook", "format": "json" }, { "credential": "nowhere", "format": "slack" }],"#;
    host.write(CONFIG, &config.replacen('{', notify, 1));
    host.run(&format!("systemctl restart {MONITOR}"));
    lab.monitor().wait_sees_healthy();

    let mut outage = Outage::begin(&lab, || stub.set_answer(StubAnswer::Error));
    outage.last_life = Some(stub.last_healthy_at());
    outage.check_failover();
    outage.check_failback(|| stub.set_answer(StubAnswer::Started));
    assert_eq!(webhook.received_events(), []);
    webhook.start();
    webhook.wait_all_received();
    let told = webhook.received_events();
    print_measurement(&format!("told of {} transitions, after they had all happened", told.len()));
    assert_eq!(told, history_events(host), "every event once, in order");
    assert!(
        lab.monitor().degraded_conditions().contains("notifications to nowhere fail"),
        "the other one is still dead, and that is said"
    );
}
