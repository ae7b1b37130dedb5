//! The one JSON value type: what a gateway answers, what a person configures, what this program remembers and prints.
//!
//! A value that was read knows where it stood, so that a configuration error can name its line, and keeps repeated
//! keys, so that configuration can refuse them. Reading never panics and never recurses deeper than [`MAX_DEPTH`],
//! whatever it is given; the caller bounds the length of the text.

mod json5;
mod number;
mod read;
mod scan;
mod write;

use std::fmt;
use std::ops::Deref;

pub use crate::text::json::read::{parse, parse_json5, parse_with_comments};

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 64;

/// How many values one text may hold. It bounds what 64 KiB of `[],[],…` can make of themselves in memory.
pub const MAX_VALUES: usize = 10_000;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number from zero up.
    Unsigned(u64),
    /// A whole number below zero.
    Negative(i64),
    /// Any other number. One that is not finite is written as `null`, for JSON has no word for it.
    Float(f64),
    /// Text.
    String(String),
    /// Values in order.
    Array(Vec<Node>),
    /// Entries in order, repeated keys included.
    Object(Vec<Entry>),
}

/// A value and where it was read. Two nodes are equal when their values are.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it starts.
    pub at: Position,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key starts.
    pub at: Position,
    /// The value.
    pub node: Node,
}

/// A place in a text: line and column, both counted in characters from 1; 0 in a value that was built, not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub col: usize,
}

/// Why a text is not JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where reading stopped.
    pub at: Position,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.at.line, self.at.col, self.message)
    }
}

impl std::error::Error for Error {}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.node == other.node
    }
}

/// So that a node is asked like its value: `node.as_str()`.
impl Deref for Node {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

impl Value {
    /// Builds an object: `Value::object([("ok", true.into()), ("pid", 7.into())])`.
    pub fn object<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entry = |(key, value): (K, Self)| Entry { key: key.into(), at: Position::default(), node: value.into() };
        Self::Object(entries.into_iter().map(entry).collect())
    }

    /// Builds an array of anything that is a value: `Value::array(["a", "b"])`.
    pub fn array<T: Into<Self>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Array(items.into_iter().map(|item| item.into().into()).collect())
    }

    /// The value under `key` in an object; the last one where the key is repeated.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        let entry = self.as_object()?.iter().rfind(|entry| entry.key == key)?;
        Some(&entry.node)
    }

    /// The entries of an object, in order.
    #[must_use]
    pub fn as_object(&self) -> Option<&[Entry]> {
        match self {
            Self::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of an array, in order.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Node]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth of a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// A whole number from zero up.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            _ => None,
        }
    }

    /// A whole number that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Unsigned(number) => i64::try_from(*number).ok(),
            Self::Negative(number) => Some(*number),
            _ => None,
        }
    }

    /// Any number, rounded to what a float can hold.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Unsigned(number) => Some(*number as f64),
            Self::Negative(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What kind of value it is, in words that fit "expected text, found …".
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Unsigned(_) | Self::Negative(_) | Self::Float(_) => "a number",
            Self::String(_) => "text",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        let at = Position::default();
        Self { value, at }
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Unsigned(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Unsigned(number.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Unsigned(number.into())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Unsigned(number as u64)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        u64::try_from(number).map_or(Self::Negative(number), Self::Unsigned)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        i64::from(number).into()
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::array(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_built_and_asked_without_noise() {
        let value = Value::object([
            ("name", "primary".into()),
            ("count", 3.into()),
            ("below", (-2i64).into()),
            ("missing", None::<u64>.into()),
            ("channels", vec!["discord", "slack"].into()),
        ]);
        let text = |key| value.get(key).and_then(|node| node.as_str());
        assert_eq!(text("name"), Some("primary"));
        assert_eq!(text("count"), None);
        assert_eq!(value.get("count").and_then(|n| n.as_u64()), Some(3));
        assert_eq!(value.get("below").and_then(|n| n.as_i64()), Some(-2));
        assert!(value.get("missing").is_some_and(|n| n.is_null()));
        let channels = value.get("channels").and_then(|n| n.as_array());
        assert_eq!(channels.map(<[Node]>::len), Some(2));
        assert!(value.get("nothing").is_none());
    }

    #[test]
    fn the_last_of_repeated_keys_counts_and_none_is_lost() {
        let value = parse(r#"{"a":1,"a":2}"#).unwrap();
        assert_eq!(value.get("a").and_then(|n| n.as_u64()), Some(2));
        assert_eq!(value.as_object().map(<[Entry]>::len), Some(2));
    }
}
