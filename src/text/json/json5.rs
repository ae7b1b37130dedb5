//! Converter from JSON5 to JSON, for OpenClaw's configuration.
//!
//! JSON5 differs from JSON only in its spelling: comments, single quotes, unquoted keys, more forms of numbers, strings
//! over several lines. So the text is converted, then parsed as JSON. Line numbers are preserved unless a string spans
//! several lines; columns are not.

use std::iter::Peekable;
use std::str::Chars;

use crate::text::json::{Error, MAX_DEPTH, Position};

/// Converts JSON5 (<https://spec.json5.org>) to JSON with trailing commas.
pub(super) fn respell(text: &str) -> Result<String, Error> {
    let mut speller =
        Speller { rest: text.chars().peekable(), out: String::with_capacity(text.len() + 64), line: 1, open: vec![] };
    let mut wants_key = false;
    while let Some(c) = speller.take() {
        match c {
            '{' | '[' => speller.open(c)?,
            '}' | ']' => {
                speller.open.pop();
                speller.out.push(c);
            }
            '"' | '\'' => speller.text(c)?,
            '/' => speller.comment()?,
            ',' | ':' => speller.out.push(c),
            c if c.is_whitespace() || c == '\u{feff}' => speller.out.push(if c == '\n' { c } else { ' ' }),
            c => speller.word(c, wants_key)?,
        }
        match c {
            '{' => wants_key = true,
            ',' => wants_key = speller.open.last() == Some(&'{'),
            '/' => {}
            c if c.is_whitespace() => {}
            _ => wants_key = false,
        }
    }
    Ok(speller.out)
}

struct Speller<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    line: usize,
    /// Open brackets.
    open: Vec<char>,
}

impl Speller<'_> {
    fn take(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn open(&mut self, bracket: char) -> Result<(), Error> {
        if self.open.len() > MAX_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        self.open.push(bracket);
        self.out.push(bracket);
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Error> {
        match self.take() {
            Some('/') => {
                while self.rest.next_if(|c| *c != '\n').is_some() {}
                Ok(())
            }
            Some('*') => {
                let mut star = false;
                while let Some(c) = self.take() {
                    if star && c == '/' {
                        self.out.push(' ');
                        return Ok(());
                    }
                    star = c == '*';
                    if c == '\n' {
                        self.out.push(c);
                    }
                }
                Err(self.error("a comment without its closing `*/`"))
            }
            _ => Err(self.error("expected `//` or `/*`")),
        }
    }

    fn text(&mut self, quote: char) -> Result<(), Error> {
        let unclosed = |line| Error {
            at: Position { line, col: 0 },
            message: "text without its closing quote on the same line".to_owned(),
        };
        let line = self.line;
        self.out.push('"');
        loop {
            match self.take() {
                Some(c) if c == quote => break,
                Some('\\') => self.escape()?,
                None | Some('\n' | '\r') => return Err(unclosed(line)),
                Some(c) => self.plain(c),
            }
        }
        self.out.push('"');
        Ok(())
    }

    /// Writes a literal character of a string.
    fn plain(&mut self, c: char) {
        match c {
            '"' | '\\' => self.out.extend(['\\', c]),
            c if c < ' ' => self.out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => self.out.push(c),
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        match self.take() {
            Some(c @ ('b' | 'f' | 'n' | 'r' | 't')) => self.out.extend(['\\', c]),
            Some('v') => self.out.push_str("\\u000b"),
            Some('0') if !self.rest.peek().is_some_and(char::is_ascii_digit) => self.out.push_str("\\u0000"),
            Some('u') => self.digits(4)?,
            Some('x') => self.digits(2)?,
            Some('\r') => {
                self.rest.next_if_eq(&'\n');
            }
            // A backslash at the end of a line continues the string.
            Some('\n' | '\u{2028}' | '\u{2029}') => {}
            Some(c) if !c.is_ascii_digit() => self.plain(c),
            _ => return Err(self.error("an unknown escape after `\\`")),
        }
        Ok(())
    }

    fn digits(&mut self, count: usize) -> Result<(), Error> {
        self.out.push_str(if count == 4 { "\\u" } else { "\\u00" });
        for _ in 0..count {
            let digit = self.take().filter(char::is_ascii_hexdigit);
            self.out.push(digit.ok_or_else(|| self.error("an unknown escape after `\\`"))?);
        }
        Ok(())
    }

    fn word(&mut self, first: char, is_key: bool) -> Result<(), Error> {
        let mut word = String::from(first);
        let is_part = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '+' | '-');
        if !is_part(&first) {
            return Err(self.error("unexpected character"));
        }
        while let Some(c) = self.rest.next_if(is_part) {
            word.push(c);
        }
        if !is_key {
            let value = number(&word);
            self.out.push_str(value.as_deref().unwrap_or(&word));
            return Ok(());
        }
        let is_name = |(at, c): (usize, char)| c.is_alphabetic() || "_$".contains(c) || (at > 0 && c.is_alphanumeric());
        if !word.chars().enumerate().all(is_name) {
            return Err(self.error("a key that needs quotes"));
        }
        self.out.push('"');
        self.out.push_str(&word);
        self.out.push('"');
        Ok(())
    }

    fn error(&self, message: &str) -> Error {
        Error { at: Position { line: self.line, col: 0 }, message: message.to_owned() }
    }
}

/// Converts a number to its JSON form; `None` if it is not a number. Infinity and NaN become `null`.
fn number(word: &str) -> Option<String> {
    let (sign, bare) = match word.strip_prefix(['+', '-']) {
        Some(bare) => (if word.starts_with('-') { "-" } else { "" }, bare),
        None => ("", word),
    };
    if matches!(bare, "Infinity" | "NaN") {
        return Some("null".to_owned());
    }
    if let Some(digits) = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok().map(|number| format!("{sign}{number}"));
    }
    if !bare.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let (mantissa, exponent) = bare.find(['e', 'E']).map_or((bare, ""), |at| bare.split_at(at));
    let lead = if mantissa.starts_with('.') { "0" } else { "" };
    let tail = if mantissa.ends_with('.') && mantissa.len() > 1 { "0" } else { "" };
    Some(format!("{sign}{lead}{mantissa}{tail}{exponent}"))
}

#[cfg(test)]
mod tests {
    use crate::text::json::{parse, parse_json5};

    #[test]
    fn what_openclaw_lets_people_write_is_read() {
        let text = "\u{feff}// mine\n{\n  channels: { 'tele\\'gram': { botToken: '1:a\"b', \
            allowFrom: [+1, -.5, 5., 0x4965,], }, },\n\
            /* * */ $odd_1: 'two \\\n lines', \"q\": '\\x41\\v\\u00e9\\z', \
            n: null, t: true, i: -Infinity, e: 1.e3,\n}\n// end";
        let plain = "{\"channels\":{\"tele'gram\":{\"botToken\":\"1:a\\\"b\",\"allowFrom\":[1,-0.5,5.0,18789]}},\
            \"$odd_1\":\"two  lines\",\"q\":\"A\\u000bézX\",\"n\":null,\"t\":true,\"i\":null,\"e\":1.0e3}";
        assert_eq!(parse_json5(text).unwrap(), parse(&plain.replace("zX", "z")).unwrap());
        assert_eq!(parse_json5("{\"a\": [1, {b: 2}]}").unwrap(), parse("{\"a\":[1,{\"b\":2}]}").unwrap());
    }

    #[test]
    fn what_is_not_json5_is_refused_with_its_line() {
        for (text, line) in [
            ("{\n a: 'x\n}", 2),
            ("{\n\n/* never", 3),
            ("{ a-b: 1 }", 1),
            ("{ 1a: 1 }", 1),
            ("{ a: undefined }", 1),
            ("{ a: '\\9' }", 1),
            ("[1,,2]", 1),
            ("{ a: 1 b: 2 }", 1),
            ("{ a: # }", 1),
            ("/", 1),
            ("", 1),
        ] {
            assert_eq!(parse_json5(text).unwrap_err().at.line, line, "{text}");
        }
        assert!(parse_json5(&"[".repeat(100_000)).is_err());
        assert!(parse_json5(&"{a:".repeat(100_000)).is_err());
        assert!(parse_json5(&"/**/".repeat(100_000)).is_err());
    }
}
