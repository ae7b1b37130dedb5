//! Webhooks on the standby: one that stores every message, and one that is down.

use std::collections::BTreeSet;

use openclaw_failover::text::json::{
    Node, {self},
};

use crate::host::Host;
use crate::install::{NODE, text};
use crate::lab::{CONFIG, Lab, MONITOR};
use crate::observe::STATE;
use crate::outage::Outage;
use crate::shell::{eventually, report, secs};
use crate::stub::Says;

/// Events that are always sent.
pub(crate) const TOLD: [&str; 3] = ["promoting", "promoted", "demoted"];

/// Stub of a webhook, and of a gateway that starts at once.
pub(crate) const STUB: &str = "/opt/stub.mjs";

/// File with the received messages.
const FILE: &str = "/root/told.jsonl";

/// Time and name of an event, as in the history.
pub(crate) type Transition = (String, String);

/// Webhook of one host.
pub(crate) struct Webhook<'a>(&'a Host);

impl<'a> Webhook<'a> {
    /// Creates the webhook and its credential, without starting it.
    pub(crate) fn install(host: &'a Host) -> Self {
        host.write(STUB, &text("files/standby/stub.mjs"));
        host.run(&format!("chmod 644 {STUB}"));
        host.write("/etc/openclaw-failover/credentials/hook", "http://127.0.0.1:9000/");
        Self(host)
    }

    pub(crate) fn start(&self) {
        self.0.run(&format!("systemd-run --quiet --unit=hook {NODE} {STUB} 9000 {FILE}"));
    }

    pub(crate) fn stop(&self) {
        self.0.run("systemctl stop hook.service");
    }

    /// Returns all received events of [`TOLD`], including duplicates.
    pub(crate) fn told(&self) -> Vec<Transition> {
        transitions(&self.0.read(FILE).unwrap_or_default())
    }

    /// Waits until every event has arrived. A webhook that was down for long is retried after up to five minutes.
    pub(crate) fn wait_told(&self) {
        let told = || self.told().into_iter().collect::<BTreeSet<_>>();
        let all = || due(self.0).iter().all(|known| told().contains(known));
        eventually("the webhook received every event", secs(400), || all().then_some(()));
    }
}

/// Returns the events of the history that are in [`TOLD`].
pub(crate) fn history(host: &Host) -> Vec<Transition> {
    transitions(&entries(host))
}

/// Returns those events that no drill caused. Of a drill only the result is sent.
pub(crate) fn due(host: &Host) -> Vec<Transition> {
    let entries = entries(host);
    let of_no_drill: Vec<_> = entries.lines().filter(|line| !line.contains(r#""drill":true"#)).collect();
    transitions(&of_no_drill.join("\n"))
}

fn entries(host: &Host) -> String {
    host.read(&format!("{STATE}/history.jsonl")).unwrap_or_default()
}

fn transitions(text: &str) -> Vec<Transition> {
    let field = |node: &Node, key: &str| Some(node.get(key)?.as_str()?.to_owned());
    let nodes = text.lines().filter_map(|line| json::parse(line).ok());
    let named = nodes.filter_map(|node| Some((field(&node, "at")?, field(&node, "event")?)));
    named.filter(|(_, name)| TOLD.contains(&name.as_str())).collect()
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

    let mut outage = Outage::begin(&lab, || stub.say(Says::Error));
    outage.last_life = Some(stub.last_life());
    outage.takeover();
    outage.failback(|| stub.say(Says::Started));
    assert_eq!(webhook.told(), []);
    webhook.start();
    webhook.wait_told();
    let told = webhook.told();
    report(&format!("told of {} transitions, after they had all happened", told.len()));
    assert_eq!(told, history(host), "every event once, in order");
    assert!(
        lab.monitor().complaints().contains("notifications to nowhere fail"),
        "the other one is still dead, and that is said"
    );
}
