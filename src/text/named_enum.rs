//! Enums whose variants have stable names, each declared once.

use std::fmt;

use crate::text::json::Value;
use crate::text::json_fields::{JsonField, RecordError};

/// Declares an enum without data, with the name of each variant for files, programs and people. `enum Kind of Full`
/// declares the kinds of an enum with data, and `Full::kind`.
macro_rules! named_enum {
    ($(#[$attribute:meta])* $vis:vis enum $Kind:ident of $Full:ident { $($Variant:ident = $name:literal,)+ }) => {
        $crate::text::named_enum::named_enum! {
            $(#[$attribute])*
            $vis enum $Kind {
                $(#[doc = concat!("[`", stringify!($Full), "::", stringify!($Variant), "`].")] $Variant = $name,)+
            }
        }

        impl $Full {
            /// Returns the variant without its data.
            #[must_use]
            $vis const fn kind(&self) -> $Kind {
                match self { $(Self::$Variant { .. } => $Kind::$Variant,)+ }
            }
        }
    };
    ($(#[$attribute:meta])* $vis:vis enum $Enum:ident {
        $($(#[$variant_attribute:meta])* $Variant:ident = $name:literal,)+
    }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $Enum { $($(#[$variant_attribute])* $Variant,)+ }

        #[allow(dead_code, reason = "not every enum needs all three")]
        impl $Enum {
            /// Every variant, in order of declaration.
            $vis const ALL: [Self; [$($name),+].len()] = [$(Self::$Variant),+];

            /// Returns the stable name.
            $vis const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $name,)+ }
            }

            /// Returns the variant with this name.
            $vis fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$Variant),)+ _ => None }
            }
        }

        impl From<$Enum> for &'static str {
            fn from(variant: $Enum) -> Self {
                variant.name()
            }
        }

        impl $crate::text::json_fields::JsonField for $Enum {
            fn to_json(&self) -> $crate::text::json::Value {
                self.name().into()
            }

            fn from_json(
                node: &$crate::text::json::Value,
            ) -> Result<Self, $crate::text::json_fields::RecordError> {
                $crate::text::json_fields::read_name(node, Self::from_name)
            }
        }
    };
}
pub(crate) use named_enum;

/// Variant that another version of this program wrote, which may have others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named<T> {
    /// Variant that this version knows.
    Known(T),
    /// Name of any other variant.
    Unknown(String),
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self::Unknown(String::new())
    }
}

impl<T> From<T> for Named<T> {
    fn from(variant: T) -> Self {
        Self::Known(variant)
    }
}

impl<T: PartialEq> PartialEq<T> for Named<T> {
    fn eq(&self, variant: &T) -> bool {
        matches!(self, Self::Known(known) if known == variant)
    }
}

/// Shows the name.
impl<T: Copy + Into<&'static str>> fmt::Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Known(variant) => (*variant).into(),
            Self::Unknown(name) => name,
        })
    }
}

impl<T: JsonField> JsonField for Named<T> {
    fn to_json(&self) -> Value {
        match self {
            Self::Known(variant) => variant.to_json(),
            Self::Unknown(name) => name.to_json(),
        }
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        T::from_json(node).map(Self::Known).or_else(|_| String::from_json(node).map(Self::Unknown))
    }
}
