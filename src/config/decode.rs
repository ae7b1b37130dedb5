//! Decoder from the file's JSON to typed values.
//!
//! The known keys of an object are the ones that were read from it, so the list cannot get out of date.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::diagnostics::{Collector, quoted};
use crate::config::span::{At, Place};
use crate::text::json::{Entry, Node};
use crate::text::suggestion::nearest;
use crate::text::{byte_size, duration};

/// Directory of the credential files, named in messages about secrets in the configuration.
pub(crate) const CREDENTIALS: &str = "/etc/openclaw-failover/credentials/";

/// Parts of key names that suggest that the value is a secret.
const SECRETIVE: [&str; 9] =
    ["token", "password", "passwd", "passphrase", "secret", "api_key", "apikey", "bearer", "authorization"];

/// Untyped value from the file.
pub(crate) type Untyped<'a> = At<&'a Node>;

/// JSON object of the file while it is decoded.
pub(crate) struct Object<'a> {
    entries: &'a [Entry],
    path: String,
    asked: Vec<&'static str>,
    problems: &'a Collector,
}

impl<'a> Object<'a> {
    /// Starts decoding an object; reports any other type.
    pub(crate) fn open(untyped: &Untyped<'a>, problems: &'a Collector) -> Option<Self> {
        let entries = typed(untyped, problems, "an object {…}", |node| node.as_object())?.value;
        Some(Self { entries, path: untyped.place.key().to_owned(), asked: Vec::new(), problems })
    }

    /// Reports unknown and repeated keys.
    pub(crate) fn close(self) {
        for (index, entry) in self.entries.iter().enumerate() {
            let place = Place::written(entry.at.line, self.path_of(&printable(&entry.key)));
            if !self.asked.contains(&entry.key.as_str()) {
                self.problems.add(&place, self.unknown(&entry.key));
            } else if let Some(first) = self.first(&entry.key, index) {
                let what = format!("is set a second time (first in line {}); remove one of them", first.at.line);
                self.problems.add(&place, what);
            }
        }
    }

    /// Returns the value of a key. `null` counts as absent.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Untyped<'a>> {
        self.asked.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        let place = Place::written(entry.at.line, self.path_of(key));
        (!entry.node.is_null()).then_some(At { value: &entry.node, place })
    }

    /// Reads a string.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<At<String>> {
        text(&self.get(key)?, self.problems)
    }

    /// Reads a whole number within `range`.
    pub(crate) fn number(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<At<u32>> {
        let untyped = self.get(key)?;
        let number = |node: &Node| node.as_u64().and_then(|number| u32::try_from(number).ok());
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        typed(&untyped, self.problems, &wanted, |node| number(node).filter(|number| range.contains(number)))
    }

    /// Reads `true` or `false`.
    pub(crate) fn truth(&mut self, key: &'static str) -> Option<bool> {
        let untyped = self.get(key)?;
        typed(&untyped, self.problems, "true or false", |node| node.as_bool()).map(|truth| truth.value)
    }

    /// Reads a size, in bytes.
    pub(crate) fn size(&mut self, key: &'static str) -> Option<At<u64>> {
        let untyped = self.get(key)?;
        let text = typed(&untyped, self.problems, "a size such as \"20MiB\"", |node| node.as_str())?;
        match byte_size::parse(text.value) {
            Ok(value) => Some(At { value, place: text.place }),
            Err(what) => {
                self.problems.add(&text.place, format!("{} {what}", quoted(text.value)));
                None
            }
        }
    }

    /// Reads a duration.
    pub(crate) fn duration(&mut self, key: &'static str) -> Option<At<Duration>> {
        let untyped = self.get(key)?;
        if let Some(seconds) = untyped.value.as_u64() {
            let what = format!("has no unit; write \"{seconds}s\" for seconds");
            self.problems.add(&untyped.place, what);
            return None;
        }
        let text = typed(&untyped, self.problems, "a duration such as \"30s\"", |node| node.as_str())?;
        match duration::parse(text.value) {
            Ok(value) => Some(At { value, place: text.place }),
            Err(what) => {
                self.problems.add(&text.place, format!("{} {what}", quoted(text.value)));
                None
            }
        }
    }

    /// Returns the items of a list. A list longer than `most` is reported, and only its first `most` items are
    /// returned.
    pub(crate) fn list(&mut self, key: &'static str, most: usize) -> Option<At<Vec<Untyped<'a>>>> {
        let untyped = self.get(key)?;
        let items = typed(&untyped, self.problems, "a list […]", |node| node.as_array())?;
        if items.value.len() > most {
            let what = format!("has {} entries; at most {most} are allowed", items.value.len());
            self.problems.add(&items.place, what);
        }
        let item = |(index, node): (usize, &'a Node)| At {
            value: node,
            place: Place::written(node.at.line, format!("{}[{index}]", items.place.key())),
        };
        let value = items.value.iter().take(most).enumerate().map(item).collect();
        Some(At { value, place: items.place })
    }

    /// Reads a list of strings.
    pub(crate) fn texts(&mut self, key: &'static str, most: usize) -> Option<At<Vec<At<String>>>> {
        let list = self.list(key, most)?;
        let texts = list.value.iter().filter_map(|item| text(item, self.problems));
        Some(At { value: texts.collect(), place: list.place })
    }

    /// Reads an object. An absent object, or a value of another type, reads as an empty one.
    pub(crate) fn object(&mut self, key: &'static str) -> Self {
        let problems = self.problems;
        let opened = self.get(key).and_then(|untyped| Self::open(&untyped, problems));
        opened.unwrap_or_else(|| Self { entries: &[], path: self.path_of(key), asked: Vec::new(), problems })
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    fn first(&self, key: &str, before: usize) -> Option<&Entry> {
        self.entries.iter().take(before).find(|entry| entry.key == key)
    }

    fn unknown(&self, key: &str) -> String {
        if let Some(near) = nearest(key, self.asked.iter().copied()) {
            return format!("is not a known key; did you mean \"{near}\"?");
        }
        let lower = key.to_lowercase();
        if SECRETIVE.iter().any(|part| lower.contains(part)) {
            return format!(
                "looks like a secret, and this file is world-readable; put the secret into a file in {CREDENTIALS} and \
                 name that file with \"credential\""
            );
        }
        format!("is not a known key; known keys: {}", self.asked.join(", "))
    }
}

/// Reads a string; reports any other type.
fn text(untyped: &Untyped<'_>, problems: &Collector) -> Option<At<String>> {
    let text = typed(untyped, problems, "text in double quotes", |node| node.as_str())?;
    Some(At { value: text.value.to_owned(), place: text.place })
}

fn typed<'a, T>(
    untyped: &Untyped<'a>,
    problems: &Collector,
    wanted: &str,
    get: impl Fn(&'a Node) -> Option<T>,
) -> Option<At<T>> {
    let value = get(untyped.value);
    if value.is_none() {
        let found = match untyped.value.kind() {
            "a number" => untyped.value.to_string(),
            kind => kind.to_owned(),
        };
        let what = format!("must be {wanted}, not {found}");
        problems.add(&untyped.place, what);
    }
    Some(At { value: value?, place: untyped.place.clone() })
}

/// Returns a key of the file in the form used in key paths: quoted unless it is short and plain.
fn printable(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if key.chars().all(is_plain) && (1..=40).contains(&key.len()) { key.to_owned() } else { quoted(key) }
}
