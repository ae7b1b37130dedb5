//! Summaries of the last pull and the last push, as the status and the events show them.

use crate::text::Time;

/// How one pull of the workspace ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pull {
    /// Its stable name.
    pub outcome: String,
    /// The commit that the workspace is at.
    pub commit: Option<String>,
    /// When the remote's latest commit in it was made, by its own account.
    pub committed: Option<Time>,
    /// When it ended, by the wall clock.
    pub at: Time,
    /// When the last pull began, by the wall clock, that left the workspace with everything the remote had.
    pub fresh: Option<Time>,
    /// Whether the remote may have had more than this: it was not reached, or not waited for.
    pub stale: bool,
    /// Branches that keep what contradicted the remote and are not pushed yet, in words; empty if there are none.
    pub kept: String,
    /// Files that are on this host's disk only, in words; empty if there are none.
    pub withheld: String,
    /// What went wrong.
    pub error: Option<String>,
}

/// How one push of what this host has written ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// Its stable name.
    pub outcome: String,
    /// When it ended, by the wall clock.
    pub at: Time,
    /// When the last push began, by the wall clock, after which the remote had everything.
    pub returned: Option<Time>,
    /// What went wrong.
    pub error: Option<String>,
}
