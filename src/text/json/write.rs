//! Writer from [`Value`] to text.
//!
//! All control characters are escaped, also those above ASCII: a gateway's answer must not control a terminal.

use std::fmt::{self, Display, Formatter, Write};

use crate::text::json::{Node, Value};

/// Compact form, on one line. The indented form is [`Value::to_pretty`].
impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_value(f, self, None)
    }
}

/// Form of the value.
impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl Value {
    /// Formats with two spaces per level and one entry per line, without a final newline.
    pub fn to_pretty(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = write_value(&mut out, self, Some(0));
        out
    }
}

/// Writes a value. `level` is the indentation of the current line; `None` for the compact form.
fn write_value(out: &mut impl Write, value: &Value, level: Option<usize>) -> fmt::Result {
    match value {
        Value::Null => out.write_str("null"),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Unsigned(number) => write!(out, "{number}"),
        Value::Negative(number) => write!(out, "{number}"),
        Value::Float(number) if number.is_finite() => write!(out, "{number:?}"),
        Value::Float(_) => out.write_str("null"),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.write_char('[')?;
            for (index, item) in items.iter().enumerate() {
                write_separator(out, index, level)?;
                write_value(out, item, level.map(|l| l + 1))?;
            }
            write_closing_bracket(out, ']', items.is_empty(), level)
        }
        Value::Object(entries) => {
            out.write_char('{')?;
            for (index, entry) in entries.iter().enumerate() {
                write_separator(out, index, level)?;
                write_text(out, &entry.key)?;
                out.write_str(if level.is_some() { ": " } else { ":" })?;
                write_value(out, &entry.node, level.map(|l| l + 1))?;
            }
            write_closing_bracket(out, '}', entries.is_empty(), level)
        }
    }
}

fn write_separator(out: &mut impl Write, index: usize, level: Option<usize>) -> fmt::Result {
    if index > 0 {
        out.write_char(',')?;
    }
    match level {
        Some(level) => write_new_line(out, level + 1),
        None => Ok(()),
    }
}

fn write_closing_bracket(out: &mut impl Write, bracket: char, empty: bool, level: Option<usize>) -> fmt::Result {
    if let (Some(level), false) = (level, empty) {
        write_new_line(out, level)?;
    }
    out.write_char(bracket)
}

fn write_new_line(out: &mut impl Write, level: usize) -> fmt::Result {
    write!(out, "\n{:1$}", "", level * 2)
}

fn write_text(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            // JavaScript treats the two separators as line ends.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_pretty() {
        let value = Value::from_entries([
            ("ok", true.into()),
            ("list", vec![1, -2].into()),
            ("none", Value::from_entries::<&str>([])),
            ("empty", Vec::<u64>::new().into()),
            ("half", 0.5.into()),
            ("endless", f64::INFINITY.into()),
            ("whole", 3.0.into()),
        ]);
        let compact = r#"{"ok":true,"list":[1,-2],"none":{},"empty":[],"half":0.5,"endless":null,"whole":3.0}"#;
        assert_eq!(value.to_string(), compact);
        let pretty = "{\n  \"ok\": true,\n  \"list\": [\n    1,\n    -2\n  ],\n  \"none\": {},\n  \"empty\": [],\n  \
                      \"half\": 0.5,\n  \"endless\": null,\n  \"whole\": 3.0\n}";
        assert_eq!(value.to_pretty(), pretty);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_written_raw() {
        let value = Value::from("a\"\\\n\r\t\0\u{1b}[31m\u{7f}\u{9b}\u{2028}é");
        assert_eq!(value.to_string(), r#""a\"\\\n\r\t\u0000\u001b[31m\u007f\u009b\u2028é""#);
    }
}
