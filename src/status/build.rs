//! Conversion of a machine into a [`Status`].

use std::time::Duration;

use crate::config::Config;
use crate::events::{availability_in_words, codec};
use crate::failover::{
    Machine, Memory, names, {self},
};
use crate::os::clock::Wall;
use crate::probe::{Answer, Verdict};
use crate::records::timeline::Strip;
use crate::status::{Degraded, Gateway, Probed, Role, Status, Upstream, Window};
use crate::text::Time;
use crate::workspace::summary::{Pull, Push};

/// Facts that only the monitor knows, for [`Status::new`]. Times are the machine's.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Configuration in force.
    pub config: &'a Config,
    /// Conversion from the machine's time to the wall clock's.
    pub wall: Wall,
    /// Present time.
    pub now: Time,
    /// Start of the monitor.
    pub started: Time,
    /// Longest time between two updates.
    pub interval: Duration,
    /// Last probe of each upstream, in configuration order.
    pub upstreams: &'a [Option<Seen>],
    /// Last probe of this host's gateway.
    pub gateway: Option<&'a Seen>,
    /// Last pull.
    pub workspace: Option<&'a Pull>,
    /// Last push.
    pub returned: Option<&'a Push>,
    /// Conditions that the machine does not know of.
    pub degraded: &'a [Degraded],
    /// Timeline of the last 24 hours.
    pub strip: &'a Strip,
}

/// Last probe of a gateway, and the time since which the verdict has been the same.
#[derive(Clone, Debug)]
pub struct Seen {
    verdict: Verdict,
    since: Time,
    probed: Probed,
}

impl Seen {
    /// Describes the last verdict for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("{}: {}", self.verdict, self.probed.detail)
    }

    /// Adds an answer at `now`, the machine's time, to the ones in `before`.
    #[must_use]
    pub fn after(before: Option<&Self>, answer: &Answer, now: Time) -> Self {
        let since = before.filter(|before| before.verdict == answer.verdict).map_or(now, |before| before.since);
        let probed = Probed {
            verdict: names::verdict(answer.verdict).to_owned(),
            ready: answer.verdict == (Verdict::Healthy { ready: true }),
            detail: answer.detail.clone(),
            latency: micros(answer.latency),
            since: Time::default(),
            failing: answer.channels.failing.clone(),
            suppressed: answer.channels.suppressed.clone(),
        };
        Self { verdict: answer.verdict, since, probed }
    }

    /// Replaces the last probe. Returns true if anything but the latency has changed.
    pub fn renew(seen: &mut Option<Self>, answer: &Answer, now: Time) -> bool {
        let new = Self::after(seen.as_ref(), answer, now);
        let is_news = seen.as_ref().is_none_or(|before| !before.is_like(&new));
        *seen = Some(new);
        is_news
    }

    fn is_like(&self, other: &Self) -> bool {
        self.verdict == other.verdict && self.probed == Probed { latency: self.probed.latency, ..other.probed.clone() }
    }

    fn told(&self, wall: Wall) -> Probed {
        Probed { since: wall.at(self.since), ..self.probed.clone() }
    }
}

impl Status {
    /// Returns the present status.
    #[must_use]
    pub fn new(machine: &Machine, facts: &Facts<'_>) -> Self {
        let wall = facts.wall;
        let memory = machine.memory();
        let window = machine.window().map(|(elapsed, life)| Window {
            elapsed: millis(elapsed),
            needed: machine.window_needs(),
            failures: machine.window_failures(),
            life: wall.at(life),
        });
        let mut degraded = of_machine(machine, facts.config);
        degraded.extend_from_slice(facts.degraded);
        Self {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: wall.at(facts.started),
            updated_at: wall.at(facts.now),
            boot: wall.boot_time(facts.now),
            interval: facts.interval,
            role: role(machine, facts),
            upstreams: upstreams(machine, facts),
            window,
            hold: memory.hold.map(|hold| codec::hold_at_wall(hold, wall)),
            reason: None,
            hold_down: machine.hold_down(None),
            gateway: Gateway {
                unit: facts.config.gateway.unit.clone(),
                unit_state: machine.unit().map(|unit| names::unit_state(unit.state).to_owned()),
                url: facts.config.gateway.url.clone(),
                probed: facts.gateway.map(|seen| seen.told(wall)),
            },
            workspace: facts.workspace.cloned(),
            returned: facts.returned.cloned(),
            unreturned: memory.unreturned,
            failover: memory.failover.as_ref().map(|failover| codec::failover_at_wall(failover, wall)),
            drill: memory.drill.as_ref().map(|drill| codec::drill_at_wall(drill, wall)),
            drill_due: drill_due(memory, facts).map(|at| wall.at(at)),
            degraded,
            strip: facts.strip.clone(),
        }
    }
}

/// Returns when the next drill is due. If none has ever passed, it is due when the monitor starts.
fn drill_due(memory: &Memory, facts: &Facts<'_>) -> Option<Time> {
    let interval = facts.config.drill.interval;
    (!interval.is_zero()).then(|| memory.drilled.map_or(facts.started, |last| last + interval))
}

fn role(machine: &Machine, facts: &Facts<'_>) -> Role {
    let (step, cause, since) = match machine.role() {
        // A standby has no start time of its own: it is the end of the last failover or drill, or the monitor's start.
        failover::Role::Standby => {
            let memory = machine.memory();
            let failover = memory.failover.as_ref().and_then(|failover| failover.ended);
            let drill = memory.drill.as_ref().and_then(|drill| drill.ended);
            (None, None, failover.max(drill).unwrap_or(facts.started))
        }
        failover::Role::Promoting(promoting) => {
            (Some(names::step(&promoting.step)), Some(names::cause(promoting.cause)), promoting.since)
        }
        failover::Role::Active(active) => (None, Some(names::cause(active.cause)), active.since),
        failover::Role::Demoting(demoting) => (None, Some(names::reason(demoting.reason)), demoting.since),
    };
    Role {
        name: names::role(machine.role()).to_owned(),
        step: step.map(str::to_owned),
        cause: cause.map(str::to_owned),
        since: facts.wall.at(since),
    }
}

fn upstreams(machine: &Machine, facts: &Facts<'_>) -> Vec<Upstream> {
    let configured = facts.config.upstreams.iter().enumerate();
    let upstream = |(index, configured): (usize, &crate::config::Upstream)| {
        let known = machine.upstreams().get(index);
        let seen = facts.upstreams.get(index).and_then(Option::as_ref);
        Upstream {
            name: configured.name.clone(),
            urls: configured.urls.clone(),
            probed: seen.map(|seen| seen.told(facts.wall)),
            ready_for: known.and_then(|known| known.ready_for).map(millis),
            armed: known.is_some_and(|known| known.armed),
            unsteady: known.is_some_and(|known| known.unsteady),
        }
    };
    configured.map(upstream).collect()
}

/// Returns the conditions that the machine itself knows of.
fn of_machine(machine: &Machine, config: &Config) -> Vec<Degraded> {
    let (unit, url) = (&config.gateway.unit, &config.gateway.url);
    let never_seen = machine.window().is_some() && machine.upstreams().iter().all(|upstream| !upstream.armed);
    let found = [
        (
            machine.isolated(),
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
            machine.is_failing(),
            "start_failing",
            format!("{unit} does not start, or does not answer; the start is retried. See `journalctl -u {unit}`."),
        ),
        (
            machine.port_held(),
            "port_held",
            format!(
                "Another process than {unit} listens on {url}, so this host could not take over. Find it with \
                 `ss -ltnp`."
            ),
        ),
        (
            machine.answer_unverified().is_some(),
            "answer_unverified",
            format!(
                "Could not check whose process answers at {url}: {}.",
                machine.answer_unverified().unwrap_or_default().trim_end_matches('.')
            ),
        ),
        (
            machine.channels_broken(),
            "channels_broken",
            "This host's gateway is up, but a chat channel is down. See `openclaw channels status --probe`.".to_owned(),
        ),
    ];
    let found = found.into_iter().filter(|(holds, ..)| *holds);
    found.map(|(_, what, text)| Degraded { what: what.to_owned(), text }).collect()
}

/// Rounds to milliseconds, as the file does, so that a written status reads back the same.
fn millis(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn micros(span: Duration) -> Duration {
    Duration::from_micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}
