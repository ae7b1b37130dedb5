//! Parser for `status.json`.
//!
//! Only the fields that identify a status are required. All others may be missing or of another type, because a monitor
//! of another version may have written the file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failover::RoleKind;
use crate::os::atomic_file::{self, FileError};
use crate::os::boot_time::BootTime;
use crate::os::load_or_quarantine;
use crate::status::{DegradedCondition, GatewayStatus, ProbeStatus, RoleStatus, Status, UpstreamStatus, WindowStatus};
use crate::text::json::Value;
use crate::text::json_fields::{RecordError, check_schema, read_field};
use crate::text::{Named, Time};
use crate::workspace::summary::{PullSummary, PushSummary};

/// Limit on the size of `status.json`, in bytes.
const MAX_STATUS_BYTES: usize = 256 * 1024;

/// Limit on the items read from a list.
const MAX_LIST_ITEMS: usize = 64;

/// Reason why there is no status.
#[derive(Debug)]
pub enum StatusError {
    /// There is no such file.
    Missing(PathBuf),
    /// The file cannot be read.
    File(FileError),
    /// The file has no status.
    Record(PathBuf, RecordError),
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "there is no {}", path.display()),
            Self::File(why) => why.fmt(f),
            Self::Record(path, why) => write!(f, "cannot use {}: {why}", path.display()),
        }
    }
}

impl std::error::Error for StatusError {}

impl Status {
    /// Reads `status.json`.
    ///
    /// # Errors
    /// Returns an error if there is no such file, or if it is not a status.
    pub fn load(path: &Path) -> Result<Self, StatusError> {
        let bytes = atomic_file::read(path, MAX_STATUS_BYTES).map_err(StatusError::File)?;
        let bytes = bytes.ok_or_else(|| StatusError::Missing(path.to_owned()))?;
        Self::from_json(&bytes).map_err(|why| StatusError::Record(path.to_owned(), why))
    }

    /// Parses the output of [`Status::to_json`]. The caller bounds the length.
    ///
    /// # Errors
    /// Returns an error if it is not a status.
    pub fn from_json(bytes: &[u8]) -> Result<Self, RecordError> {
        Self::from_value(&load_or_quarantine::parse_record(bytes)?.value)
    }

    /// Converts parsed JSON.
    ///
    /// # Errors
    /// Returns an error if it is not a status.
    pub fn from_value(node: &Value) -> Result<Self, RecordError> {
        check_schema(node)?;
        Ok(Self {
            pid: read_u32(node, "pid").unwrap_or_default(),
            version: read_text(node, "version").unwrap_or_default(),
            started_at: read_time(node, "started_at").unwrap_or_default(),
            updated_at: read_field(node, "updated_at")?,
            boot: BootTime::read(node),
            interval: read_field(node, "interval_seconds")?,
            role: read_role(node),
            upstreams: read_list(node, "upstreams", |node| Some(read_upstream(node))),
            window: read_object(node, "window").map(read_window),
            hold: read_field(node, "hold").unwrap_or_default(),
            hold_down: read_span(node, "hold_down_seconds").unwrap_or_default(),
            gateway: read_object(node, "gateway").map(read_gateway).unwrap_or_default(),
            last_pull: read_object(node, "workspace").map(read_pull),
            last_push: read_object(node, "push").map(read_push),
            has_unpushed_changes: read_bool(node, "unpushed"),
            last_failover: read_field(node, "failover").unwrap_or_default(),
            last_drill: read_field(node, "drill").unwrap_or_default(),
            drill_due_at: read_time(node, "drill_due_at"),
            degraded: read_list(node, "degraded", |node| Some(read_condition(node))),
            timeline: read_field(node, "timeline").unwrap_or_default(),
        })
    }
}

fn read_role(node: &Value) -> RoleStatus {
    let kind: Named<RoleKind> = read_field(node, "role").unwrap_or_default();
    let is_demoting = kind == RoleKind::Demoting;
    RoleStatus {
        kind,
        step: read_field(node, "step").ok(),
        cause: read_field(node, "cause").ok().filter(|_| !is_demoting),
        demotion_reason: read_field(node, "cause").ok().filter(|_| is_demoting),
        since: read_time(node, "since").unwrap_or_default(),
    }
}

fn read_upstream(node: &Value) -> UpstreamStatus {
    UpstreamStatus {
        name: read_text(node, "name").unwrap_or_default(),
        urls: read_texts(node, "urls"),
        last_probe: read_object(node, "probed").map(read_probe),
        ready_for: read_span(node, "ready_for_seconds"),
        seen_healthy: read_bool(node, "armed"),
        unsteady: read_bool(node, "unsteady"),
    }
}

fn read_probe(node: &Value) -> ProbeStatus {
    let millis = node.get("latency_ms").and_then(|node| node.as_f64()).unwrap_or_default();
    ProbeStatus {
        verdict: read_field(node, "verdict").unwrap_or_default(),
        ready: read_bool(node, "ready"),
        detail: read_text(node, "detail").unwrap_or_default(),
        latency: Duration::from_micros((millis * 1000.0).round() as u64),
        since: read_time(node, "since").unwrap_or_default(),
        failing_channels: read_texts(node, "channels_failing"),
        suppressed_channels: read_texts(node, "channels_suppressed"),
    }
}

fn read_window(node: &Value) -> WindowStatus {
    WindowStatus {
        elapsed: read_span(node, "elapsed_seconds").unwrap_or_default(),
        needed: read_span(node, "needed_seconds").unwrap_or_default(),
        failures: read_u32(node, "failures").unwrap_or_default(),
        last_healthy_at: read_time(node, "last_healthy_at").unwrap_or_default(),
    }
}

fn read_gateway(node: &Value) -> GatewayStatus {
    GatewayStatus {
        unit: read_text(node, "unit").unwrap_or_default(),
        unit_state: read_field(node, "unit_state").ok(),
        url: read_text(node, "url").unwrap_or_default(),
        last_probe: read_object(node, "probed").map(read_probe),
    }
}

fn read_pull(node: &Value) -> PullSummary {
    PullSummary {
        outcome: read_text(node, "outcome").unwrap_or_default(),
        commit: read_text(node, "commit"),
        committed_at: read_time(node, "committed_at"),
        ended_at: read_time(node, "at").unwrap_or_default(),
        last_complete_at: read_time(node, "fresh_at"),
        is_stale: read_bool(node, "stale"),
        conflict_branches: read_text(node, "conflict_branches").unwrap_or_default(),
        withheld: read_text(node, "withheld").unwrap_or_default(),
        error: read_text(node, "error"),
    }
}

fn read_push(node: &Value) -> PushSummary {
    PushSummary {
        outcome: read_text(node, "outcome").unwrap_or_default(),
        ended_at: read_time(node, "at").unwrap_or_default(),
        last_complete_at: read_time(node, "last_complete_at"),
        error: read_text(node, "error"),
    }
}

fn read_condition(node: &Value) -> DegradedCondition {
    DegradedCondition {
        name: read_text(node, "what").unwrap_or_default(),
        text: read_text(node, "text").unwrap_or_default(),
    }
}

fn read_object<'a>(node: &'a Value, key: &str) -> Option<&'a Value> {
    let found: &Value = node.get(key)?;
    found.as_object().map(|_| found)
}

fn read_list<T>(node: &Value, key: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    let items = node.get(key).and_then(|node| node.as_array()).unwrap_or_default();
    items.iter().take(MAX_LIST_ITEMS).filter_map(|item| read(item)).collect()
}

fn read_texts(node: &Value, key: &str) -> Vec<String> {
    read_list(node, key, |item| item.as_str().map(str::to_owned))
}

fn read_text(node: &Value, key: &'static str) -> Option<String> {
    read_field(node, key).ok()
}

fn read_bool(node: &Value, key: &'static str) -> bool {
    read_field(node, key).unwrap_or_default()
}

fn read_u32(node: &Value, key: &'static str) -> Option<u32> {
    read_field(node, key).ok()
}

fn read_time(node: &Value, key: &'static str) -> Option<Time> {
    read_field(node, key).ok()
}

fn read_span(node: &Value, key: &'static str) -> Option<Duration> {
    read_field(node, key).ok()
}
