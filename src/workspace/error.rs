//! Error that ends a sync early.

use std::io;
use std::path::Path;

use crate::os::CommandError;
use crate::workspace::git::ssh;

/// Kind of an error, as far as reports distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There is no repository, and none can be cloned.
    NoCheckout,
    /// git is not installed.
    NoGit,
    /// The run was cancelled.
    Stopped,
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
const DAMAGE: [&str; 27] = [
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
pub(super) fn is_damage(said: &str) -> bool {
    let here = said.lines().flat_map(|line| line.split("; ")).filter(|line| !line.starts_with("remote:"));
    here.map(str::to_lowercase).any(|line| DAMAGE.iter().any(|words| line.contains(words)))
}

/// Error that ends a sync, with its kind.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) why: Why,
    /// Further text; empty if the kind says enough.
    pub(super) said: String,
}

impl Stop {
    pub(super) fn new(why: Why, said: impl Into<String>) -> Self {
        Self { why, said: said.into() }
    }

    /// Converts an error. `why` is the kind unless the error itself determines one.
    pub(super) fn or(why: Why, error: &CommandError) -> Self {
        let why = match error {
            CommandError::Cancelled { .. } => return Self::new(Why::Stopped, ""),
            error if error.is_missing_program() => Why::NoGit,
            error if is_damage(error.said()) => Why::Damaged,
            _ => why,
        };
        Self::new(why, format!("{}{}", without_commonplace(&error.reason()), ssh::advice(error.said())))
    }

    /// Returns the error of a file operation: `cannot {what} {path}`.
    pub(super) fn file(what: &str, path: &Path, why: &io::Error) -> Self {
        Self::new(Why::Failed, format!("cannot {what} {}: {why}", path.display()))
    }
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::or(Why::Failed, &error)
    }
}

/// Cuts off the text that git prints after every failure to reach a remote.
pub(super) fn without_commonplace(said: &str) -> &str {
    said.split("; Please make sure you have the correct access rights").next().unwrap_or(said)
}
