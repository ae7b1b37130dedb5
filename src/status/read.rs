//! Parser for `status.json`.
//!
//! Only the fields that identify a status are required. All others may be missing or of another type, because a monitor
//! of another version may have written the file.

use std::time::Duration;

use crate::events::codec;
use crate::os::boot_time::BootTime;
use crate::os::load_or_quarantine;
use crate::records::timeline::Strip;
use crate::status::{Degraded, Gateway, Probed, Role, Status, Upstream, Window};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::json_fields::{as_seconds, as_time, check_schema, field};
use crate::workspace::summary::{Pull, Push};

/// Limit on the items read from a list.
const ITEMS: usize = 64;

impl Status {
    /// Parses the output of [`Status::to_json`]. The caller bounds the length.
    ///
    /// # Errors
    /// Returns an error if it is not a status.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        Self::from_value(&load_or_quarantine::parse(bytes)?.value)
    }

    /// Converts parsed JSON.
    ///
    /// # Errors
    /// Returns an error if it is not a status.
    pub fn from_value(node: &Value) -> Result<Self, String> {
        check_schema(node)?;
        Ok(Self {
            pid: number(node, "pid").unwrap_or_default(),
            version: text(node, "version").unwrap_or_default(),
            started_at: time(node, "started_at").unwrap_or_default(),
            updated_at: as_time(field(node, "updated_at")?, "updated_at")?,
            boot: BootTime::read(node),
            interval: as_seconds(field(node, "interval_seconds")?, "interval_seconds")?,
            role: Role {
                name: text(node, "role").unwrap_or_default(),
                step: text(node, "step"),
                cause: text(node, "cause"),
                since: time(node, "since").unwrap_or_default(),
            },
            upstreams: list(node, "upstreams", |node| Some(upstream(node))),
            window: object(node, "window").map(window),
            hold: node.get("hold").and_then(|node| codec::hold(node).ok()),
            reason: text(node, "hold_reason"),
            hold_down: span(node, "hold_down_seconds").unwrap_or_default(),
            gateway: object(node, "gateway").map(gateway).unwrap_or_default(),
            workspace: object(node, "workspace").map(pull),
            returned: object(node, "returned").map(push),
            unreturned: truth(node, "unreturned"),
            failover: node.get("failover").and_then(|node| codec::failover(node).ok()),
            drill: node.get("drill").and_then(|node| codec::drill(node).ok()),
            drill_due: time(node, "drill_due_at"),
            degraded: list(node, "degraded", |node| Some(degraded(node))),
            strip: node.get("strip").and_then(|node| Strip::from_json(node).ok()).unwrap_or_default(),
        })
    }
}

fn upstream(node: &Value) -> Upstream {
    Upstream {
        name: text(node, "name").unwrap_or_default(),
        urls: texts(node, "urls"),
        probed: object(node, "probed").map(probed),
        ready_for: span(node, "ready_for_seconds"),
        armed: truth(node, "armed"),
        unsteady: truth(node, "unsteady"),
    }
}

fn probed(node: &Value) -> Probed {
    let millis = node.get("latency_ms").and_then(|node| node.as_f64()).unwrap_or_default();
    Probed {
        verdict: text(node, "verdict").unwrap_or_default(),
        ready: truth(node, "ready"),
        detail: text(node, "detail").unwrap_or_default(),
        latency: Duration::from_micros((millis * 1000.0).round() as u64),
        since: time(node, "since").unwrap_or_default(),
        failing: texts(node, "channels_failing"),
        suppressed: texts(node, "channels_suppressed"),
    }
}

fn window(node: &Value) -> Window {
    Window {
        elapsed: span(node, "elapsed_seconds").unwrap_or_default(),
        needed: span(node, "needed_seconds").unwrap_or_default(),
        failures: number(node, "failures").unwrap_or_default(),
        life: time(node, "life_at").unwrap_or_default(),
    }
}

fn gateway(node: &Value) -> Gateway {
    Gateway {
        unit: text(node, "unit").unwrap_or_default(),
        unit_state: text(node, "unit_state"),
        url: text(node, "url").unwrap_or_default(),
        probed: object(node, "probed").map(probed),
    }
}

fn pull(node: &Value) -> Pull {
    Pull {
        outcome: text(node, "outcome").unwrap_or_default(),
        commit: text(node, "commit"),
        committed: time(node, "committed_at"),
        at: time(node, "at").unwrap_or_default(),
        fresh: time(node, "fresh_at"),
        stale: truth(node, "stale"),
        kept: text(node, "kept").unwrap_or_default(),
        withheld: text(node, "withheld").unwrap_or_default(),
        error: text(node, "error"),
    }
}

fn push(node: &Value) -> Push {
    Push {
        outcome: text(node, "outcome").unwrap_or_default(),
        at: time(node, "at").unwrap_or_default(),
        returned: time(node, "returned_at"),
        error: text(node, "error"),
    }
}

fn degraded(node: &Value) -> Degraded {
    Degraded { what: text(node, "what").unwrap_or_default(), text: text(node, "text").unwrap_or_default() }
}

fn object<'a>(node: &'a Value, key: &str) -> Option<&'a Value> {
    let found: &Value = node.get(key)?;
    found.as_object().map(|_| found)
}

fn list<T>(node: &Value, key: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    let items = node.get(key).and_then(|node| node.as_array()).unwrap_or_default();
    items.iter().take(ITEMS).filter_map(|item| read(item)).collect()
}

fn texts(node: &Value, key: &str) -> Vec<String> {
    list(node, key, |item| item.as_str().map(str::to_owned))
}

fn text(node: &Value, key: &str) -> Option<String> {
    Some(node.get(key)?.as_str()?.to_owned())
}

fn truth(node: &Value, key: &str) -> bool {
    node.get(key).and_then(|node| node.as_bool()).unwrap_or_default()
}

fn number(node: &Value, key: &str) -> Option<u32> {
    u32::try_from(node.get(key)?.as_u64()?).ok()
}

fn time(node: &Value, key: &str) -> Option<Time> {
    as_time(node.get(key)?, key).ok()
}

fn span(node: &Value, key: &str) -> Option<Duration> {
    as_seconds(node.get(key)?, key).ok()
}
