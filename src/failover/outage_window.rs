//! Outage window: the time for which no upstream has been healthy.

use std::time::Duration;

use crate::text::timestamp::Time;

/// Outage window, open from the first failing verdict after a healthy one until the next healthy one.
#[derive(Clone, Debug)]
pub(super) struct OutageWindow {
    /// Time of the last healthy verdict; initially the monitor's start.
    pub last_healthy_at: Time,
    /// Length of the outage, without stalls of this monitor.
    pub elapsed: Duration,
    /// Failing verdicts in a row, of all upstreams together.
    pub failures: u32,
    /// Time of the first of them.
    pub opened_at: Option<Time>,
    /// True if a hold forbade a promotion in this outage and this was announced.
    pub is_hold_announced: bool,
    /// Time of the latest failing verdict; initially as `last_healthy_at`.
    pub last_failure_at: Time,
}

impl OutageWindow {
    pub(super) fn new(now: Time) -> Self {
        Self {
            last_healthy_at: now,
            elapsed: Duration::ZERO,
            failures: 0,
            opened_at: None,
            is_hold_announced: false,
            last_failure_at: now,
        }
    }

    /// Closes the window and returns the length of the outage, if there was one.
    pub(super) fn close(&mut self, now: Time) -> Option<Duration> {
        let lasted = self.opened_at.map(|_| now.since(self.last_healthy_at));
        *self = Self::new(now);
        lasted
    }

    /// Records a failing verdict. Returns true if it opens the window; it does not while another upstream is healthy.
    pub(super) fn record_failure(
        &mut self,
        now: Time,
        longest_step: Duration,
        is_every_upstream_failing: bool,
    ) -> bool {
        self.elapsed += now.since(self.last_failure_at).min(longest_step);
        self.last_failure_at = now;
        if !is_every_upstream_failing {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        let opens = self.opened_at.is_none();
        self.opened_at.get_or_insert(now);
        opens
    }
}
