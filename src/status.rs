//! How things stand now: `status.json`, written by the monitor and read by everybody.
//!
//! It holds no secret. What the machine knows is read off the machine; what only the monitor knows it hands over as
//! [`Facts`]. All times in a [`Status`] are wall clock.

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

/// How many of its intervals a monitor may be silent before it counts as not running.
const SILENT_INTERVALS: u32 = 3;

/// The least patience with a silent monitor: short intervals must not make one late write look like a death.
const PATIENCE: Duration = Duration::from_secs(10);

/// What keeps this host from taking over, by the names that are given to it in [`Status::degraded`].
const OBSTACLES: [&str; 6] =
    ["systemd_unreachable", "start_failing", "port_held", "isolated", "never_seen_healthy", "not_ready"];

/// How things stood when the monitor last wrote it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// The monitor's process.
    pub pid: u32,
    /// The monitor's version.
    pub version: String,
    /// When the monitor started.
    pub started_at: Time,
    /// When this was written.
    pub updated_at: Time,
    /// The same moment as time since the boot, where that is known.
    pub boot: Option<BootTime>,
    /// The longest that the monitor lets pass between two writes.
    pub interval: Duration,
    /// What this host is to its user.
    pub role: Role,
    /// The gateways that outrank this standby.
    pub upstreams: Vec<Upstream>,
    /// The window, while it is open.
    pub window: Option<Window>,
    /// The operator's override.
    pub hold: Option<Hold>,
    /// Why it stands, in the operator's words.
    pub reason: Option<String>,
    /// How long an upstream must stay ready before this host steps aside.
    pub hold_down: Duration,
    /// This host's gateway.
    pub gateway: Gateway,
    /// The last pull of the workspace.
    pub workspace: Option<Pull>,
    /// The last push of what this host has written.
    pub returned: Option<Push>,
    /// Whether the workspace may hold something that the remote does not have.
    pub unreturned: bool,
    /// The last failover, as far as it came.
    pub failover: Option<Failover>,
    /// The last drill, as far as it came.
    pub drill: Option<Drill>,
    /// When the next drill is due; `None`: never.
    pub drill_due: Option<Time>,
    /// What stands in the way of a failover, or of a whole one.
    pub degraded: Vec<Degraded>,
    /// What the last 24 hours were like.
    pub strip: Strip,
}

/// A role by its stable names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// `standby`, `promoting`, `active` or `demoting`.
    pub name: String,
    /// How far a promotion is: `sync`, `start`, `verify` or `clear`.
    pub step: Option<String>,
    /// Why: `outage`, `operator`, `drill` or `found`; of a demotion `ready`, `operator`, `drill_over` or `found`.
    pub cause: Option<String>,
    /// Since when.
    pub since: Time,
}

/// What the last probe of a gateway found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probed {
    /// `healthy`, or the name of the failure.
    pub verdict: String,
    /// Whether it said that it is ready, too.
    pub ready: bool,
    /// What was seen, for people.
    pub detail: String,
    /// From the first request to the verdict, to the microsecond.
    pub latency: Duration,
    /// Since when every probe has found the same.
    pub since: Time,
    /// Channels that are configured and broken.
    pub failing: Vec<String>,
    /// Channels that the crash-loop breaker has muted.
    pub suppressed: Vec<String>,
}

/// One upstream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// Its URLs.
    pub urls: Vec<String>,
    /// The last probe; `None` before the first has ended.
    pub probed: Option<Probed>,
    /// How long it has been ready without a break.
    pub ready_for: Option<Duration>,
    /// Whether it was ever seen healthy from here.
    pub armed: bool,
    /// Whether it fell more than once in a short time and has not been ready for long enough since.
    pub unsteady: bool,
}

/// How long no upstream has shown life.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// As it counts towards a promotion.
    pub elapsed: Duration,
    /// What it must reach.
    pub needed: Duration,
    /// Failing verdicts in a row.
    pub failures: u32,
    /// When an upstream last showed life.
    pub life: Time,
}

/// This host's gateway.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gateway {
    /// Its unit.
    pub unit: String,
    /// What systemd last said of it: `active`, `activating`, `deactivating` or `down`.
    pub unit_state: Option<String>,
    /// Where it should answer.
    pub url: String,
    /// What it answered last.
    pub probed: Option<Probed>,
}

/// One thing that stands in the way of a failover, or of a whole one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Degraded {
    /// Its stable name.
    pub what: String,
    /// The same in words, with the way out.
    pub text: String,
}

impl Status {
    /// Whether the monitor that wrote this still runs, as far as can be told: it would have written again. A time far
    /// ahead was written before the clock was set back, so nobody has written since.
    #[must_use]
    pub fn is_fresh(&self, now: Time) -> bool {
        let patience = PATIENCE.max(self.interval.saturating_mul(SILENT_INTERVALS));
        if let Some(age) = self.measured_age() {
            return age <= patience;
        }
        now.since(self.updated_at) <= patience && self.updated_at.since(now) <= patience
    }

    /// Time since it was written: measured, where its reader is of the same boot, or else by the wall clock.
    #[must_use]
    pub fn age(&self, now: Time) -> Duration {
        self.measured_age().unwrap_or_else(|| now.since(self.updated_at))
    }

    fn measured_age(&self) -> Option<Duration> {
        BootTime::now()?.since(self.boot?)
    }

    /// Whether this upstream is another standby that has nothing to do: its gateway is down, and one listed before it lives.
    #[must_use]
    pub fn stands_by(&self, upstream: &Upstream) -> bool {
        let found = |upstream: &Upstream, verdict| {
            upstream.probed.as_ref().is_some_and(|probed: &Probed| probed.verdict == verdict)
        };
        let mut before = self.upstreams.iter().take_while(|before| before.name != upstream.name);
        found(upstream, "refused") && before.any(|before| found(before, "healthy"))
    }

    /// Whether this host could take over, or has: nothing that is known stands in the way.
    #[must_use]
    pub fn could_take_over(&self) -> bool {
        let is_held = self.hold.is_some_and(|hold| hold.kind != HoldKind::Promoted);
        !is_held && self.obstacles().next().is_none()
    }

    /// What stands in the way.
    fn obstacles(&self) -> impl Iterator<Item = &str> {
        self.degraded.iter().map(|degraded| degraded.what.as_str()).filter(|what| OBSTACLES.contains(what))
    }
}
