//! Decoder from the file's JSON to typed values.
//!
//! The known keys of an object are the ones that were read from it, so the list cannot get out of date.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::diagnostics::{Diagnostics, quote};
use crate::config::span::{Span, Spanned};
use crate::text::json::{Node, ObjectEntry};
use crate::text::suggestion::suggest_name;
use crate::text::{byte_size, duration};

/// Directory of the credential files, named in messages about secrets in the configuration.
pub(crate) const CREDENTIALS: &str = "/etc/openclaw-failover/credentials/";

/// Parts of key names that suggest that the value is a secret.
const SECRET_KEY_PARTS: [&str; 9] =
    ["token", "password", "passwd", "passphrase", "secret", "api_key", "apikey", "bearer", "authorization"];

/// Untyped value from the file.
pub(crate) type Untyped<'a> = Spanned<&'a Node>;

/// JSON object of the file while it is decoded.
pub(crate) struct ObjectDecoder<'a> {
    entries: &'a [ObjectEntry],
    path: String,
    known_keys: Vec<&'static str>,
    problems: &'a Diagnostics,
}

impl<'a> ObjectDecoder<'a> {
    /// Starts decoding an object; reports any other type.
    pub(crate) fn open(untyped: &Untyped<'a>, problems: &'a Diagnostics) -> Option<Self> {
        let entries = decode_typed(untyped, problems, "an object {…}", |node| node.as_object())?.value;
        Some(Self { entries, path: untyped.span.key().to_owned(), known_keys: Vec::new(), problems })
    }

    /// Reports unknown and repeated keys.
    pub(crate) fn report_unknown_keys(self) {
        for (index, entry) in self.entries.iter().enumerate() {
            let place = Span::at_line(entry.position.line, self.key_path(&printable_key(&entry.key)));
            if !self.known_keys.contains(&entry.key.as_str()) {
                self.problems.add(&place, self.unknown_key_message(&entry.key));
            } else if let Some(first) = self.first_occurrence(&entry.key, index) {
                let what = format!("is set a second time (first in line {}); remove one of them", first.position.line);
                self.problems.add(&place, what);
            }
        }
    }

    /// Returns the value of a key. `null` counts as absent.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Untyped<'a>> {
        self.known_keys.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        let place = Span::at_line(entry.position.line, self.key_path(key));
        (!entry.node.is_null()).then_some(Spanned { value: &entry.node, span: place })
    }

    /// Reads a string.
    pub(crate) fn read_text(&mut self, key: &'static str) -> Option<Spanned<String>> {
        decode_text(&self.get(key)?, self.problems)
    }

    /// Reads a whole number within `range`.
    pub(crate) fn read_number(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<Spanned<u32>> {
        let untyped = self.get(key)?;
        let number = |node: &Node| node.as_u64().and_then(|number| u32::try_from(number).ok());
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        decode_typed(&untyped, self.problems, &wanted, |node| number(node).filter(|number| range.contains(number)))
    }

    /// Reads `true` or `false`.
    pub(crate) fn read_bool(&mut self, key: &'static str) -> Option<bool> {
        let untyped = self.get(key)?;
        decode_typed(&untyped, self.problems, "true or false", |node| node.as_bool()).map(|truth| truth.value)
    }

    /// Reads a size, in bytes.
    pub(crate) fn read_size(&mut self, key: &'static str) -> Option<Spanned<u64>> {
        let untyped = self.get(key)?;
        let text = decode_typed(&untyped, self.problems, "a size such as \"20MiB\"", |node| node.as_str())?;
        match byte_size::parse_size(text.value) {
            Ok(value) => Some(Spanned { value, span: text.span }),
            Err(what) => {
                self.problems.add(&text.span, format!("{} {what}", quote(text.value)));
                None
            }
        }
    }

    /// Reads a duration.
    pub(crate) fn read_duration(&mut self, key: &'static str) -> Option<Spanned<Duration>> {
        let untyped = self.get(key)?;
        if let Some(seconds) = untyped.value.as_u64() {
            let what = format!("has no unit; write \"{seconds}s\" for seconds");
            self.problems.add(&untyped.span, what);
            return None;
        }
        let text = decode_typed(&untyped, self.problems, "a duration such as \"30s\"", |node| node.as_str())?;
        match duration::parse_duration(text.value) {
            Ok(value) => Some(Spanned { value, span: text.span }),
            Err(what) => {
                self.problems.add(&text.span, format!("{} {what}", quote(text.value)));
                None
            }
        }
    }

    /// Returns the items of a list. A list longer than `most` is reported, and only its first `most` items are
    /// returned.
    pub(crate) fn read_list(&mut self, key: &'static str, most: usize) -> Option<Spanned<Vec<Untyped<'a>>>> {
        let untyped = self.get(key)?;
        let items = decode_typed(&untyped, self.problems, "a list […]", |node| node.as_array())?;
        if items.value.len() > most {
            let what = format!("has {} entries; at most {most} are allowed", items.value.len());
            self.problems.add(&items.span, what);
        }
        let item = |(index, node): (usize, &'a Node)| Spanned {
            value: node,
            span: Span::at_line(node.position.line, format!("{}[{index}]", items.span.key())),
        };
        let value = items.value.iter().take(most).enumerate().map(item).collect();
        Some(Spanned { value, span: items.span })
    }

    /// Reads a list of strings.
    pub(crate) fn read_texts(&mut self, key: &'static str, most: usize) -> Option<Spanned<Vec<Spanned<String>>>> {
        let list = self.read_list(key, most)?;
        let texts = list.value.iter().filter_map(|item| decode_text(item, self.problems));
        Some(Spanned { value: texts.collect(), span: list.span })
    }

    /// Reads an object. An absent object, or a value of another type, reads as an empty one.
    pub(crate) fn read_object(&mut self, key: &'static str) -> Self {
        let problems = self.problems;
        let opened = self.get(key).and_then(|untyped| Self::open(&untyped, problems));
        opened.unwrap_or_else(|| Self { entries: &[], path: self.key_path(key), known_keys: Vec::new(), problems })
    }

    fn key_path(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    fn first_occurrence(&self, key: &str, before: usize) -> Option<&ObjectEntry> {
        self.entries.iter().take(before).find(|entry| entry.key == key)
    }

    fn unknown_key_message(&self, key: &str) -> String {
        if let Some(near) = suggest_name(key, self.known_keys.iter().copied()) {
            return format!("is not a known key; did you mean \"{near}\"?");
        }
        let lower = key.to_lowercase();
        if SECRET_KEY_PARTS.iter().any(|part| lower.contains(part)) {
            return format!(
                "looks like a secret, and this file is world-readable; put the secret into a file in {CREDENTIALS} and \
                 name that file with \"credential\""
            );
        }
        format!("is not a known key; known keys: {}", self.known_keys.join(", "))
    }
}

/// Reads a string; reports any other type.
fn decode_text(untyped: &Untyped<'_>, problems: &Diagnostics) -> Option<Spanned<String>> {
    let text = decode_typed(untyped, problems, "text in double quotes", |node| node.as_str())?;
    Some(Spanned { value: text.value.to_owned(), span: text.span })
}

fn decode_typed<'a, T>(
    untyped: &Untyped<'a>,
    problems: &Diagnostics,
    wanted: &str,
    get: impl Fn(&'a Node) -> Option<T>,
) -> Option<Spanned<T>> {
    let value = get(untyped.value);
    if value.is_none() {
        let found = match untyped.value.kind_name() {
            "a number" => untyped.value.to_string(),
            kind => kind.to_owned(),
        };
        let what = format!("must be {wanted}, not {found}");
        problems.add(&untyped.span, what);
    }
    Some(Spanned { value: value?, span: untyped.span.clone() })
}

/// Returns a key of the file in the form used in key paths: quoted unless it is short and plain.
fn printable_key(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if key.chars().all(is_plain) && (1..=40).contains(&key.len()) { key.to_owned() } else { quote(key) }
}
