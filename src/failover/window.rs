//! Outage window: the time for which no upstream has been healthy.

use std::time::Duration;

use crate::text::timestamp::Time;

/// Outage window, open from the first failing verdict after a healthy one until the next healthy one.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Time of the last healthy verdict; initially the monitor's start.
    pub life: Time,
    /// Length of the outage, without stalls of this monitor.
    pub elapsed: Duration,
    /// Failing verdicts in a row, of all upstreams together.
    pub failures: u32,
    /// Time of the first of them.
    pub opened: Option<Time>,
    /// True if a hold forbade a promotion in this outage and this was announced.
    pub held_back: bool,
    /// Time of the latest failing verdict; initially as `life`.
    pub last: Time,
}

impl Window {
    pub(super) fn new(now: Time) -> Self {
        Self { life: now, elapsed: Duration::ZERO, failures: 0, opened: None, held_back: false, last: now }
    }

    /// Closes the window and returns the length of the outage, if there was one.
    pub(super) fn healthy(&mut self, now: Time) -> Option<Duration> {
        let lasted = self.opened.map(|_| now.since(self.life));
        *self = Self::new(now);
        lasted
    }

    /// Records a failing verdict. Returns true if it opens the window; it does not while another upstream is healthy.
    pub(super) fn failing(&mut self, now: Time, longest_step: Duration, nobody_lives: bool) -> bool {
        self.elapsed += now.since(self.last).min(longest_step);
        self.last = now;
        if !nobody_lives {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        let opens = self.opened.is_none();
        self.opened.get_or_insert(now);
        opens
    }
}
