//! Present status: `status.json`, written by the monitor and readable by every user.
//!
//! It contains no secrets. [`Status::new`] takes it from the machine and from [`Facts`], which hold what only the
//! monitor knows. All times in a [`Status`] are wall clock.

mod build;
mod command;
mod day;
pub mod metrics;
mod read;
mod render;
mod write;

use std::time::Duration;

use crate::failover::{Drill, Failover, Hold, HoldKind};
use crate::os::boot_time::BootTime;
use crate::records::timeline::Strip;
pub use crate::status::build::{Facts, Seen};
pub use crate::status::command::{Form, command, show};
use crate::text::Time;
use crate::workspace::summary::{Pull, Push};

/// Number of update intervals without an update after which the monitor counts as not running.
const SILENT_INTERVALS: u32 = 3;

/// Least time without an update before the monitor counts as not running, so that short intervals tolerate a late
/// write.
const PATIENCE: Duration = Duration::from_secs(10);

/// Conditions that prevent a failover, by their names in [`Status::degraded`].
const OBSTACLES: [&str; 6] =
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
    pub role: Role,
    /// Gateways with priority over this standby.
    pub upstreams: Vec<Upstream>,
    /// Present outage, if there is one.
    pub window: Option<Window>,
    /// Hold that an operator set.
    pub hold: Option<Hold>,
    /// Operator's reason for the hold.
    pub reason: Option<String>,
    /// Time for which an upstream must be ready before failback.
    pub hold_down: Duration,
    /// Gateway of this host.
    pub gateway: Gateway,
    /// Last pull of the workspace.
    pub workspace: Option<Pull>,
    /// Last push of local changes.
    pub returned: Option<Push>,
    /// True if the workspace may have changes that are not pushed yet.
    pub unreturned: bool,
    /// Last failover, finished or not.
    pub failover: Option<Failover>,
    /// Last drill, finished or not.
    pub drill: Option<Drill>,
    /// Due time of the next drill; `None`: never.
    pub drill_due: Option<Time>,
    /// Conditions that prevent or limit a failover.
    pub degraded: Vec<Degraded>,
    /// Timeline of the last 24 hours.
    pub strip: Strip,
}

/// Role, by its stable names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Name: `standby`, `promoting`, `active` or `demoting`.
    pub name: String,
    /// Step of a promotion: `sync`, `start`, `verify` or `clear`.
    pub step: Option<String>,
    /// Cause: `outage`, `flapping`, `operator`, `drill` or `found`; of a demotion `ready`, `operator`, `drill_over` or
    /// `found`.
    pub cause: Option<String>,
    /// Start of the role.
    pub since: Time,
}

/// Result of the last probe of a gateway.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probed {
    /// Verdict: `healthy`, or the name of the failure.
    pub verdict: String,
    /// True if the gateway also reported ready.
    pub ready: bool,
    /// Details for people.
    pub detail: String,
    /// Time from the first request to the verdict, to the microsecond.
    pub latency: Duration,
    /// Time since which every probe has had the same verdict.
    pub since: Time,
    /// Channels that are configured but broken.
    pub failing: Vec<String>,
    /// Channels that the gateway's crash-loop breaker has muted.
    pub suppressed: Vec<String>,
}

/// Upstream, as probed from this host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upstream {
    /// Name from the configuration.
    pub name: String,
    /// URLs from the configuration.
    pub urls: Vec<String>,
    /// Last probe; `None` before the first has ended.
    pub probed: Option<Probed>,
    /// Time for which it has been ready without interruption.
    pub ready_for: Option<Duration>,
    /// True if it was ever seen healthy from this host.
    pub armed: bool,
    /// True if it failed more than once in a short time and has not been ready for long enough since.
    pub unsteady: bool,
}

/// Outage: time in which no upstream is up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Length of the outage, as it counts towards a promotion.
    pub elapsed: Duration,
    /// Threshold for a promotion.
    pub needed: Duration,
    /// Failed probes in a row.
    pub failures: u32,
    /// Time of the last healthy probe.
    pub life: Time,
}

/// Gateway of this host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gateway {
    /// Name of its systemd unit.
    pub unit: String,
    /// State of the unit: `active`, `activating`, `deactivating` or `down`.
    pub unit_state: Option<String>,
    /// URL that is probed.
    pub url: String,
    /// Last probe.
    pub probed: Option<Probed>,
}

/// Condition that prevents or limits a failover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Degraded {
    /// Stable name.
    pub what: String,
    /// Description for people, with the remedy.
    pub text: String,
}

impl Status {
    /// True if the monitor that wrote this still runs: its next update is not overdue. A time far in the future was
    /// written before the clock was set back, so it is old.
    #[must_use]
    pub fn is_fresh(&self, now: Time) -> bool {
        let patience = PATIENCE.max(self.interval.saturating_mul(SILENT_INTERVALS));
        if let Some(age) = self.measured_age() {
            return age <= patience;
        }
        now.since(self.updated_at) <= patience && self.updated_at.since(now) <= patience
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
    pub fn stands_by(&self, upstream: &Upstream) -> bool {
        let found = |upstream: &Upstream, verdict| {
            upstream.probed.as_ref().is_some_and(|probed: &Probed| probed.verdict == verdict)
        };
        let mut before = self.upstreams.iter().take_while(|before| before.name != upstream.name);
        found(upstream, "refused") && before.any(|before| found(before, "healthy"))
    }

    /// True if this host could take over, or has: no known condition prevents it.
    #[must_use]
    pub fn could_take_over(&self) -> bool {
        let is_held = self.hold.is_some_and(|hold| hold.kind != HoldKind::Promoted);
        !is_held && self.obstacles().next().is_none()
    }

    /// Returns the conditions that prevent a failover.
    fn obstacles(&self) -> impl Iterator<Item = &str> {
        self.degraded.iter().map(|degraded| degraded.what.as_str()).filter(|what| OBSTACLES.contains(what))
    }
}
