//! Configuration: file → model → checks.
//!
//! The model declares each key once. The checks report every problem at once, with the position of its value. Every
//! reader of a configuration runs the same checks, so what `config --check` accepts is what the monitor runs with.

pub(crate) mod address;
pub(crate) mod decode;
mod diagnostics;
pub mod endpoint;
mod environment;
pub mod model;
pub mod notify;
pub mod paths;
mod section;
mod source;
mod state_paths;
mod validate;
pub(crate) mod witness;

use crate::config::decode::{ConfigValue, Untyped};
use crate::config::diagnostics::Diagnostics;
pub use crate::config::diagnostics::{ConfigErrors, ValueError};
pub use crate::config::environment::LegacyVariables;
pub use crate::config::model::{
    Config, DemotionConfig, DrillConfig, GatewayConfig, ProbeConfig, PromotionConfig, SecretConfig, UpstreamConfig,
    WorkspaceConfig,
};
pub use crate::config::notify::{HeartbeatConfig, NotificationTopic, NotifyConfig, WebhookFormat};
pub use crate::config::source::{ConfigSource, DEFAULT_CONFIG_FILE, find_source, load_config, load_primary};
pub use crate::config::witness::WitnessConfig;

/// Reads a configuration from text: JSON with comments and trailing commas.
///
/// # Errors
/// All problems, each with `file_name` and a line.
pub fn parse(text: &str, file_name: &str) -> Result<Config, ConfigErrors> {
    let problems = Diagnostics::new(file_name);
    let mut config = decode_config(text, file_name, &problems)?;
    validate::check_config(&mut config, &problems);
    problems.finish(config)
}

/// Reads a primary's configuration and returns its workspace section. A file with upstreams is refused: it belongs to a
/// standby, which must never write the primary's branch.
///
/// # Errors
/// As [`parse`]; also if the file has upstreams.
pub fn parse_primary(text: &str, file_name: &str) -> Result<WorkspaceConfig, ConfigErrors> {
    let problems = Diagnostics::new(file_name);
    let config = decode_config(text, file_name, &problems)?;
    if problems.is_set("upstreams") {
        problems.add(
            "upstreams",
            "makes this host a standby; a primary has no upstreams: remove this key, or run without --primary",
        );
    }
    validate::check_workspace(&config.workspace, &problems);
    problems.finish(config.workspace)
}

fn decode_config(text: &str, file_name: &str, problems: &Diagnostics) -> Result<Config, ConfigErrors> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = crate::text::json::parse_with_comments(text).map_err(|error| {
        let (line, col) = (error.position.line, error.position.column);
        ConfigErrors::single(format!("{file_name}:{line}:{col}: {}", error.message))
    })?;
    Ok(Config::decode(&Untyped::from_document(&document, problems)).unwrap_or_default())
}
