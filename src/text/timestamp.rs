//! Time of the failover machine, which is passed in and never read from a clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Time in milliseconds since the Unix epoch, advanced by the caller's monotonic clock.
///
/// The caller reads the wall clock once, at start, and then adds the time of its monotonic clock. So the time is
/// comparable with persisted wall clock times, but later jumps of the wall clock do not affect it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Creates a time from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the duration since `earlier`; zero if that is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(to_millis(span)))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(to_millis(span)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

fn to_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the milliseconds from one time to another; negative if `to` is earlier.
pub(crate) fn millis_between(from: Time, to: Time) -> i64 {
    let signed = |time: Time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    signed(to).saturating_sub(signed(from))
}
