//! Commit of the files on the disk. No file is changed.

use crate::config::WorkspaceConfig;
use crate::text::{Time, utc};
use crate::workspace::error::{SyncError, SyncErrorKind};
use crate::workspace::findings::SyncFindings;
use crate::workspace::gateway_activity::GatewayActivity;
use crate::workspace::git::Git;
use crate::workspace::git::refs::Refs;
use crate::workspace::oid::Oid;
use crate::workspace::snapshot::Snapshot;
use crate::workspace::{crash_recovery, repo_cleanup};

/// Snapshot of the files, and the commit that holds it.
pub(super) struct CommittedSnapshot {
    pub(super) snapshot: Snapshot,
    /// `None` if there is neither a history nor a file.
    pub(super) commit: Option<Oid>,
}

impl CommittedSnapshot {
    /// Takes a snapshot and commits the changes on top of the current commit.
    pub(super) fn commit_changes(
        git: &Git<'_>,
        workspace: &WorkspaceConfig,
        refs: &Refs,
        gateway_activity: GatewayActivity,
        now: Time,
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
        let head = refs.head.commit.as_ref();
        let snapshot = Snapshot::take(git, &refs.head, workspace.max_file)?;
        findings.withheld.clone_from(&snapshot.withheld);
        findings.moved_aside.extend(snapshot.moved_aside.iter().cloned());
        let tree = crash_recovery::tree_without_interrupted_changes(git, &suspects, &snapshot)?;
        let commit = if tree == snapshot.base_tree {
            head.cloned()
        } else {
            let parents: Vec<&Oid> = head.into_iter().collect();
            let message = format!("Work on {} until {}", git.host_name, utc::format_time(now));
            Some(git.commit_tree(&tree, &parents, &message)?)
        };
        Ok(Self { snapshot, commit })
    }
}
