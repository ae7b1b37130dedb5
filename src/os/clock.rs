//! The wall clock, and the machine's time beside it.

use std::time::SystemTime;

use crate::os::boot_time::{BootTime, Moment};
use crate::text::Time;
use crate::text::timestamp::distance;

/// What the wall clock says.
#[must_use]
pub fn wall_clock() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The distance between the machine's time and the wall clock.
///
/// The machine counts on from the wall clock as it was when the monitor started. What is written for people and for the
/// next monitor follows the wall clock as it is now, so that setting it right also sets the records right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wall {
    ahead: i64,
    /// When the two clocks were read, in the machine's time.
    read_at: Time,
    /// The same moment as time since the boot.
    boot: Option<BootTime>,
}

impl Wall {
    /// Reads the distance off the two clocks, both read at the same moment.
    #[must_use]
    pub fn new(machine: Time, wall: Time) -> Self {
        Self { ahead: distance(machine, wall), read_at: machine, boot: None }
    }

    /// The machine's time at which the wall clock says, or would have said, this.
    #[must_use]
    pub fn machine_time(self, label: Time) -> Time {
        Time::from_millis(label.as_millis().saturating_add_signed(self.ahead.saturating_neg()))
    }

    /// The same, knowing that the machine's time `since` was this long after the boot.
    #[must_use]
    pub fn with_boot(self, since: Time, boot: Option<BootTime>) -> Self {
        let boot = boot.map(|boot| boot.moved(distance(since, self.read_at)));
        Self { boot, ..self }
    }

    /// The moment at which the clocks were read.
    #[must_use]
    pub fn moment(self) -> Moment {
        Moment { label: self.at(self.read_at), boot: self.boot }
    }

    /// The machine's `time` as time since the boot.
    #[must_use]
    pub fn boot_time(self, time: Time) -> Option<BootTime> {
        self.boot.map(|boot| boot.moved(distance(self.read_at, time)))
    }

    /// What the wall clock says, or would have said, at the machine's `time`.
    #[must_use]
    pub fn at(self, time: Time) -> Time {
        Time::from_millis(time.as_millis().saturating_add_signed(self.ahead))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NIGHT: Time = Time::from_millis(1_795_300_227_123);

    #[test]
    fn the_records_follow_a_wall_clock_that_is_set() {
        let started = NIGHT;
        let later = started + Duration::from_secs(10);
        let set_back = Wall::new(later, started - Duration::from_secs(3600));
        assert_eq!(set_back.at(later), started - Duration::from_secs(3600));
        assert_eq!(set_back.at(started), started - Duration::from_secs(3610));
        assert_eq!(Wall::default().at(NIGHT), NIGHT);
        assert_eq!(Wall::new(NIGHT, Time::from_millis(0)).at(Time::from_millis(5)), Time::from_millis(0));
        assert!(Wall::new(Time::from_millis(0), Time::from_millis(u64::MAX)).at(NIGHT) > NIGHT);
    }
}
