//! Declarations of the configuration's keys, and their forms in the file.
//!
//! Each key is declared once, as a field with its default. The decoder, the printer and the list of known keys come
//! from that declaration.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::decode::{ConfigValue, Untyped};
use crate::config::state_paths::split_absolute_path;
use crate::text::byte_size::{format_size, parse_size};
use crate::text::duration::{format_duration, parse_duration};
use crate::text::json::Value;
use crate::text::suggestion::suggest_name;

/// Declares a section: a struct, with the default of each key, and for a list the maximum length in brackets.
macro_rules! section {
    ($(#[$meta:meta])* pub struct $name:ident {
        $( $(#[$doc:meta])* pub $key:ident: $type:ty $([$max:expr])? = $default:expr, )*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $( $(#[$doc])* pub $key: $type, )* }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $key: $default, )* }
            }
        }

        impl $crate::config::decode::ConfigValue for $name {
            fn decode(untyped: &$crate::config::decode::Untyped<'_>) -> Option<Self> {
                let mut object = $crate::config::decode::ObjectDecoder::open(untyped)?;
                let mut section = Self::default();
                $( object.read(stringify!($key), 0 $(+ $max)?, &mut section.$key); )*
                object.report_unknown_keys();
                Some(section)
            }

            fn encode(&self) -> $crate::text::json::Value {
                $crate::text::json::Value::from_entries([
                    $( (stringify!($key), $crate::config::decode::ConfigValue::encode(&self.$key)), )*
                ])
            }
        }
    };
}

pub(super) use section;

impl ConfigValue for String {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        untyped.decode_text().map(str::to_owned)
    }

    fn encode(&self) -> Value {
        self.as_str().into()
    }
}

impl ConfigValue for PathBuf {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        let text = untyped.decode_text()?;
        let parts = split_absolute_path(text).map_err(|why| format!("is not a usable path: {why}"));
        untyped.check_text(text, parts).map(|_| Self::from(text))
    }

    /// Converts the path without loss: paths of a configuration are UTF-8.
    fn encode(&self) -> Value {
        self.to_string_lossy().into_owned().into()
    }
}

impl ConfigValue for bool {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        untyped.decode_typed("true or false", |node| node.as_bool())
    }

    fn encode(&self) -> Value {
        (*self).into()
    }
}

/// Number of times, from 1 to 100.
impl ConfigValue for u32 {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        untyped.decode_typed("a whole number from 1 to 100", |node| {
            node.as_u64().and_then(|number| Self::try_from(number).ok()).filter(|number| (1..=100).contains(number))
        })
    }

    fn encode(&self) -> Value {
        (*self).into()
    }
}

/// Size, in bytes.
impl ConfigValue for u64 {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        let text = untyped.decode_typed("a size such as \"20MiB\"", |node| node.as_str())?;
        untyped.check_text(text, parse_size(text))
    }

    fn encode(&self) -> Value {
        format_size(*self).into()
    }
}

impl ConfigValue for Duration {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        if let Some(seconds) = untyped.node.as_u64() {
            untyped.report(format!("has no unit; write \"{seconds}s\" for seconds"));
            return None;
        }
        let text = untyped.decode_typed("a duration such as \"30s\"", |node| node.as_str())?;
        untyped.check_text(text, parse_duration(text))
    }

    fn encode(&self) -> Value {
        format_duration(*self).to_string().into()
    }
}

/// Value that may be left out.
impl<T: ConfigValue> ConfigValue for Option<T> {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        T::decode(untyped).map(Some)
    }

    fn encode(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::encode)
    }
}

/// List. A bad item is reported and replaced, so that the others keep their positions.
impl<T: ConfigValue> ConfigValue for Vec<T> {
    fn decode(untyped: &Untyped<'_>) -> Option<Self> {
        let items = untyped.decode_items()?;
        Some(items.iter().map(|item| T::decode(item).unwrap_or_default()).collect())
    }

    fn encode(&self) -> Value {
        Value::from_items(self.iter().map(T::encode))
    }
}

/// Reads one of the known names.
pub(super) fn decode_name<T>(untyped: &Untyped<'_>, names: &[&str], from_name: fn(&str) -> Option<T>) -> Option<T> {
    let text = untyped.decode_text()?;
    let error = || match suggest_name(text, names.iter().copied()) {
        Some(near) => format!("is not known; did you mean \"{near}\"?"),
        None => format!("is not known; known: {}", names.join(", ")),
    };
    untyped.check_text(text, from_name(text).ok_or_else(error))
}
