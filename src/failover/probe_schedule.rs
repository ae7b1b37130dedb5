//! Schedule of the probes of one upstream.

use std::time::Duration;

use crate::failover::policy::Policy;
use crate::text::timestamp::Time;

/// Probe schedule of one upstream: a fixed rate, slower while the upstream is healthy, faster after a failure.
#[derive(Clone, Debug)]
pub struct ProbeSchedule {
    interval: Duration,
    retry_interval: Duration,
    due_after: [Duration; 2],
    last_healthy_at: Time,
    /// End of the last failed probe.
    last_failure_at: Option<Time>,
}

impl ProbeSchedule {
    /// Creates a schedule that starts now.
    pub fn new(policy: &Policy, now: Time) -> Self {
        Self {
            interval: policy.interval,
            retry_interval: policy.retry_interval,
            due_after: [policy.promote_after, policy.promote_after + policy.restart_grace],
            last_healthy_at: now,
            last_failure_at: None,
        }
    }

    /// Returns the start of the next probe, after one that began and ended at these times.
    ///
    /// While the upstream fails, a probe also begins exactly when a promotion becomes due, unless one is running then.
    /// So the decision comes at most one timeout later, whatever mix of refusals and timeouts the probes meet.
    pub fn next_probe_at(&mut self, began: Time, ended: Time, healthy: bool) -> Time {
        if healthy {
            self.last_healthy_at = ended;
            return ended.max(began + self.interval_after_recovery(ended));
        }
        self.last_failure_at = Some(ended);
        let retry = began + self.retry_interval;
        let due = self.due_after.iter().map(|&after| self.last_healthy_at + after).find(|&due| due > ended);
        ended.max(due.map_or(retry, |due| due.min(retry)))
    }

    /// Returns the interval after a healthy verdict. For twice `promote.after` after a failure it is the shorter one:
    /// slower probes would overestimate the availability of an upstream that keeps failing.
    fn interval_after_recovery(&self, now: Time) -> Duration {
        match self.last_failure_at {
            Some(failed) if now.since(failed) < self.due_after[0] * 2 => self.retry_interval.min(self.interval),
            _ => self.interval,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> ProbeSchedule {
        ProbeSchedule {
            interval: Duration::from_secs(10),
            retry_interval: Duration::from_secs(3),
            due_after: [Duration::from_secs(30); 2],
            last_healthy_at: at(0),
            last_failure_at: None,
        }
    }

    fn at(millis: u64) -> Time {
        Time::from_millis(1_000_000 + millis)
    }

    #[test]
    fn keeps_a_fixed_rate_whatever_an_answer_takes() {
        assert_eq!(schedule().next_probe_at(at(0), at(4_900), true), at(10_000));
        assert_eq!(schedule().next_probe_at(at(0), at(12_000), true), at(12_000));
        assert_eq!(schedule().next_probe_at(at(0), at(20), false), at(3_000));
        assert_eq!(schedule().next_probe_at(at(0), at(5_000), false), at(5_000));
    }

    #[test]
    fn begins_a_probe_just_when_the_window_is_due() {
        assert_eq!(schedule().next_probe_at(at(28_000), at(28_010), false), at(30_000));
        assert_eq!(schedule().next_probe_at(at(28_000), at(33_000), false), at(33_000));
    }

    #[test]
    fn probes_an_upstream_that_has_just_come_back_at_the_quick_pace() {
        let mut schedule = schedule();
        schedule.next_probe_at(at(0), at(20), false);
        assert_eq!(schedule.next_probe_at(at(3_000), at(3_020), true), at(6_000));
        assert_eq!(schedule.next_probe_at(at(60_000), at(60_019), true), at(63_000));
        assert_eq!(schedule.next_probe_at(at(60_000), at(60_020), true), at(70_000));
    }
}
