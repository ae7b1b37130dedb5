//! Text formats: JSON, durations, UTC times, tables, suggestions and printable text.

pub mod byte_size;
pub mod duration;
pub mod json;
pub mod json_fields;
pub(crate) mod named_enum;
pub mod printable;
pub mod redaction;
pub mod suggestion;
pub mod table;
pub mod timestamp;
pub mod utc;

use std::borrow::Cow;
use std::fmt;

pub use crate::text::named_enum::Named;
pub use crate::text::printable::{strip_error_numbers, to_printable};
pub use crate::text::timestamp::Time;

/// Problem of a text that is not of the expected form, as a clause after the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError(pub(crate) Cow<'static, str>);

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FormatError {}

/// Output of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    /// Text for standard output, with its last newline.
    pub text: String,
    /// Text for standard error, without its last newline.
    pub warning: Option<String>,
    /// Exit code.
    pub exit_code: u8,
}
