//! What can become of a pull or a push, in one word.

use crate::workspace::error::Why;

/// What became of the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It had everything already.
    UpToDate,
    /// It was moved to what the remote has, together with what this host has of its own.
    Moved,
    /// It was moved to what the remote has, and this host's version, which contradicts it, is kept on a branch.
    Kept,
    /// Everything is here, but the workspace was left where it is, because an agent may be at work in it.
    Fetched,
    /// There is no checkout.
    NoCheckout,
    /// The remote has no such branch, or none at all.
    NoBranch,
    /// The remote could not be reached.
    NotFetched,
    /// The remote did not deliver in time.
    TimedOut,
    /// Nobody waited for it any more.
    Stopped,
    /// git is not installed, or too old.
    NoGit,
    /// Somebody else was changing it.
    InUse,
    /// Another run was at it.
    Busy,
    /// The repository is damaged, and could not be repaired.
    Damaged,
    /// Anything else.
    Failed,
}

const ALL: [Outcome; 14] = [
    Outcome::UpToDate,
    Outcome::Moved,
    Outcome::Kept,
    Outcome::Fetched,
    Outcome::NoCheckout,
    Outcome::NoBranch,
    Outcome::NotFetched,
    Outcome::TimedOut,
    Outcome::Stopped,
    Outcome::NoGit,
    Outcome::InUse,
    Outcome::Busy,
    Outcome::Damaged,
    Outcome::Failed,
];

impl Outcome {
    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "up_to_date",
            Self::Moved => "moved",
            Self::Kept => "kept",
            Self::Fetched => "fetched",
            Self::NoCheckout => "no_checkout",
            Self::NoBranch => "no_branch",
            Self::NotFetched => "not_fetched",
            Self::TimedOut => "timed_out",
            Self::Stopped => "stopped",
            Self::NoGit => "no_git",
            Self::InUse => "in_use",
            Self::Busy => "busy",
            Self::Damaged => "damaged",
            Self::Failed => "failed",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// What people read; it fits after "workspace: " and before ": " and more words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::UpToDate => "up to date",
            Self::Moved => "brought up to date",
            Self::Kept => "brought up to date; what was here contradicts it and is kept on a branch",
            Self::Fetched => "fetched, and left as it is while the gateway runs",
            Self::NoCheckout => "no git checkout",
            Self::NoBranch => "nothing to fetch",
            Self::NotFetched => "cannot fetch",
            Self::TimedOut => "cannot fetch in time",
            Self::Stopped => "stopped before the end",
            Self::NoGit => "cannot pull",
            Self::InUse => "cannot move it now",
            Self::Busy => "another run is at it",
            Self::Damaged => "the git repository is damaged",
            Self::Failed => "cannot pull",
        }
    }

    /// Whether nothing is left to do for anybody.
    #[must_use]
    pub fn is_ok(self) -> bool {
        matches!(self, Self::UpToDate | Self::Moved | Self::Fetched)
    }

    /// Whether the workspace has everything that the remote had.
    #[must_use]
    pub fn is_fresh(self) -> bool {
        matches!(self, Self::UpToDate | Self::Moved | Self::Kept)
    }
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// The remote had everything already.
    UpToDate,
    /// The remote has everything now.
    Pushed,
    /// The git host takes nothing of it, by its own rules.
    Refused,
    /// The remote's branch has commits that are not here.
    Behind,
    /// The remote's branch contradicts what is here, and a person has to merge them.
    Conflict,
    /// There is no checkout.
    NoCheckout,
    /// The remote could not be reached.
    NotPushed,
    /// The remote did not answer in time.
    TimedOut,
    /// Nobody waited for it any more.
    Stopped,
    /// git is not installed, or too old.
    NoGit,
    /// Somebody else was changing the workspace.
    InUse,
    /// Another run was at it.
    Busy,
    /// The repository is damaged, and could not be repaired.
    Damaged,
    /// Anything else.
    Failed,
}

const ALL_PUSHES: [PushOutcome; 14] = [
    PushOutcome::UpToDate,
    PushOutcome::Pushed,
    PushOutcome::Refused,
    PushOutcome::Behind,
    PushOutcome::Conflict,
    PushOutcome::NoCheckout,
    PushOutcome::NotPushed,
    PushOutcome::TimedOut,
    PushOutcome::Stopped,
    PushOutcome::NoGit,
    PushOutcome::InUse,
    PushOutcome::Busy,
    PushOutcome::Damaged,
    PushOutcome::Failed,
];

impl PushOutcome {
    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "up_to_date",
            Self::Pushed => "pushed",
            Self::Refused => "refused",
            Self::Behind => "behind",
            Self::Conflict => "conflict",
            Self::NoCheckout => "no_checkout",
            Self::NotPushed => "not_pushed",
            Self::TimedOut => "timed_out",
            Self::Stopped => "stopped",
            Self::NoGit => "no_git",
            Self::InUse => "in_use",
            Self::Busy => "busy",
            Self::Damaged => "damaged",
            Self::Failed => "failed",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        ALL_PUSHES.into_iter().find(|outcome| outcome.name() == name)
    }

    /// What people read; it fits after "workspace: " and before ": " and more words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::UpToDate => "nothing to return",
            Self::Pushed => "returned",
            Self::Refused => "the git host refuses it",
            Self::Behind => "not returned, for the remote's branch has commits that are not here",
            Self::Conflict => "not pushed, for the remote's branch contradicts it",
            Self::NoCheckout => "no git checkout",
            Self::NotPushed => "cannot push",
            Self::TimedOut => "cannot push in time",
            Self::Stopped => "stopped before the end",
            Self::NoGit => "cannot push",
            Self::InUse => "cannot commit it now",
            Self::Busy => "another run is at it",
            Self::Damaged => "the git repository is damaged",
            Self::Failed => "cannot push",
        }
    }

    /// Whether the remote has everything.
    #[must_use]
    pub fn is_returned(self) -> bool {
        matches!(self, Self::UpToDate | Self::Pushed)
    }
}

impl From<Why> for Outcome {
    fn from(why: Why) -> Self {
        match why {
            Why::NoCheckout => Self::NoCheckout,
            Why::NoGit => Self::NoGit,
            Why::Stopped => Self::Stopped,
            Why::TimedOut => Self::TimedOut,
            Why::Unreachable => Self::NotFetched,
            Why::NoBranch => Self::NoBranch,
            Why::InUse => Self::InUse,
            Why::GatewayStarted => Self::Fetched,
            Why::Damaged => Self::Damaged,
            Why::Failed => Self::Failed,
        }
    }
}

impl From<Why> for PushOutcome {
    fn from(why: Why) -> Self {
        match why {
            Why::NoCheckout => Self::NoCheckout,
            Why::NoGit => Self::NoGit,
            Why::Stopped => Self::Stopped,
            Why::TimedOut => Self::TimedOut,
            Why::Unreachable | Why::NoBranch => Self::NotPushed,
            Why::InUse | Why::GatewayStarted => Self::InUse,
            Why::Damaged => Self::Damaged,
            Why::Failed => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_no_other_does() {
        for outcome in ALL {
            assert_eq!(Outcome::parse(outcome.name()), Some(outcome));
        }
        assert_eq!(Outcome::parse("levitated"), None);
        for outcome in ALL_PUSHES {
            assert_eq!(PushOutcome::parse(outcome.name()), Some(outcome));
        }
        assert_eq!(PushOutcome::parse("levitated"), None);
    }
}
