//! Printer of the effective configuration as JSON, defaults included. Reading the output gives the same configuration.

use std::path::Path;
use std::time::Duration;

use crate::config::model::{Config, Demote, Gateway, Probe, Promote, Secret, Upstream, Witness, Workspace};
use crate::config::notify::{Heartbeat, Notify};
use crate::text::byte_size;
use crate::text::duration::show;
use crate::text::json::Value;

impl Config {
    /// Returns the configuration in the form of the configuration file. `null` marks an unset value without a fixed
    /// default.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::object([
            ("upstreams", Value::array(self.upstreams.iter().map(upstream))),
            ("probe", probe(&self.probe)),
            ("promote", promote(&self.promote)),
            ("demote", demote(&self.demote)),
            ("gateway", gateway(&self.gateway)),
            ("workspace", workspace(&self.workspace)),
            ("secrets", Value::array(self.secrets.iter().map(secret))),
            ("notify", Value::array(self.notify.iter().map(notify))),
            ("heartbeat", self.heartbeat.as_ref().map_or(Value::Null, heartbeat)),
            ("drill", Value::object([("interval", duration(self.drill.interval))])),
        ])
    }
}

fn upstream(upstream: &Upstream) -> Value {
    Value::object([
        ("name", text(&upstream.name)),
        ("urls", Value::array(upstream.urls.iter().map(|url| text(url)))),
        ("channels", Value::array(upstream.channels.iter().map(|channel| text(channel)))),
        ("credential", upstream.credential.as_deref().map_or(Value::Null, text)),
        ("ca_file", upstream.ca_file.as_deref().map_or(Value::Null, path)),
    ])
}

fn probe(probe: &Probe) -> Value {
    Value::object([
        ("interval", duration(probe.interval)),
        ("retry_interval", duration(probe.retry_interval)),
        ("timeout", duration(probe.timeout)),
    ])
}

fn promote(promote: &Promote) -> Value {
    let witnesses = |list: &Vec<Witness>| Value::array(list.iter().map(witness));
    Value::object([
        ("after", duration(promote.after)),
        ("failures", promote.failures.into()),
        ("restart_grace", duration(promote.restart_grace)),
        ("sync_wait", duration(promote.sync_wait)),
        ("witnesses", promote.witnesses.as_ref().map_or(Value::Null, witnesses)),
    ])
}

fn witness(witness: &Witness) -> Value {
    match witness {
        Witness::Tailscale => text("tailscale"),
        Witness::Tcp(address) => text(&format!("tcp://{address}")),
        Witness::Https(url) => text(url),
    }
}

fn demote(demote: &Demote) -> Value {
    Value::object([
        ("after", duration(demote.after)),
        ("max_after", duration(demote.max_after)),
        ("flap_window", duration(demote.flap_window)),
    ])
}

fn gateway(gateway: &Gateway) -> Value {
    Value::object([
        ("unit", text(&gateway.unit)),
        ("url", text(&gateway.url)),
        ("ca_file", gateway.ca_file.as_deref().map_or(Value::Null, path)),
        ("start_timeout", duration(gateway.start_timeout)),
        ("stop_timeout", duration(gateway.stop_timeout)),
        ("keep_queue", gateway.keep_queue.into()),
    ])
}

fn workspace(workspace: &Workspace) -> Value {
    Value::object([
        ("path", path(&workspace.path)),
        ("remote", text(&workspace.remote)),
        ("url", workspace.url.as_deref().map_or(Value::Null, text)),
        ("branch", text(&workspace.branch)),
        ("timeout", duration(workspace.timeout)),
        ("refresh", duration(workspace.refresh)),
        ("push_interval", duration(workspace.push_interval)),
        ("merge", workspace.merge.into()),
        ("max_file", text(&byte_size::show(workspace.max_file))),
    ])
}

fn secret(secret: &Secret) -> Value {
    Value::object([("source", text(&secret.source)), ("target", path(&secret.target))])
}

fn notify(notify: &Notify) -> Value {
    Value::object([
        ("credential", text(&notify.credential)),
        ("format", text(notify.format.name())),
        ("events", Value::array(notify.topics.iter().map(|topic| text(topic.name())))),
        ("ca_file", notify.ca_file.as_deref().map_or(Value::Null, path)),
    ])
}

fn heartbeat(heartbeat: &Heartbeat) -> Value {
    Value::object([
        ("credential", text(&heartbeat.credential)),
        ("interval", duration(heartbeat.interval)),
        ("ca_file", heartbeat.ca_file.as_deref().map_or(Value::Null, path)),
    ])
}

fn text(text: &str) -> Value {
    Value::from(text)
}

/// Converts a path without loss: paths of a configuration are UTF-8.
fn path(path: &Path) -> Value {
    Value::from(path.to_string_lossy().into_owned())
}

fn duration(duration: Duration) -> Value {
    Value::from(show(duration).to_string())
}
