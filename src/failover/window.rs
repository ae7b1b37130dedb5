//! How long no upstream has shown life.

use std::time::Duration;

use crate::text::timestamp::Time;

/// The window. It is open from the first failing verdict after a healthy one to the next healthy one.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// When an upstream last showed life; at first, when the monitor started.
    pub life: Time,
    /// Time without life, the monitor's own stalls left out.
    pub elapsed: Duration,
    /// Failing verdicts in a row, of whichever upstream.
    pub failures: u32,
    /// When the first of them was given.
    pub opened: Option<Time>,
    /// A promotion was due in it and a hold forbade it, and somebody was told.
    pub held_back: bool,
    /// When the latest failing verdict was given; at first, as `life`.
    pub last: Time,
}

impl Window {
    pub(super) fn new(now: Time) -> Self {
        Self { life: now, elapsed: Duration::ZERO, failures: 0, opened: None, held_back: false, last: now }
    }

    /// Closes the window and answers how long it was open, if it was.
    pub(super) fn healthy(&mut self, now: Time) -> Option<Duration> {
        let lasted = self.opened.map(|_| now.since(self.life));
        *self = Self::new(now);
        lasted
    }

    /// Counts one failing verdict and answers whether it opened the window: while another upstream lives it does not.
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
