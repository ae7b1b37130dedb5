//! Outcomes of pulls and pushes.

use crate::text::named_enum::named_enum;
use crate::workspace::error::SyncErrorKind;

named_enum! {
    /// Outcome of a pull for the workspace.
    pub enum PullOutcome {
        /// The workspace had everything already.
        UpToDate = "up_to_date",
        /// The workspace now has the remote's commits and this host's changes.
        Updated = "moved",
        /// The workspace now has the remote's commits; this host's version is in conflict and kept on a branch.
        ConflictKept = "kept",
        /// Everything is fetched. The files stay as they are, because an agent may be using them.
        Fetched = "fetched",
        /// There is no repository.
        NoRepository = "no_checkout",
        /// The remote has no such branch, or is empty.
        NoBranch = "no_branch",
        /// The remote could not be reached.
        NotFetched = "not_fetched",
        /// The remote did not answer in time.
        TimedOut = "timed_out",
        /// The pull was cancelled.
        Cancelled = "stopped",
        /// git is not installed, or too old.
        NoGit = "no_git",
        /// Another process was changing the workspace.
        InUse = "in_use",
        /// Another sync was running.
        Busy = "busy",
        /// The repository is damaged and could not be repaired.
        Damaged = "damaged",
        /// Any other error.
        Failed = "failed",
    }
}

impl PullOutcome {
    /// Returns the text for people, which fits between "workspace: " and ": " with further text.
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
    pub fn is_ok(self) -> bool {
        matches!(self, Self::UpToDate | Self::Updated | Self::Fetched)
    }

    /// True if the workspace has everything that the remote had.
    pub fn is_complete(self) -> bool {
        matches!(self, Self::UpToDate | Self::Updated | Self::ConflictKept)
    }
}

named_enum! {
    /// Outcome of a push.
    pub enum PushOutcome {
        /// The remote had everything already.
        UpToDate = "up_to_date",
        /// The remote has everything now.
        Pushed = "pushed",
        /// The git host's rules refuse the push.
        Refused = "refused",
        /// The remote's branch has commits that are not here.
        Behind = "behind",
        /// The remote's branch is in conflict; a person has to merge.
        Conflict = "conflict",
        /// There is no repository.
        NoRepository = "no_checkout",
        /// The remote could not be reached.
        NotPushed = "not_pushed",
        /// The remote did not answer in time.
        TimedOut = "timed_out",
        /// The push was cancelled.
        Cancelled = "stopped",
        /// git is not installed, or too old.
        NoGit = "no_git",
        /// Another process was changing the workspace.
        InUse = "in_use",
        /// Another sync was running.
        Busy = "busy",
        /// The repository is damaged and could not be repaired.
        Damaged = "damaged",
        /// Any other error.
        Failed = "failed",
    }
}

impl PushOutcome {
    /// Returns the text for people, which fits between "workspace: " and ": " with further text.
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
