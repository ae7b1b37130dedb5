//! Decoder from the file's JSON to typed values.
//!
//! The known keys of an object are the ones that were read from it, so the list cannot get out of date.

use std::fmt::Display;

use crate::config::diagnostics::{Diagnostics, Origin, quote};
use crate::text::json::{Node, ObjectEntry, Value};
use crate::text::suggestion::suggest_name;

/// Directory of the credential files, named in messages about secrets in the configuration.
pub(crate) const CREDENTIALS: &str = "/etc/openclaw-failover/credentials/";

/// Parts of key names that suggest that the value is a secret.
const SECRET_KEY_PARTS: [&str; 9] =
    ["token", "password", "passwd", "passphrase", "secret", "api_key", "apikey", "bearer", "authorization"];

/// Value of a key. Its default also replaces a bad value, so that the rest can be checked.
pub(super) trait ConfigValue: Default {
    /// Reads the value; reports a bad one.
    fn decode(untyped: &Untyped<'_>) -> Option<Self>;

    /// Returns the form that [`ConfigValue::decode`] reads.
    fn encode(&self) -> Value;
}

/// Untyped value from the file.
pub(super) struct Untyped<'a> {
    pub(super) node: &'a Node,
    /// Key path, such as `promote.after`; empty for the file as a whole.
    path: String,
    /// Maximum number of items, if the value is a list.
    max_items: usize,
    problems: &'a Diagnostics,
}

/// JSON object of the file while it is decoded.
pub(super) struct ObjectDecoder<'a> {
    entries: &'a [ObjectEntry],
    path: String,
    known_keys: Vec<&'static str>,
    problems: &'a Diagnostics,
}

impl<'a> Untyped<'a> {
    /// Returns the file as a whole.
    pub(super) fn from_document(node: &'a Node, problems: &'a Diagnostics) -> Self {
        problems.set_origin("", Origin::Line(node.position.line));
        Self { node, path: String::new(), max_items: 0, problems }
    }

    /// Reports a problem of the value.
    pub(super) fn report(&self, what: impl Into<String>) {
        self.problems.add(&self.path, what);
    }

    /// Returns the value of a text; reports an error together with the text.
    pub(super) fn check_text<T>(&self, text: &str, checked: Result<T, impl Display>) -> Option<T> {
        self.problems.check(&self.path, checked.map_err(|what| format!("{} {what}", quote(text))))
    }

    /// Returns the value as one type; reports any other.
    pub(super) fn decode_typed<T>(&self, wanted: &str, get: impl Fn(&'a Node) -> Option<T>) -> Option<T> {
        let value = get(self.node);
        if value.is_none() {
            let found = match self.node.kind_name() {
                "a number" => self.node.to_string(),
                kind => kind.to_owned(),
            };
            self.report(format!("must be {wanted}, not {found}"));
        }
        value
    }

    /// Returns a string.
    pub(super) fn decode_text(&self) -> Option<&'a str> {
        self.decode_typed("text in double quotes", |node| node.as_str())
    }

    /// Returns the items of a list, at most `max_items` of them; reports a longer list.
    pub(super) fn decode_items(&self) -> Option<Vec<Self>> {
        let items = self.decode_typed("a list […]", |node| node.as_array())?;
        if items.len() > self.max_items {
            self.report(format!("has {} entries; at most {} are allowed", items.len(), self.max_items));
        }
        let item = |(index, node): (usize, &'a Node)| {
            let path = format!("{}[{index}]", self.path);
            self.problems.set_origin(&path, Origin::Line(node.position.line));
            Self { node, path, max_items: 0, problems: self.problems }
        };
        Some(items.iter().take(self.max_items).enumerate().map(item).collect())
    }
}

impl<'a> ObjectDecoder<'a> {
    /// Starts decoding an object; reports any other type.
    pub(super) fn open(untyped: &Untyped<'a>) -> Option<Self> {
        let entries = untyped.decode_typed("an object {…}", |node| node.as_object())?;
        Some(Self { entries, path: untyped.path.clone(), known_keys: Vec::new(), problems: untyped.problems })
    }

    /// Reads the value of a key into `value`, which stays as it is if the key is absent or `null`, or the value is bad.
    pub(super) fn read<T: ConfigValue>(&mut self, key: &'static str, max_items: usize, value: &mut T) {
        self.known_keys.push(key);
        let Some(entry) = self.entries.iter().find(|entry| entry.key == key && !entry.node.is_null()) else { return };
        let path = self.key_path(key);
        self.problems.set_origin(&path, Origin::Line(entry.position.line));
        if let Some(decoded) = T::decode(&Untyped { node: &entry.node, path, max_items, problems: self.problems }) {
            *value = decoded;
        }
    }

    /// Reports unknown and repeated keys.
    pub(super) fn report_unknown_keys(self) {
        for (index, entry) in self.entries.iter().enumerate() {
            let what = if !self.known_keys.contains(&entry.key.as_str()) {
                self.unknown_key_message(&entry.key)
            } else if let Some(first) = self.entries.iter().take(index).find(|other| other.key == entry.key) {
                format!("is set a second time (first in line {}); remove one of them", first.position.line)
            } else {
                continue;
            };
            self.problems.add_at_line(entry.position.line, &self.key_path(&printable_key(&entry.key)), what);
        }
    }

    fn key_path(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
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

/// Returns a key of the file in the form used in key paths: quoted unless it is short and plain.
fn printable_key(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if key.chars().all(is_plain) && (1..=40).contains(&key.len()) { key.to_owned() } else { quote(key) }
}
