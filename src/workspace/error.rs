//! Error that ends a sync early.

use std::path::Path;
use std::{fmt, io};

use crate::os::CommandError;
use crate::workspace::git::ssh;
use crate::workspace::safe_text::safe_text;

/// Kind of an error, as far as reports distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncErrorKind {
    /// There is no repository, and none can be cloned.
    NoRepository,
    /// git is not installed.
    NoGit,
    /// The run was cancelled.
    Cancelled,
    /// The remote did not answer in time.
    TimedOut,
    /// The remote cannot be reached, or denies access.
    Unreachable,
    /// The remote has no such branch.
    NoBranch,
    /// Another process is changing the workspace.
    InUse,
    /// The gateway was started meanwhile, so the files stay as they are.
    GatewayStarted,
    /// The repository is damaged.
    Damaged,
    /// Any other error.
    Failed,
}

/// Texts of git that mean a damaged repository.
const DAMAGE_TEXTS: [&str; 27] = [
    "is empty",
    "loose object",
    "object corrupt",
    "missing object",
    "missing tree",
    "missing blob",
    "missing commit",
    "bad object",
    "bad tree object",
    "bad ref",
    "invalid object",
    "invalid sha1 pointer",
    "unable to unpack",
    "unable to read tree",
    "unable to read sha1",
    "could not parse commit",
    "could not parse object",
    "cannot read object",
    "could not read tree",
    "failed to traverse parents",
    "revision walk setup failed",
    "does not match index",
    "unterminated line in",
    "unexpected line in",
    "index file corrupt",
    "index file smaller",
    "bad config line",
];

/// True if git reports a damaged local repository. Lines of the remote begin with `remote:` and do not count.
pub(super) fn means_damage(text: &str) -> bool {
    let here = text.lines().flat_map(|line| line.split("; ")).filter(|line| !line.starts_with("remote:"));
    here.map(str::to_lowercase).any(|line| DAMAGE_TEXTS.iter().any(|words| line.contains(words)))
}

/// Error that ends a sync, with its kind.
#[derive(Debug)]
pub struct SyncError {
    pub(super) kind: SyncErrorKind,
    /// Further text; empty if the kind says enough.
    pub(super) message: String,
}

impl SyncError {
    pub(super) fn new(kind: SyncErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Returns an error without a kind of its own.
    pub(super) fn failed(why: impl fmt::Display) -> Self {
        Self::new(SyncErrorKind::Failed, why.to_string())
    }

    /// Converts an error. `why` is the kind unless the error itself determines one.
    pub(super) fn from_command(why: SyncErrorKind, error: &CommandError) -> Self {
        let why = match error {
            CommandError::Cancelled { .. } => return Self::new(SyncErrorKind::Cancelled, ""),
            error if error.is_missing_program() => SyncErrorKind::NoGit,
            error if means_damage(error.last_output()) => SyncErrorKind::Damaged,
            _ => why,
        };
        Self::new(why, format!("{}{}", without_standard_text(&error.reason()), ssh::login_remedy(error.last_output())))
    }

    /// Returns the same error with a message that fits into a report.
    pub(super) fn into_safe(self) -> Self {
        Self { message: safe_text(&self.message), ..self }
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyncError {}

/// Result of a file operation, whose error a sync reports with the operation and the path.
pub(super) trait FileResult<T> {
    /// Converts the error to `cannot {what} {path}: …`.
    fn or_cannot(self, what: &str, path: &Path) -> Result<T, SyncError>;
}

impl<T> FileResult<T> for io::Result<T> {
    fn or_cannot(self, what: &str, path: &Path) -> Result<T, SyncError> {
        let failed = |why| SyncError::new(SyncErrorKind::Failed, format!("cannot {what} {}: {why}", path.display()));
        self.map_err(failed)
    }
}

impl From<CommandError> for SyncError {
    fn from(error: CommandError) -> Self {
        Self::from_command(SyncErrorKind::Failed, &error)
    }
}

/// Cuts off the text that git prints after every failure to reach a remote.
pub(super) fn without_standard_text(text: &str) -> &str {
    text.split("; Please make sure you have the correct access rights").next().unwrap_or(text)
}
