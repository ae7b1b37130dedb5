//! Encoding of a [`Status`] as JSON, and `status.json`.

use std::path::Path;
use std::time::Duration;

use crate::events::codec;
use crate::os::atomic_file::{
    Error, {self},
};
use crate::os::boot_time::BootTime;
use crate::status::{Degraded, Gateway, Probed, Status, Upstream, Window};
use crate::text::json::Value;
use crate::text::json_fields::{SCHEMA, seconds, time};
use crate::workspace::summary::{Pull, Push};

impl Status {
    /// Replaces the file atomically, readable by every user. It is not synced: it is on tmpfs, and is stale after a
    /// reboot.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let text = format!("{}\n", self.to_json().pretty());
        atomic_file::replace(path, 0o644, text.as_bytes())
    }

    /// Returns the JSON form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let fields = [
            ("schema", SCHEMA.into()),
            ("pid", self.pid.into()),
            ("version", self.version.as_str().into()),
            ("started_at", time(self.started_at)),
            ("updated_at", time(self.updated_at)),
            ("interval_seconds", seconds(self.interval)),
            ("role", self.role.name.as_str().into()),
            ("step", self.role.step.clone().into()),
            ("cause", self.role.cause.clone().into()),
            ("since", time(self.role.since)),
            ("upstreams", Value::array(self.upstreams.iter().map(upstream))),
            ("window", self.window.as_ref().map(window).into()),
            ("hold", self.hold.map(codec::hold_to_json).into()),
            ("hold_reason", self.reason.clone().into()),
            ("hold_down_seconds", seconds(self.hold_down)),
            ("gateway", gateway(&self.gateway)),
            ("workspace", self.workspace.as_ref().map(pull).into()),
            ("returned", self.returned.as_ref().map(push).into()),
            ("unreturned", self.unreturned.into()),
            ("failover", self.failover.as_ref().map(codec::failover_to_json).into()),
            ("drill", self.drill.as_ref().map(codec::drill_to_json).into()),
            ("drill_due_at", self.drill_due.map(time).into()),
            ("degraded", Value::array(self.degraded.iter().map(degraded))),
            ("strip", self.strip.to_json()),
        ];
        let boot = self.boot.map(BootTime::fields).into_iter().flatten();
        Value::object(fields.into_iter().chain(boot))
    }
}

fn upstream(upstream: &Upstream) -> Value {
    Value::object([
        ("name", upstream.name.as_str().into()),
        ("urls", upstream.urls.clone().into()),
        ("probed", upstream.probed.as_ref().map(probed).into()),
        ("ready_for_seconds", upstream.ready_for.map(seconds).into()),
        ("armed", upstream.armed.into()),
        ("unsteady", upstream.unsteady.into()),
    ])
}

fn probed(probed: &Probed) -> Value {
    Value::object([
        ("verdict", probed.verdict.as_str().into()),
        ("ready", probed.ready.into()),
        ("detail", probed.detail.as_str().into()),
        ("latency_ms", millis(probed.latency)),
        ("since", time(probed.since)),
        ("channels_failing", probed.failing.clone().into()),
        ("channels_suppressed", probed.suppressed.clone().into()),
    ])
}

fn window(window: &Window) -> Value {
    Value::object([
        ("elapsed_seconds", seconds(window.elapsed)),
        ("needed_seconds", seconds(window.needed)),
        ("failures", window.failures.into()),
        ("life_at", time(window.life)),
    ])
}

fn gateway(gateway: &Gateway) -> Value {
    Value::object([
        ("unit", gateway.unit.as_str().into()),
        ("unit_state", gateway.unit_state.clone().into()),
        ("url", gateway.url.as_str().into()),
        ("probed", gateway.probed.as_ref().map(probed).into()),
    ])
}

fn pull(pull: &Pull) -> Value {
    Value::object([
        ("outcome", pull.outcome.as_str().into()),
        ("commit", pull.commit.clone().into()),
        ("committed_at", pull.committed.map(time).into()),
        ("at", time(pull.at)),
        ("fresh_at", pull.fresh.map(time).into()),
        ("stale", pull.stale.into()),
        ("kept", pull.kept.as_str().into()),
        ("withheld", pull.withheld.as_str().into()),
        ("error", pull.error.clone().into()),
    ])
}

fn push(push: &Push) -> Value {
    Value::object([
        ("outcome", push.outcome.as_str().into()),
        ("at", time(push.at)),
        ("returned_at", push.returned.map(time).into()),
        ("error", push.error.clone().into()),
    ])
}

fn degraded(degraded: &Degraded) -> Value {
    Value::object([("what", degraded.what.as_str().into()), ("text", degraded.text.as_str().into())])
}

/// Encodes a span in milliseconds, exact to the microsecond.
fn millis(span: Duration) -> Value {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Value::Float(micros as f64 / 1000.0)
}
