//! Findings of a run, which its report lists whatever its outcome is.

use std::path::PathBuf;

use crate::workspace::exclusion::WithheldFiles;
use crate::workspace::git::merge::ConflictBranch;
use crate::workspace::report::NameList;

/// Findings of a run, reported for every outcome.
#[derive(Debug, Default)]
pub(crate) struct SyncFindings {
    /// Files that are not committed.
    pub(super) withheld: WithheldFiles,
    /// Files that are on the disk as git stores them.
    pub(super) unfiltered: WithheldFiles,
    /// Files whose git LFS content the remote does not have.
    pub(super) not_uploaded: WithheldFiles,
    /// Versions that could not be merged.
    pub(super) conflict_branches: Vec<ConflictBranch>,
    /// New names of files that were moved aside.
    pub(super) moved_aside: Vec<PathBuf>,
    /// Operation of the agent's git that was ended.
    pub(super) ended_operation: Option<&'static str>,
}

impl SyncFindings {
    /// Returns the files that are not committed, each with its reason.
    pub(super) fn withheld_names(&self) -> NameList {
        let all = self.withheld.iter().chain(&self.unfiltered).chain(&self.not_uploaded);
        NameList::from_names(all.map(|(path, reason)| format!("{} {}", path.display(), reason.description())))
    }

    /// Returns the new names of files that were moved aside.
    pub(super) fn moved_aside_names(&self) -> NameList {
        NameList::from_names(self.moved_aside.iter().map(|path| path.display().to_string()))
    }

    /// Returns the conflict branches, each with its files.
    pub(super) fn conflict_names(&self) -> NameList {
        NameList::from_names(
            self.conflict_branches.iter().map(|kept| format!("{}: {}", kept.name, kept.files_in_conflict)),
        )
    }

    /// Returns further sentences for the report.
    pub(super) fn sentences(&self) -> String {
        let ended = self.ended_operation.map(|what| format!("an unfinished {what} was ended; its files are unchanged"));
        let kept = self
            .conflict_branches
            .iter()
            .map(|kept| format!("conflict in {}: this host's version is on {}", kept.files_in_conflict, kept.name));
        ended.into_iter().chain(kept).collect::<Vec<_>>().join("; ")
    }
}
