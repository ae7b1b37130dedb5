//! A night: the real machine, the default configuration, and a clock that reads seconds.

use std::time::Duration;

use openclaw_failover::failover::{Action, Event, Machine, Memory, Policy, Role, Start, Step};
use openclaw_failover::text::Time;

use crate::events::{done, down, healthy, pulled, refused, second, unit, up};

/// Real clocks stand far from zero, and so does the zero of every night.
const ZERO: u64 = 1_790_000_000_000;

/// The moment so many seconds into the night.
pub fn time(seconds: f64) -> Time {
    Time::from_millis((ZERO as f64 + seconds * 1000.0).round() as u64)
}

/// The second of the night that a moment is.
pub fn second_of(at: Time) -> f64 {
    (at.as_millis() as f64 - ZERO as f64) / 1000.0
}

/// The defaults of the configuration, without a witness.
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
        witnessed: false,
        demote_after: s(30),
        demote_max_after: s(30 * 60),
        flap_window: s(3 * 3600),
        start_timeout: s(300),
        stop_timeout: s(345),
        refresh: s(300),
    }
}

/// One machine's night. Whatever it orders must be asked for with [`Night::expect`] before the night is over.
pub struct Night {
    pub machine: Machine,
    pub policy: Policy,
    ordered: Vec<Action>,
    said: Vec<String>,
    heard: bool,
}

impl Night {
    /// A machine that starts at this second.
    pub fn begins(at: f64, policy: Policy, start: Start) -> Self {
        let machine = Machine::new(policy.clone(), time(at), start);
        Self { machine, policy, ordered: Vec::new(), said: Vec::new(), heard: false }
    }

    /// The defaults; every upstream armed, and healthy for 100 s when it is 0 s.
    pub fn watching() -> Self {
        Self::with(|_| ())
    }

    /// The same with a change to the defaults.
    pub fn with(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = defaults();
        change(&mut policy);
        let armed = vec![true; policy.upstreams];
        let mut night = Self::begins(-100.0, policy, Start { armed, ..Start::default() });
        night.at(-100.0, down()).at(-98.0, pulled());
        for at in (-90..=0).step_by(10) {
            night.at(f64::from(at), healthy());
            if night.policy.upstreams == 2 {
                night.at(f64::from(at), second(healthy()));
            }
        }
        night.forget();
        night
    }

    /// A monitor that died, or was killed, starts again at this second from what the last one had on disk.
    pub fn restarts(&self, at: f64, found: Event) -> Self {
        let armed = self.machine.upstreams().iter().map(|upstream| upstream.armed).collect();
        let start = Start { memory: self.memory().clone(), armed, unit: unit(&found) };
        let mut night = Self::begins(at, self.policy.clone(), start);
        night.at(at, found).at(at + 1.0, pulled());
        night
    }

    /// At this second the machine is told this.
    pub fn at(&mut self, at: f64, event: Event) -> &mut Self {
        if std::mem::take(&mut self.heard) {
            self.said.clear();
        }
        for action in self.machine.handle(time(at), event) {
            match action {
                Action::Look(_) => {}
                Action::Say(note) => self.said.push(format!("{note:?}")),
                order => self.ordered.push(order),
            }
        }
        self
    }

    /// The same at every one of these seconds.
    pub fn each(&mut self, seconds: &[f64], event: &Event) -> &mut Self {
        for &at in seconds {
            self.at(at, event.clone());
        }
        self
    }

    /// Everything that was asked for since the last `expect`: exactly this, in this order.
    pub fn expect(&mut self, orders: &[Action]) -> &mut Self {
        self.heard = true;
        assert_eq!(std::mem::take(&mut self.ordered), orders, "said: {:?}", self.said);
        self
    }

    /// Since it was last asked something like this was said; the words are those of a `Note`.
    pub fn says(&mut self, words: &str) -> &mut Self {
        self.heard = true;
        assert!(self.said.iter().any(|note| note.contains(words)), "{words:?} is not in {:?}", self.said);
        self
    }

    /// Nothing was said since it was last asked.
    pub fn is_silent(&mut self) -> &mut Self {
        self.heard = true;
        assert!(self.said.is_empty(), "said: {:?}", self.said);
        self
    }

    /// Asserts that only notes that begin so were said since it was last asked.
    pub fn is_silent_but_for(&mut self, beginnings: &[&str]) -> &mut Self {
        self.heard = true;
        let others = |note: &&String| !beginnings.iter().any(|beginning| note.starts_with(beginning));
        assert_eq!(self.said.iter().find(others), None);
        self
    }

    /// The role, in the words of the contract.
    pub fn is(&mut self, role: &str) -> &mut Self {
        assert_eq!(name(self.machine.role()), role, "said: {:?}", self.said);
        self
    }

    pub fn memory(&self) -> &Memory {
        self.machine.memory()
    }

    /// The hold-down for the first upstream, in seconds.
    pub fn hold_down(&self) -> f64 {
        self.machine.hold_down(Some(0)).as_secs_f64()
    }

    /// How long no upstream has shown life, in seconds.
    pub fn window(&self) -> Option<f64> {
        self.machine.window().map(|(elapsed, _)| elapsed.as_secs_f64())
    }

    /// What was asked for and said so far is not what the test is about.
    pub fn forget(&mut self) -> &mut Self {
        self.ordered.clear();
        self.said.clear();
        self
    }
}

/// From a watching night to each later step. All later seconds count from the last proof of life at 0 s.
impl Night {
    /// The primary is dead from 10 s on; at 30 s it is decided, and the pull of 10 s still runs.
    pub fn syncing(mut self) -> Self {
        self.each(&[10.0, 13.0, 16.0, 19.0, 22.0, 25.0, 28.0, 30.0], &refused());
        self.is("promoting(sync)").expect(&[Action::Pull]);
        self.forget();
        self
    }

    /// The pull ends at 31 s, and the start is under way.
    pub fn starting(self) -> Self {
        let mut night = self.syncing();
        night.at(31.0, pulled()).is("promoting(start)").forget();
        night.at(31.0, down()).expect(&[]);
        night
    }

    /// systemd took the start at 31.1 s.
    pub fn verifying(self) -> Self {
        let mut night = self.starting();
        night.at(31.1, done()).is("promoting(verify)").expect(&[]);
        night
    }

    /// The gateway answers at 40 s and at 41 s.
    pub fn active(self) -> Self {
        let mut night = self.verifying();
        night.at(40.0, up(2)).at(41.0, up(2)).is("active").expect(&[]);
        night.forget();
        night
    }

    /// The primary is ready from 100 s to 130 s; the stop was taken at 130.1 s and the gateway drains.
    pub fn draining(self) -> Self {
        let mut night = self.active();
        night.each(&[100.0, 110.0, 120.0, 130.0], &healthy()).is("demoting").forget();
        night.at(130.1, done()).at(130.5, crate::events::drains(2)).expect(&[]);
        night
    }
}

impl Drop for Night {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.ordered, [], "the night ends with orders that nobody expected");
        }
    }
}

fn name(role: &Role) -> &'static str {
    match role {
        Role::Standby => "standby",
        Role::Promoting(promoting) => match promoting.step {
            Step::Sync { .. } => "promoting(sync)",
            Step::Start { .. } => "promoting(start)",
            Step::Verify(_) => "promoting(verify)",
            Step::Clear { .. } => "promoting(clear)",
        },
        Role::Active(_) => "active",
        Role::Demoting(_) => "demoting",
    }
}
