//! Merges of two histories in the object store. The result is a commit; no file changes.

use std::time::Duration;

use crate::config::WorkspaceConfig;
use crate::os::CommandError;
use crate::text::Time;
use crate::workspace::error::{SyncError, SyncErrorKind, means_damage};
use crate::workspace::git::Git;
use crate::workspace::git::refs::Refs;
use crate::workspace::oid::Oid;
use crate::workspace::ref_names;

/// Highest exit code of git itself. A shell reports a signal above it.
const GIT_DIED: i32 = 128;

/// Merge that changes no conflicting file.
pub(crate) enum CleanMerge {
    /// Tree or commit that contains both.
    Clean(Oid),
    /// Files in conflict.
    Conflict(String),
}

/// Result of merging two histories.
#[derive(Debug)]
pub(crate) struct MergeResult {
    /// The resulting commit.
    pub(crate) commit: Oid,
    /// Branch that keeps this host's version if there was a conflict.
    pub(crate) conflict_branch: Option<ConflictBranch>,
}

impl MergeResult {
    fn without_conflict(commit: Oid) -> Self {
        Self { commit, conflict_branch: None }
    }
}

/// Branch that keeps a version that could not be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConflictBranch {
    /// Name without `refs/heads/`.
    pub(crate) name: String,
    /// Files in conflict, as far as git names them.
    pub(crate) files_in_conflict: String,
}

/// Merge of another history into this host's.
pub(crate) struct HistoryMerge<'a> {
    pub(crate) git: &'a Git<'a>,
    pub(crate) refs: &'a Refs,
    pub(crate) workspace: &'a WorkspaceConfig,
    pub(crate) now: Time,
}

impl HistoryMerge<'_> {
    /// Merges `theirs` into `ours`. In a conflict, `theirs` is the result and `ours` is kept on a branch.
    pub(crate) fn merge_or_keep(&self, ours: Option<Oid>, theirs: &Oid) -> Result<MergeResult, SyncError> {
        let Some(ours) = ours else { return Ok(MergeResult::without_conflict(theirs.clone())) };
        let base = self.git.merge_base(&ours, theirs)?;
        if ours == *theirs || base.as_ref() == Some(theirs) {
            return Ok(MergeResult::without_conflict(ours));
        }
        if base.as_ref() == Some(&ours) {
            return Ok(MergeResult::without_conflict(theirs.clone()));
        }
        let merged = merge_trees(self.git, &ours, theirs)?;
        self.commit_result(merged, &ours, theirs, &[&ours, theirs])
    }

    /// Merges unless there is a conflict.
    pub(crate) fn merge_without_conflict(&self, ours: &Oid, theirs: &Oid) -> Result<CleanMerge, SyncError> {
        if self.git.history_contains(theirs, ours)? {
            return Ok(CleanMerge::Clean(theirs.clone()));
        }
        match merge_trees(self.git, ours, theirs)? {
            conflict @ CleanMerge::Conflict(_) => Ok(conflict),
            clean => {
                self.commit_result(clean, ours, theirs, &[ours, theirs]).map(|joined| CleanMerge::Clean(joined.commit))
            }
        }
    }

    /// Merges the remote's branch, whose history may have been rewritten.
    pub(crate) fn merge_remote(&self, ours: Option<Oid>) -> Result<Option<MergeResult>, SyncError> {
        let Some(remote) = self.refs.remote_branch.as_ref() else {
            return Ok(ours.map(MergeResult::without_conflict));
        };
        match (&ours, &self.refs.merged_remote) {
            (Some(ours), Some(merged)) if merged == remote => Ok(Some(MergeResult::without_conflict(ours.clone()))),
            (Some(ours), Some(merged)) if !self.git.history_contains(remote, merged)? => {
                self.merge_rewritten_remote(ours, merged, remote).map(Some)
            }
            (Some(ours), Some(merged)) if ours == merged => Ok(Some(MergeResult::without_conflict(remote.clone()))),
            _ => self.merge_or_keep(ours, remote).map(Some),
        }
    }

    /// Merges after the remote's history was rewritten. Replays only this host's own changes, so that commits removed
    /// at the remote do not return; the old history stays on this host. If the remote has this host's branch, which is
    /// never rewritten, the result has both histories.
    fn merge_rewritten_remote(&self, ours: &Oid, merged: &Oid, remote: &Oid) -> Result<MergeResult, SyncError> {
        let git = self.git;
        let commit = |of: &Oid, parents: &[&Oid]| git.commit_tree(&git.tree_of(of)?, parents, "Compared");
        let base = commit(merged, &[])?;
        let (a, b) = (commit(ours, &[&base])?, commit(remote, &[&base])?);
        let found = merge_trees(self.git, &a, &b)?;
        if self.refs.remote_own_branch.is_some() {
            return self.commit_result(found, ours, remote, &[ours, remote]);
        }
        let name = format!("{}replaced/{}", ref_names::PRIVATE_REF_PREFIX, ref_names::time_stamp(self.now));
        self.git.run(&["update-ref", &name, ours])?;
        match found {
            CleanMerge::Clean(clean) if clean == git.tree_of(remote)? => {
                Ok(MergeResult::without_conflict(remote.clone()))
            }
            found => self.commit_result(found, ours, remote, &[remote]),
        }
    }

    fn commit_result(
        &self,
        merged: CleanMerge,
        ours: &Oid,
        theirs: &Oid,
        parents: &[&Oid],
    ) -> Result<MergeResult, SyncError> {
        let WorkspaceConfig { remote, branch, .. } = self.workspace;
        let host = self.git.host_name;
        match merged {
            CleanMerge::Clean(tree) => {
                let message = format!("Merge {branch} of {remote} into the workspace of {host}");
                Ok(MergeResult::without_conflict(self.git.commit_tree(&tree, parents, &message)?))
            }
            CleanMerge::Conflict(files) => {
                let kept = self.keep_on_branch(ours, theirs, files)?;
                let tree = self.git.tree_of(theirs)?;
                let message =
                    format!("Continue with {branch} of {remote}\n\nThe version of {host} is on {}.", kept.name);
                Ok(MergeResult { commit: self.git.commit_tree(&tree, parents, &message)?, conflict_branch: Some(kept) })
            }
        }
    }

    /// Keeps this host's version on a branch. The commit is a new one outside its history, so that `git merge` still
    /// finds two sides to compare after the history was merged.
    fn keep_on_branch(&self, ours: &Oid, theirs: &Oid, files: String) -> Result<ConflictBranch, SyncError> {
        let tree = self.git.tree_of(ours)?;
        for (branch, commit) in &self.refs.conflict_branches {
            if self.git.tree_of(commit)? == tree {
                return Ok(ConflictBranch { name: branch.clone(), files_in_conflict: files });
            }
        }
        let base = self.git.merge_base(ours, theirs)?;
        let parents: Vec<&Oid> = base.iter().collect();
        let message = format!("Version of {} that could not be merged\n\nIn conflict: {files}", self.git.host_name);
        let version = self.git.commit_tree(&tree, &parents, &message)?;
        // One run may keep several versions.
        let mut now = self.now;
        let mut branch = ref_names::conflict_branch(self.git.host_name, now);
        while self.git.find_object(&format!("refs/heads/{branch}"))?.is_some() {
            now = now + Duration::from_millis(1);
            branch = ref_names::conflict_branch(self.git.host_name, now);
        }
        self.git.run(&["update-ref", &format!("refs/heads/{branch}"), &version, ""])?;
        Ok(ConflictBranch { name: branch, files_in_conflict: files })
    }
}

/// Merges two commits in the object store.
pub(crate) fn merge_trees(git: &Git<'_>, ours: &Oid, theirs: &Oid) -> Result<CleanMerge, SyncError> {
    let options = ["--write-tree", "--no-messages", "--name-only", "-z", "--allow-unrelated-histories"];
    let args: Vec<&str> = ["merge-tree"].into_iter().chain(options).chain([ours.as_str(), theirs]).collect();
    match git.run_for_value(&args) {
        Ok(tree) => match Oid::parse(tree.trim_end_matches('\0')) {
            Some(tree) => Ok(CleanMerge::Clean(tree)),
            None => Err(SyncError::failed(format_args!("git merge-tree printed no tree: {tree}"))),
        },
        // The error has only the beginning of git's output; the report needs every file.
        Err(why) if why.exit_code() == Some(1) => {
            let (_, output) = git.try_run(&args)?;
            let files: Vec<&str> = output.stdout.split('\0').skip(1).filter(|file| !file.is_empty()).collect();
            Ok(CleanMerge::Conflict(files.join(", ")))
        }
        Err(why) if why.last_output().contains("usage: git merge-tree") => {
            Err(SyncError::new(SyncErrorKind::NoGit, "git is too old; install 2.38 or newer"))
        }
        // A merge driver failed or hung, for example: a person has to merge.
        Err(CommandError::TimedOut { after, .. }) => {
            Ok(CleanMerge::Conflict(format!("files that git does not merge within {after:?}")))
        }
        // A killed git, or one killed behind a shell, says nothing about the histories.
        Err(CommandError::Failed { status, said, .. })
            if status.code().is_some_and(|code| code <= GIT_DIED) && !means_damage(&said) =>
        {
            Ok(CleanMerge::Conflict(format!("files that git cannot merge ({said})")))
        }
        Err(why) => Err(why.into()),
    }
}
