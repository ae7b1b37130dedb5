//! What can become of the workspace, in one word.

/// What became of the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It had everything already.
    UpToDate,
    /// It was moved to what the remote has.
    Moved,
    /// Everything is here, but the workspace was left where it is, because an agent may be at work in it.
    Fetched,
    /// It has everything, and commits of its own that the remote lacks.
    LocalCommits,
    /// It and the remote each have commits that the other lacks.
    Diverged,
    /// Files that git tracks were edited and not committed.
    Dirty,
    /// git would not move it: something in the way would have been overwritten.
    Conflict,
    /// Another branch is checked out.
    OtherBranch,
    /// No branch is checked out.
    Detached,
    /// There is no checkout.
    NoCheckout,
    /// The remote could not be reached, or has no such branch.
    NotFetched,
    /// The remote did not deliver in time.
    TimedOut,
    /// Nobody waited for it any more.
    Stopped,
    /// git is not installed.
    NoGit,
    /// Another run was at it.
    Busy,
    /// Anything else.
    Failed,
}

const ALL: [Outcome; 16] = [
    Outcome::UpToDate,
    Outcome::Moved,
    Outcome::Fetched,
    Outcome::LocalCommits,
    Outcome::Diverged,
    Outcome::Dirty,
    Outcome::Conflict,
    Outcome::OtherBranch,
    Outcome::Detached,
    Outcome::NoCheckout,
    Outcome::NotFetched,
    Outcome::TimedOut,
    Outcome::Stopped,
    Outcome::NoGit,
    Outcome::Busy,
    Outcome::Failed,
];

impl Outcome {
    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "up_to_date",
            Self::Moved => "moved",
            Self::Fetched => "fetched",
            Self::LocalCommits => "local_commits",
            Self::Diverged => "diverged",
            Self::Dirty => "dirty",
            Self::Conflict => "conflict",
            Self::OtherBranch => "other_branch",
            Self::Detached => "detached",
            Self::NoCheckout => "no_checkout",
            Self::NotFetched => "not_fetched",
            Self::TimedOut => "timed_out",
            Self::Stopped => "stopped",
            Self::NoGit => "no_git",
            Self::Busy => "busy",
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
            Self::Fetched => "fetched, and left as it is while the gateway runs",
            Self::LocalCommits => "up to date, with commits that the remote lacks",
            Self::Diverged => "left untouched, for it and the remote each have commits that the other lacks",
            Self::Dirty => "left untouched, for files were edited here and not committed",
            Self::Conflict => "left untouched, for git will not move it",
            Self::OtherBranch => "left untouched, for another branch is checked out",
            Self::Detached => "left untouched, for no branch is checked out",
            Self::NoCheckout => "no git checkout",
            Self::NotFetched => "cannot fetch",
            Self::TimedOut => "cannot fetch in time",
            Self::Stopped => "stopped before the end",
            Self::NoGit => "cannot pull",
            Self::Busy => "another pull is running",
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
        matches!(self, Self::UpToDate | Self::Moved | Self::LocalCommits)
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
    }
}
