//! Present status: `status.json`, written by the monitor and readable by every user.
//!
//! It contains no secrets. [`Status::new`] takes it from the machine and from [`MonitorFacts`], which hold what only
//! the monitor knows. All times in a [`Status`] are wall clock.

mod build;
mod codec;
mod command;
mod file;
pub mod metrics;
mod render;
mod timeline_row;

use std::time::Duration;

use crate::failover::{
    CauseKind, DemotionReasonKind, Drill, Failover, Hold, HoldKind, PromotionStepKind, RoleKind, UnitState,
};
use crate::os::boot_time::BootTime;
use crate::probe::VerdictKind;
use crate::records::timeline::Timeline;
pub use crate::status::build::{LastProbe, MonitorFacts};
pub use crate::status::command::{StatusFormat, render_file, render_status};
pub use crate::status::file::StatusError;
use crate::text::{Named, Time};
use crate::workspace::summary::{PullSummary, PushSummary};

/// Number of update intervals without an update after which the monitor counts as not running.
const MAX_MISSED_UPDATES: u32 = 3;

/// Least time without an update before the monitor counts as not running, so that short intervals tolerate a late
/// write.
const MIN_STALE_AFTER: Duration = Duration::from_secs(10);

/// Conditions that prevent a failover, by their names in [`Status::degraded`].
const BLOCKING_CONDITIONS: [&str; 6] =
    ["systemd_unreachable", "start_failing", "port_held", "isolated", "never_seen_healthy", "not_ready"];

/// Status as the monitor last wrote it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Process id of the monitor.
    pub pid: u32,
    /// Version of the monitor.
    pub version: String,
    /// Start of the monitor.
    pub started_at: Time,
    /// Time of this update.
    pub updated_at: Time,
    /// Time of this update since boot, where known.
    pub boot: Option<BootTime>,
    /// Longest time between two updates.
    pub interval: Duration,
    /// Role of this host.
    pub role: RoleStatus,
    /// Gateways with priority over this standby.
    pub upstreams: Vec<UpstreamStatus>,
    /// Present outage, if there is one.
    pub window: Option<WindowStatus>,
    /// Hold that an operator set.
    pub hold: Option<Hold>,
    /// Time for which an upstream must be ready before failback.
    pub hold_down: Duration,
    /// Gateway of this host.
    pub gateway: GatewayStatus,
    /// Last pull of the workspace.
    pub last_pull: Option<PullSummary>,
    /// Last push of local changes.
    pub last_push: Option<PushSummary>,
    /// True if the workspace may have changes that are not pushed yet.
    pub has_unpushed_changes: bool,
    /// Last failover, finished or not.
    pub last_failover: Option<Failover>,
    /// Last drill, finished or not.
    pub last_drill: Option<Drill>,
    /// Due time of the next drill; `None`: never.
    pub drill_due_at: Option<Time>,
    /// Conditions that prevent or limit a failover.
    pub degraded: Vec<DegradedCondition>,
    /// Timeline of the last 24 hours.
    pub timeline: Timeline,
}

/// Role, without the state that only the machine needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleStatus {
    /// Role.
    pub kind: Named<RoleKind>,
    /// Step of a promotion.
    pub step: Option<Named<PromotionStepKind>>,
    /// Cause of the promotion.
    pub cause: Option<Named<CauseKind>>,
    /// Reason of the demotion.
    pub demotion_reason: Option<Named<DemotionReasonKind>>,
    /// Start of the role.
    pub since: Time,
}

/// Result of the last probe of a gateway.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbeStatus {
    /// Verdict.
    pub verdict: Named<VerdictKind>,
    /// True if the gateway also reported ready.
    pub ready: bool,
    /// Details for people.
    pub detail: String,
    /// Time from the first request to the verdict, to the microsecond.
    pub latency: Duration,
    /// Time since which every probe has had the same verdict.
    pub since: Time,
    /// Channels that are configured but broken.
    pub failing_channels: Vec<String>,
    /// Channels that the gateway's crash-loop breaker has muted.
    pub suppressed_channels: Vec<String>,
}

/// Upstream, as probed from this host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpstreamStatus {
    /// Name from the configuration.
    pub name: String,
    /// URLs from the configuration.
    pub urls: Vec<String>,
    /// Last probe; `None` before the first has ended.
    pub last_probe: Option<ProbeStatus>,
    /// Time for which it has been ready without interruption.
    pub ready_for: Option<Duration>,
    /// True if it was ever seen healthy from this host.
    pub seen_healthy: bool,
    /// True if it failed more than once in a short time and has not been ready for long enough since.
    pub unsteady: bool,
}

/// Outage: time in which no upstream is up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowStatus {
    /// Length of the outage, as it counts towards a promotion.
    pub elapsed: Duration,
    /// Threshold for a promotion.
    pub needed: Duration,
    /// Failed probes in a row.
    pub failures: u32,
    /// Time of the last healthy probe.
    pub last_healthy_at: Time,
}

/// Gateway of this host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GatewayStatus {
    /// Name of its systemd unit.
    pub unit: String,
    /// State of the unit.
    pub unit_state: Option<Named<UnitState>>,
    /// URL that is probed.
    pub url: String,
    /// Last probe.
    pub last_probe: Option<ProbeStatus>,
}

/// Condition that prevents or limits a failover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DegradedCondition {
    /// Stable name.
    pub name: String,
    /// Description for people, with the remedy.
    pub text: String,
}

impl Status {
    /// True if the monitor that wrote this still runs: its next update is not overdue. A time far in the future was
    /// written before the clock was set back, so it is old.
    #[must_use]
    pub fn is_fresh(&self, now: Time) -> bool {
        let max_age = MIN_STALE_AFTER.max(self.interval.saturating_mul(MAX_MISSED_UPDATES));
        if let Some(age) = self.measured_age() {
            return age <= max_age;
        }
        now.since(self.updated_at) <= max_age && self.updated_at.since(now) <= max_age
    }

    /// Returns the time since the update: measured if the reader is of the same boot, otherwise by the wall clock.
    #[must_use]
    pub fn age(&self, now: Time) -> Duration {
        self.measured_age().unwrap_or_else(|| now.since(self.updated_at))
    }

    fn measured_age(&self) -> Option<Duration> {
        BootTime::now()?.since(self.boot?)
    }

    /// True if this upstream is another standby that is idle: its gateway is down while one listed before it is up.
    #[must_use]
    pub fn is_idle_standby(&self, upstream: &UpstreamStatus) -> bool {
        let found = |upstream: &UpstreamStatus, verdict| {
            upstream.last_probe.as_ref().is_some_and(|probed: &ProbeStatus| probed.verdict == verdict)
        };
        let mut before = self.upstreams.iter().take_while(|before| before.name != upstream.name);
        found(upstream, VerdictKind::Refused) && before.any(|before| found(before, VerdictKind::Healthy))
    }

    /// True if this host could take over, or has: no known condition prevents it.
    #[must_use]
    pub fn could_take_over(&self) -> bool {
        let is_held = self.hold.as_ref().is_some_and(|hold| hold.kind != HoldKind::Promoted);
        !is_held && self.blocking_conditions().next().is_none()
    }

    /// Returns the conditions that prevent a failover.
    fn blocking_conditions(&self) -> impl Iterator<Item = &str> {
        self.degraded.iter().map(|degraded| degraded.name.as_str()).filter(|what| BLOCKING_CONDITIONS.contains(what))
    }
}
