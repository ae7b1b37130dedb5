//! Clock of the machine's time.

use std::time::{Duration, Instant};

use crate::os::boot_time::BootTime;
use crate::os::clock::{WallClockOffset, read_wall_clock};
use crate::text::Time;

/// Wall clock at the start, continued by the monotonic clock. It cannot be set, and stops while the host is suspended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    epoch: Time,
    boot: Option<BootTime>,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now(), epoch: read_wall_clock(), boot: BootTime::now() }
    }

    pub(super) fn now(self) -> Time {
        self.epoch + self.start.elapsed()
    }

    /// Returns the time left until `at`; zero if that has passed.
    pub(super) fn time_until(self, at: Time) -> Duration {
        at.since(self.now())
    }

    /// Returns the current offset to the wall clock.
    pub(super) fn wall(self) -> WallClockOffset {
        WallClockOffset::new(self.now(), read_wall_clock()).with_boot_time(self.epoch, self.boot)
    }
}
