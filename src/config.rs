//! Configuration: file → raw values → checked model.
//!
//! Raw values are as typed. The checks turn them into the model and report every problem at once. Every reader of
//! a configuration runs the same checks, so what `config --check` accepts is what the monitor runs with.

pub(crate) mod address;
pub(crate) mod decode;
mod defaults;
mod diagnostics;
pub mod endpoint;
mod environment;
pub mod model;
pub mod notify;
pub mod paths;
mod print;
mod schema;
mod source;
mod span;
mod validate;

use crate::config::diagnostics::Collector;
pub use crate::config::diagnostics::Problems;
pub use crate::config::environment::Variables;
pub use crate::config::model::{Config, Demote, Drill, Gateway, Probe, Promote, Secret, Upstream, Witness, Workspace};
pub use crate::config::notify::{Format, Heartbeat, Notify, Topic};
use crate::config::schema::Raw;
pub use crate::config::source::{DEFAULT_FILE, Source, find, load, load_primary};

/// Reads a configuration from text: JSON with comments and trailing commas.
///
/// # Errors
/// All problems, each with `file_name` and a line.
pub fn parse(text: &str, file_name: &str) -> Result<Config, Problems> {
    let problems = Collector::new(file_name);
    let config = validate::check(read_raw(text, file_name, &problems)?, &problems);
    problems.finish(config)
}

/// Reads a primary's configuration and returns its workspace section. A file with upstreams is refused: it belongs to a
/// standby, which must never write the primary's branch.
///
/// # Errors
/// As [`parse`]; also if the file has upstreams.
pub fn parse_primary(text: &str, file_name: &str) -> Result<Workspace, Problems> {
    let problems = Collector::new(file_name);
    let raw = read_raw(text, file_name, &problems)?;
    if let Some(upstreams) = &raw.upstreams {
        problems.add(
            &upstreams.place,
            "makes this host a standby; a primary has no upstreams: remove this key, or run without --primary",
        );
    }
    let workspace = validate::workspace(raw.workspace, &problems);
    problems.finish(workspace)
}

fn read_raw(text: &str, file_name: &str, problems: &Collector) -> Result<Raw, Problems> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = crate::text::json::parse_with_comments(text).map_err(|error| {
        let (line, col) = (error.at.line, error.at.col);
        Problems::one(format!("{file_name}:{line}:{col}: {}", error.message))
    })?;
    Ok(Raw::read(&document, problems))
}
