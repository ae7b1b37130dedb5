//! Converter from JSON5 to JSON, for OpenClaw's configuration.
//!
//! JSON5 differs from JSON only in its spelling: comments, single quotes, unquoted keys, more forms of numbers, strings
//! over several lines. So the text is converted, then parsed as JSON. Line numbers are preserved unless a string spans
//! several lines; columns are not.

use std::iter::Peekable;
use std::str::Chars;

use crate::text::json::{JsonError, MAX_DEPTH, Position};

/// Converts JSON5 (<https://spec.json5.org>) to JSON with trailing commas.
pub(super) fn convert_to_json(text: &str) -> Result<String, JsonError> {
    let mut speller = Json5Converter {
        rest: text.chars().peekable(),
        out: String::with_capacity(text.len() + 64),
        line: 1,
        open_brackets: vec![],
    };
    let mut wants_key = false;
    while let Some(c) = speller.next_char() {
        match c {
            '{' | '[' => speller.open_bracket(c)?,
            '}' | ']' => {
                speller.open_brackets.pop();
                speller.out.push(c);
            }
            '"' | '\'' => speller.convert_string(c)?,
            '/' => speller.skip_comment()?,
            ',' | ':' => speller.out.push(c),
            c if c.is_whitespace() || c == '\u{feff}' => speller.out.push(if c == '\n' { c } else { ' ' }),
            c => speller.convert_word(c, wants_key)?,
        }
        match c {
            '{' => wants_key = true,
            ',' => wants_key = speller.open_brackets.last() == Some(&'{'),
            '/' => {}
            c if c.is_whitespace() => {}
            _ => wants_key = false,
        }
    }
    Ok(speller.out)
}

struct Json5Converter<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    line: usize,
    /// Open brackets.
    open_brackets: Vec<char>,
}

impl Json5Converter<'_> {
    fn next_char(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn open_bracket(&mut self, bracket: char) -> Result<(), JsonError> {
        if self.open_brackets.len() > MAX_DEPTH {
            return Err(self.error_here("nested too deeply"));
        }
        self.open_brackets.push(bracket);
        self.out.push(bracket);
        Ok(())
    }

    fn skip_comment(&mut self) -> Result<(), JsonError> {
        match self.next_char() {
            Some('/') => {
                while self.rest.next_if(|c| *c != '\n').is_some() {}
                Ok(())
            }
            Some('*') => {
                let mut star = false;
                while let Some(c) = self.next_char() {
                    if star && c == '/' {
                        self.out.push(' ');
                        return Ok(());
                    }
                    star = c == '*';
                    if c == '\n' {
                        self.out.push(c);
                    }
                }
                Err(self.error_here("a comment without its closing `*/`"))
            }
            _ => Err(self.error_here("expected `//` or `/*`")),
        }
    }

    fn convert_string(&mut self, quote: char) -> Result<(), JsonError> {
        let unclosed = |line| JsonError {
            position: Position { line, column: 0 },
            message: "text without its closing quote on the same line".to_owned(),
        };
        let line = self.line;
        self.out.push('"');
        loop {
            match self.next_char() {
                Some(c) if c == quote => break,
                Some('\\') => self.convert_escape()?,
                None | Some('\n' | '\r') => return Err(unclosed(line)),
                Some(c) => self.write_literal(c),
            }
        }
        self.out.push('"');
        Ok(())
    }

    /// Writes a literal character of a string.
    fn write_literal(&mut self, c: char) {
        match c {
            '"' | '\\' => self.out.extend(['\\', c]),
            c if c < ' ' => self.out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => self.out.push(c),
        }
    }

    fn convert_escape(&mut self) -> Result<(), JsonError> {
        match self.next_char() {
            Some(c @ ('b' | 'f' | 'n' | 'r' | 't')) => self.out.extend(['\\', c]),
            Some('v') => self.out.push_str("\\u000b"),
            Some('0') if !self.rest.peek().is_some_and(char::is_ascii_digit) => self.out.push_str("\\u0000"),
            Some('u') => self.convert_hex_digits(4)?,
            Some('x') => self.convert_hex_digits(2)?,
            Some('\r') => {
                self.rest.next_if_eq(&'\n');
            }
            // A backslash at the end of a line continues the string.
            Some('\n' | '\u{2028}' | '\u{2029}') => {}
            Some(c) if !c.is_ascii_digit() => self.write_literal(c),
            _ => return Err(self.error_here("an unknown escape after `\\`")),
        }
        Ok(())
    }

    fn convert_hex_digits(&mut self, count: usize) -> Result<(), JsonError> {
        self.out.push_str(if count == 4 { "\\u" } else { "\\u00" });
        for _ in 0..count {
            let digit = self.next_char().filter(char::is_ascii_hexdigit);
            self.out.push(digit.ok_or_else(|| self.error_here("an unknown escape after `\\`"))?);
        }
        Ok(())
    }

    fn convert_word(&mut self, first: char, is_key: bool) -> Result<(), JsonError> {
        let mut word = String::from(first);
        let is_part = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '+' | '-');
        if !is_part(&first) {
            return Err(self.error_here("unexpected character"));
        }
        while let Some(c) = self.rest.next_if(is_part) {
            word.push(c);
        }
        if !is_key {
            let value = convert_number(&word);
            self.out.push_str(value.as_deref().unwrap_or(&word));
            return Ok(());
        }
        let is_name = |(at, c): (usize, char)| c.is_alphabetic() || "_$".contains(c) || (at > 0 && c.is_alphanumeric());
        if !word.chars().enumerate().all(is_name) {
            return Err(self.error_here("a key that needs quotes"));
        }
        self.out.push('"');
        self.out.push_str(&word);
        self.out.push('"');
        Ok(())
    }

    fn error_here(&self, message: &str) -> JsonError {
        JsonError { position: Position { line: self.line, column: 0 }, message: message.to_owned() }
    }
}

/// Converts a number to its JSON form; `None` if it is not a number. Infinity and NaN become `null`.
fn convert_number(word: &str) -> Option<String> {
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
            assert_eq!(parse_json5(text).unwrap_err().position.line, line, "{text}");
        }
        assert!(parse_json5(&"[".repeat(100_000)).is_err());
        assert!(parse_json5(&"{a:".repeat(100_000)).is_err());
        assert!(parse_json5(&"/**/".repeat(100_000)).is_err());
    }
}
