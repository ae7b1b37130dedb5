//! Outcomes of pulls and pushes.

use crate::workspace::error::SyncErrorKind;

/// Outcome of a pull for the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullOutcome {
    /// The workspace had everything already.
    UpToDate,
    /// The workspace now has the remote's commits and this host's changes.
    Updated,
    /// The workspace now has the remote's commits; this host's version is in conflict and kept on a branch.
    ConflictKept,
    /// Everything is fetched. The files stay as they are, because an agent may be using them.
    Fetched,
    /// There is no repository.
    NoRepository,
    /// The remote has no such branch, or is empty.
    NoBranch,
    /// The remote could not be reached.
    NotFetched,
    /// The remote did not answer in time.
    TimedOut,
    /// The pull was cancelled.
    Cancelled,
    /// git is not installed, or too old.
    NoGit,
    /// Another process was changing the workspace.
    InUse,
    /// Another sync was running.
    Busy,
    /// The repository is damaged and could not be repaired.
    Damaged,
    /// Any other error.
    Failed,
}

const ALL_PULL_OUTCOMES: [PullOutcome; 14] = [
    PullOutcome::UpToDate,
    PullOutcome::Updated,
    PullOutcome::ConflictKept,
    PullOutcome::Fetched,
    PullOutcome::NoRepository,
    PullOutcome::NoBranch,
    PullOutcome::NotFetched,
    PullOutcome::TimedOut,
    PullOutcome::Cancelled,
    PullOutcome::NoGit,
    PullOutcome::InUse,
    PullOutcome::Busy,
    PullOutcome::Damaged,
    PullOutcome::Failed,
];

impl PullOutcome {
    /// Returns the stable name, as used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "up_to_date",
            Self::Updated => "moved",
            Self::ConflictKept => "kept",
            Self::Fetched => "fetched",
            Self::NoRepository => "no_checkout",
            Self::NoBranch => "no_branch",
            Self::NotFetched => "not_fetched",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "stopped",
            Self::NoGit => "no_git",
            Self::InUse => "in_use",
            Self::Busy => "busy",
            Self::Damaged => "damaged",
            Self::Failed => "failed",
        }
    }

    /// Parses a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        ALL_PULL_OUTCOMES.into_iter().find(|outcome| outcome.name() == name)
    }

    /// Returns the text for people, which fits between "workspace: " and ": " with further text.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::UpToDate => "up to date",
            Self::Updated => "updated",
            Self::ConflictKept => "updated; this host's version is in conflict and kept on a branch",
            Self::Fetched => "fetched; files unchanged while the gateway runs",
            Self::NoRepository => "no git repository",
            Self::NoBranch => "nothing to fetch",
            Self::NotFetched => "cannot fetch",
            Self::TimedOut => "fetch timed out",
            Self::Cancelled => "cancelled",
            Self::NoGit => "cannot pull",
            Self::InUse => "cannot update the files now",
            Self::Busy => "another sync is running",
            Self::Damaged => "the git repository is damaged",
            Self::Failed => "cannot pull",
        }
    }

    /// True if no action is needed.
    #[must_use]
    pub fn is_ok(self) -> bool {
        matches!(self, Self::UpToDate | Self::Updated | Self::Fetched)
    }

    /// True if the workspace has everything that the remote had.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(self, Self::UpToDate | Self::Updated | Self::ConflictKept)
    }
}

/// Outcome of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// The remote had everything already.
    UpToDate,
    /// The remote has everything now.
    Pushed,
    /// The git host's rules refuse the push.
    Refused,
    /// The remote's branch has commits that are not here.
    Behind,
    /// The remote's branch is in conflict; a person has to merge.
    Conflict,
    /// There is no repository.
    NoRepository,
    /// The remote could not be reached.
    NotPushed,
    /// The remote did not answer in time.
    TimedOut,
    /// The push was cancelled.
    Cancelled,
    /// git is not installed, or too old.
    NoGit,
    /// Another process was changing the workspace.
    InUse,
    /// Another sync was running.
    Busy,
    /// The repository is damaged and could not be repaired.
    Damaged,
    /// Any other error.
    Failed,
}

const ALL_PUSH_OUTCOMES: [PushOutcome; 14] = [
    PushOutcome::UpToDate,
    PushOutcome::Pushed,
    PushOutcome::Refused,
    PushOutcome::Behind,
    PushOutcome::Conflict,
    PushOutcome::NoRepository,
    PushOutcome::NotPushed,
    PushOutcome::TimedOut,
    PushOutcome::Cancelled,
    PushOutcome::NoGit,
    PushOutcome::InUse,
    PushOutcome::Busy,
    PushOutcome::Damaged,
    PushOutcome::Failed,
];

impl PushOutcome {
    /// Returns the stable name, as used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "up_to_date",
            Self::Pushed => "pushed",
            Self::Refused => "refused",
            Self::Behind => "behind",
            Self::Conflict => "conflict",
            Self::NoRepository => "no_checkout",
            Self::NotPushed => "not_pushed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "stopped",
            Self::NoGit => "no_git",
            Self::InUse => "in_use",
            Self::Busy => "busy",
            Self::Damaged => "damaged",
            Self::Failed => "failed",
        }
    }

    /// Parses a stable name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        ALL_PUSH_OUTCOMES.into_iter().find(|outcome| outcome.name() == name)
    }

    /// Returns the text for people, which fits between "workspace: " and ": " with further text.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::UpToDate => "nothing to push",
            Self::Pushed => "pushed",
            Self::Refused => "the git host refuses the push",
            Self::Behind => "not pushed, because the remote's branch has newer commits",
            Self::Conflict => "not pushed, because of a conflict with the remote's branch",
            Self::NoRepository => "no git repository",
            Self::NotPushed => "cannot push",
            Self::TimedOut => "push timed out",
            Self::Cancelled => "cancelled",
            Self::NoGit => "cannot push",
            Self::InUse => "cannot commit now",
            Self::Busy => "another sync is running",
            Self::Damaged => "the git repository is damaged",
            Self::Failed => "cannot push",
        }
    }

    /// True if the remote has everything.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(self, Self::UpToDate | Self::Pushed)
    }
}

impl From<SyncErrorKind> for PullOutcome {
    fn from(why: SyncErrorKind) -> Self {
        match why {
            SyncErrorKind::NoRepository => Self::NoRepository,
            SyncErrorKind::NoGit => Self::NoGit,
            SyncErrorKind::Cancelled => Self::Cancelled,
            SyncErrorKind::TimedOut => Self::TimedOut,
            SyncErrorKind::Unreachable => Self::NotFetched,
            SyncErrorKind::NoBranch => Self::NoBranch,
            SyncErrorKind::InUse => Self::InUse,
            SyncErrorKind::GatewayStarted => Self::Fetched,
            SyncErrorKind::Damaged => Self::Damaged,
            SyncErrorKind::Failed => Self::Failed,
        }
    }
}

impl From<SyncErrorKind> for PushOutcome {
    fn from(why: SyncErrorKind) -> Self {
        match why {
            SyncErrorKind::NoRepository => Self::NoRepository,
            SyncErrorKind::NoGit => Self::NoGit,
            SyncErrorKind::Cancelled => Self::Cancelled,
            SyncErrorKind::TimedOut => Self::TimedOut,
            SyncErrorKind::Unreachable | SyncErrorKind::NoBranch => Self::NotPushed,
            SyncErrorKind::InUse | SyncErrorKind::GatewayStarted => Self::InUse,
            SyncErrorKind::Damaged => Self::Damaged,
            SyncErrorKind::Failed => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_no_other_does() {
        for outcome in ALL_PULL_OUTCOMES {
            assert_eq!(PullOutcome::parse(outcome.name()), Some(outcome));
        }
        assert_eq!(PullOutcome::parse("levitated"), None);
        for outcome in ALL_PUSH_OUTCOMES {
            assert_eq!(PushOutcome::parse(outcome.name()), Some(outcome));
        }
        assert_eq!(PushOutcome::parse("levitated"), None);
    }
}
