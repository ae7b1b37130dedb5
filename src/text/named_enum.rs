//! Enums whose variants have stable names, each declared once.

/// Declares an enum without data, with the name of each variant for files, programs and people.
macro_rules! named_enum {
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
