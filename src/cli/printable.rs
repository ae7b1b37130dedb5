//! Text from outside, made safe to print.

use std::borrow::Cow;

use crate::text::strip_error_numbers;

/// Makes text from outside safe for a terminal: escapes control characters and bidirectional overrides, and removes
/// error numbers that repeat the message before them.
pub(super) fn to_printable(text: &str) -> Cow<'_, str> {
    match strip_error_numbers(text) {
        Cow::Borrowed(text) => escape_unsafe(text),
        Cow::Owned(text) => Cow::Owned(escape_unsafe(&text).into_owned()),
    }
}

fn escape_unsafe(text: &str) -> Cow<'_, str> {
    let is_unfit = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| match c {
        c if is_unfit(c) => c.escape_default().to_string(),
        c => c.to_string(),
    };
    Cow::Owned(text.chars().map(escape).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_never_obeys_what_comes_from_outside() {
        assert_eq!(to_printable("plain – text"), "plain – text");
        assert_eq!(
            to_printable("cannot read x: No such file or directory (os error 2)"),
            "cannot read x: No such file or directory"
        );
        assert_eq!(to_printable("\u{1b}[2J\r\n\u{9b}m"), "\\u{1b}[2J\\r\\n\\u{9b}m");
        assert_eq!(to_printable("a\u{202e}b"), "a\\u{202e}b");
    }
}
