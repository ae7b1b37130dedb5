//! Schedule of the readiness checks.

use std::time::Duration;

use crate::text::Time;

/// Delay of the first run, which waits for the first probes.
const FIRST_RUN_DELAY: Duration = Duration::from_secs(2);

/// Interval while every check passes.
const RUN_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Interval while a check fails. A service that was only being restarted is up again by then.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Result of one run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RunResult {
    /// Every check passed.
    Passed,
    /// A check failed, or the checks did not run.
    Failed,
}

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
    pub(super) fn due_at(&self) -> Option<Time> {
        (!self.is_running).then_some(self.due_at)
    }

    /// Records the start of a run.
    pub(super) fn begin_run(&mut self, now: Time) {
        *self = Self { due_at: now + RUN_INTERVAL, is_running: true };
    }

    /// Records the end of a run.
    pub(super) fn end_run(&mut self, now: Time, result: RunResult) {
        self.is_running = false;
        if result == RunResult::Failed {
            self.due_at = self.due_at.min(now + RETRY_INTERVAL);
        }
    }

    /// Makes the next run due now, because the facts may have changed.
    pub(super) fn make_due(&mut self, now: Time) {
        self.due_at = now;
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
        schedule.end_run(at(3), RunResult::Passed);
        assert!(!is_due(&schedule, at(3601)) && is_due(&schedule, at(3602)));
        schedule.begin_run(at(3602));
        schedule.end_run(at(3603), RunResult::Failed);
        assert!(!is_due(&schedule, at(3662)) && is_due(&schedule, at(3663)));
        schedule.begin_run(at(3663));
        schedule.make_due(at(3664));
        schedule.end_run(at(3665), RunResult::Passed);
        assert!(is_due(&schedule, at(3665)), "it began before");
    }
}
