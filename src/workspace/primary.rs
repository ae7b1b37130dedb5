//! Push of the primary's workspace, whose branch all hosts pull. The gateway runs, so an agent may change files at any
//! moment; such changes are left to the next run.

use crate::config::WorkspaceConfig;
use crate::os::clock::read_wall_clock as now;
use crate::text::to_printable;
use crate::workspace::checkout::{Checkout, late_writes, smudge};
use crate::workspace::commit_snapshot::CommittedSnapshot;
use crate::workspace::error::{SyncError, SyncErrorKind};
use crate::workspace::findings::SyncFindings;
use crate::workspace::gateway_activity::GatewayActivity;
use crate::workspace::git::Git;
use crate::workspace::git::index::IndexLock;
use crate::workspace::git::lfs::{self, NotUploaded};
use crate::workspace::git::merge::{self, CleanMerge, HistoryMerge};
use crate::workspace::git::push::{self, PushResult};
use crate::workspace::git::ref_update::{branch_update, run_ref_transactions};
use crate::workspace::git::refs::Refs;
use crate::workspace::git::repository::RepositorySpec;
use crate::workspace::git::{push_urls, remote};
use crate::workspace::ref_names;
use crate::workspace::remedy::quote_for_shell;
use crate::workspace::repo_cleanup;
use crate::workspace::report::{NameList, Oid, PushOutcome, PushReport};

/// Length limit of a list of files in a sentence, in characters; the report lists all files.
const FILE_LIST_LENGTH_LIMIT: usize = 300;

/// Attempts at a push while other hosts push first.
const PUSH_ATTEMPTS: usize = 3;

/// The primary's repository during a push.
struct PrimaryRepository<'a> {
    git: Git<'a>,
    workspace: &'a WorkspaceConfig,
}

/// A standby's branch, as fetched.
struct StandbyBranch {
    /// Name without `refs/heads/`.
    name: String,
    commit: Oid,
}

/// Planned state of the branch.
struct MergePlan {
    commit: Oid,
    /// Branches that it contains.
    merged: Vec<StandbyBranch>,
    /// Branches in conflict with it, with the files.
    conflicts: Vec<String>,
}

/// Result of merging one standby's branch.
enum StandbyMerge {
    /// Commit that contains the branch.
    Merged(Oid),
    /// Reason why it is not merged, which follows the branch's name.
    Skipped(String),
}

/// Commits, merges the standbys' branches, and pushes. Records the result in `pushed`.
pub(super) fn push_primary(checkout: &RepositorySpec<'_>, pushed: &mut PushReport) {
    let mut findings = SyncFindings::default();
    let result = checkout.open().and_then(|git| {
        repo_cleanup::remove_stale_locks(&git, GatewayActivity::Running)?;
        PrimaryRepository { git, workspace: checkout.workspace }.push(&mut findings, pushed)
    });
    pushed.set_findings(&findings);
    match result {
        Ok(outcome) => pushed.outcome = outcome,
        Err(error) => {
            pushed.outcome = error.kind.into();
            pushed.add_detail(&error.message);
        }
    }
}

impl PrimaryRepository<'_> {
    fn push(&self, findings: &mut SyncFindings, pushed: &mut PushReport) -> Result<PushOutcome, SyncError> {
        let mut outcome = PushOutcome::Behind;
        for _ in 0..PUSH_ATTEMPTS {
            outcome = self.push_once(findings, pushed)?;
            if outcome != PushOutcome::Behind {
                break;
            }
        }
        let conflict = pushed.conflicts.listed.iter().find_map(|conflict| conflict.split_once(": "));
        if let (true, Some((branch, _))) = (outcome.is_complete(), conflict) {
            let remote = &self.workspace.remote;
            let command = self.by_hand(&format!("merge --ff --no-edit {remote}/{branch}"));
            pushed.add_detail(&format!("merge the branch in conflict: {command}, resolve the conflict and commit"));
        }
        Ok(outcome)
    }

    fn push_once(&self, findings: &mut SyncFindings, pushed: &mut PushReport) -> Result<PushOutcome, SyncError> {
        // First, because it may take long: the time between the snapshot and the checkout should be short.
        let fetched = self.fetch_branches();
        let mut local = self.commit_changes(findings, pushed)?;
        fetched?;
        let mut more = 1..PUSH_ATTEMPTS;
        let mut unmergeable: Option<String> = None;
        let (refs, plan) = loop {
            let refs = self.read_refs()?;
            let Some(own) = refs.own_branch.clone() else { return Ok(PushOutcome::UpToDate) };
            let Some(plan) = self.plan_merges(&refs, own, unmergeable.as_deref(), pushed)? else {
                return Ok(PushOutcome::Conflict);
            };
            pushed.conflicts = NameList::from_names(plan.conflicts.iter().cloned());
            match self.check_out(&refs, &local, &plan.commit, findings) {
                Ok(()) => break (refs, plan),
                Err(SyncError { kind: SyncErrorKind::InUse, .. }) if more.next().is_some() => {
                    local = self.commit_changes(findings, pushed)?
                }
                // A standby's branch that cannot be checked out must not block the push of everything else.
                Err(SyncError { kind: SyncErrorKind::Failed, message })
                    if unmergeable.is_none() && !plan.merged.is_empty() =>
                {
                    unmergeable = Some(message);
                    local = self.commit_changes(findings, pushed)?;
                }
                Err(error) => return self.push_without_merging(&refs, findings, pushed).and(Err(error)),
            }
        };
        pushed.commit = Some(plan.commit.clone());
        let is_there = refs.remote_branch.as_ref() == Some(&plan.commit) && !lfs::has_pending_uploads(&self.git);
        if !is_there && let Some(outcome) = self.push_branch(&plan.commit, findings, pushed)? {
            return Ok(outcome);
        }
        pushed.merged_branches = NameList::from_names(plan.merged.iter().map(|branch| branch.name.clone()));
        self.delete_merged_branches(&plan.merged, pushed)?;
        Ok(if is_there { PushOutcome::UpToDate } else { PushOutcome::Pushed })
    }

    /// Pushes the primary's own commits although the standbys' branches could not be merged, because the agent keeps
    /// writing.
    fn push_without_merging(
        &self,
        refs: &Refs,
        findings: &mut SyncFindings,
        pushed: &mut PushReport,
    ) -> Result<(), SyncError> {
        let Some(own) = refs.own_branch.as_ref().filter(|own| refs.remote_branch.as_ref() != Some(own)) else {
            return Ok(());
        };
        if refs.remote_branch.as_ref().map_or(Ok(true), |remote| self.git.history_contains(own, remote))? {
            self.push_branch(own, findings, pushed)?;
        }
        Ok(())
    }

    /// Pushes the branch. Returns an outcome if the push did not fully succeed.
    fn push_branch(
        &self,
        commit: &Oid,
        findings: &mut SyncFindings,
        pushed: &mut PushReport,
    ) -> Result<Option<PushOutcome>, SyncError> {
        let not_uploaded = lfs::upload_contents(&self.git, self.workspace, &[commit])?;
        let sent = push_urls::push_refspecs(
            &self.git,
            self.workspace,
            &[format!("{commit}:{}", self.full_branch_name())],
            &[],
        )?;
        pushed.add_detail(&sent.warning);
        let outcome = self.failed_outcome(&sent, pushed);
        if outcome.is_some() {
            return Ok(outcome);
        }
        pushed.pushed_branches = NameList::from_names([self.workspace.branch.clone()]);
        Ok(not_uploaded.map(|NotUploaded { files, message }| {
            pushed.add_detail(&message);
            findings.not_uploaded = files;
            PushOutcome::NotPushed
        }))
    }

    fn read_refs(&self) -> Result<Refs, SyncError> {
        Refs::read(&self.git, self.workspace, &self.workspace.branch)
    }

    fn full_branch_name(&self) -> String {
        format!("refs/heads/{}", self.workspace.branch)
    }

    /// Commits the files to the branch, which must be checked out.
    fn commit_changes(
        &self,
        findings: &mut SyncFindings,
        pushed: &mut PushReport,
    ) -> Result<CommittedSnapshot, SyncError> {
        let (git, refs, branch) = (&self.git, self.read_refs()?, self.full_branch_name());
        if refs.head.branch.as_deref() != Some(&branch) {
            let message = self.wrong_branch_message(&refs);
            return Err(SyncError::new(SyncErrorKind::InUse, message));
        }
        findings.moved_aside.extend(late_writes::clean_up_earlier_checkouts(git, now())?);
        findings.unfiltered = smudge::retry_filters(git, now(), &mut findings.moved_aside)?;
        let local =
            CommittedSnapshot::commit_changes(git, self.workspace, &refs, GatewayActivity::Running, now(), findings)?;
        pushed.commit = local.commit.clone();
        if let Some(commit) = local.commit.as_ref().filter(|commit| refs.own_branch.as_ref() != Some(commit)) {
            let lock = IndexLock::acquire(git, GatewayActivity::Running)?;
            lock.keep_staged_changes(git, local.snapshot.saved_trees(), GatewayActivity::Running, now())?;
            git.flush_objects();
            run_ref_transactions(git, &branch_update(&branch, commit, refs.own_branch.as_ref()))?;
            // During an interrupted checkout, this program's index does not match the files.
            if refs.interrupted_checkout.is_none() {
                lock.publish_index(git)?;
            }
        }
        Ok(local)
    }

    /// Returns the message and remedy for a branch that is checked out and not the one to push.
    fn wrong_branch_message(&self, refs: &Refs) -> String {
        let (branch, path) = (&self.workspace.branch, quote_for_shell(&self.workspace.path));
        let Some(found) = refs.head.branch.as_deref().map(ref_names::short_branch_name) else {
            return format!("HEAD is detached, and not on {branch}: git -C {path} switch {branch}");
        };
        let command = match refs.own_branch {
            Some(_) => format!("git -C {path} switch {branch}"),
            None => format!("git -C {path} branch -m {branch}"),
        };
        format!(
            "{found} is checked out instead of {branch} (workspace.branch): {command}, or set workspace.branch to \
             {found} in the configuration of both hosts"
        )
    }

    /// Returns the message and remedy for a remote branch that cannot be merged.
    fn conflict_message(&self, own: &Oid, theirs: &Oid, files: &str) -> Result<String, SyncError> {
        let WorkspaceConfig { remote, branch, .. } = self.workspace;
        let is_related = self.git.merge_base(own, theirs)?.is_some();
        let option = if is_related { "" } else { " --allow-unrelated-histories" };
        let what = if is_related {
            "conflicts with this host's version"
        } else {
            "has an unrelated history and conflicts with this host's version"
        };
        Ok(format!(
            "{branch} of {remote} {what} in {}; {}, resolve the conflict and commit; the next push does the rest",
            to_printable(files, FILE_LIST_LENGTH_LIMIT),
            self.by_hand(&format!("pull --no-rebase --no-edit{option} {remote} {branch}"))
        ))
    }

    /// Returns the command with which the owner merges. Without an author name git refuses to commit, and with local
    /// replacements of commits it finds nothing to merge.
    fn by_hand(&self, verb: &str) -> String {
        let (git, path) = (&self.git, quote_for_shell(&self.workspace.path));
        let has = |args: &[&str]| git.run(args).is_ok_and(|answer| !answer.is_empty());
        let mut command = String::new();
        for (key, value) in
            [("user.name", "openclaw".to_owned()), ("user.email", format!("openclaw@{}", git.host_name))]
        {
            if !has(&["config", "--get", key]) {
                command.push_str(&format!("git -C {path} config {key} {value} && "));
            }
        }
        if has(&["for-each-ref", "refs/replace"]) || git.git_dir.join("info/grafts").exists() {
            command.push_str("export GIT_NO_REPLACE_OBJECTS=1 GIT_GRAFT_FILE=/dev/null; ");
        }
        format!("{command}git -C {path} {verb}")
    }

    /// Fetches the branch, which may not exist yet, and those of the standbys.
    fn fetch_branches(&self) -> Result<(), SyncError> {
        let WorkspaceConfig { remote, branch, .. } = self.workspace;
        let standbys = format!("+{}*:refs/remotes/{remote}/failover/*", ref_names::STANDBY_BRANCH_PREFIX);
        let wanted = format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}");
        match remote::fetch_refspecs(&self.git, self.workspace, &[&wanted, &standbys]) {
            Err(SyncError { kind: SyncErrorKind::NoBranch, .. }) => {
                self.git.run(&["update-ref", "-d", &format!("refs/remotes/{remote}/{branch}")])?;
                remote::fetch_refspecs(&self.git, self.workspace, &[&standbys])
            }
            result => result,
        }
    }

    /// Plans the merges in the object store. `None` if the remote's branch is in conflict, which only a person can
    /// resolve. If `unmergeable` gives a reason, the standbys' branches are left out.
    fn plan_merges(
        &self,
        refs: &Refs,
        own: Oid,
        unmergeable: Option<&str>,
        pushed: &mut PushReport,
    ) -> Result<Option<MergePlan>, SyncError> {
        let git = &self.git;
        let merge = HistoryMerge { git, refs, workspace: self.workspace, now: now() };
        let mut commit = own;
        if let Some(remote) = &refs.remote_branch
            && !git.history_contains(&commit, remote)?
        {
            match merge.merge_without_conflict(&commit, remote)? {
                CleanMerge::Clean(joined) => commit = joined,
                CleanMerge::Conflict(files) => {
                    pushed.conflicts = NameList::from_names(
                        files.split(", ").map(|file| format!("{}: {file}", self.workspace.branch)),
                    );
                    pushed.add_detail(&self.conflict_message(&commit, remote, &files)?);
                    return Ok(None);
                }
            }
        }
        let mut plan = MergePlan { commit, merged: Vec::new(), conflicts: Vec::new() };
        for branch in self.list_standby_branches()? {
            match self.merge_standby(&plan.commit, &branch, unmergeable) {
                Ok(StandbyMerge::Merged(commit)) => {
                    plan.commit = commit;
                    plan.merged.push(branch);
                }
                Ok(StandbyMerge::Skipped(why)) => plan.conflicts.push(format!("{}{why}", branch.name)),
                // An error in one branch does not affect the others.
                Err(SyncError { kind: SyncErrorKind::Failed, message }) => {
                    plan.conflicts.push(format!("{}: {message}", branch.name))
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(plan))
    }

    /// Merges one standby's branch.
    fn merge_standby(
        &self,
        ours: &Oid,
        branch: &StandbyBranch,
        unmergeable: Option<&str>,
    ) -> Result<StandbyMerge, SyncError> {
        let git = &self.git;
        if git.history_contains(ours, &branch.commit)? {
            return Ok(StandbyMerge::Merged(ours.clone()));
        }
        if !self.workspace.merge {
            return Ok(StandbyMerge::Skipped(" waits for a merge by hand (workspace.merge = false)".to_owned()));
        }
        if let Some(why) = unmergeable {
            return Ok(StandbyMerge::Skipped(format!(": {why}")));
        }
        match merge::merge_trees(git, ours, &branch.commit)? {
            CleanMerge::Clean(tree) => {
                // Detects names that git refuses before a checkout fails on them.
                git.run_on_index(&git.private_folder().join("index.merged"), &["read-tree", &tree])?;
                let message = format!("Merge {}", branch.name);
                git.commit_tree(&tree, &[ours, &branch.commit], &message).map(StandbyMerge::Merged)
            }
            CleanMerge::Conflict(files) => Ok(StandbyMerge::Skipped(format!(": {files}"))),
        }
    }

    /// Lists the standbys' branches, as last fetched.
    fn list_standby_branches(&self) -> Result<Vec<StandbyBranch>, SyncError> {
        let prefix = format!("refs/remotes/{}/", self.workspace.remote);
        let pattern = format!("{prefix}failover/");
        let found = self.git.run_for_bytes(&["for-each-ref", "--format=%(objectname) %(refname)", &pattern])?;
        let branch = |line: &str| {
            let (commit, name) = line.split_once(' ')?;
            Some(StandbyBranch { name: name.strip_prefix(&prefix)?.to_owned(), commit: Oid::parse(commit)? })
        };
        Ok(String::from_utf8_lossy(&found).lines().filter_map(branch).collect())
    }

    /// Checks out a commit, unless the files or the branch have changed since the snapshot.
    fn check_out(
        &self,
        refs: &Refs,
        local: &CommittedSnapshot,
        to: &Oid,
        findings: &mut SyncFindings,
    ) -> Result<(), SyncError> {
        if refs.own_branch != local.commit {
            return Err(SyncError::new(SyncErrorKind::InUse, "another process committed at the same time"));
        }
        let checkout = Checkout {
            git: &self.git,
            refs,
            snapshot: &local.snapshot,
            from_commit: local.commit.as_ref(),
            to_commit: to,
            branch: &self.full_branch_name(),
            merged_remote: None,
            gateway_activity: GatewayActivity::Running,
            require_allowed: &|| Ok(()),
            now: now(),
        };
        let result = checkout.run()?;
        findings.moved_aside.extend(result.moved_aside);
        findings.unfiltered.extend(result.unfiltered);
        Ok(())
    }

    /// Deletes merged branches at the remote, unless a standby has pushed to them since.
    fn delete_merged_branches(&self, merged: &[StandbyBranch], pushed: &mut PushReport) -> Result<(), SyncError> {
        if merged.is_empty() {
            return Ok(());
        }
        let names = merged.iter().map(|branch| format!(":refs/heads/{}", branch.name)).collect::<Vec<_>>();
        let leases = merged.iter().map(|StandbyBranch { name, commit }| format!("refs/heads/{name}:{commit}"));
        let sent = push_urls::push_refspecs(&self.git, self.workspace, &names, &leases.collect::<Vec<_>>())?;
        if !sent.refused.is_empty() {
            pushed.add_detail(&format!("the git host refuses to delete the merged branches: {}", sent.refusal_text));
        }
        Ok(())
    }

    /// Returns the outcome of a push that did not succeed, or `None`.
    fn failed_outcome(&self, sent: &PushResult, pushed: &mut PushReport) -> Option<PushOutcome> {
        if !sent.refused.is_empty() {
            pushed.add_detail(&push::refusal_message(&self.git, self.workspace, sent));
            return Some(PushOutcome::Refused);
        }
        (!sent.behind.is_empty()).then_some(PushOutcome::Behind)
    }
}
