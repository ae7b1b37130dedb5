//! Printer of the effective configuration as JSON, defaults included. Reading the output gives the same configuration.

use std::path::Path;
use std::time::Duration;

use crate::config::model::{
    Config, DemotionConfig, GatewayConfig, ProbeConfig, PromotionConfig, SecretConfig, UpstreamConfig, WitnessConfig,
    WorkspaceConfig,
};
use crate::config::notify::{HeartbeatConfig, NotifyConfig};
use crate::text::byte_size;
use crate::text::duration::format_duration;
use crate::text::json::Value;

impl Config {
    /// Returns the configuration in the form of the configuration file. `null` marks an unset value without a fixed
    /// default.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::from_entries([
            ("upstreams", Value::from_items(self.upstreams.iter().map(upstream_to_json))),
            ("probe", probe_to_json(&self.probe)),
            ("promote", promotion_to_json(&self.promote)),
            ("demote", demotion_to_json(&self.demote)),
            ("gateway", gateway_to_json(&self.gateway)),
            ("workspace", workspace_to_json(&self.workspace)),
            ("secrets", Value::from_items(self.secrets.iter().map(secret_to_json))),
            ("notify", Value::from_items(self.notify.iter().map(notify_to_json))),
            ("heartbeat", self.heartbeat.as_ref().map_or(Value::Null, heartbeat_to_json)),
            ("drill", Value::from_entries([("interval", duration_to_json(self.drill.interval))])),
        ])
    }
}

fn upstream_to_json(upstream: &UpstreamConfig) -> Value {
    Value::from_entries([
        ("name", text_to_json(&upstream.name)),
        ("urls", Value::from_items(upstream.urls.iter().map(|url| text_to_json(url)))),
        ("channels", Value::from_items(upstream.channels.iter().map(|channel| text_to_json(channel)))),
        ("credential", upstream.credential.as_deref().map_or(Value::Null, text_to_json)),
        ("ca_file", upstream.ca_file.as_deref().map_or(Value::Null, path_to_json)),
    ])
}

fn probe_to_json(probe: &ProbeConfig) -> Value {
    Value::from_entries([
        ("interval", duration_to_json(probe.interval)),
        ("retry_interval", duration_to_json(probe.retry_interval)),
        ("timeout", duration_to_json(probe.timeout)),
    ])
}

fn promotion_to_json(promote: &PromotionConfig) -> Value {
    let witnesses = |list: &Vec<WitnessConfig>| Value::from_items(list.iter().map(witness_to_json));
    Value::from_entries([
        ("after", duration_to_json(promote.after)),
        ("failures", promote.failures.into()),
        ("restart_grace", duration_to_json(promote.restart_grace)),
        ("sync_wait", duration_to_json(promote.sync_wait)),
        ("witnesses", promote.witnesses.as_ref().map_or(Value::Null, witnesses)),
    ])
}

fn witness_to_json(witness: &WitnessConfig) -> Value {
    match witness {
        WitnessConfig::Tailscale => text_to_json("tailscale"),
        WitnessConfig::Tcp(address) => text_to_json(&format!("tcp://{address}")),
        WitnessConfig::Https(url) => text_to_json(url),
    }
}

fn demotion_to_json(demote: &DemotionConfig) -> Value {
    Value::from_entries([
        ("after", duration_to_json(demote.after)),
        ("max_after", duration_to_json(demote.max_after)),
        ("flap_window", duration_to_json(demote.flap_window)),
    ])
}

fn gateway_to_json(gateway: &GatewayConfig) -> Value {
    Value::from_entries([
        ("unit", text_to_json(&gateway.unit)),
        ("url", text_to_json(&gateway.url)),
        ("ca_file", gateway.ca_file.as_deref().map_or(Value::Null, path_to_json)),
        ("start_timeout", duration_to_json(gateway.start_timeout)),
        ("stop_timeout", duration_to_json(gateway.stop_timeout)),
        ("keep_queue", gateway.keep_queue.into()),
    ])
}

fn workspace_to_json(workspace: &WorkspaceConfig) -> Value {
    Value::from_entries([
        ("path", path_to_json(&workspace.path)),
        ("remote", text_to_json(&workspace.remote)),
        ("url", workspace.url.as_deref().map_or(Value::Null, text_to_json)),
        ("branch", text_to_json(&workspace.branch)),
        ("timeout", duration_to_json(workspace.timeout)),
        ("refresh", duration_to_json(workspace.refresh)),
        ("push_interval", duration_to_json(workspace.push_interval)),
        ("merge", workspace.merge.into()),
        ("max_file", text_to_json(&byte_size::format_size(workspace.max_file))),
    ])
}

fn secret_to_json(secret: &SecretConfig) -> Value {
    Value::from_entries([("source", text_to_json(&secret.source)), ("target", path_to_json(&secret.target))])
}

fn notify_to_json(notify: &NotifyConfig) -> Value {
    Value::from_entries([
        ("credential", text_to_json(&notify.credential)),
        ("format", text_to_json(notify.format.name())),
        ("events", Value::from_items(notify.topics.iter().map(|topic| text_to_json(topic.name())))),
        ("ca_file", notify.ca_file.as_deref().map_or(Value::Null, path_to_json)),
    ])
}

fn heartbeat_to_json(heartbeat: &HeartbeatConfig) -> Value {
    Value::from_entries([
        ("credential", text_to_json(&heartbeat.credential)),
        ("interval", duration_to_json(heartbeat.interval)),
        ("ca_file", heartbeat.ca_file.as_deref().map_or(Value::Null, path_to_json)),
    ])
}

fn text_to_json(text: &str) -> Value {
    Value::from(text)
}

/// Converts a path without loss: paths of a configuration are UTF-8.
fn path_to_json(path: &Path) -> Value {
    Value::from(path.to_string_lossy().into_owned())
}

fn duration_to_json(duration: Duration) -> Value {
    Value::from(format_duration(duration).to_string())
}
