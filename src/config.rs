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
pub mod notify;
mod place;
mod print;
mod problems;
mod raw;
pub(crate) mod read;
mod size;
mod source;
pub mod valid;

pub use environment::Variables;
pub use notify::{Format, Heartbeat, Notify, Topic};
pub use problems::Problems;
pub use source::{DEFAULT_FILE, Source, find, load, load_primary};
pub use valid::{Config, Demote, Drill, Gateway, Probe, Promote, Secret, Upstream, Witness, Workspace};

use problems::Collector;
use raw::Raw;

/// Reads a configuration from text: JSON with comments and trailing commas.
///
/// # Errors
/// Every problem at once, each with `file_name` and its line.
pub fn parse(text: &str, file_name: &str) -> Result<Config, Problems> {
    let problems = Collector::new(file_name);
    let config = check::check(read_raw(text, file_name, &problems)?, &problems);
    problems.finish(config)
}

/// Reads a primary's configuration, of which only the workspace counts. A file that names upstreams belongs to a
/// standby, which must never write the primary's branch.
///
/// # Errors
/// As for [`parse`], and where there are upstreams.
pub fn parse_primary(text: &str, file_name: &str) -> Result<Workspace, Problems> {
    let problems = Collector::new(file_name);
    let raw = read_raw(text, file_name, &problems)?;
    if let Some(upstreams) = &raw.upstreams {
        problems.add(
            &upstreams.place,
            "makes this host a standby; a primary watches nobody, so leave it out or leave out --primary",
        );
    }
    let workspace = check::workspace(raw.workspace, &problems);
    problems.finish(workspace)
}

fn read_raw(text: &str, file_name: &str, problems: &Collector) -> Result<Raw, Problems> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = crate::json::parse_with_comments(text).map_err(|error| {
        let (line, col) = (error.at.line, error.at.col);
        Problems::one(format!("{file_name}:{line}:{col}: {}", error.message))
    })?;
    Ok(Raw::read(&document, problems))
}
