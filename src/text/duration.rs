//! Parser and formatter for durations: `"500ms" "10s" "5m" "2h" "30d"`.
//!
//! A duration is a whole number and one unit, so that it has only one reading and a printed configuration reads back
//! unchanged.

use std::fmt;
use std::time::Duration;

use crate::text::FormatError;

/// Maximum duration. Small enough that sums of durations cannot overflow.
pub const MAX_DURATION: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Units, in milliseconds, largest first.
const UNITS: [(&str, u64); 5] =
    [("d", 24 * 60 * 60 * 1000), ("h", 60 * 60 * 1000), ("m", 60 * 1000), ("s", 1000), ("ms", 1)];

/// Problem of a text that is no duration.
const FORMAT_HINT: &str =
    "is not a duration; write a whole number and a unit, such as \"500ms\", \"10s\", \"5m\", \"2h\" or \"30d\"";

/// Common misspellings of units, with the right spelling.
const MISSPELLED_UNITS: [(&str, &str); 19] = [
    ("milliseconds", "ms"),
    ("millis", "ms"),
    ("msec", "ms"),
    ("seconds", "s"),
    ("second", "s"),
    ("secs", "s"),
    ("sec", "s"),
    ("minutes", "m"),
    ("minute", "m"),
    ("mins", "m"),
    ("min", "m"),
    ("hours", "h"),
    ("hour", "h"),
    ("hrs", "h"),
    ("hr", "h"),
    ("days", "d"),
    ("day", "d"),
    ("D", "d"),
    ("S", "s"),
];

/// Reads a duration.
///
/// # Errors
/// With the problem and the expected form. The message does not quote the text.
pub fn parse_duration(text: &str) -> Result<Duration, FormatError> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    if digits.is_empty() {
        return Err(FormatError(FORMAT_HINT.into()));
    }
    if unit.is_empty() {
        return Err(FormatError(format!("has no unit; write \"{digits}s\" for seconds").into()));
    }
    let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(suggest_unit(digits, unit));
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(*scale))
        .map(Duration::from_millis)
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| FormatError(format!("is too long; the maximum is {}", format_duration(MAX_DURATION)).into()))
}

/// Formats a duration in the largest unit that is exact; [`parse_duration`] reads the same duration back. Truncates to
/// milliseconds.
pub fn format_duration(duration: Duration) -> impl fmt::Display {
    DurationDisplay(duration)
}

struct DurationDisplay(Duration);

impl fmt::Display for DurationDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let exact = |(_, scale): &&(&str, u64)| millis.is_multiple_of(u128::from(*scale));
        match UNITS.iter().find(exact) {
            Some((unit, scale)) if millis > 0 => write!(f, "{}{unit}", millis / u128::from(*scale)),
            _ => f.write_str("0s"),
        }
    }
}

fn suggest_unit(digits: &str, unit: &str) -> FormatError {
    let word = unit.trim();
    let known = UNITS.iter().map(|(name, _)| (*name, *name));
    FormatError(match MISSPELLED_UNITS.into_iter().chain(known).find(|(near, _)| *near == word) {
        Some((_, meant)) => format!("is not a duration; did you mean \"{digits}{meant}\"?").into(),
        None => FORMAT_HINT.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_shows_and_shows_what_it_reads() {
        for text in ["500ms", "10s", "5m", "2h", "30d", "345s", "90s", "0s", "3650d", "1001ms"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()).to_string(), text);
        }
        let mut millis = 1;
        while Duration::from_millis(millis) <= MAX_DURATION {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(&format_duration(duration).to_string()), Ok(duration));
            millis = millis * 3 + millis % 7;
        }
    }

    #[test]
    fn shows_the_largest_exact_unit() {
        assert_eq!(format_duration(Duration::from_secs(60)).to_string(), "1m");
        assert_eq!(format_duration(Duration::from_secs(61)).to_string(), "61s");
        assert_eq!(format_duration(Duration::from_secs(86_400)).to_string(), "1d");
        assert_eq!(format_duration(Duration::from_micros(1500)).to_string(), "1ms");
    }

    #[test]
    fn says_how_to_write_it() {
        let cases = [
            ("30", "write \"30s\""),
            ("30sec", "did you mean \"30s\""),
            ("5 m", "did you mean \"5m\""),
            ("", "such as"),
            ("1.5m", "such as"),
            ("-5s", "such as"),
            ("+5s", "such as"),
            ("5s5m", "such as"),
            ("٣s", "such as"),
            ("3651d", "the maximum is 3650d"),
            ("99999999999999999999s", "the maximum is 3650d"),
            ("18446744073709551615d", "the maximum is 3650d"),
        ];
        for (text, hint) in cases {
            let problem = parse_duration(text).unwrap_err().to_string();
            assert!(problem.contains(hint), "{text}: {problem}");
        }
    }
}
