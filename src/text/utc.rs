//! Formats of times and durations. Always UTC, so that logs of several hosts compare and daylight saving time does not
//! repeat an hour.

use std::time::Duration;

use crate::text::Time;

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Last time that RFC 3339 can express, the end of the year 9999, in milliseconds.
const MAX_RFC3339_MILLIS: u64 = 253_402_300_799_999;

/// Formats a time as RFC 3339 with milliseconds: `2026-11-21T22:30:27.123Z`.
pub fn format_rfc3339(time: Time) -> String {
    let millis = time.as_millis().min(MAX_RFC3339_MILLIS);
    let (year, month, day) = civil_from_days(millis / 1000 / DAY_SECONDS);
    let (hour, minute, second) = time_of_day(millis / 1000);
    let fraction = millis % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
}

/// Formats a time for people, without milliseconds: `2026-11-21 22:30:27Z`.
pub fn format_time(time: Time) -> String {
    let seconds = time.as_millis().min(MAX_RFC3339_MILLIS) / 1000;
    let (year, month, day) = civil_from_days(seconds / DAY_SECONDS);
    let (hour, minute, second) = time_of_day(seconds);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// Parses RFC 3339 with any number of fractional digits. Accepts only the offset `Z` and years from 1970.
pub fn parse_rfc3339(text: &str) -> Option<Time> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = parse_numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = parse_numbers(time, ':', [2, 2, 2])?;
    if year < 1970 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_from_civil(year, month, day)?;
    let seconds = days * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    Some(Time::from_millis(seconds * 1000 + fraction_to_millis(fraction)?))
}

/// Formats a duration for people, in its two largest units: `350 ms`, `4.2 s`, `1 m 12 s`, `3 h 5 m`, `12 d 4 h`.
pub fn format_span(span: Duration) -> String {
    let seconds = span.as_secs();
    let two = |large: u64, unit: &str, rest: u64, small: &str| match rest {
        0 => format!("{large} {unit}"),
        rest => format!("{large} {unit} {rest} {small}"),
    };
    match seconds {
        0 if span.is_zero() => "0 s".to_owned(),
        0 if span.as_millis() == 0 => "<1 ms".to_owned(),
        0 => format!("{} ms", span.as_millis()),
        1..10 if span.subsec_millis() >= 100 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "m", seconds % 60, "s"),
        3600..DAY_SECONDS => two(seconds / 3600, "h", seconds / 60 % 60, "m"),
        DAY_SECONDS.. => two(seconds / DAY_SECONDS, "d", seconds / 3600 % 24, "h"),
    }
}

/// Formats an age for people: `1 m 12 s ago`.
pub fn format_age(age: Duration) -> String {
    match age {
        past if past < Duration::from_secs(1) => "just now".to_owned(),
        past => format!("{} ago", format_span(Duration::from_secs(past.as_secs()))),
    }
}

fn time_of_day(seconds: u64) -> (u64, u64, u64) {
    (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Converts days since the epoch to year, month and day. Years are counted from 1 March, so that a leap day comes last;
/// see "chrono-Compatible Low-Level Date Algorithms" by Howard Hinnant.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// Converts year, month and day to days since the epoch; `None` for a date that does not exist.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = year - u64::from(month <= 2);
    let (era, of_era) = (shifted_year / 400, shifted_year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = days.checked_sub(719_468)?;
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

fn parse_numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width)?;
        *number = parse_digits(part)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn parse_digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Converts the digits of a fraction to milliseconds; digits after the third are dropped.
fn fraction_to_millis(fraction: &str) -> Option<u64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let first: String = fraction.chars().chain("00".chars()).take(3).collect();
    parse_digits(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIGHT: Time = Time::from_millis(1_795_300_227_123);

    #[test]
    fn a_moment_is_written_for_programs_and_for_people() {
        assert_eq!(format_rfc3339(NIGHT), "2026-11-21T22:30:27.123Z");
        assert_eq!(format_time(NIGHT), "2026-11-21 22:30:27Z");
        assert_eq!(format_rfc3339(Time::from_millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(format_rfc3339(Time::from_millis(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_day_of_eight_centuries_reads_back() {
        let mut leap_days = 0;
        for day in 0..(800 * 365 + 194) {
            let time = Time::from_millis(day * DAY_SECONDS * 1000 + 1);
            let text = format_rfc3339(time);
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
        let shown = |millis| format_span(Duration::from_millis(millis));
        assert_eq!(shown(0), "0 s");
        assert_eq!(shown(350), "350 ms");
        assert_eq!(shown(1_000), "1 s");
        assert_eq!(shown(4_250), "4.2 s");
        assert_eq!(shown(30_012), "30 s");
        assert_eq!(shown(60_000), "1 m");
        assert_eq!(shown(72_000), "1 m 12 s");
        assert_eq!(shown(3 * 3_600_000 + 299_000), "3 h 4 m");
        assert_eq!(shown(12 * 86_400_000 + 4 * 3_600_000), "12 d 4 h");
        assert!(format_span(Duration::MAX).ends_with(" h"));
    }

    #[test]
    fn what_lies_ahead_is_just_now() {
        assert_eq!(format_age(Duration::from_millis(72_900)), "1 m 12 s ago");
        assert_eq!(format_age(NIGHT.since(NIGHT + Duration::from_secs(60))), "just now");
    }
}
