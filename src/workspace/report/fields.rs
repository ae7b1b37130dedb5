//! Fields of reports. Each is declared once, and has the same name in the program and in the file.

use crate::finding::ReportedCheck;
use crate::text::Time;
use crate::text::json::Value;
use crate::text::json_fields::JsonField;
use crate::workspace::oid::Oid;
use crate::workspace::report::outcome::{PullOutcome, PushOutcome};
use crate::workspace::safe_text::safe_details;

/// Value of a field.
pub(super) trait Field: Sized {
    /// Converts the value to JSON. Lists of names share `space` bytes; see [`super::NameList`].
    fn to_json(&self, space: &mut usize) -> Value;

    /// Parses an untrusted value. The error is the key of the first invalid field: `key`, or one of a field's fields.
    fn parse(value: &Value, key: &'static str) -> Result<Self, &'static str>;

    /// Returns the value of a field that is missing.
    fn parse_missing(key: &'static str) -> Result<Self, &'static str> {
        Err(key)
    }
}

/// Declares an object of a report. Its fields are written and parsed under their own names.
macro_rules! report_object {
    ($(#[$attribute:meta])* pub struct $Object:ident {
        $($(#[$field_attribute:meta])* pub $field:ident: $Type:ty,)+
    }) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $Object { $($(#[$field_attribute])* pub $field: $Type,)+ }

        impl Field for $Object {
            fn to_json(&self, space: &mut usize) -> Value {
                Value::from_entries([$((stringify!($field), self.$field.to_json(space)),)+])
            }

            fn parse(object: &Value, _: &'static str) -> Result<Self, &'static str> {
                Ok(Self {
                    $($field: {
                        let key = stringify!($field);
                        object.get(key).map_or_else(|| Field::parse_missing(key), |value| Field::parse(value, key))?
                    },)+
                })
            }
        }
    };
}
pub(super) use report_object;

impl<T: Field> Field for Option<T> {
    fn to_json(&self, space: &mut usize) -> Value {
        self.as_ref().map_or(Value::Null, |value| value.to_json(space))
    }

    fn parse(value: &Value, key: &'static str) -> Result<Self, &'static str> {
        if value.is_null() { Ok(None) } else { T::parse(value, key).map(Some) }
    }
}

/// Declares fields with the form that they have in this program's own records, where it bounds them enough.
macro_rules! record_fields {
    ($($Type:ty),+) => {
        $(impl Field for $Type {
            fn to_json(&self, _: &mut usize) -> Value {
                JsonField::to_json(self)
            }

            fn parse(value: &Value, key: &'static str) -> Result<Self, &'static str> {
                JsonField::from_json(value).map_err(|_| key)
            }
        })+
    };
}

record_fields!(bool, Time, PullOutcome, PushOutcome);

impl Field for String {
    fn to_json(&self, _: &mut usize) -> Value {
        self.as_str().into()
    }

    fn parse(value: &Value, key: &'static str) -> Result<Self, &'static str> {
        value.as_str().map(safe_details).ok_or(key)
    }
}

impl Field for Oid {
    fn to_json(&self, _: &mut usize) -> Value {
        self.as_str().into()
    }

    fn parse(value: &Value, key: &'static str) -> Result<Self, &'static str> {
        value.as_str().and_then(Self::parse).ok_or(key)
    }
}

impl Field for Vec<ReportedCheck> {
    fn to_json(&self, _: &mut usize) -> Value {
        ReportedCheck::list_to_json(self)
    }

    fn parse(value: &Value, key: &'static str) -> Result<Self, &'static str> {
        value.as_array().map(|_| ReportedCheck::parse_list(value)).ok_or(key)
    }

    /// Older versions make no checks.
    fn parse_missing(_: &'static str) -> Result<Self, &'static str> {
        Ok(Self::new())
    }
}
