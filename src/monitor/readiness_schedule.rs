//! Schedule of the readiness checks, which test whether this host can take over. Each run has its own thread.
//!
//! The checks run programs, so they wait for a quiet moment: no promotion, no demotion, no undecided outage.

use std::time::Duration;

use crate::failover::Role;
use crate::monitor::Monitor;
use crate::monitor::messages::MonitorMessage;
use crate::os::spawn;
use crate::text::Time;

/// Delay of the first run, which waits for the first probes.
const FIRST_RUN_DELAY: Duration = Duration::from_secs(2);

/// Interval while every check passes.
const RUN_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Interval while a check fails. A service that was only being restarted is up again by then.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Schedule of the runs.
pub(super) struct ReadinessSchedule {
    due_at: Time,
    is_running: bool,
}

impl ReadinessSchedule {
    pub(super) fn new(now: Time) -> Self {
        Self { due_at: now + FIRST_RUN_DELAY, is_running: false }
    }

    /// Returns the time of the next run; `None` while one is running.
    fn due_at(&self) -> Option<Time> {
        (!self.is_running).then_some(self.due_at)
    }

    /// Records the start of a run.
    fn begin_run(&mut self, now: Time) {
        *self = Self { due_at: now + RUN_INTERVAL, is_running: true };
    }

    /// Records the end of a run.
    pub(super) fn end_run(&mut self, now: Time, is_well: bool) {
        self.is_running = false;
        if !is_well {
            self.due_at = self.due_at.min(now + RETRY_INTERVAL);
        }
    }

    /// Makes the next run due now, because the facts may have changed.
    pub(super) fn make_due(&mut self, now: Time) {
        self.due_at = now;
    }
}

impl Monitor {
    /// Returns the time of the next run; `None` while something else is going on.
    pub(super) fn readiness_run_due_at(&self) -> Option<Time> {
        self.readiness_schedule.due_at().filter(|_| self.is_quiet())
    }

    /// Starts a run if one is due.
    pub(super) fn start_readiness_checks(&mut self, now: Time) {
        if self.readiness_run_due_at().is_none_or(|at| now < at) {
            return;
        }
        let (backend, message_sender) = (self.backend.clone(), self.message_sender.clone());
        let run_checks = move || {
            message_sender.send(MonitorMessage::ReadinessChecked(backend.run_readiness_checks()));
        };
        self.readiness_schedule.begin_run(now);
        if let Err(why) = spawn("readiness", run_checks) {
            log::warn!("readiness checks not run: cannot start a thread: {why}");
            self.readiness_schedule.end_run(now, false);
        }
    }

    fn is_quiet(&self) -> bool {
        let rests = matches!(self.machine.role(), Role::Standby | Role::Active(_));
        rests && self.machine.window().is_none_or(|(elapsed, _)| elapsed >= self.machine.outage_threshold())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_run_soon_then_hourly_and_each_minute_while_one_fails() {
        let at = |seconds: u64| Time::from_millis(1_000_000 + seconds * 1000);
        let mut schedule = ReadinessSchedule::new(at(0));
        let is_due = |schedule: &ReadinessSchedule, now| schedule.due_at().is_some_and(|due| now >= due);
        assert!(!is_due(&schedule, at(1)) && is_due(&schedule, at(2)));
        schedule.begin_run(at(2));
        assert!(!is_due(&schedule, at(9000)), "one run at a time");
        schedule.end_run(at(3), true);
        assert!(!is_due(&schedule, at(3601)) && is_due(&schedule, at(3602)));
        schedule.begin_run(at(3602));
        schedule.end_run(at(3603), false);
        assert!(!is_due(&schedule, at(3662)) && is_due(&schedule, at(3663)));
        schedule.begin_run(at(3663));
        schedule.make_due(at(3664));
        schedule.end_run(at(3665), true);
        assert!(is_due(&schedule, at(3665)), "it began before");
    }
}
