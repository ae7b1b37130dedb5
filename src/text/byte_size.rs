//! Parser and formatter for sizes: `"100KiB" "20MiB" "1GiB"`.

use crate::text::FormatError;

/// Units, in bytes, largest first.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Maximum size, in bytes. git cannot push files that are much larger.
const MAX_SIZE_BYTES: u64 = 1 << 40;

/// Reads a size, in bytes.
///
/// # Errors
/// With the problem and the expected form. The message does not quote the text.
pub(crate) fn parse_size(text: &str) -> Result<u64, FormatError> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let Ok(count) = digits.parse::<u64>() else {
        return Err(FormatError("is not a size; write a whole number and a unit, such as \"20MiB\"".into()));
    };
    let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let near = UNITS.iter().find(|(name, _)| unit.chars().next().is_some_and(|c| name.starts_with(to_upper(c))));
        let near = near.map_or("MiB", |(name, _)| name);
        return Err(FormatError(format!("has no known unit; did you mean \"{digits}{near}\"?").into()));
    };
    let size = count.checked_mul(*scale).filter(|size| *size <= MAX_SIZE_BYTES);
    size.ok_or_else(|| FormatError(format!("is too large; the maximum is {}", format_size(MAX_SIZE_BYTES)).into()))
}

/// Formats a size in the largest unit that is exact; [`parse_size`] reads the same size back.
pub(crate) fn format_size(size: u64) -> String {
    let exact = UNITS.iter().find(|(_, scale)| size > 0 && size.is_multiple_of(*scale));
    exact.map_or_else(|| "0B".to_owned(), |(unit, scale)| format!("{}{unit}", size / scale))
}

fn to_upper(c: char) -> char {
    c.to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_reads_back_as_it_was_shown() {
        for size in [0, 1, 1023, 1024, 1500, 20 << 20, 1 << 30, MAX_SIZE_BYTES] {
            assert_eq!(parse_size(&format_size(size)), Ok(size));
        }
        assert_eq!(format_size(20 << 20), "20MiB");
    }

    #[test]
    fn a_size_that_is_none_says_how_to_write_it() {
        for (text, hint) in [
            ("", "is not a size"),
            ("MiB", "is not a size"),
            ("1.5GiB", "did you mean"),
            ("20", "\"20MiB\""),
            ("20M", "\"20MiB\""),
            ("20gb", "\"20GiB\""),
            ("5000GiB", "too large; the maximum is 1024GiB"),
            ("99999999999999999999B", "is not a size"),
        ] {
            let problem = parse_size(text).unwrap_err().to_string();
            assert!(problem.contains(hint), "{text}: {problem}");
        }
    }
}
