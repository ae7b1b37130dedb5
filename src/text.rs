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

pub use printable::{strip_error_numbers, to_printable};
pub use timestamp::Time;

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
