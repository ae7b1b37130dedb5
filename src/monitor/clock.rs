//! The one clock that the machine's time is read from.

use std::time::{Duration, Instant};

use crate::os::boot_time::BootTime;
use crate::os::clock::{Wall, wall_clock};
use crate::text::Time;

/// The wall clock as it was at start, continued by the monotonic clock: nobody can set it, and it stands still while
/// the host is suspended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    epoch: Time,
    boot: Option<BootTime>,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now(), epoch: wall_clock(), boot: BootTime::now() }
    }

    pub(super) fn now(self) -> Time {
        self.epoch + self.start.elapsed()
    }

    /// How long until `at`; zero if it has passed.
    pub(super) fn until(self, at: Time) -> Duration {
        at.since(self.now())
    }

    /// How far the wall clock has moved away since.
    pub(super) fn wall(self) -> Wall {
        Wall::new(self.now(), wall_clock()).with_boot(self.epoch, self.boot)
    }
}
