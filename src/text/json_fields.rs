//! Fields of JSON records, each declared once for the writer and the reader.
//!
//! Known fields are read strictly; unknown ones are ignored, because a newer version may have written them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::text::json::{JsonError, Value};
use crate::text::{Time, utc};

/// Schema version of all files. It changes if an older reader would misread a newer file.
pub(crate) const SCHEMA_VERSION: u64 = 1;

/// Reason why a JSON text is not a record of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Key of the field; `None` if the whole record is wrong.
    key: Option<&'static str>,
    /// Problem, as a clause after the key, or after "it".
    problem: Cow<'static, str>,
}

impl RecordError {
    pub(crate) fn new(problem: impl Into<Cow<'static, str>>) -> Self {
        Self { key: None, problem: problem.into() }
    }

    /// Names the field, unless a field within it is named.
    pub(crate) fn in_field(self, key: &'static str) -> Self {
        Self { key: self.key.or(Some(key)), ..self }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            Some(key) => write!(f, "`{key}` {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for RecordError {}

impl From<JsonError> for RecordError {
    fn from(why: JsonError) -> Self {
        Self::new(why.to_string())
    }
}

/// Type with one JSON form in records.
pub(crate) trait JsonField: Sized {
    fn to_json(&self) -> Value;

    fn from_json(node: &Value) -> Result<Self, RecordError>;
}

/// Declares the fields of a record with their keys. Optional fields may be missing, as in files of older versions;
/// others may only be null. A record `with schema` has the schema version as its first field. In a `lenient` record,
/// every field that is missing or of another type has its default.
macro_rules! json_record {
    ($Record:ident lenient { $($field:ident: $key:literal),+ $(,)? }) => {
        impl $crate::text::json_fields::JsonField for $Record {
            fn to_json(&self) -> $crate::text::json::Value {
                $crate::text::json::Value::from_entries([
                    $(($key, $crate::text::json_fields::JsonField::to_json(&self.$field)),)+
                ])
            }

            fn from_json(
                node: &$crate::text::json::Value,
            ) -> Result<Self, $crate::text::json_fields::RecordError> {
                node.as_object().ok_or($crate::text::json_fields::RecordError::new("is not an object"))?;
                Ok(Self { $($field: $crate::text::json_fields::read_lenient(node, $key),)+ })
            }
        }
    };
    ($Record:ident $(with $schema:ident)? { $($field:ident: $key:literal $($optional:ident)?),+ $(,)? }) => {
        impl $crate::text::json_fields::JsonField for $Record {
            fn to_json(&self) -> $crate::text::json::Value {
                $crate::text::json::Value::from_entries([
                    $((stringify!($schema), $crate::text::json_fields::SCHEMA_VERSION.into()),)?
                    $(($key, $crate::text::json_fields::JsonField::to_json(&self.$field)),)+
                ])
            }

            fn from_json(
                node: &$crate::text::json::Value,
            ) -> Result<Self, $crate::text::json_fields::RecordError> {
                $(json_record!(@check $schema node);)?
                Ok(Self { $($field: json_record!(@read node, $key $(, $optional)?),)+ })
            }
        }
    };
    (@check schema $node:ident) => { $crate::text::json_fields::check_schema($node)? };
    (@read $node:ident, $key:literal) => { $crate::text::json_fields::read_field($node, $key)? };
    (@read $node:ident, $key:literal, optional) => { $crate::text::json_fields::read_optional($node, $key)? };
}
pub(crate) use json_record;

/// Checks the schema version of a file.
pub(crate) fn check_schema(object: &Value) -> Result<(), RecordError> {
    match object.get("schema").map(|node| node.as_u64()) {
        Some(Some(SCHEMA_VERSION)) => Ok(()),
        Some(Some(other)) => {
            Err(RecordError::new(format!("it has schema {other}, and this version reads schema {SCHEMA_VERSION}")))
        }
        _ => Err(RecordError::new("it has no schema number, so another program wrote it")),
    }
}

/// Reads a field that must be there.
pub(crate) fn read_field<T: JsonField>(object: &Value, key: &'static str) -> Result<T, RecordError> {
    let node = object.get(key).ok_or(RecordError::new("is missing"));
    node.and_then(|node| T::from_json(node)).map_err(|why| why.in_field(key))
}

/// Reads a field that can be null or, in files of older versions, missing.
pub(crate) fn read_optional<T: JsonField>(object: &Value, key: &'static str) -> Result<Option<T>, RecordError> {
    object.get(key).map_or(Ok(None), |node| Option::from_json(node)).map_err(|why| why.in_field(key))
}

/// Reads a field; the default if it is missing or of another type.
pub(crate) fn read_lenient<T: JsonField + Default>(object: &Value, key: &'static str) -> T {
    read_field(object, key).unwrap_or_default()
}

/// Reads the name of an enum's variant.
pub(crate) fn read_name<T>(node: &Value, parse: impl Fn(&str) -> Option<T>) -> Result<T, RecordError> {
    node.as_str().and_then(parse).ok_or(RecordError::new("is not a known name"))
}

/// Declares the JSON form of types that [`Value`] holds as such.
macro_rules! plain_fields {
    ($($Type:ty: |$value:ident| $write:expr, |$node:ident| $read:expr, $problem:literal;)+) => {
        $(impl JsonField for $Type {
            fn to_json(&self) -> Value {
                let $value = self;
                $write
            }

            fn from_json($node: &Value) -> Result<Self, RecordError> {
                $read.ok_or(RecordError::new($problem))
            }
        })+
    };
}

plain_fields! {
    bool: |truth| (*truth).into(), |node| node.as_bool(), "is neither true nor false";
    u64: |number| (*number).into(), |node| node.as_u64(), "is not a number";
    u32: |number| (*number).into(), |node| node.as_u64().and_then(|number| number.try_into().ok()), "is not a number";
    usize: |number| (*number).into(), |node| node.as_u64().and_then(|number| number.try_into().ok()), "is not a number";
    String: |text| text.as_str().into(), |node| node.as_str().map(str::to_owned), "is not text";
    Time: |time| time_to_json(*time), |node| node.as_str().and_then(utc::parse_rfc3339), "is not a time";
    Duration: |span| seconds_to_json(*span), |node| parse_seconds(node), "is not a number of seconds";
}

/// Null for `None`.
impl<T: JsonField> JsonField for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        if node.is_null() { Ok(None) } else { T::from_json(node).map(Some) }
    }
}

impl<T: JsonField> JsonField for Vec<T> {
    fn to_json(&self) -> Value {
        Value::from_items(self.iter().map(T::to_json))
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        let items = node.as_array().ok_or(RecordError::new("is not a list"))?;
        items.iter().map(|item| T::from_json(item)).collect()
    }
}

/// Writes a duration in seconds, with milliseconds.
pub(crate) fn seconds_to_json(span: Duration) -> Value {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Value::Float(millis as f64 / 1000.0)
}

fn parse_seconds(node: &Value) -> Option<Duration> {
    let millis = (node.as_f64()? * 1000.0).round();
    // A float represents every whole number up to 9e15 exactly.
    (0.0..9e15).contains(&millis).then(|| Duration::from_millis(millis as u64))
}

/// Writes a time as RFC 3339.
pub(crate) fn time_to_json(time: Time) -> Value {
    utc::format_rfc3339(time).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_back_to_the_millisecond() {
        for millis in [0, 1, 999, 30_012, 86_400_001, 9_007_199_254_740] {
            let span = Duration::from_millis(millis);
            assert_eq!(Duration::from_json(&span.to_json()), Ok(span));
        }
        for bad in [Value::Float(-1.0), Value::Float(f64::NAN), Value::Float(1e300), Value::Null] {
            assert!(Duration::from_json(&bad).is_err());
        }
    }
}
