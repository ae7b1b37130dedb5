//! JSON values: type, parser and writer.
//!
//! A parsed value keeps its position, so that a configuration error can name the line, and repeated keys, so that the
//! configuration can refuse them. The parser never panics and never recurses deeper than [`MAX_DEPTH`], whatever the
//! input; the caller limits the length of the text.

mod json5;
mod number;
mod parser;
mod scan;
mod write;

use std::fmt;
use std::ops::Deref;

pub use crate::text::json::parser::{parse, parse_json5, parse_with_comments};

/// Maximum nesting depth of arrays and objects.
pub const MAX_DEPTH: usize = 64;

/// Maximum number of values in one text. Limits the memory that 64 KiB of `[],[],…` can take.
pub const MAX_VALUES: usize = 10_000;

/// JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Whole number, zero or greater.
    Unsigned(u64),
    /// Whole number below zero.
    Negative(i64),
    /// Any other number. JSON has no infinity and no NaN, so they are written as `null`.
    Float(f64),
    /// String.
    String(String),
    /// Values, in order.
    Array(Vec<Node>),
    /// Entries, in order, repeated keys included.
    Object(Vec<ObjectEntry>),
}

/// Value with its position in the text. Nodes with equal values are equal.
#[derive(Clone, Debug)]
pub struct Node {
    /// Value.
    pub value: Value,
    /// Start of the value.
    pub position: Position,
}

/// Key and value.
#[derive(Clone, Debug)]
pub struct ObjectEntry {
    /// Key.
    pub key: String,
    /// Start of the key.
    pub position: Position,
    /// Value.
    pub node: Node,
}

/// Position in a text: line and column, both from 1, columns in characters; 0 in a value that was not parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// Syntax error, with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Position of the error.
    pub position: Position,
    /// Problem at that position.
    pub message: String,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.position.line, self.position.column, self.message)
    }
}

impl std::error::Error for JsonError {}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for ObjectEntry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.node == other.node
    }
}

/// Access to the value's methods: `node.as_str()`.
impl Deref for Node {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

impl Value {
    /// Builds an object: `Value::object([("ok", true.into()), ("pid", 7.into())])`.
    pub fn from_entries<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entry = |(key, value): (K, Self)| ObjectEntry {
            key: key.into(),
            position: Position::default(),
            node: value.into(),
        };
        Self::Object(entries.into_iter().map(entry).collect())
    }

    /// Appends entries to an object.
    #[must_use]
    pub fn with_entries<K: Into<String>>(mut self, entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        if let (Self::Object(own), Self::Object(more)) = (&mut self, Self::from_entries(entries)) {
            own.extend(more);
        }
        self
    }

    /// Builds an array of anything that is a value: `Value::array(["a", "b"])`.
    pub fn from_items<T: Into<Self>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Array(items.into_iter().map(|item| item.into().into()).collect())
    }

    /// Returns the value of `key` in an object; the last one if the key is repeated.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let entry = self.as_object()?.iter().rfind(|entry| entry.key == key)?;
        Some(&entry.node)
    }

    /// Returns the entries of an object, in order.
    pub fn as_object(&self) -> Option<&[ObjectEntry]> {
        match self {
            Self::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the items of an array, in order.
    pub fn as_array(&self) -> Option<&[Node]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// Returns a whole number that is zero or greater.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns any number, rounded to a float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Unsigned(number) => Some(*number as f64),
            Self::Negative(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the kind of the value, in the form of "expected text, found …".
    pub fn kind_name(&self) -> &'static str {
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
        Self { value, position: at }
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
        Self::from_items(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_built_and_asked_without_noise() {
        let value = Value::from_entries([
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
        assert_eq!(value.get("below").map(|n| &n.value), Some(&Value::Negative(-2)));
        assert!(value.get("missing").is_some_and(|n| n.is_null()));
        let channels = value.get("channels").and_then(|n| n.as_array());
        assert_eq!(channels.map(<[Node]>::len), Some(2));
        assert!(value.get("nothing").is_none());
    }

    #[test]
    fn the_last_of_repeated_keys_counts_and_none_is_lost() {
        let value = parse(r#"{"a":1,"a":2}"#).unwrap();
        assert_eq!(value.get("a").and_then(|n| n.as_u64()), Some(2));
        assert_eq!(value.as_object().map(<[ObjectEntry]>::len), Some(2));
    }
}
