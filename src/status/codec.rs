//! JSON form of a [`Status`].
//!
//! Only the fields that identify a status are required. All others may be missing or of another type, because a monitor
//! of another version may have written the file.

use std::time::Duration;

use crate::failover::RoleKind;
use crate::os::boot_time::BootTime;
use crate::status::{DegradedCondition, GatewayStatus, ProbeStatus, RoleStatus, Status, UpstreamStatus, WindowStatus};
use crate::text::Named;
use crate::text::json::Value;
use crate::text::json_fields::{
    JsonField, RecordError, SCHEMA_VERSION, check_schema, json_record, read_field, read_lenient,
};
use crate::workspace::summary::{PullSummary, PushSummary};

/// Limit on the items read from a list of objects.
const MAX_LIST_ITEMS: usize = 64;

impl Status {
    /// Returns the JSON form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let fields = [
            ("schema", SCHEMA_VERSION.into()),
            ("pid", self.pid.into()),
            ("version", self.version.to_json()),
            ("started_at", self.started_at.to_json()),
            ("updated_at", self.updated_at.to_json()),
            ("interval_seconds", self.interval.to_json()),
            ("role", self.role.kind.to_json()),
            ("step", self.role.step.to_json()),
            ("cause", self.role.demotion_reason.as_ref().map_or(self.role.cause.to_json(), JsonField::to_json)),
            ("since", self.role.since.to_json()),
            ("upstreams", self.upstreams.to_json()),
            ("window", self.window.to_json()),
            ("hold", self.hold.to_json()),
            ("hold_down_seconds", self.hold_down.to_json()),
            ("gateway", self.gateway.to_json()),
            ("workspace", self.last_pull.to_json()),
            ("push", self.last_push.to_json()),
            ("unpushed", self.has_unpushed_changes.into()),
            ("failover", self.last_failover.to_json()),
            ("drill", self.last_drill.to_json()),
            ("drill_due_at", self.drill_due_at.to_json()),
            ("degraded", self.degraded.to_json()),
            ("timeline", self.timeline.to_json()),
        ];
        let boot = self.boot.map(BootTime::to_fields).into_iter().flatten();
        Value::from_entries(fields.into_iter().chain(boot))
    }

    /// Converts parsed JSON.
    ///
    /// # Errors
    /// Returns an error if it is not a status.
    pub fn from_value(node: &Value) -> Result<Self, RecordError> {
        check_schema(node)?;
        Ok(Self {
            pid: read_lenient(node, "pid"),
            version: read_lenient(node, "version"),
            started_at: read_lenient(node, "started_at"),
            updated_at: read_field(node, "updated_at")?,
            boot: BootTime::read(node),
            interval: read_field(node, "interval_seconds")?,
            role: read_role(node),
            upstreams: read_items(node, "upstreams"),
            window: read_lenient(node, "window"),
            hold: read_lenient(node, "hold"),
            hold_down: read_lenient(node, "hold_down_seconds"),
            gateway: read_lenient(node, "gateway"),
            last_pull: read_lenient(node, "workspace"),
            last_push: read_lenient(node, "push"),
            has_unpushed_changes: read_lenient(node, "unpushed"),
            last_failover: read_lenient(node, "failover"),
            last_drill: read_lenient(node, "drill"),
            drill_due_at: read_lenient(node, "drill_due_at"),
            degraded: read_items(node, "degraded"),
            timeline: read_lenient(node, "timeline"),
        })
    }
}

fn read_role(node: &Value) -> RoleStatus {
    let kind: Named<RoleKind> = read_lenient(node, "role");
    let is_demoting = kind == RoleKind::Demoting;
    RoleStatus {
        kind,
        step: read_lenient(node, "step"),
        cause: if is_demoting { None } else { read_lenient(node, "cause") },
        demotion_reason: if is_demoting { read_lenient(node, "cause") } else { None },
        since: read_lenient(node, "since"),
    }
}

/// Reads a list of objects; an item of another type has its default.
fn read_items<T: JsonField + Default>(node: &Value, key: &str) -> Vec<T> {
    let items = node.get(key).and_then(|node| node.as_array()).unwrap_or_default();
    items.iter().take(MAX_LIST_ITEMS).map(|item| T::from_json(item).unwrap_or_default()).collect()
}

json_record!(UpstreamStatus lenient {
    name: "name",
    urls: "urls",
    last_probe: "probed",
    ready_for: "ready_for_seconds",
    seen_healthy: "armed",
    unsteady: "unsteady",
});

json_record!(WindowStatus lenient {
    elapsed: "elapsed_seconds",
    needed: "needed_seconds",
    failures: "failures",
    last_healthy_at: "last_healthy_at",
});

json_record!(GatewayStatus lenient { unit: "unit", unit_state: "unit_state", url: "url", last_probe: "probed" });

json_record!(PullSummary lenient {
    outcome: "outcome",
    commit: "commit",
    committed_at: "committed_at",
    ended_at: "at",
    last_complete_at: "fresh_at",
    is_stale: "stale",
    conflict_branches: "conflict_branches",
    withheld: "withheld",
    error: "error",
});

json_record!(PushSummary lenient {
    outcome: "outcome",
    ended_at: "at",
    last_complete_at: "last_complete_at",
    error: "error",
});

json_record!(DegradedCondition lenient { name: "what", text: "text" });

impl JsonField for ProbeStatus {
    fn to_json(&self) -> Value {
        Value::from_entries([
            ("verdict", self.verdict.to_json()),
            ("ready", self.ready.to_json()),
            ("detail", self.detail.to_json()),
            ("latency_ms", millis_to_json(self.latency)),
            ("since", self.since.to_json()),
            ("channels_failing", self.failing_channels.to_json()),
            ("channels_suppressed", self.suppressed_channels.to_json()),
        ])
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        node.as_object().ok_or(RecordError::new("is not an object"))?;
        let millis = node.get("latency_ms").and_then(|node| node.as_f64()).unwrap_or_default();
        Ok(Self {
            verdict: read_lenient(node, "verdict"),
            ready: read_lenient(node, "ready"),
            detail: read_lenient(node, "detail"),
            latency: Duration::from_micros((millis * 1000.0).round() as u64),
            since: read_lenient(node, "since"),
            failing_channels: read_lenient(node, "channels_failing"),
            suppressed_channels: read_lenient(node, "channels_suppressed"),
        })
    }
}

/// Encodes a span in milliseconds, exact to the microsecond.
fn millis_to_json(span: Duration) -> Value {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Value::Float(micros as f64 / 1000.0)
}
