//! Encoding of a [`Status`] as JSON, and `status.json`.

use std::path::Path;
use std::time::Duration;

use crate::os::atomic_file::{self, FileError};
use crate::os::boot_time::BootTime;
use crate::status::{DegradedCondition, GatewayStatus, ProbeStatus, Status, UpstreamStatus, WindowStatus};
use crate::text::json::Value;
use crate::text::json_fields::{JsonField, SCHEMA_VERSION, seconds_to_json, time_to_json};
use crate::workspace::summary::{PullSummary, PushSummary};

impl Status {
    /// Replaces the file atomically, readable by every user. It is not synced: it is on tmpfs, and is stale after a
    /// reboot.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        let text = format!("{}\n", self.to_json().to_pretty());
        atomic_file::replace(path, 0o644, text.as_bytes())
    }

    /// Returns the JSON form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let fields = [
            ("schema", SCHEMA_VERSION.into()),
            ("pid", self.pid.into()),
            ("version", self.version.as_str().into()),
            ("started_at", time_to_json(self.started_at)),
            ("updated_at", time_to_json(self.updated_at)),
            ("interval_seconds", seconds_to_json(self.interval)),
            ("role", self.role.kind.to_json()),
            ("step", self.role.step.to_json()),
            ("cause", self.role.demotion_reason.as_ref().map_or(self.role.cause.to_json(), JsonField::to_json)),
            ("since", time_to_json(self.role.since)),
            ("upstreams", Value::from_items(self.upstreams.iter().map(upstream_to_json))),
            ("window", self.window.as_ref().map(window_to_json).into()),
            ("hold", self.hold.to_json()),
            ("hold_down_seconds", seconds_to_json(self.hold_down)),
            ("gateway", gateway_to_json(&self.gateway)),
            ("workspace", self.last_pull.as_ref().map(pull_to_json).into()),
            ("push", self.last_push.as_ref().map(push_to_json).into()),
            ("unpushed", self.has_unpushed_changes.into()),
            ("failover", self.last_failover.to_json()),
            ("drill", self.last_drill.to_json()),
            ("drill_due_at", self.drill_due_at.map(time_to_json).into()),
            ("degraded", Value::from_items(self.degraded.iter().map(condition_to_json))),
            ("timeline", self.timeline.to_json()),
        ];
        let boot = self.boot.map(BootTime::to_fields).into_iter().flatten();
        Value::from_entries(fields.into_iter().chain(boot))
    }
}

fn upstream_to_json(upstream: &UpstreamStatus) -> Value {
    Value::from_entries([
        ("name", upstream.name.as_str().into()),
        ("urls", upstream.urls.clone().into()),
        ("probed", upstream.last_probe.as_ref().map(probe_to_json).into()),
        ("ready_for_seconds", upstream.ready_for.map(seconds_to_json).into()),
        ("armed", upstream.seen_healthy.into()),
        ("unsteady", upstream.unsteady.into()),
    ])
}

fn probe_to_json(probed: &ProbeStatus) -> Value {
    Value::from_entries([
        ("verdict", probed.verdict.to_json()),
        ("ready", probed.ready.into()),
        ("detail", probed.detail.as_str().into()),
        ("latency_ms", millis_to_json(probed.latency)),
        ("since", time_to_json(probed.since)),
        ("channels_failing", probed.failing_channels.clone().into()),
        ("channels_suppressed", probed.suppressed_channels.clone().into()),
    ])
}

fn window_to_json(window: &WindowStatus) -> Value {
    Value::from_entries([
        ("elapsed_seconds", seconds_to_json(window.elapsed)),
        ("needed_seconds", seconds_to_json(window.needed)),
        ("failures", window.failures.into()),
        ("last_healthy_at", time_to_json(window.last_healthy_at)),
    ])
}

fn gateway_to_json(gateway: &GatewayStatus) -> Value {
    Value::from_entries([
        ("unit", gateway.unit.as_str().into()),
        ("unit_state", gateway.unit_state.to_json()),
        ("url", gateway.url.as_str().into()),
        ("probed", gateway.last_probe.as_ref().map(probe_to_json).into()),
    ])
}

fn pull_to_json(pull: &PullSummary) -> Value {
    Value::from_entries([
        ("outcome", pull.outcome.as_str().into()),
        ("commit", pull.commit.clone().into()),
        ("committed_at", pull.committed_at.map(time_to_json).into()),
        ("at", time_to_json(pull.ended_at)),
        ("fresh_at", pull.last_complete_at.map(time_to_json).into()),
        ("stale", pull.is_stale.into()),
        ("conflict_branches", pull.conflict_branches.as_str().into()),
        ("withheld", pull.withheld.as_str().into()),
        ("error", pull.error.clone().into()),
    ])
}

fn push_to_json(push: &PushSummary) -> Value {
    Value::from_entries([
        ("outcome", push.outcome.as_str().into()),
        ("at", time_to_json(push.ended_at)),
        ("last_complete_at", push.last_complete_at.map(time_to_json).into()),
        ("error", push.error.clone().into()),
    ])
}

fn condition_to_json(degraded: &DegradedCondition) -> Value {
    Value::from_entries([("what", degraded.name.as_str().into()), ("text", degraded.text.as_str().into())])
}

/// Encodes a span in milliseconds, exact to the microsecond.
fn millis_to_json(span: Duration) -> Value {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Value::Float(micros as f64 / 1000.0)
}
