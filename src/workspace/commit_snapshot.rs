//! Commit of the files on the disk. No file is changed.

use std::path::PathBuf;

use crate::config::WorkspaceConfig;
use crate::text::{Time, utc};
use crate::workspace::crash_recovery;
use crate::workspace::error::{SyncError, SyncErrorKind};
use crate::workspace::git::merge::ConflictBranch;
use crate::workspace::git::refs::Refs;
use crate::workspace::git::{Git, merge};
use crate::workspace::repo_cleanup::{self, GatewayActivity};
use crate::workspace::report::NameList;
use crate::workspace::snapshot::{Snapshot, WithheldFiles};

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

/// Snapshot of the files, and the commit that holds it.
pub(super) struct CommittedSnapshot {
    pub(super) snapshot: Snapshot,
    /// `None` if there is neither a history nor a file.
    pub(super) commit: Option<String>,
}

impl CommittedSnapshot {
    /// Takes a snapshot and commits the changes on top of the current commit.
    pub(super) fn commit_changes(
        git: &Git<'_>,
        workspace: &WorkspaceConfig,
        refs: &Refs,
        (gateway_activity, now): (GatewayActivity, Time),
        findings: &mut SyncFindings,
    ) -> Result<Self, SyncError> {
        match (repo_cleanup::find_unfinished_operation(git), gateway_activity) {
            (None, _) => {}
            (Some(_), GatewayActivity::Down) => {
                findings.ended_operation = repo_cleanup::end_unfinished_operations(git, now)?
            }
            (Some(what), GatewayActivity::Running) => {
                return Err(SyncError::new(SyncErrorKind::InUse, format!("a {what} is in progress")));
            }
        }
        let suspects = crash_recovery::find_interrupted_checkouts(git, refs)?;
        findings.moved_aside.extend(crash_recovery::restore_rules(git, &suspects, &refs.head, now)?);
        repo_cleanup::end_sparse_checkout(git, &refs.head)?;
        let head = refs.head.commit.as_deref();
        let snapshot = Snapshot::take(git, &refs.head, workspace.max_file)?;
        findings.withheld.clone_from(&snapshot.withheld);
        findings.moved_aside.extend(snapshot.moved_aside.iter().cloned());
        let tree = crash_recovery::tree_without_interrupted_changes(git, &suspects, &snapshot)?;
        let commit = if tree == snapshot.base_tree {
            head.map(str::to_owned)
        } else {
            let parents: Vec<&str> = head.into_iter().collect();
            let message = format!("Work on {} until {}", git.host_name, utc::format_time(now));
            Some(merge::commit_tree(git, &tree, &parents, &message)?)
        };
        Ok(Self { snapshot, commit })
    }
}
