//! Night fed by hand: the real machine, the default configuration, and a clock in seconds.

use std::time::Duration;

use openclaw_failover::failover::{Action, Event, InitialFacts, Machine, PersistentState, Policy, PromotionStep, Role};
use openclaw_failover::text::Time;

use crate::events::{done, down, healthy, pulled, refused, second, unit, up};

/// Start of every night on the machine's clock, far from zero as on a real clock.
const NIGHT_START: u64 = 1_790_000_000_000;

/// Returns the time at this second of the night.
pub fn time(seconds: f64) -> Time {
    Time::from_millis((NIGHT_START as f64 + seconds * 1000.0).round() as u64)
}

/// Returns the second of the night of a time.
pub fn second_of(at: Time) -> f64 {
    (at.as_millis() as f64 - NIGHT_START as f64) / 1000.0
}

/// Returns the policy of the default configuration, without a witness.
pub fn defaults() -> Policy {
    let s = Duration::from_secs;
    Policy {
        upstreams: 1,
        interval: s(10),
        retry_interval: s(3),
        timeout: s(5),
        promote_after: s(30),
        failures: 3,
        restart_grace: s(0),
        sync_wait: s(5),
        needs_witness: false,
        demote_after: s(30),
        demote_max_after: s(30 * 60),
        flap_window: s(3 * 3600),
        start_timeout: s(300),
        stop_timeout: s(345),
        pull_interval: s(300),
    }
}

/// Night of one machine. A test must expect every action before the night ends.
pub struct Night {
    pub machine: Machine,
    pub policy: Policy,
    ordered: Vec<Action>,
    said: Vec<String>,
    heard: bool,
}

impl Night {
    /// Creates a machine that starts at this second.
    pub fn starting_at(at: f64, policy: Policy, start: InitialFacts) -> Self {
        let machine = Machine::new(policy.clone(), time(at), start);
        Self { machine, policy, ordered: Vec::new(), said: Vec::new(), heard: false }
    }

    /// Creates a machine with the default policy; every upstream is armed, and has been healthy for 100 s at 0 s.
    pub fn standby() -> Self {
        Self::with_policy(|_| ())
    }

    /// Creates the same machine with a changed policy.
    pub fn with_policy(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = defaults();
        change(&mut policy);
        let armed = vec![true; policy.upstreams];
        let mut night = Self::starting_at(-100.0, policy, InitialFacts { armed, ..InitialFacts::default() });
        night.at(-100.0, down()).at(-98.0, pulled());
        for at in (-90..=0).step_by(10) {
            night.at(f64::from(at), healthy());
            if night.policy.upstreams == 2 {
                night.at(f64::from(at), second(healthy()));
            }
        }
        night.discard_so_far();
        night
    }

    /// Restarts a killed monitor at this second, from the state on disk.
    pub fn restart_at(&self, at: f64, found: Event) -> Self {
        let armed = self.machine.upstreams().iter().map(|upstream| upstream.is_armed).collect();
        let start = InitialFacts { persistent_state: self.memory().clone(), armed, unit: unit(&found) };
        let mut night = Self::starting_at(at, self.policy.clone(), start);
        night.at(at, found).at(at + 1.0, pulled());
        night
    }

    /// Sends an event at this second.
    pub fn at(&mut self, at: f64, event: Event) -> &mut Self {
        if std::mem::take(&mut self.heard) {
            self.said.clear();
        }
        for action in self.machine.handle_event(time(at), event) {
            match action {
                Action::SetPollMode(_) => {}
                Action::Announce(note) => self.said.push(format!("{note:?}")),
                order => self.ordered.push(order),
            }
        }
        self
    }

    /// Sends an event at each of these seconds.
    pub fn at_each(&mut self, seconds: &[f64], event: &Event) -> &mut Self {
        for &at in seconds {
            self.at(at, event.clone());
        }
        self
    }

    /// Asserts that exactly these actions were requested since the last call, in this order.
    pub fn expect_actions(&mut self, orders: &[Action]) -> &mut Self {
        self.heard = true;
        assert_eq!(std::mem::take(&mut self.ordered), orders, "said: {:?}", self.said);
        self
    }

    /// Asserts that a notice with this text in its debug output was issued since the last such check.
    pub fn expect_notice(&mut self, words: &str) -> &mut Self {
        self.heard = true;
        assert!(self.said.iter().any(|note| note.contains(words)), "{words:?} is not in {:?}", self.said);
        self
    }

    /// Asserts that no notice was issued since the last such check.
    pub fn expect_no_notice(&mut self) -> &mut Self {
        self.heard = true;
        assert!(self.said.is_empty(), "said: {:?}", self.said);
        self
    }

    /// Asserts that only notices that begin so were issued since the last such check.
    pub fn expect_only_notices(&mut self, beginnings: &[&str]) -> &mut Self {
        self.heard = true;
        let others = |note: &&String| !beginnings.iter().any(|beginning| note.starts_with(beginning));
        assert_eq!(self.said.iter().find(others), None);
        self
    }

    /// Asserts the role, by its name and step.
    pub fn expect_role(&mut self, role: &str) -> &mut Self {
        assert_eq!(name(self.machine.role()), role, "said: {:?}", self.said);
        self
    }

    pub fn memory(&self) -> &PersistentState {
        self.machine.persistent_state()
    }

    /// Returns the hold-down for the first upstream, in seconds.
    pub fn hold_down(&self) -> f64 {
        self.machine.hold_down(Some(0)).as_secs_f64()
    }

    /// Returns the length of the current outage, in seconds.
    pub fn window(&self) -> Option<f64> {
        self.machine.window().map(|(elapsed, _)| elapsed.as_secs_f64())
    }

    /// Drops the actions and notices so far, which the test is not about.
    pub fn discard_so_far(&mut self) -> &mut Self {
        self.ordered.clear();
        self.said.clear();
        self
    }
}

/// Nights in each later step. All seconds count from the last healthy verdict at 0 s.
impl Night {
    /// Creates a night in which the primary is down from 10 s on; at 30 s the promotion is decided while the pull of
    /// 10 s still runs.
    pub fn syncing(mut self) -> Self {
        self.at_each(&[10.0, 13.0, 16.0, 19.0, 22.0, 25.0, 28.0, 30.0], &refused());
        self.expect_role("promoting(sync)").expect_actions(&[Action::Pull]);
        self.discard_so_far();
        self
    }

    /// Continues it: the pull ends at 31 s, and the start is in flight.
    pub fn starting(self) -> Self {
        let mut night = self.syncing();
        night.at(31.0, pulled()).expect_role("promoting(start)").discard_so_far();
        night.at(31.0, down()).expect_actions(&[]);
        night
    }

    /// Continues it: systemd accepts the start at 31.1 s.
    pub fn verifying(self) -> Self {
        let mut night = self.starting();
        night.at(31.1, done()).expect_role("promoting(verify)").expect_actions(&[]);
        night
    }

    /// Continues it: the gateway answers at 40 s and at 41 s.
    pub fn active(self) -> Self {
        let mut night = self.verifying();
        night.at(40.0, up(2)).at(41.0, up(2)).expect_role("active").expect_actions(&[]);
        night.discard_so_far();
        night
    }

    /// Continues it: the primary is ready from 100 s to 130 s; systemd accepts the stop at 130.1 s and the gateway
    /// drains.
    pub fn draining(self) -> Self {
        let mut night = self.active();
        night.at_each(&[100.0, 110.0, 120.0, 130.0], &healthy()).expect_role("demoting").discard_so_far();
        night.at(130.1, done()).at(130.5, crate::events::drains(2)).expect_actions(&[]);
        night
    }
}

impl Drop for Night {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.ordered, [], "the night ends with actions that the test did not expect");
        }
    }
}

fn name(role: &Role) -> &'static str {
    match role {
        Role::Standby => "standby",
        Role::Promoting(promoting) => match promoting.step {
            PromotionStep::Sync { .. } => "promoting(sync)",
            PromotionStep::Start { .. } => "promoting(start)",
            PromotionStep::Verify(_) => "promoting(verify)",
            PromotionStep::Clear { .. } => "promoting(clear)",
        },
        Role::Active(_) => "active",
        Role::Demoting(_) => "demoting",
    }
}
