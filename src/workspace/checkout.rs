//! Checkout of another commit in the workspace, with its branch.

pub(super) mod aside_names;
mod checkout_folder;
pub(super) mod content_comparison;
pub(super) mod late_writes;
mod preflight;
pub(super) mod raw_bytes;
pub(super) mod replaced_files;
pub(super) mod replacement;
pub(super) mod smudge;
pub(super) mod writers;

use std::path::PathBuf;
use std::time::Duration;

use crate::text::Time;
use crate::workspace::checkout::raw_bytes::PreservedBytes;
use crate::workspace::checkout::replacement::FileReplacement;
use crate::workspace::error::{SyncError, SyncErrorKind};
use crate::workspace::exclusion::WithheldFiles;
use crate::workspace::gateway_activity::GatewayActivity;
use crate::workspace::git::Git;
use crate::workspace::git::diff::{FileDifference, diff_trees};
use crate::workspace::git::index::{self, IndexLock};
use crate::workspace::git::ref_update::{REFLOG_MESSAGE, branch_update, run_ref_transactions};
use crate::workspace::git::refs::Refs;
use crate::workspace::oid::Oid;
use crate::workspace::snapshot::Snapshot;
use crate::workspace::{crash_recovery, ref_names};

/// Time allowed for a checkout within the limits of a sync. Nothing interrupts a checkout: a half-updated tree is worse
/// than an old one.
pub(super) const CHECKOUT_TIME_LIMIT: Duration = Duration::from_secs(60);

/// Checkout of one commit.
pub(super) struct Checkout<'a> {
    pub(super) git: &'a Git<'a>,
    pub(super) refs: &'a Refs,
    pub(super) snapshot: &'a Snapshot,
    /// Commit that the files match now.
    pub(super) from_commit: Option<&'a Oid>,
    /// Commit to check out.
    pub(super) to_commit: &'a Oid,
    /// Full name of the branch that is checked out afterwards.
    pub(super) branch: &'a str,
    /// Commit of the remote that `to_commit` contains.
    pub(super) merged_remote: Option<&'a Oid>,
    pub(super) gateway_activity: GatewayActivity,
    /// Fails if the files must stay as they are after all. Called after the new files are written and before the first
    /// is renamed.
    pub(super) require_allowed: &'a dyn Fn() -> Result<(), SyncError>,
    pub(super) now: Time,
}

/// Result of a checkout.
#[derive(Default)]
pub(super) struct CheckoutResult {
    /// True if any file changed.
    pub(super) has_changed_files: bool,
    /// New names of obstructing files, and names that keep bytes which git does not store.
    pub(super) moved_aside: Vec<PathBuf>,
    /// Files left as git stores them because their filter failed.
    pub(super) unfiltered: WithheldFiles,
}

impl Checkout<'_> {
    /// Updates the files and the branch.
    pub(super) fn run(&self) -> Result<CheckoutResult, SyncError> {
        let git = self.git;
        let is_checked_out =
            self.snapshot.tree == self.snapshot.base_tree && self.refs.head.commit.as_ref() == Some(self.to_commit);
        if is_checked_out && self.are_refs_current() && index::is_index_published(git) {
            return Ok(CheckoutResult::default());
        }
        let entries = if is_checked_out { Vec::new() } else { diff_trees(git, &self.snapshot.tree, self.to_commit)? };
        let lock = IndexLock::acquire(git, self.gateway_activity)?;
        self.require_unchanged_branch()?;
        lock.keep_staged_changes(git, self.snapshot.saved_trees(), self.gateway_activity, self.now)?;
        if entries.is_empty() {
            if !is_checked_out {
                git.flush_objects();
            }
            self.update_branch(None)?;
            lock.publish_index(git)?;
            return Ok(CheckoutResult::default());
        }
        let (record, result) = self.update_files(&entries)?;
        self.update_branch(Some(&record))?;
        lock.publish_index(git)?;
        Ok(result)
    }

    /// Updates the files alone. Returns the record of the checkout.
    fn update_files(&self, entries: &[FileDifference]) -> Result<(Oid, CheckoutResult), SyncError> {
        let git = self.git;
        preflight::require_disk_space(git, entries)?;
        let replacement = FileReplacement::prepare(git, self.snapshot, self.to_commit, entries, self.now)?;
        replacement.require_unchanged()?;
        (self.require_allowed)()?;
        // Fetched objects are already flushed to disk.
        if self.refs.remote_branch.as_ref() != Some(self.to_commit) {
            git.flush_objects();
        }
        let record =
            crash_recovery::record_checkout(git, self.refs, self.from_commit, self.to_commit, &self.snapshot.tree)?;
        let preserved = if self.snapshot.may_convert {
            raw_bytes::preserve_bytes(git, self.snapshot, entries, self.now)?
        } else {
            PreservedBytes::default()
        };
        smudge::record_unfiltered(git, &replacement.unfiltered)?;
        let mut moved_aside = preserved.object_names;
        moved_aside.extend(replacement.replace_all(&preserved.object_ids)?);
        Ok((record, CheckoutResult { has_changed_files: true, moved_aside, unfiltered: replacement.unfiltered }))
    }

    /// Fails if the branch has moved since it was read. Called while this program holds git's lock, so no other git can
    /// commit.
    fn require_unchanged_branch(&self) -> Result<(), SyncError> {
        let head = self.git.find_object("HEAD^{commit}")?;
        if head == self.refs.head.commit {
            return Ok(());
        }
        Err(SyncError::new(SyncErrorKind::InUse, "another process committed at the same time"))
    }

    fn are_refs_current(&self) -> bool {
        let Self { refs, branch, merged_remote: merged, .. } = self;
        let is_merged = merged.is_none() || refs.merged_remote.as_ref() == *merged;
        refs.head.branch.as_deref() == Some(branch) && refs.interrupted_checkout.is_none() && is_merged
    }

    /// Updates the branch first and deletes the record of the checkout last, so that a later run can recover from a
    /// crash in between.
    fn update_branch(&self, record: Option<&Oid>) -> Result<(), SyncError> {
        let Self { git, refs, branch, to_commit: to, merged_remote: merged, .. } = self;
        let mut first = String::new();
        if refs.head.branch.as_deref() != Some(branch) || refs.head.commit.as_ref() != Some(to) {
            first = branch_update(branch, to, refs.own_branch.as_ref());
        }
        if refs.head.branch.as_deref() != Some(branch) {
            run_ref_transactions(git, &first)?;
            git.run(&["symbolic-ref", "-m", REFLOG_MESSAGE, "HEAD", branch])?;
            first.clear();
        }
        let mut last = String::new();
        if let Some(merged) = merged.filter(|merged| refs.merged_remote.as_ref() != Some(merged)) {
            last.push_str(&format!("update {} {merged}\n", ref_names::MERGED_REMOTE_REF));
        }
        if let Some(record) = record {
            last.push_str(&format!("update {} {record}\n", ref_names::FINISHED_CHECKOUT_REF));
        }
        if record.is_some() || refs.interrupted_checkout.is_some() {
            last.push_str(&format!("delete {}\n", ref_names::INTERRUPTED_CHECKOUT_REF));
        }
        if !last.is_empty() {
            first.push_str(&format!("start\n{last}commit\n"));
        }
        run_ref_transactions(git, &first)
    }
}
