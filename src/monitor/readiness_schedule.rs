//! Schedule of the readiness checks, which test whether this host can take over. Each run has its own thread.
//!
//! The checks run programs, so they wait for a quiet moment: no promotion, no demotion, no undecided outage.

use std::time::Duration;

use crate::failover::Role;
use crate::monitor::Monitor;
use crate::monitor::messages::Fact;
use crate::os::spawn;
use crate::text::Time;

/// Delay of the first run, which waits for the first probes.
const FIRST: Duration = Duration::from_secs(2);

/// Interval while every check passes.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Interval while a check fails. A service that was only being restarted is up again by then.
const AGAIN: Duration = Duration::from_secs(60);

/// Schedule of the runs.
pub(super) struct Lookout {
    due: Time,
    is_looking: bool,
}

impl Lookout {
    pub(super) fn new(now: Time) -> Self {
        Self { due: now + FIRST, is_looking: false }
    }

    fn is_due(&self, now: Time) -> bool {
        !self.is_looking && now >= self.due
    }

    /// Records the start of a run.
    fn begins(&mut self, now: Time) {
        *self = Self { due: now + EVERY, is_looking: true };
    }

    /// Records the end of a run.
    pub(super) fn ended(&mut self, now: Time, is_well: bool) {
        self.is_looking = false;
        if !is_well {
            self.due = self.due.min(now + AGAIN);
        }
    }

    /// Makes the next run due now, because the facts may have changed.
    pub(super) fn hurry(&mut self, now: Time) {
        self.due = now;
    }
}

impl Monitor {
    /// Starts a run if one is due and nothing else is going on.
    pub(super) fn look_out(&mut self, now: Time) {
        if !self.lookout.is_due(now) || !self.is_quiet() {
            return;
        }
        let (backend, outlet) = (self.backend.clone(), self.outlet.clone());
        let look = move || {
            outlet.send(Fact::Examined(backend.examine()));
        };
        self.lookout.begins(now);
        if let Err(why) = spawn("lookout", look) {
            log::warn!("readiness checks not run: cannot start a thread: {why}");
            self.lookout.ended(now, false);
        }
    }

    fn is_quiet(&self) -> bool {
        let rests = matches!(self.machine.role(), Role::Standby | Role::Active(_));
        rests && self.machine.window().is_none_or(|(elapsed, _)| elapsed >= self.machine.window_needs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_run_soon_then_hourly_and_each_minute_while_one_fails() {
        let at = |seconds: u64| Time::from_millis(1_000_000 + seconds * 1000);
        let mut lookout = Lookout::new(at(0));
        assert!(!lookout.is_due(at(1)) && lookout.is_due(at(2)));
        lookout.begins(at(2));
        assert!(!lookout.is_due(at(9000)), "one run at a time");
        lookout.ended(at(3), true);
        assert!(!lookout.is_due(at(3601)) && lookout.is_due(at(3602)));
        lookout.begins(at(3602));
        lookout.ended(at(3603), false);
        assert!(!lookout.is_due(at(3662)) && lookout.is_due(at(3663)));
        lookout.begins(at(3663));
        lookout.hurry(at(3664));
        lookout.ended(at(3665), true);
        assert!(lookout.is_due(at(3665)), "it began before");
    }
}
