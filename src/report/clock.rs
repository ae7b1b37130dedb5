//! The machine's time in words and on the wall clock. Always UTC: two hosts are compared at night, and an hour that
//! comes twice a year must not come at all.

use std::time::{Duration, SystemTime};

use super::boot_time::{BootTime, Moment};
use crate::failover::Time;

const DAY: u64 = 24 * 60 * 60;

/// The last moment that RFC 3339 can write: the end of the year 9999.
const LATEST: u64 = 253_402_300_799_999;

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

/// Milliseconds from one moment to another, negative if that lies before it.
pub(super) fn distance(from: Time, to: Time) -> i64 {
    let signed = |time: Time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    signed(to).saturating_sub(signed(from))
}

/// What the wall clock says.
#[must_use]
pub fn wall_clock() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A moment as RFC 3339 writes it, with milliseconds: `2026-11-21T22:30:27.123Z`.
#[must_use]
pub fn rfc3339(time: Time) -> String {
    let millis = time.as_millis().min(LATEST);
    let (year, month, day) = civil(millis / 1000 / DAY);
    let (hour, minute, second) = time_of_day(millis / 1000);
    let fraction = millis % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
}

/// A moment for people, to the second: `2026-11-21 22:30:27Z`.
#[must_use]
pub fn people(time: Time) -> String {
    let seconds = time.as_millis().min(LATEST) / 1000;
    let (year, month, day) = civil(seconds / DAY);
    let (hour, minute, second) = time_of_day(seconds);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// Reads what [`rfc3339`] writes, with any number of digits after the second, or none. Other offsets than `Z` and
/// moments before 1970 are not read.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Time> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    if year < 1970 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days(year, month, day)?;
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    Some(Time::from_millis(seconds * 1000 + millis(fraction)?))
}

/// A span for people, in its two largest units: `350 ms`, `4.2 s`, `1 m 12 s`, `3 h 5 m`, `12 d 4 h`.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let two = |large: u64, unit: &str, rest: u64, small: &str| match rest {
        0 => format!("{large} {unit}"),
        rest => format!("{large} {unit} {rest} {small}"),
    };
    match seconds {
        0 if span.is_zero() => "0 s".to_owned(),
        0 => format!("{} ms", span.as_millis()),
        1..10 if span.subsec_millis() >= 100 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "m", seconds % 60, "s"),
        3600..DAY => two(seconds / 3600, "h", seconds / 60 % 60, "m"),
        DAY.. => two(seconds / DAY, "d", seconds / 3600 % 24, "h"),
    }
}

/// How long ago `then` was, for people: `1 m 12 s ago`.
#[must_use]
pub fn ago(now: Time, then: Time) -> String {
    ago_by(now.since(then))
}

/// The same for an age that is known.
#[must_use]
pub fn ago_by(age: Duration) -> String {
    match age {
        past if past < Duration::from_secs(1) => "just now".to_owned(),
        past => format!("{} ago", span(Duration::from_secs(past.as_secs()))),
    }
}

fn time_of_day(seconds: u64) -> (u64, u64, u64) {
    (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Days since the epoch as year, month and day. Counted from a 1 March, where leap days come last; the method is
/// described in "chrono-Compatible Low-Level Date Algorithms" by Howard Hinnant.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The inverse of [`civil`]; `None` for a day that no calendar has.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = year - u64::from(month <= 2);
    let (era, of_era) = (shifted_year / 400, shifted_year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = days.checked_sub(719_468)?;
    (civil(days) == (year, month, day)).then_some(days)
}

fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width)?;
        *number = digits(part)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The first three digits of a fraction as milliseconds.
fn millis(fraction: &str) -> Option<u64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let first: String = fraction.chars().chain("00".chars()).take(3).collect();
    digits(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIGHT: Time = Time::from_millis(1_795_300_227_123);

    #[test]
    fn a_moment_is_written_for_programs_and_for_people() {
        assert_eq!(rfc3339(NIGHT), "2026-11-21T22:30:27.123Z");
        assert_eq!(people(NIGHT), "2026-11-21 22:30:27Z");
        assert_eq!(rfc3339(Time::from_millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Time::from_millis(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_day_of_eight_centuries_reads_back() {
        let mut leap_days = 0;
        for day in 0..(800 * 365 + 194) {
            let time = Time::from_millis(day * DAY * 1000 + 1);
            let text = rfc3339(time);
            assert_eq!(parse_rfc3339(&text), Some(time), "{text}");
            leap_days += u32::from(text.contains("-02-29T"));
        }
        assert_eq!(leap_days, 194);
    }

    #[test]
    fn other_digits_after_the_second_are_read_and_nothing_else() {
        let second = Time::from_millis(1_795_300_227_000);
        assert_eq!(parse_rfc3339("2026-11-21T22:30:27Z"), Some(second));
        assert_eq!(parse_rfc3339("2026-11-21T22:30:27.1239Z"), Some(NIGHT));
        assert_eq!(parse_rfc3339("2026-11-21T22:30:27.1Z"), Some(Time::from_millis(1_795_300_227_100)));
        for bad in [
            "",
            "Z",
            "TZ",
            "2026-11-21",
            "2026-11-21T22:30:27",
            "2026-11-21T22:30:27+01:00",
            "2026-11-21T22:30:27.Z",
            "2026-11-21T22:30:27.+1Z",
            "2026-11-21T22:30Z",
            "2026-11-21T22:30:27:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-04-00T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T22:60:00Z",
            "2026-11-21T22:30:60Z",
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "+026-11-21T22:30:27Z",
            "2026-1-21T22:30:27Z",
            "２026-11-21T22:30:27Z",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn spans_read_well_at_every_size() {
        let shown = |millis| span(Duration::from_millis(millis));
        assert_eq!(shown(0), "0 s");
        assert_eq!(shown(350), "350 ms");
        assert_eq!(shown(1_000), "1 s");
        assert_eq!(shown(4_250), "4.2 s");
        assert_eq!(shown(30_012), "30 s");
        assert_eq!(shown(60_000), "1 m");
        assert_eq!(shown(72_000), "1 m 12 s");
        assert_eq!(shown(3 * 3_600_000 + 299_000), "3 h 4 m");
        assert_eq!(shown(12 * 86_400_000 + 4 * 3_600_000), "12 d 4 h");
        assert!(span(Duration::MAX).ends_with(" h"));
    }

    #[test]
    fn what_lies_ahead_is_just_now() {
        assert_eq!(ago(NIGHT + Duration::from_millis(72_900), NIGHT), "1 m 12 s ago");
        assert_eq!(ago(NIGHT, NIGHT + Duration::from_secs(60)), "just now");
    }

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
