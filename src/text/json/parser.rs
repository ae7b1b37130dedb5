//! Parser from text to [`Node`], on nanoserde's tokenizer.

use std::str::Chars;

use nanoserde::{DeJsonState, DeJsonTok};

use crate::text::json::json5::convert_to_json;
use crate::text::json::number::parse_number;
use crate::text::json::scan::scan_text;
use crate::text::json::{JsonError, MAX_DEPTH, MAX_VALUES, Node, ObjectEntry, Position, Value};

/// Parses plain JSON: one value and nothing after it.
///
/// # Errors
/// If the text is not JSON, nests deeper than [`MAX_DEPTH`] or contains more than [`MAX_VALUES`] values.
pub fn parse(text: &str) -> Result<Node, JsonError> {
    parse_text(text, false)
}

/// Parses JSON with `//` and `/* */` comments and trailing commas.
///
/// # Errors
/// As [`parse`].
pub fn parse_with_comments(text: &str) -> Result<Node, JsonError> {
    parse_text(text, true)
}

/// Parses JSON5, the format of OpenClaw's configuration. Positions have a line but no column.
///
/// # Errors
/// As [`parse`].
pub fn parse_json5(text: &str) -> Result<Node, JsonError> {
    parse_text(&convert_to_json(text)?, true)
        .map_err(|error| JsonError { position: Position { column: 0, ..error.position }, ..error })
}

fn parse_text(text: &str, relaxed: bool) -> Result<Node, JsonError> {
    let text = scan_text(text, relaxed)?;
    let mut reader = Parser { state: DeJsonState::default(), rest: text.chars(), trailing_commas: relaxed, values: 0 };
    reader.state.next(&mut reader.rest);
    let first = reader.next_token()?;
    let node = reader.parse_value(first, 0)?;
    match reader.next_token()? {
        (DeJsonTok::Eof, _) => Ok(node),
        (_, at) => Err(error_at(at, "expected nothing more after the value")),
    }
}

struct Parser<'a> {
    state: DeJsonState,
    rest: Chars<'a>,
    trailing_commas: bool,
    values: usize,
}

type Token = (DeJsonTok, Position);

impl Parser<'_> {
    fn parse_value(&mut self, (token, at): Token, depth: usize) -> Result<Node, JsonError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(error_at(at, "too many values"));
        }
        let value = match token {
            DeJsonTok::CurlyOpen => Value::Object(self.parse_object(at, depth + 1)?),
            DeJsonTok::BlockOpen => Value::Array(self.parse_array(at, depth + 1)?),
            DeJsonTok::Str => Value::String(std::mem::take(&mut self.state.strbuf)),
            DeJsonTok::U64(number) => Value::Unsigned(number),
            DeJsonTok::I64(number) => Value::Negative(number),
            DeJsonTok::F64(number) => Value::Float(number),
            DeJsonTok::Bool(truth) => Value::Bool(truth),
            DeJsonTok::Null => Value::Null,
            other => return Err(unexpected_token(&other, at, "a value")),
        };
        Ok(Node { value, position: at })
    }

    fn parse_object(&mut self, start: Position, depth: usize) -> Result<Vec<ObjectEntry>, JsonError> {
        check_depth(start, depth)?;
        let mut entries = Vec::new();
        loop {
            let (token, at) = self.next_token()?;
            match token {
                DeJsonTok::CurlyClose if self.trailing_commas || entries.is_empty() => break,
                DeJsonTok::Str => {}
                other => return Err(unexpected_token(&other, at, "a key in double quotes")),
            }
            let key = std::mem::take(&mut self.state.strbuf);
            match self.next_token()? {
                (DeJsonTok::Colon, _) => {}
                (other, at) => return Err(unexpected_token(&other, at, "`:` after the key")),
            }
            let first = self.next_token()?;
            let node = self.parse_value(first, depth)?;
            entries.push(ObjectEntry { key, position: at, node });
            match self.next_token()? {
                (DeJsonTok::Comma, _) => {}
                (DeJsonTok::CurlyClose, _) => break,
                (other, at) => return Err(unexpected_token(&other, at, "`,` or `}`")),
            }
        }
        Ok(entries)
    }

    fn parse_array(&mut self, start: Position, depth: usize) -> Result<Vec<Node>, JsonError> {
        check_depth(start, depth)?;
        let mut items = Vec::new();
        loop {
            let first = self.next_token()?;
            if first.0 == DeJsonTok::BlockClose && (self.trailing_commas || items.is_empty()) {
                break;
            }
            items.push(self.parse_value(first, depth)?);
            match self.next_token()? {
                (DeJsonTok::Comma, _) => {}
                (DeJsonTok::BlockClose, _) => break,
                (other, at) => return Err(unexpected_token(&other, at, "`,` or `]`")),
            }
        }
        Ok(items)
    }

    fn next_token(&mut self) -> Result<Token, JsonError> {
        while matches!(self.state.cur, ' ' | '\t' | '\r' | '\n') {
            self.state.next(&mut self.rest);
        }
        let at = Position { line: self.state.line + 1, column: self.state.col.max(1) };
        let first = self.state.cur;
        if first == '-' || first == '+' || first.is_ascii_digit() {
            return Ok((self.read_number(at)?, at));
        }
        if self.state.next_tok(&mut self.rest).is_ok() {
            return Ok((self.state.tok.clone(), at));
        }
        let message = match first {
            '"' => "half of a surrogate pair after `\\u`".to_owned(),
            'a'..='z' | 'A'..='Z' | '_' => {
                let word: String = self.state.identbuf.chars().take(40).collect();
                format!("`{word}` is not JSON (text and keys need double quotes)")
            }
            _ => format!("unexpected character {first:?}"),
        };
        Err(JsonError { position: at, message })
    }

    fn read_number(&mut self, at: Position) -> Result<DeJsonTok, JsonError> {
        let mut digits = String::new();
        while matches!(self.state.cur, '0'..='9' | '+' | '-' | '.' | 'e' | 'E') {
            digits.push(self.state.cur);
            self.state.next(&mut self.rest);
        }
        parse_number(&digits).ok_or_else(|| error_at(at, "not a valid JSON number"))
    }
}

fn check_depth(at: Position, depth: usize) -> Result<(), JsonError> {
    if depth > MAX_DEPTH {
        return Err(error_at(at, "nested too deep"));
    }
    Ok(())
}

fn unexpected_token(token: &DeJsonTok, at: Position, wanted: &str) -> JsonError {
    let found = match token {
        DeJsonTok::Eof | DeJsonTok::Bof => "the end of the text",
        DeJsonTok::Comma => "`,`",
        DeJsonTok::Colon => "`:`",
        DeJsonTok::CurlyOpen => "`{`",
        DeJsonTok::CurlyClose => "`}`",
        DeJsonTok::BlockOpen => "`[`",
        DeJsonTok::BlockClose => "`]`",
        DeJsonTok::Str => "text",
        _ => "another value",
    };
    JsonError { position: at, message: format!("expected {wanted}, found {found}") }
}

fn error_at(at: Position, message: &str) -> JsonError {
    let message = message.to_owned();
    JsonError { position: at, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails_at(text: &str) -> (usize, usize) {
        let at = parse(text).unwrap_err().position;
        (at.line, at.column)
    }

    #[test]
    fn values_come_out_as_what_they_are() {
        let node = parse(" [null, true, 0, 18446744073709551615, -7, 1.5, 1e+21, \"a\\u00e9\\ud83d\\ude00\"] ");
        let expected = Value::Array(vec![
            Value::Null.into(),
            Value::Bool(true).into(),
            Value::Unsigned(0).into(),
            Value::Unsigned(u64::MAX).into(),
            Value::Negative(-7).into(),
            Value::Float(1.5).into(),
            Value::Float(1e21).into(),
            Value::from("a\u{e9}\u{1f600}").into(),
        ]);
        assert_eq!(node.unwrap().value, expected);
    }

    #[test]
    fn every_value_and_key_knows_its_place() {
        let node = parse_with_comments("// first\n{\n  \"a\": 1, /* é */ \"b\": [\n\t2,\n],\n}").unwrap();
        let entries = node.as_object().unwrap();
        let place = |at: Position| (at.line, at.column);
        assert_eq!(place(node.position), (2, 1));
        assert_eq!(place(entries[0].position), (3, 3));
        assert_eq!(place(entries[0].node.position), (3, 8));
        assert_eq!(place(entries[1].position), (3, 19));
        assert_eq!(place(entries[1].node.as_array().unwrap()[0].position), (4, 2));
    }

    #[test]
    fn plain_json_has_no_comments_and_no_trailing_commas() {
        assert!(parse_with_comments("[1,/**/]").is_ok());
        assert!(parse("[1,]").is_err());
        assert!(parse("{\"a\":1,}").is_err());
        assert!(parse("[1]/**/").is_err());
        assert!(parse_with_comments("[,]").is_err());
        assert!(parse_with_comments("{,}").is_err());
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(fails_at(""), (1, 1));
        assert_eq!(fails_at("{\"a\":1}\n x"), (2, 2));
        assert_eq!(fails_at("[1 2]"), (1, 4));
        assert_eq!(fails_at("{\n\"a\" 1}"), (2, 5));
        assert_eq!(fails_at("{a: 1}"), (1, 2));
        assert_eq!(fails_at("[1}"), (1, 3));
        assert_eq!(fails_at("['a']"), (1, 2));
        assert_eq!(
            parse("{a: 1}").unwrap_err().to_string(),
            "line 1, column 2: `a` is not JSON (text and keys need double quotes)"
        );
    }

    #[test]
    fn what_is_hostile_is_an_error_and_never_a_panic() {
        let deep = "[".repeat(30_000);
        let deep_objects = "{\"a\":".repeat(30_000);
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        let long = "9".repeat(100_000);
        let hostile: &[&str] = &[
            &deep,
            &deep_objects,
            &many,
            &long,
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\ud800\\",
            "\"\\udc00\"",
            "\"\\",
            "\"\\u",
            "\"\\u00e",
            "\"a",
            "\0",
            "\"\0\"",
            "tru",
            "truely",
            "nullnull",
            "\u{feff}1",
            "{\"a\"",
            "{\"a\":",
            "[",
            "{",
            "]",
            "}",
            ":",
            ",",
            "/",
            "/*",
            "//",
            "\u{1f600}",
            "\"\n\"",
        ];
        for text in hostile {
            assert!(parse(text).is_err(), "{:.40}", text);
            assert!(parse_with_comments(text).is_err(), "{:.40}", text);
        }
        let depth = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(&depth(MAX_DEPTH)).is_ok());
        assert!(parse(&depth(MAX_DEPTH + 1)).is_err());
    }

    #[test]
    fn random_texts_never_panic_and_what_was_read_can_be_written_and_read_again() {
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\"a\"",
            "\\",
            "\\u",
            "d800",
            "\\ud83d\\ude00",
            "0",
            "-1",
            "1.5",
            "e+3",
            "true",
            "null",
            "nul",
            " ",
            "\n",
            "//",
            "/*",
            "*/",
            "\0",
            "\u{7f}",
            "é",
            "\u{1f600}",
            "{\"k\":",
            "[1,",
            "\"\\n\"",
        ];
        let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % below as u64) as usize
        };
        let mut read = 0;
        for _ in 0..100_000 {
            let text: String = (0..=random(12)).map(|_| pieces[random(pieces.len())]).collect();
            let Ok(node) = parse_with_comments(&text) else {
                assert!(parse(&text).is_err(), "{text:?}");
                continue;
            };
            read += 1;
            assert_eq!(parse(&node.to_string()).as_ref(), Ok(&node), "{text:?}");
            assert_eq!(parse(&node.to_pretty()).as_ref(), Ok(&node), "{text:?}");
        }
        assert!(read > 1_000, "{read}");
    }
}
