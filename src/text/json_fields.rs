//! Fields of JSON records: writers and readers for times, durations and text.
//!
//! Known fields are read strictly; unknown ones are ignored, because a newer version may have written them.

use std::time::Duration;

use crate::text::json::{Node, Value};
use crate::text::{Time, utc};

/// Schema version of all files. It changes if an older reader would misread a newer file.
pub(crate) const SCHEMA_VERSION: u64 = 1;

/// Writes a duration in seconds, with milliseconds.
pub(crate) fn seconds_to_json(span: Duration) -> Value {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Value::Float(millis as f64 / 1000.0)
}

/// Writes a time as RFC 3339.
pub(crate) fn time_to_json(time: Time) -> Value {
    utc::format_rfc3339(time).into()
}

/// Checks the schema version of a file.
pub(crate) fn check_schema(object: &Value) -> Result<(), String> {
    match object.get("schema").map(|node| node.as_u64()) {
        Some(Some(SCHEMA_VERSION)) => Ok(()),
        Some(Some(other)) => Err(format!("it has schema {other}, and this version reads schema {SCHEMA_VERSION}")),
        _ => Err("it has no schema number, so another program wrote it".to_owned()),
    }
}

/// Returns the field `key`; an error if it is missing.
pub(crate) fn required_field<'a>(object: &'a Value, key: &str) -> Result<&'a Node, String> {
    object.get(key).ok_or_else(|| format!("`{key}` is missing"))
}

/// Reads the field `key`, which can be null but not missing.
pub(crate) fn nullable_field<'a, T>(
    object: &'a Value,
    key: &str,
    read: impl FnOnce(&'a Node, &str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let node = required_field(object, key)?;
    if node.is_null() { Ok(None) } else { read(node, key).map(Some) }
}

/// Reads the field `key`, which can be null or, in files of older versions, missing.
pub(crate) fn optional_field<'a, T>(
    object: &'a Value,
    key: &str,
    read: impl FnOnce(&'a Node, &str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    object.get(key).filter(|node| !node.is_null()).map(|node| read(node, key)).transpose()
}

pub(crate) fn as_time(node: &Node, key: &str) -> Result<Time, String> {
    node.as_str().and_then(utc::parse_rfc3339).ok_or_else(|| format!("`{key}` is not a time"))
}

pub(crate) fn as_seconds(node: &Node, key: &str) -> Result<Duration, String> {
    let millis = node.as_f64().map(|seconds| (seconds * 1000.0).round());
    // A float represents every whole number up to 9e15 exactly.
    match millis.filter(|millis| (0.0..9e15).contains(millis)) {
        Some(millis) => Ok(Duration::from_millis(millis as u64)),
        None => Err(format!("`{key}` is not a number of seconds")),
    }
}

pub(crate) fn as_list<'a>(node: &'a Node, key: &str) -> Result<&'a [Node], String> {
    node.as_array().ok_or_else(|| format!("`{key}` is not a list"))
}

pub(crate) fn as_text<'a>(node: &'a Node, key: &str) -> Result<&'a str, String> {
    node.as_str().ok_or_else(|| format!("`{key}` is not text"))
}

/// Reads a list of strings.
pub(crate) fn as_texts(node: &Node, key: &str) -> Result<Vec<String>, String> {
    as_list(node, key)?.iter().map(|item| as_text(item, key).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_back_to_the_millisecond() {
        for millis in [0, 1, 999, 30_012, 86_400_001, 9_007_199_254_740] {
            let span = Duration::from_millis(millis);
            assert_eq!(as_seconds(&seconds_to_json(span).into(), "x"), Ok(span));
        }
        for bad in [Value::Float(-1.0), Value::Float(f64::NAN), Value::Float(1e300), Value::Null] {
            assert!(as_seconds(&bad.into(), "x").is_err());
        }
    }
}
