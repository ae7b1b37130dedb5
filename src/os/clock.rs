//! Wall clock, and the offset of the failover machine's time from it.

use std::time::{Duration, SystemTime};

use crate::os::boot_time::BootTime;
use crate::text::Time;
use crate::text::timestamp::millis_between;

/// Reads the wall clock.
pub fn read_wall_clock() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Moment by the wall clock and by the time since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Time of the wall clock.
    pub wall_time: Time,
    /// Time since boot, if known.
    pub boot_time: Option<BootTime>,
}

impl Moment {
    /// Returns the current moment.
    pub fn now() -> Self {
        Self { wall_time: read_wall_clock(), boot_time: BootTime::now() }
    }

    /// Returns the time since `earlier` if both belong to the same boot. Independent of the wall clock.
    pub fn boot_time_since(self, earlier: Self) -> Option<Duration> {
        self.boot_time?.since(earlier.boot_time?)
    }

    /// Returns the time since `earlier`: by the time since boot if possible, else by the wall clock; never negative.
    pub fn since(self, earlier: Self) -> Duration {
        self.boot_time_since(earlier).unwrap_or_else(|| self.wall_time.since(earlier.wall_time))
    }
}

/// Offset between the failover machine's time and the wall clock.
///
/// The machine's time continues the wall clock of the monitor's start. Output for people and for the next monitor uses
/// the current wall clock, so that correcting the clock also corrects the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallClockOffset {
    offset_millis: i64,
    /// Moment at which both clocks were read, in the machine's time.
    read_at: Time,
    /// The same moment as time since boot.
    boot_time: Option<BootTime>,
}

impl WallClockOffset {
    /// Creates the offset from two readings taken at the same moment.
    pub fn new(machine: Time, wall: Time) -> Self {
        Self { offset_millis: millis_between(machine, wall), read_at: machine, boot_time: None }
    }

    /// Converts wall clock time to the machine's time.
    pub fn to_machine_time(self, label: Time) -> Time {
        Time::from_millis(label.as_millis().saturating_add_signed(self.offset_millis.saturating_neg()))
    }

    /// Adds the time since boot, given that `boot` is the machine's time `since`.
    #[must_use]
    pub fn with_boot_time(self, since: Time, boot: Option<BootTime>) -> Self {
        let boot = boot.map(|boot| boot.offset_by_millis(millis_between(since, self.read_at)));
        Self { boot_time: boot, ..self }
    }

    /// Returns the moment at which the clocks were read.
    pub fn read_moment(self) -> Moment {
        Moment { wall_time: self.to_wall_clock(self.read_at), boot_time: self.boot_time }
    }

    /// Converts the machine's `time` to time since boot.
    pub fn to_boot_time(self, time: Time) -> Option<BootTime> {
        self.boot_time.map(|boot| boot.offset_by_millis(millis_between(self.read_at, time)))
    }

    /// Converts the machine's `time` to wall clock time.
    pub fn to_wall_clock(self, time: Time) -> Time {
        Time::from_millis(time.as_millis().saturating_add_signed(self.offset_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIGHT: Time = Time::from_millis(1_795_300_227_123);

    #[test]
    fn the_records_follow_a_wall_clock_that_is_set() {
        let started = NIGHT;
        let later = started + Duration::from_secs(10);
        let set_back = WallClockOffset::new(later, started - Duration::from_secs(3600));
        assert_eq!(set_back.to_wall_clock(later), started - Duration::from_secs(3600));
        assert_eq!(set_back.to_wall_clock(started), started - Duration::from_secs(3610));
        assert_eq!(WallClockOffset::default().to_wall_clock(NIGHT), NIGHT);
        assert_eq!(
            WallClockOffset::new(NIGHT, Time::from_millis(0)).to_wall_clock(Time::from_millis(5)),
            Time::from_millis(0)
        );
        assert!(WallClockOffset::new(Time::from_millis(0), Time::from_millis(u64::MAX)).to_wall_clock(NIGHT) > NIGHT);
    }
}
