//! Conversion of a machine into a [`Status`].

use std::time::Duration;

use crate::config::Config;
use crate::events::availability_in_words;
use crate::failover::{Machine, PersistentState, Promoting, Role};
use crate::os::clock::WallClockOffset;
use crate::probe::{ProbeResult, Verdict};
use crate::records::timeline::Timeline;
use crate::status::{DegradedCondition, GatewayStatus, ProbeStatus, RoleStatus, Status, UpstreamStatus, WindowStatus};
use crate::text::Time;
use crate::workspace::summary::{PullSummary, PushSummary};

/// Facts that only the monitor knows, for [`Status::new`]. Times are the machine's.
#[derive(Clone, Debug)]
pub struct MonitorFacts<'a> {
    /// Configuration in force.
    pub config: &'a Config,
    /// Conversion from the machine's time to the wall clock's.
    pub wall: WallClockOffset,
    /// Present time.
    pub now: Time,
    /// Start of the monitor.
    pub started_at: Time,
    /// Longest time between two updates.
    pub interval: Duration,
    /// Last probe of each upstream, in configuration order.
    pub upstreams: &'a [Option<LastProbe>],
    /// Last probe of this host's gateway.
    pub gateway: Option<&'a LastProbe>,
    /// Last pull.
    pub last_pull: Option<&'a PullSummary>,
    /// Last push.
    pub last_push: Option<&'a PushSummary>,
    /// Conditions that the machine does not know of.
    pub degraded: &'a [DegradedCondition],
    /// Timeline of the last 24 hours.
    pub timeline: &'a Timeline,
}

/// Last probe of a gateway, and the time since which the verdict has been the same.
#[derive(Clone, Debug)]
pub struct LastProbe {
    verdict: Verdict,
    since: Time,
    status: ProbeStatus,
}

impl LastProbe {
    /// Describes the last verdict for people.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{}: {}", self.verdict, self.status.detail)
    }

    /// Adds an answer at `now`, the machine's time, to the ones in `before`.
    #[must_use]
    pub fn from_result(before: Option<&Self>, answer: &ProbeResult, now: Time) -> Self {
        let since = before.filter(|before| before.verdict == answer.verdict).map_or(now, |before| before.since);
        let probed = ProbeStatus {
            verdict: answer.verdict.kind().into(),
            ready: answer.verdict == (Verdict::Healthy { ready: true }),
            detail: answer.detail.clone(),
            latency: round_to_micros(answer.latency),
            since: Time::default(),
            failing_channels: answer.channels.failing.clone(),
            suppressed_channels: answer.channels.suppressed.clone(),
        };
        Self { verdict: answer.verdict, since, status: probed }
    }

    /// Replaces the last probe. Returns true if anything but the latency has changed.
    pub fn replace(last: &mut Option<Self>, answer: &ProbeResult, now: Time) -> bool {
        let new = Self::from_result(last.as_ref(), answer, now);
        let is_news = last.as_ref().is_none_or(|before| !before.equals_except_latency(&new));
        *last = Some(new);
        is_news
    }

    fn equals_except_latency(&self, other: &Self) -> bool {
        self.verdict == other.verdict
            && self.status == ProbeStatus { latency: self.status.latency, ..other.status.clone() }
    }

    fn to_status(&self, wall: WallClockOffset) -> ProbeStatus {
        ProbeStatus { since: wall.to_wall_clock(self.since), ..self.status.clone() }
    }
}

impl Status {
    /// Returns the present status.
    #[must_use]
    pub fn new(machine: &Machine, facts: &MonitorFacts<'_>) -> Self {
        let wall = facts.wall;
        let persistent_state = machine.persistent_state();
        let mut at_wall = persistent_state.clone();
        at_wall.map_times(|at| wall.to_wall_clock(at));
        let window = machine.window().map(|(elapsed, last_healthy_at)| WindowStatus {
            elapsed: round_to_millis(elapsed),
            needed: machine.outage_threshold(),
            failures: machine.window_failures(),
            last_healthy_at: wall.to_wall_clock(last_healthy_at),
        });
        let mut degraded = machine_conditions(machine, facts.config);
        degraded.extend_from_slice(facts.degraded);
        Self {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: wall.to_wall_clock(facts.started_at),
            updated_at: wall.to_wall_clock(facts.now),
            boot: wall.to_boot_time(facts.now),
            interval: facts.interval,
            role: role_status(machine, facts),
            upstreams: upstream_statuses(machine, facts),
            window,
            hold: at_wall.hold,
            hold_down: machine.hold_down(None),
            gateway: GatewayStatus {
                unit: facts.config.gateway.unit.clone(),
                unit_state: machine.unit().map(|unit| unit.state.into()),
                url: facts.config.gateway.url.clone(),
                last_probe: facts.gateway.map(|seen| seen.to_status(wall)),
            },
            last_pull: facts.last_pull.cloned(),
            last_push: facts.last_push.cloned(),
            has_unpushed_changes: persistent_state.has_unpushed_changes,
            last_failover: at_wall.last_failover,
            last_drill: at_wall.last_drill,
            drill_due_at: drill_due_at(persistent_state, facts).map(|at| wall.to_wall_clock(at)),
            degraded,
            timeline: facts.timeline.clone(),
        }
    }
}

/// Returns when the next drill is due. If none has ever passed, it is due when the monitor starts.
fn drill_due_at(persistent_state: &PersistentState, facts: &MonitorFacts<'_>) -> Option<Time> {
    let interval = facts.config.drill.interval;
    (!interval.is_zero()).then(|| persistent_state.drill_passed_at.map_or(facts.started_at, |last| last + interval))
}

fn role_status(machine: &Machine, facts: &MonitorFacts<'_>) -> RoleStatus {
    let role = RoleStatus { kind: machine.role().kind().into(), ..RoleStatus::default() };
    let (role, since) = match machine.role() {
        // A standby has no start time of its own: it is the end of the last failover or drill, or the monitor's start.
        Role::Standby => {
            let persistent_state = machine.persistent_state();
            let failover = persistent_state.last_failover.as_ref().and_then(|failover| failover.ended_at);
            let drill = persistent_state.last_drill.as_ref().and_then(|drill| drill.ended_at);
            (role, failover.max(drill).unwrap_or(facts.started_at))
        }
        Role::Promoting(Promoting { step, cause, since, .. }) => {
            (RoleStatus { step: Some(step.kind().into()), cause: Some(cause.kind().into()), ..role }, *since)
        }
        Role::Active(active) => (RoleStatus { cause: Some(active.cause.kind().into()), ..role }, active.since),
        Role::Demoting(demoting) => {
            (RoleStatus { demotion_reason: Some(demoting.reason.kind().into()), ..role }, demoting.since)
        }
    };
    RoleStatus { since: facts.wall.to_wall_clock(since), ..role }
}

fn upstream_statuses(machine: &Machine, facts: &MonitorFacts<'_>) -> Vec<UpstreamStatus> {
    let configured = facts.config.upstreams.iter().enumerate();
    let upstream = |(index, configured): (usize, &crate::config::UpstreamConfig)| {
        let known = machine.upstreams().get(index);
        let seen = facts.upstreams.get(index).and_then(Option::as_ref);
        UpstreamStatus {
            name: configured.name.clone(),
            urls: configured.urls.clone(),
            last_probe: seen.map(|seen| seen.to_status(facts.wall)),
            ready_for: known.and_then(|known| known.ready_for).map(round_to_millis),
            seen_healthy: known.is_some_and(|known| known.is_armed),
            unsteady: known.is_some_and(|known| known.is_unsteady),
        }
    };
    configured.map(upstream).collect()
}

/// Returns the conditions that the machine itself knows of.
fn machine_conditions(machine: &Machine, config: &Config) -> Vec<DegradedCondition> {
    let (unit, url) = (&config.gateway.unit, &config.gateway.url);
    let never_seen = machine.window().is_some() && machine.upstreams().iter().all(|upstream| !upstream.is_armed);
    let found = [
        (
            machine.is_isolated(),
            "isolated",
            "No witness answers: this host may be cut off. No automatic failover until one answers.".to_owned(),
        ),
        (
            never_seen,
            "never_seen_healthy",
            "No upstream was ever seen healthy from here, so there is no automatic failover. Check the URLs with \
             `openclaw-failover check`; `openclaw-failover promote` fails over by hand."
                .to_owned(),
        ),
        (machine.is_flapping(), "flapping", availability_in_words(config, machine.availability())),
        (
            machine.is_promotion_stuck(),
            "start_failing",
            format!("{unit} does not start, or does not answer; the start is retried. See `journalctl -u {unit}`."),
        ),
        (
            machine.is_port_held(),
            "port_held",
            format!(
                "Another process than {unit} listens on {url}, so this host could not take over. Find it with \
                 `ss -ltnp`."
            ),
        ),
        (
            machine.unverified_reason().is_some(),
            "answer_unverified",
            format!(
                "Could not check whose process answers at {url}: {}.",
                machine.unverified_reason().unwrap_or_default().trim_end_matches('.')
            ),
        ),
        (
            machine.has_broken_channels(),
            "channels_broken",
            "This host's gateway is up, but a chat channel is down. See `openclaw channels status --probe`.".to_owned(),
        ),
    ];
    let found = found.into_iter().filter(|(holds, ..)| *holds);
    found.map(|(_, what, text)| DegradedCondition { name: what.to_owned(), text }).collect()
}

/// Rounds to milliseconds, as the file does, so that a written status reads back the same.
fn round_to_millis(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn round_to_micros(span: Duration) -> Duration {
    Duration::from_micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}
