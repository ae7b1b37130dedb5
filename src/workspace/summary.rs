//! Summaries of the last pull and the last push for the status and the events.

use crate::text::Time;

/// Summary of one pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullSummary {
    /// Stable name of the outcome.
    pub outcome: String,
    /// Commit of the workspace.
    pub commit: Option<String>,
    /// Time of the remote's latest commit in it, as recorded there.
    pub committed_at: Option<Time>,
    /// End, by the wall clock.
    pub ended_at: Time,
    /// Start, by the wall clock, of the last pull after which the workspace had everything from the remote.
    pub last_complete_at: Option<Time>,
    /// True if the remote may have newer commits: it was not reached, or the pull ended early.
    pub is_stale: bool,
    /// Conflict branches that are not pushed yet, as text; empty if there are none.
    pub conflict_branches: String,
    /// Files that are only on this host's disk, as text; empty if there are none.
    pub withheld: String,
    /// Error, if any.
    pub error: Option<String>,
}

/// Summary of one push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushSummary {
    /// Stable name of the outcome.
    pub outcome: String,
    /// End, by the wall clock.
    pub ended_at: Time,
    /// Start, by the wall clock, of the last push after which the remote had everything.
    pub last_complete_at: Option<Time>,
    /// Error, if any.
    pub error: Option<String>,
}
