//! Pass before the tokenizer, which is more lenient than JSON.
//!
//! nanoserde's tokenizer takes a NUL for the end of the text, recurses once per comment (enough comments exhaust the
//! stack), reads `\q` as `q`, and lets strings span lines, which reports a missing quote at the end of the file. This
//! pass refuses all of that with the right position, and replaces comments by spaces.

use std::str::Chars;

use crate::text::json::{JsonError, Position};

/// Returns the text with every comment replaced by spaces, so that positions do not change.
pub(super) fn scan_text(text: &str, comments: bool) -> Result<String, JsonError> {
    let mut scanner =
        Scanner { rest: text.chars(), out: String::with_capacity(text.len()), at: Position { line: 1, column: 0 } };
    while let Some(c) = scanner.copy_char() {
        match c {
            '"' => scanner.scan_string()?,
            '/' if comments => scanner.blank_comment()?,
            '/' => return Err(scanner.error_here("unexpected `/` (comments are not allowed here)")),
            '\0' => return Err(scanner.error_here("a NUL character")),
            _ => {}
        }
    }
    Ok(scanner.out)
}

struct Scanner<'a> {
    rest: Chars<'a>,
    out: String,
    at: Position,
}

impl Scanner<'_> {
    fn copy_char(&mut self) -> Option<char> {
        let c = self.next_char()?;
        self.out.push(c);
        Some(c)
    }

    fn next_char(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.at.line += 1;
            self.at.column = 0;
        } else {
            self.at.column += 1;
        }
        Some(c)
    }

    fn blank_char(&mut self) -> Option<char> {
        let c = self.next_char()?;
        self.out.push(if c == '\n' { c } else { ' ' });
        Some(c)
    }

    fn scan_string(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        loop {
            match self.copy_char() {
                Some('"') => return Ok(()),
                Some('\\') => self.scan_escape()?,
                Some(c) if c >= ' ' => {}
                _ => {
                    return Err(JsonError {
                        position: start,
                        message: "text without its closing quote on the same line".to_owned(),
                    });
                }
            }
        }
    }

    fn scan_escape(&mut self) -> Result<(), JsonError> {
        match self.copy_char() {
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => Ok(()),
            Some('u') if (0..4).all(|_| self.copy_char().is_some_and(|c| c.is_ascii_hexdigit())) => Ok(()),
            _ => Err(self.error_here("an unknown escape after `\\`")),
        }
    }

    fn blank_comment(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.out.pop();
        self.out.push(' ');
        let closed = match self.blank_char() {
            Some('/') => {
                while !matches!(self.blank_char(), Some('\n') | None) {}
                true
            }
            Some('*') => self.blank_block_comment(),
            _ => {
                let message = "expected `//` or `/*`".to_owned();
                return Err(JsonError { position: start, message });
            }
        };
        if closed {
            return Ok(());
        }
        let message = "a comment without its closing `*/`".to_owned();
        Err(JsonError { position: start, message })
    }

    /// Skips a block comment. True if it is closed.
    fn blank_block_comment(&mut self) -> bool {
        let mut star = false;
        while let Some(c) = self.blank_char() {
            if star && c == '/' {
                return true;
            }
            star = c == '*';
        }
        false
    }

    fn error_here(&self, message: &str) -> JsonError {
        let message = message.to_owned();
        JsonError { position: self.at, message }
    }
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
