//! Why a sync came to an end before its work was done.

use std::io;
use std::path::Path;

use crate::os::CommandError;
use crate::workspace::git::ssh;

/// The obstacle, as far as a report tells cases apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There is no checkout, and none can be made.
    NoCheckout,
    /// git is not installed.
    NoGit,
    /// The run was cancelled.
    Stopped,
    /// The remote has not answered in time.
    TimedOut,
    /// The remote cannot be reached, or does not let us in.
    Unreachable,
    /// The remote has no such branch.
    NoBranch,
    /// Another process is changing the workspace right now.
    InUse,
    /// The gateway was started meanwhile, and the workspace is left to it.
    GatewayStarted,
    /// The repository is damaged.
    Damaged,
    /// Anything else.
    Failed,
}

/// Words of git for a repository that is damaged.
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

/// True if these are git's words for a damaged repository here; what the remote says of its own comes after `remote:`.
pub(super) fn is_damage(said: &str) -> bool {
    let here = said.lines().flat_map(|line| line.split("; ")).filter(|line| !line.starts_with("remote:"));
    here.map(str::to_lowercase).any(|line| DAMAGE.iter().any(|words| line.contains(words)))
}

/// An end before the end.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) why: Why,
    /// More words; empty where none are needed.
    pub(super) said: String,
}

impl Stop {
    pub(super) fn new(why: Why, said: impl Into<String>) -> Self {
        Self { why, said: said.into() }
    }

    /// `why`, unless the error is one that means the same wherever it happens.
    pub(super) fn or(why: Why, error: &CommandError) -> Self {
        let why = match error {
            CommandError::Cancelled { .. } => return Self::new(Why::Stopped, ""),
            error if error.is_missing_program() => Why::NoGit,
            error if is_damage(error.said()) => Why::Damaged,
            _ => why,
        };
        Self::new(why, format!("{}{}", without_commonplace(&error.reason()), ssh::advice(error.said())))
    }

    /// A file or folder that could not be made, read or renamed.
    pub(super) fn file(what: &str, path: &Path, why: &io::Error) -> Self {
        Self::new(Why::Failed, format!("cannot {what} {}: {why}", path.display()))
    }
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::or(Why::Failed, &error)
    }
}

/// Cuts off the words of git after every failure to reach a remote.
pub(super) fn without_commonplace(said: &str) -> &str {
    said.split("; Please make sure you have the correct access rights").next().unwrap_or(said)
}
