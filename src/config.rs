//! The configuration: file → raw → valid.
//!
//! Raw is what was typed, valid is what makes sense; the step between reports every problem at once. Everything that
//! reads a configuration takes that one step, so what `config --check` accepts is what the monitor runs with.

pub(crate) mod address;
mod check;
mod defaults;
pub mod duration;
pub mod endpoint;
mod environment;
pub mod nearest;
mod place;
mod print;
mod problems;
mod raw;
mod read;
mod size;
mod source;
pub mod valid;

pub use environment::Variables;
pub use problems::Problems;
pub use source::{DEFAULT_FILE, Source, find, load};
pub use valid::{Config, Demote, Gateway, Probe, Promote, Secret, Upstream, Witness, Workspace};

use problems::Collector;
use raw::Raw;

/// Reads a configuration from text: JSON with comments and trailing commas.
///
/// # Errors
/// Every problem at once, each with `file_name` and its line.
pub fn parse(text: &str, file_name: &str) -> Result<Config, Problems> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = crate::json::parse_with_comments(text).map_err(|error| {
        let (line, col) = (error.at.line, error.at.col);
        Problems::one(format!("{file_name}:{line}:{col}: {}", error.message))
    })?;
    let problems = Collector::new(file_name);
    let raw = Raw::read(&document, &problems);
    let config = check::check(raw, &problems);
    problems.finish(config)
}
