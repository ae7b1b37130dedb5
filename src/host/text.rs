//! Text from outside, made safe to print.

/// One line of at most `max` characters that no terminal can mistake for a command to it.
///
/// Control characters become spaces, and so does what Unicode offers to turn text around or to hide it; runs of
/// spaces become one. What is cut off is replaced by `…`.
#[must_use]
pub fn printable(text: &str, max: usize) -> String {
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
    use super::printable;

    #[test]
    fn nothing_that_moves_a_cursor_survives() {
        let hostile = "\u{1b}[31mred\r\n\u{9b}2Jgone\u{202e}txt.exe\0";
        assert_eq!(printable(hostile, 80), "[31mred 2Jgone txt.exe");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(printable("one two three", 7), "one two…");
        assert_eq!(printable("one two", 7), "one two");
        assert_eq!(printable("  spaced \n\n out  ", 80), "spaced out");
    }
}
