//! Number grammar of JSON. nanoserde's tokenizer rejects `1e+5` and accepts `+5`, `007` and `1.`.

use nanoserde::DeJsonTok;

/// Parses a number. A whole number too large for an integer becomes a float; `None` if that overflows too.
pub(super) fn parse_number(text: &str) -> Option<DeJsonTok> {
    if !is_json_number(text) {
        return None;
    }
    if let Ok(number) = text.parse() {
        return Some(DeJsonTok::U64(number));
    }
    match text.parse::<i64>() {
        Ok(0) => return Some(DeJsonTok::U64(0)),
        Ok(number) => return Some(DeJsonTok::I64(number)),
        Err(_) => {}
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(DeJsonTok::F64(number))
}

/// True if the text matches `-? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)?`.
fn is_json_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_grammar() {
        for good in ["0", "-0", "10", "-1", "0.5", "1e5", "1E-5", "1.25e+2"] {
            assert!(parse_number(good).is_some(), "{good}");
        }
        let bad = ["", "+1", "01", "-", "1.", ".5", "1e", "1e+", "--1", "1-1", "1e999", "1.2.3", "NaN"];
        for bad in bad {
            assert!(parse_number(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn whole_numbers_stay_whole_while_they_fit() {
        assert_eq!(parse_number("-0"), Some(DeJsonTok::U64(0)));
        assert_eq!(parse_number("18446744073709551615"), Some(DeJsonTok::U64(u64::MAX)));
        assert_eq!(parse_number("-9223372036854775808"), Some(DeJsonTok::I64(i64::MIN)));
        assert!(matches!(parse_number("18446744073709551616"), Some(DeJsonTok::F64(_))));
    }
}
