//! Pull and push of a standby's workspace: a branch of this host on top of the primary's.

use crate::config::WorkspaceConfig;
use crate::os::clock::read_wall_clock as now;
use crate::text::Time;
use crate::workspace::checkout::{Checkout, late_writes, smudge};
use crate::workspace::commit_snapshot::CommittedSnapshot;
use crate::workspace::error::{SyncError, SyncErrorKind};
use crate::workspace::findings::SyncFindings;
use crate::workspace::gateway_activity::{CheckoutMode, GatewayActivity};
use crate::workspace::git::lfs::{self, NotUploaded};
use crate::workspace::git::merge::{ConflictBranch, HistoryMerge};
use crate::workspace::git::ref_update::{REFLOG_MESSAGE, branch_update, run_ref_transactions};
use crate::workspace::git::refs::{Head, Refs};
use crate::workspace::git::repository::RepositorySpec;
use crate::workspace::git::{Git, push, push_urls, remote};
use crate::workspace::report::{NameList, Oid, PullOutcome, PushOutcome, PushReport, WorkspacePull};
use crate::workspace::{ref_names, repo_cleanup};

/// Attempts at a checkout if a file that it replaces changes meanwhile.
const CHECKOUT_ATTEMPTS: usize = 3;

/// The standby's repository during a sync.
pub(super) struct StandbyRepository<'a> {
    pub(super) git: Git<'a>,
    pub(super) workspace: &'a WorkspaceConfig,
    /// Returns whether files may be updated now.
    checkout_mode: &'a dyn Fn() -> CheckoutMode,
}

impl<'a> StandbyRepository<'a> {
    /// Opens the repository, or clones it if its URL is known.
    pub(super) fn open(
        spec: &RepositorySpec<'a>,
        checkout_mode: &'a dyn Fn() -> CheckoutMode,
    ) -> Result<Self, SyncError> {
        let git = spec.open_or_clone(&ref_names::own_branch(spec.host_name))?;
        let gateway_activity = match checkout_mode() {
            CheckoutMode::UpdateFiles => GatewayActivity::Down,
            CheckoutMode::FetchOnly => GatewayActivity::Running,
        };
        repo_cleanup::remove_stale_locks(&git, gateway_activity)?;
        Ok(Self { git, workspace: spec.workspace, checkout_mode })
    }

    /// Pulls once. An error does not discard the findings made before it.
    fn pull(&self) -> WorkspacePull {
        let mut refs = match self.read_refs() {
            Ok(refs) => refs,
            Err(error) => return WorkspacePull::new(error.kind.into(), &error.message),
        };
        let before = refs.head.commit.clone();
        let mut findings = SyncFindings::default();
        let result = match (self.checkout_mode)() {
            CheckoutMode::FetchOnly => self.fetch_only(&mut refs, &mut findings),
            CheckoutMode::UpdateFiles => self.update_to_remote(&mut refs, &mut findings),
        };
        let mut pulled = match result {
            Ok(outcome) => WorkspacePull::new(outcome, ""),
            Err(error) => {
                refs = self.read_refs().unwrap_or(refs);
                WorkspacePull::new(error.kind.into(), &error.message)
            }
        };
        pulled.commit_before = before.clone();
        pulled.set_refs(&refs);
        pulled.set_findings(&findings);
        pulled
    }

    fn fetch_only(&self, refs: &mut Refs, findings: &mut SyncFindings) -> Result<PullOutcome, SyncError> {
        findings.moved_aside.extend(late_writes::clean_up_earlier_checkouts(&self.git, now())?);
        remote::fetch_branches(&self.git, self.workspace)?;
        *refs = self.read_refs()?;
        match (&refs.head.commit, &refs.remote_branch) {
            (Some(head), Some(remote)) if self.git.history_contains(head, remote)? => Ok(PullOutcome::UpToDate),
            _ => Ok(PullOutcome::Fetched),
        }
    }

    /// Checks out the commits of earlier fetches, then fetches: an unreachable remote does not undo the first step.
    fn update_to_remote(&self, refs: &mut Refs, findings: &mut SyncFindings) -> Result<PullOutcome, SyncError> {
        let had = refs.merged_remote.clone().or(refs.remote_branch.clone());
        let head = refs.head.commit.clone();
        let local = self.commit_and_check_out(refs, findings)?;
        remote::fetch_branches(&self.git, self.workspace)?;
        *refs = self.read_refs()?;
        if refs.remote_branch != refs.merged_remote || is_foreign_branch(refs) {
            self.require_gateway_down()?;
            self.check_out_fetched(refs, local, findings)?;
        }
        Ok(match (findings.conflict_branches.is_empty(), refs.merged_remote == had) {
            (false, _) => PullOutcome::ConflictKept,
            (true, false) if refs.head.commit != head => PullOutcome::Updated,
            (true, _) => PullOutcome::UpToDate,
        })
    }

    /// Checks out the fetched commits. The snapshot is reused if the first checkout changed no file: a checkout notices
    /// changes in the files that it touches, and the next run handles the others.
    fn check_out_fetched(
        &self,
        refs: &mut Refs,
        local: Option<CommittedSnapshot>,
        findings: &mut SyncFindings,
    ) -> Result<(), SyncError> {
        if let Some(local) = local {
            match self.merge_and_check_out(refs, &local, now(), findings) {
                Err(SyncError { kind: SyncErrorKind::InUse, .. }) => *refs = self.read_refs()?,
                result => return result.map(drop),
            }
        }
        self.commit_and_check_out(refs, findings).map(drop)
    }

    /// Fails if the gateway was started since the run began; a fetch may take minutes.
    fn require_gateway_down(&self) -> Result<(), SyncError> {
        match (self.checkout_mode)() {
            CheckoutMode::UpdateFiles => Ok(()),
            CheckoutMode::FetchOnly => {
                Err(SyncError::new(SyncErrorKind::GatewayStarted, "the gateway was started meanwhile"))
            }
        }
    }

    /// Pushes once and records the result in `pushed`.
    pub(super) fn push(&self, pushed: &mut PushReport) {
        let mut findings = SyncFindings::default();
        let settled = match (self.checkout_mode)() {
            CheckoutMode::UpdateFiles => {
                self.read_refs().and_then(|mut refs| self.commit_and_check_out(&mut refs, &mut findings)).map(drop)
            }
            // The gateway runs: nothing is committed, and existing commits are pushed.
            CheckoutMode::FetchOnly => Ok(()),
        };
        // A failed commit must not block the push of earlier commits.
        let returned = self.push_unpushed_changes(pushed, &mut findings);
        pushed.set_findings(&findings);
        match settled.and(returned) {
            Ok(outcome) => pushed.outcome = outcome,
            Err(error) => {
                pushed.outcome = error.kind.into();
                pushed.add_detail(&error.message);
            }
        }
    }

    /// Pushes this host's own branch and its conflict branches, unless the remote has them.
    fn push_unpushed_changes(
        &self,
        pushed: &mut PushReport,
        findings: &mut SyncFindings,
    ) -> Result<PushOutcome, SyncError> {
        let (git, refs) = (&self.git, self.read_refs()?);
        pushed.commit = refs.head.commit.clone();
        let branch = format!("refs/heads/{}", ref_names::own_branch(git.host_name));
        let mut news: Vec<(String, &Oid)> = Vec::new();
        if let Some(own) = self.unpushed_commit(&refs)? {
            news.push((branch.clone(), own));
        }
        news.extend(refs.conflict_branches.iter().map(|(name, commit)| (format!("refs/heads/{name}"), commit)));
        if news.is_empty() {
            return Ok(PushOutcome::UpToDate);
        }
        let refspecs: Vec<String> = news.iter().map(|(name, commit)| format!("{commit}:{name}")).collect();
        let commits: Vec<&Oid> = news.iter().map(|(_, commit)| *commit).collect();
        let not_uploaded = lfs::upload_contents(git, self.workspace, &commits)?;
        let sent = push_urls::push_refspecs(git, self.workspace, &refspecs, &[])?;
        // If git LFS could not upload a content, the next run pushes the same branch again.
        let is_whole = not_uploaded.is_none();
        for (name, commit) in news.iter().filter(|(name, _)| is_whole && sent.accepted.contains(name)) {
            self.record_pushed(name, commit, *name == branch)?;
        }
        pushed.add_detail(&sent.warning);
        pushed.pushed_branches =
            NameList::from_names(sent.accepted.iter().map(|name| ref_names::short_branch_name(name)));
        if !sent.refused.is_empty() {
            pushed.add_detail(&push::refusal_message(git, self.workspace, &sent));
            return Ok(PushOutcome::Refused);
        }
        if !sent.behind.is_empty() {
            pushed.add_detail("the next pull merges both; if two hosts have the same name, rename one");
            return Ok(PushOutcome::Behind);
        }
        if let Some(NotUploaded { files, message }) = not_uploaded {
            pushed.add_detail(&message);
            findings.not_uploaded = files;
            return Ok(PushOutcome::NotPushed);
        }
        Ok(PushOutcome::Pushed)
    }

    fn unpushed_commit<'r>(&self, refs: &'r Refs) -> Result<Option<&'r Oid>, SyncError> {
        let Some(own) = refs.own_branch.as_ref().filter(|own| refs.pushed_commit.as_ref() != Some(own)) else {
            return Ok(None);
        };
        Ok(match &refs.remote_branch {
            Some(remote) if remote == own || self.git.history_contains(remote, own)? => None,
            _ => Some(own),
        })
    }

    /// Records a pushed branch. A pushed conflict branch is deleted here: once a person has merged it and deleted it at
    /// the remote, it must not return.
    fn record_pushed(&self, name: &str, commit: &Oid, is_own: bool) -> Result<(), SyncError> {
        if is_own {
            return run_ref_transactions(
                &self.git,
                &format!("start\nupdate {} {commit}\ncommit\n", ref_names::PUSHED_COMMIT_REF),
            );
        }
        let private = format!("{}kept/{}", ref_names::PRIVATE_REF_PREFIX, ref_names::short_branch_name(name));
        run_ref_transactions(
            &self.git,
            &format!("start\nupdate {private} {commit}\ncommit\nstart\ndelete {name}\ncommit\n"),
        )
    }

    fn read_refs(&self) -> Result<Refs, SyncError> {
        Refs::read(&self.git, self.workspace, &ref_names::own_branch(self.git.host_name))
    }

    /// Commits, merges and checks out, with retries if a file to be replaced changes meanwhile.
    fn commit_and_check_out(
        &self,
        refs: &mut Refs,
        findings: &mut SyncFindings,
    ) -> Result<Option<CommittedSnapshot>, SyncError> {
        for _ in 1..CHECKOUT_ATTEMPTS {
            match self.try_commit_and_check_out(refs, findings) {
                Err(SyncError { kind: SyncErrorKind::InUse, .. }) => *refs = self.read_refs()?,
                result => return result,
            }
        }
        self.try_commit_and_check_out(refs, findings)
    }

    /// Commits the files, merges them with this host's own branch and the fetched commits, and checks out the result.
    /// Returns the snapshot if no file was changed.
    fn try_commit_and_check_out(
        &self,
        refs: &mut Refs,
        findings: &mut SyncFindings,
    ) -> Result<Option<CommittedSnapshot>, SyncError> {
        let now = now();
        if refs.is_prefix_blocked {
            // A branch named `failover` blocks all names below it.
            let name = format!("failover-{}", ref_names::time_stamp(now));
            log::warn!("renamed the branch failover to {name}, because it blocks the names failover/…");
            self.git.run(&["branch", "-m", "failover", &name])?;
            *refs = self.read_refs()?;
        }
        findings.moved_aside.extend(late_writes::clean_up_earlier_checkouts(&self.git, now)?);
        findings.unfiltered = smudge::retry_filters(&self.git, now, &mut findings.moved_aside)?;
        let local =
            CommittedSnapshot::commit_changes(&self.git, self.workspace, refs, GatewayActivity::Down, now, findings)?;
        if self.point_head_at_snapshot(refs, &local, now)? {
            *refs = self.read_refs()?;
        }
        let has_moved = self.merge_and_check_out(refs, &local, now, findings)?;
        Ok((!has_moved).then_some(local))
    }

    /// Merges the snapshot with the other histories and checks out the result. True if a file was changed.
    fn merge_and_check_out(
        &self,
        refs: &mut Refs,
        local: &CommittedSnapshot,
        now: Time,
        findings: &mut SyncFindings,
    ) -> Result<bool, SyncError> {
        let git = &self.git;
        let merge = HistoryMerge { git, refs, workspace: self.workspace, now };
        let mut ours = local.commit.clone();
        let own = refs.own_branch.as_ref().filter(|own| refs.head.commit.as_ref() != Some(own));
        let remote_own = refs.remote_own_branch.as_ref().filter(|_| is_foreign_branch(refs));
        for other in [own, remote_own].into_iter().flatten() {
            let joined = merge.merge_or_keep(ours, other)?;
            findings.conflict_branches.extend(joined.conflict_branch);
            ours = Some(joined.commit);
        }
        let Some(joined) = merge.merge_remote(ours)? else { return Ok(false) };
        findings.conflict_branches.extend(joined.conflict_branch);
        git.require_not_cancelled()?;
        let branch = format!("refs/heads/{}", ref_names::own_branch(git.host_name));
        let checkout = Checkout {
            git,
            refs,
            snapshot: &local.snapshot,
            from_commit: local.commit.as_ref(),
            to_commit: &joined.commit,
            branch: &branch,
            merged_remote: refs.remote_branch.as_ref(),
            gateway_activity: GatewayActivity::Down,
            require_allowed: &|| self.require_gateway_down(),
            now,
        };
        let result = checkout.run()?;
        findings.moved_aside.extend(result.moved_aside);
        findings.unfiltered.extend(result.unfiltered);
        let is_new = |kept: &&ConflictBranch| refs.conflict_branches.iter().all(|(branch, _)| *branch != kept.name);
        if findings.conflict_branches.iter().any(|kept| is_new(&kept)) {
            *refs = self.read_refs()?;
        } else {
            refs.set_checked_out(branch, joined.commit);
        }
        Ok(result.has_changed_files)
    }

    /// Points HEAD at the snapshot's commit, which changes no file: through this host's own branch if that is a
    /// fast-forward, otherwise detached. Recovery from an interrupted checkout compares with HEAD, so this must come
    /// first. True if anything was changed.
    fn point_head_at_snapshot(&self, refs: &Refs, local: &CommittedSnapshot, now: Time) -> Result<bool, SyncError> {
        let Some(commit) = local.commit.as_ref() else { return Ok(false) };
        let git = &self.git;
        let branch = format!("refs/heads/{}", ref_names::own_branch(git.host_name));
        let Head { branch: checked_out, commit: head, .. } = &refs.head;
        let on_own = checked_out.as_deref() == Some(&branch);
        if on_own && head.as_ref() == Some(commit) {
            return Ok(false);
        }
        let goes_forwards = match &refs.own_branch {
            None => true,
            Some(own) if on_own => head.as_ref() == Some(own),
            Some(own) => git.history_contains(commit, own)?,
        };
        git.flush_objects();
        if goes_forwards {
            run_ref_transactions(git, &branch_update(&branch, commit, refs.own_branch.as_ref()))?;
            if !on_own {
                self.keep_detached_commit(refs, now)?;
                git.run(&["symbolic-ref", "HEAD", &branch])?;
            }
        } else {
            self.keep_detached_commit(refs, now)?;
            git.run(&["update-ref", "--no-deref", "-m", REFLOG_MESSAGE, "HEAD", commit])?;
        }
        Ok(true)
    }

    /// Writes a ref for the commit of a detached HEAD before HEAD moves: no branch has that commit, and after a
    /// conflict this host's history does not contain it either.
    fn keep_detached_commit(&self, refs: &Refs, now: Time) -> Result<(), SyncError> {
        if let Head { branch: None, commit: Some(commit), .. } = &refs.head {
            let name = format!("{}unfinished/{}-head", ref_names::PRIVATE_REF_PREFIX, ref_names::time_stamp(now));
            self.git.run(&["update-ref", &name, commit])?;
        }
        Ok(())
    }
}

/// True if the remote has a branch of this host's name that this repository has not pushed: the host was reinstalled,
/// or another host has the same name.
fn is_foreign_branch(refs: &Refs) -> bool {
    refs.remote_own_branch.is_some()
        && refs.remote_own_branch != refs.pushed_commit
        && refs.remote_own_branch != refs.own_branch
}

/// Pulls. An error while opening the repository becomes part of the result.
pub(super) fn pull_standby(spec: &RepositorySpec<'_>, checkout_mode: &dyn Fn() -> CheckoutMode) -> WorkspacePull {
    match StandbyRepository::open(spec, checkout_mode) {
        Ok(standby) => standby.pull(),
        Err(SyncError { kind, message }) => WorkspacePull::new(kind.into(), &message),
    }
}

/// Pushes, and records the result in `pushed`.
pub(super) fn push_standby(
    spec: &RepositorySpec<'_>,
    checkout_mode: &dyn Fn() -> CheckoutMode,
    pushed: &mut PushReport,
) {
    match StandbyRepository::open(spec, checkout_mode) {
        Ok(standby) => standby.push(pushed),
        Err(SyncError { kind, message }) => {
            pushed.outcome = kind.into();
            pushed.add_detail(&message);
        }
    }
}
