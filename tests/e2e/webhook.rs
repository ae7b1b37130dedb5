//! A webhook on the standby that remembers what it was told, and what comes of one that is dead.

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

/// What is told to people elsewhere without exception.
pub(crate) const TOLD: [&str; 3] = ["promoting", "promoted", "demoted"];

/// The stand-in for a webhook, and for a gateway that starts at once.
pub(crate) const STUB: &str = "/opt/stub.mjs";

/// Where it writes what it was told.
const FILE: &str = "/root/told.jsonl";

/// When something happened, and what, as the history has it.
pub(crate) type Transition = (String, String);

/// The webhook of one host.
pub(crate) struct Webhook<'a>(&'a Host);

impl<'a> Webhook<'a> {
    /// Lies ready, and its credential too.
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

    /// All that it was told of [`TOLD`], as often as it was told.
    pub(crate) fn told(&self) -> Vec<Transition> {
        transitions(&self.0.read(FILE).unwrap_or_default())
    }

    /// Waits until it was told everything; five minutes may pass between two tries of a webhook that was down for long.
    pub(crate) fn wait_told(&self) {
        let told = || self.told().into_iter().collect::<BTreeSet<_>>();
        let all = || due(self.0).iter().all(|known| told().contains(known));
        eventually("the webhook was told everything", secs(400), || all().then_some(()));
    }
}

/// Entries of the history of a host that are in [`TOLD`].
pub(crate) fn history(host: &Host) -> Vec<Transition> {
    transitions(&entries(host))
}

/// Those of them that no drill has caused. A drill is told by its result alone.
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
    // Nobody answers at the second one, not even to refuse.
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
    assert_eq!(told, history(host), "each once, in its order");
    assert!(
        lab.monitor().complaints().contains("notifications to nowhere fail"),
        "the other one is still dead, and that is said"
    );
}
