//! Reads typed values out of the file's JSON.
//!
//! A key is known because something asked for it, so the list of known keys cannot drift from what is read.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::diagnostics::{Collector, quoted};
use crate::config::span::{At, Place};
use crate::text::json::{Entry, Node};
use crate::text::suggestion::nearest;
use crate::text::{byte_size, duration};

/// Where secrets belong, for everybody who writes one into the configuration.
pub(crate) const CREDENTIALS: &str = "/etc/openclaw-failover/credentials/";

/// Parts of key names that announce a secret.
const SECRETIVE: [&str; 9] =
    ["token", "password", "passwd", "passphrase", "secret", "api_key", "apikey", "bearer", "authorization"];

/// A value in the file that is still untyped.
pub(crate) type Untyped<'a> = At<&'a Node>;

/// An object of the file while it is read.
pub(crate) struct Object<'a> {
    entries: &'a [Entry],
    path: String,
    asked: Vec<&'static str>,
    problems: &'a Collector,
}

impl<'a> Object<'a> {
    /// Opens an object; anything else is a problem.
    pub(crate) fn open(untyped: &Untyped<'a>, problems: &'a Collector) -> Option<Self> {
        let entries = typed(untyped, problems, "an object {…}", |node| node.as_object())?.value;
        Some(Self { entries, path: untyped.place.key().to_owned(), asked: Vec::new(), problems })
    }

    /// Reports every key that nothing asked for, and every key that is there twice.
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

    /// The value under a key. `null` is the same as leaving the key out.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Untyped<'a>> {
        self.asked.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        let place = Place::written(entry.at.line, self.path_of(key));
        (!entry.node.is_null()).then_some(At { value: &entry.node, place })
    }

    /// Text under a key.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<At<String>> {
        text(&self.get(key)?, self.problems)
    }

    /// A whole number under a key.
    pub(crate) fn number(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<At<u32>> {
        let untyped = self.get(key)?;
        let number = |node: &Node| node.as_u64().and_then(|number| u32::try_from(number).ok());
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        typed(&untyped, self.problems, &wanted, |node| number(node).filter(|number| range.contains(number)))
    }

    /// `true` or `false` under a key.
    pub(crate) fn truth(&mut self, key: &'static str) -> Option<bool> {
        let untyped = self.get(key)?;
        typed(&untyped, self.problems, "true or false", |node| node.as_bool()).map(|truth| truth.value)
    }

    /// A size under a key, in bytes.
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

    /// A duration under a key.
    pub(crate) fn duration(&mut self, key: &'static str) -> Option<At<Duration>> {
        let untyped = self.get(key)?;
        if let Some(seconds) = untyped.value.as_u64() {
            let what = format!("is a number; write the unit, too: \"{seconds}s\" if seconds are meant");
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

    /// The items of a list under a key; a list longer than `most` is a problem and read no further.
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

    /// A list of texts under a key.
    pub(crate) fn texts(&mut self, key: &'static str, most: usize) -> Option<At<Vec<At<String>>>> {
        let list = self.list(key, most)?;
        let texts = list.value.iter().filter_map(|item| text(item, self.problems));
        Some(At { value: texts.collect(), place: list.place })
    }

    /// An object under a key; an absent or wrong one reads as if it were empty.
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
                "secrets do not belong in this file, which everybody may read; put it into a file in {CREDENTIALS} and name that file with \"credential\""
            );
        }
        format!("is not a known key; known here: {}", self.asked.join(", "))
    }
}

/// A text; anything else is a problem.
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

/// A key from the file as part of a key path.
fn printable(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if key.chars().all(is_plain) && (1..=40).contains(&key.len()) { key.to_owned() } else { quoted(key) }
}
