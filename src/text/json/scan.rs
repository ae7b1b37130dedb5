//! Pass before the tokenizer, which is more lenient than JSON.
//!
//! nanoserde's tokenizer takes a NUL for the end of the text, recurses once per comment (enough comments exhaust the
//! stack), reads `\q` as `q`, and lets strings span lines, which reports a missing quote at the end of the file. This
//! pass refuses all of that with the right position, and replaces comments by spaces.

use std::borrow::Cow;

use crate::text::json::{JsonError, Position};

/// Returns the text with every comment replaced by spaces, so that positions do not change.
pub(super) fn scan_text(text: &str, has_comments: bool) -> Result<Cow<'_, str>, JsonError> {
    let (mut blanked, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => at = find_string_end(text, at)?,
            b'/' if has_comments => {
                let end = find_comment_end(text, at)?;
                blanked.push_str(text.get(copied..at).unwrap_or_default());
                let comment = text.get(at..end).unwrap_or_default();
                blanked.extend(comment.chars().map(|c| if c == '\n' { c } else { ' ' }));
                (copied, at) = (end, end);
            }
            b'/' => return Err(error_at(text, at, "unexpected `/` (comments are not allowed here)")),
            0 => return Err(error_at(text, at, "a NUL character")),
            _ => at += 1,
        }
    }
    Ok(if copied == 0 { text.into() } else { (blanked + text.get(copied..).unwrap_or_default()).into() })
}

/// Returns the end of the string that starts at `start`.
fn find_string_end(text: &str, start: usize) -> Result<usize, JsonError> {
    let byte_at = |at: usize| text.as_bytes().get(at).copied();
    let mut at = start + 1;
    loop {
        at += match (byte_at(at), byte_at(at + 1)) {
            (Some(b'"'), _) => return Ok(at + 1),
            (Some(b'\\'), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => 2,
            (Some(b'\\'), Some(b'u')) => {
                let is_hex = |at: &usize| byte_at(*at).is_some_and(|byte| byte.is_ascii_hexdigit());
                match (at + 2..at + 6).find(|at| !is_hex(at)) {
                    Some(wrong) => return Err(error_at(text, wrong, "an unknown escape after `\\`")),
                    None => 6,
                }
            }
            (Some(b'\\'), _) => return Err(error_at(text, at + 1, "an unknown escape after `\\`")),
            (Some(b' '..), _) => 1,
            _ => return Err(error_at(text, start, "text without its closing quote on the same line")),
        }
    }
}

/// Returns the end of the comment that starts at `start`.
fn find_comment_end(text: &str, start: usize) -> Result<usize, JsonError> {
    let comment = text.get(start..).unwrap_or_default();
    let length = if comment.starts_with("//") {
        comment.find('\n').unwrap_or(comment.len())
    } else if let Some(inner) = comment.strip_prefix("/*") {
        let end = inner.find("*/").ok_or_else(|| error_at(text, start, "a comment without its closing `*/`"))?;
        end + 4
    } else {
        return Err(error_at(text, start, "expected `//` or `/*`"));
    };
    Ok(start + length)
}

fn error_at(text: &str, at: usize, message: &str) -> JsonError {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    let line = before.matches('\n').count() + 1;
    JsonError { position: Position { line, column }, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_blanks_and_text_keeps_its_slashes() {
        let blanked = scan_text("{ // one\n/* *\n/ */ \"a//b\": 1 }", true).unwrap();
        assert_eq!(blanked, "{       \n    \n     \"a//b\": 1 }");
    }

    #[test]
    fn a_hundred_thousand_comments_cost_no_stack() {
        let text = format!("{}7", "/**/".repeat(100_000));
        assert!(scan_text(&text, true).unwrap().ends_with(" 7"));
    }

    #[test]
    fn what_the_tokenizer_would_let_pass_is_refused_at_its_place() {
        let at = |text: &str| {
            let error = scan_text(text, true).unwrap_err();
            (error.position.line, error.position.column)
        };
        assert_eq!(at("7\0"), (1, 2));
        assert_eq!(at("{\n \"a\": \"b\n}"), (2, 7));
        assert_eq!(at(r#"["\q"]"#), (1, 4));
        assert_eq!(at(r#"["\u12"]"#), (1, 7));
        assert_eq!(at("\n /* never"), (2, 2));
        assert!(scan_text("// not here\n1", false).is_err());
    }
}
