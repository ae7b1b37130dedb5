//! Sanitizer for untrusted text.

use std::borrow::Cow;

/// Returns the text as one line of at most `max` characters without terminal control sequences.
///
/// Control characters, bidirectional controls and invisible characters become spaces; runs of spaces become one. A cut
/// is marked with `…`. Rust's ` (os error 2)` is removed: the text before it says the same.
pub fn to_printable(text: &str, max: usize) -> String {
    let text = strip_error_numbers(text);
    let mut line = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_control() || c.is_whitespace() || is_invisible(c) {
            gap = length > 0;
            continue;
        }
        if length + usize::from(gap) >= max {
            line.push('…');
            break;
        }
        if gap {
            line.push(' ');
            length += 1;
            gap = false;
        }
        line.push(c);
        length += 1;
    }
    line
}

/// Removes each ` (os error N)` that std appends to the system's error text.
pub fn strip_error_numbers(text: &str) -> Cow<'_, str> {
    const BEGIN: &str = " (os error ";
    let Some((before, mut rest)) = text.split_once(BEGIN) else { return Cow::Borrowed(text) };
    let mut plain = before.to_owned();
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let after = rest.get(end..).and_then(|after| after.strip_prefix(')'));
        match after.filter(|_| end > 0) {
            Some(after) => rest = after,
            None => plain.push_str(BEGIN),
        }
        let Some((before, after)) = rest.split_once(BEGIN) else { break };
        plain.push_str(before);
        rest = after;
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::{strip_error_numbers, to_printable};

    #[test]
    fn error_numbers_are_left_out_and_nothing_else() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(
            strip_error_numbers(&format!("cannot read x: {error}; y")),
            "cannot read x: No such file or directory; y"
        );
        assert_eq!(to_printable("a (os error 1) b (os error 22)", 80), "a b");
        for kept in ["", "a (os error )", "a (os error 1", "a (os error x)", " (os error  (os error 1"] {
            assert_eq!(strip_error_numbers(kept), kept);
        }
        assert_eq!(strip_error_numbers(" (os error  (os error 1)"), " (os error ");
    }

    #[test]
    fn nothing_that_moves_a_cursor_survives() {
        let hostile = "\u{1b}[31mred\r\n\u{9b}2Jgone\u{202e}txt.exe\0";
        assert_eq!(to_printable(hostile, 80), "[31mred 2Jgone txt.exe");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(to_printable("one two three", 7), "one two…");
        assert_eq!(to_printable("one two", 7), "one two");
        assert_eq!(to_printable("  spaced \n\n out  ", 80), "spaced out");
    }
}
