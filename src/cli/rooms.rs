//! The rooms that do a command's work, one function each.

use std::time::Duration;

use crate::config::{Config, Source};

use super::Answer;
use super::error::Error;

/// The monitor, until it is told to stop.
pub(super) fn monitor(_source: &Source, _config: Config) -> Result<Answer, Error> {
    Err(absent("run"))
}

/// What the monitor wrote last; `No` if it does not run.
pub(super) fn status(_json: bool) -> Result<Answer, Error> {
    Err(absent("status"))
}

/// What happened, all of it or the last `since`.
pub(super) fn history(_since: Option<Duration>, _json: bool) -> Result<Answer, Error> {
    Err(absent("history"))
}

/// A failover on loopback.
pub(super) fn demo() -> Result<Answer, Error> {
    Err(absent("demo"))
}

/// Workspace and secrets, once.
pub(super) fn pull(_config: &Config) -> Result<Answer, Error> {
    Err(absent("sync pull"))
}

fn absent(command: &str) -> Error {
    Error::Failed(format!("{command} is not part of this build"))
}
