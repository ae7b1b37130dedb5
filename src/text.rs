//! Text in and out: JSON, durations, UTC times, tables, suggestions and printable text.

pub mod byte_size;
pub mod duration;
pub mod json;
pub mod json_fields;
pub mod printable;
pub mod secret_patterns;
pub mod suggestion;
pub mod table;
pub mod timestamp;
pub mod utc;

pub use printable::{printable, without_error_numbers};
pub use timestamp::Time;

/// Output of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    /// For standard output, with its last line end.
    pub text: String,
    /// For standard error, without one.
    pub warning: Option<String>,
    /// The exit code.
    pub code: u8,
}
