//! Errors of a setup: state, cause and remedy.

use std::fmt::{self, Display};

use crate::os::CommandError;
use crate::os::atomic_file::FileError;

/// Reason why a host cannot be set up, or why a step failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupError {
    /// State and its cause.
    problem: String,
    /// Next action, unless the problem names it.
    remedy: Option<String>,
}

impl SetupError {
    pub(super) fn new(problem: impl Display) -> Self {
        Self { problem: problem.to_string(), remedy: None }
    }

    pub(super) fn with_remedy(problem: impl Display, remedy: impl Display) -> Self {
        Self { problem: problem.to_string(), remedy: Some(remedy.to_string()) }
    }
}

impl Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

impl std::error::Error for SetupError {}

impl From<CommandError> for SetupError {
    fn from(error: CommandError) -> Self {
        Self::new(error)
    }
}

impl From<FileError> for SetupError {
    fn from(error: FileError) -> Self {
        Self::new(error)
    }
}
