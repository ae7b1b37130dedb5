//! The primary's workspace: the branch that everybody pulls. Its gateway runs, so everything here happens beside an
//! agent at work: what the agent changes meanwhile is left for the next run.

use super::advice::quoted;
use super::agent::{self, Others};
use super::apply::{Move, change_refs, forward};
use super::checkout::Checkout;
use super::git::Git;
use super::index::IndexLock;
use super::lfs::{self, NotUploaded};
use super::local::{Local, Told};
use super::merge::{self, Join, Merged, contains};
use super::refs::Refs;
use super::remote::{self, Sent};
use super::report::{Commit, Names, PushOutcome, Pushed};
use super::standby::short;
use super::stop::{Stop, Why};
use super::{names, now, replaced, smudge};
use crate::config::Workspace;
use crate::host::printable;

/// Length limit of the files in a sentence, in characters; the report lists all of them.
const FILES_LIMIT: usize = 300;

/// How often a push is tried that comes too late: somebody else has pushed in between.
const TRIES: usize = 3;

/// A primary's checkout while a push is at it.
struct Primary<'a> {
    git: Git<'a>,
    workspace: &'a Workspace,
}

/// A standby's branch, as it was fetched.
struct Branch {
    /// Without `refs/heads/`.
    name: String,
    commit: String,
}

/// What the branch is to become.
struct Plan {
    commit: String,
    /// Branches that are in it.
    merged: Vec<Branch>,
    /// Branches that contradict it, with the files.
    conflicts: Vec<String>,
}

/// Commits, merges what standbys have pushed, and pushes; tells in `pushed` what became of it.
pub(super) fn push(checkout: &Checkout<'_>, pushed: &mut Pushed) {
    let mut told = Told::default();
    let result = checkout.open().and_then(|git| {
        agent::remove_left_over_locks(&git, Others::Live)?;
        Primary { git, workspace: checkout.workspace }.push(&mut told, pushed)
    });
    pushed.tell(&told);
    match result {
        Ok(outcome) => pushed.outcome = outcome,
        Err(stop) => {
            pushed.outcome = stop.why.into();
            pushed.add(&stop.said);
        }
    }
}

impl Primary<'_> {
    fn push(&self, told: &mut Told, pushed: &mut Pushed) -> Result<PushOutcome, Stop> {
        let mut outcome = PushOutcome::Behind;
        for _ in 0..TRIES {
            outcome = self.push_once(told, pushed)?;
            if outcome != PushOutcome::Behind {
                break;
            }
        }
        let conflict = pushed.conflicts.listed.iter().find_map(|conflict| conflict.split_once(": "));
        if let (true, Some((branch, _))) = (outcome.is_returned(), conflict) {
            let remote = &self.workspace.remote;
            let command = self.by_hand(&format!("merge --ff --no-edit {remote}/{branch}"));
            pushed.add(&format!("merge by hand what is in conflict: {command}, settle it and commit"));
        }
        Ok(outcome)
    }

    fn push_once(&self, told: &mut Told, pushed: &mut Pushed) -> Result<PushOutcome, Stop> {
        // First of all, for it may take its time; between a look at the files and their move should be little.
        let fetched = self.fetch();
        let mut local = self.commit(told, pushed)?;
        fetched?;
        let mut more = 1..TRIES;
        let mut unmergeable: Option<String> = None;
        let (refs, plan) = loop {
            let refs = self.refs()?;
            let Some(own) = refs.own.clone() else { return Ok(PushOutcome::UpToDate) };
            let Some(plan) = self.plan(&refs, own, unmergeable.as_deref(), pushed)? else {
                return Ok(PushOutcome::Conflict);
            };
            pushed.conflicts = Names::of(plan.conflicts.iter().cloned());
            match self.move_to(&refs, &local, &plan.commit, told) {
                Ok(()) => break (refs, plan),
                Err(Stop { why: Why::InUse, .. }) if more.next().is_some() => local = self.commit(told, pushed)?,
                // What a standby's branch brings must not keep everything else from being sent.
                Err(Stop { why: Why::Failed, said }) if unmergeable.is_none() && !plan.merged.is_empty() => {
                    unmergeable = Some(said);
                    local = self.commit(told, pushed)?;
                }
                Err(stop) => return self.send_unmerged(&refs, told, pushed).and(Err(stop)),
            }
        };
        pushed.commit = Commit::parse(&plan.commit);
        let is_there = refs.remote.as_deref() == Some(&plan.commit) && !lfs::is_pending(&self.git);
        if !is_there && let Some(outcome) = self.send(&plan.commit, told, pushed)? {
            return Ok(outcome);
        }
        pushed.merged = Names::of(plan.merged.iter().map(|branch| branch.name.clone()));
        self.remove_merged(&plan.merged, pushed)?;
        Ok(if is_there { PushOutcome::UpToDate } else { PushOutcome::Pushed })
    }

    /// An agent that never pauses keeps standbys' work from being merged, but not its own from being sent.
    fn send_unmerged(&self, refs: &Refs, told: &mut Told, pushed: &mut Pushed) -> Result<(), Stop> {
        let Some(own) = refs.own.as_deref().filter(|own| refs.remote.as_deref() != Some(own)) else { return Ok(()) };
        if refs.remote.as_deref().map_or(Ok(true), |remote| contains(&self.git, own, remote))? {
            self.send(own, told, pushed)?;
        }
        Ok(())
    }

    /// Sends the branch. Answers with what stands in its way.
    fn send(&self, commit: &str, told: &mut Told, pushed: &mut Pushed) -> Result<Option<PushOutcome>, Stop> {
        let not_uploaded = lfs::upload(&self.git, self.workspace, &[commit])?;
        let sent = remote::send(&self.git, self.workspace, &[format!("{commit}:{}", self.branch())], &[])?;
        pushed.add(&sent.warning);
        let outcome = self.judge(&sent, pushed);
        if outcome.is_some() {
            return Ok(outcome);
        }
        pushed.pushed = Names::of([self.workspace.branch.clone()]);
        Ok(not_uploaded.map(|NotUploaded { files, said }| {
            pushed.add(&said);
            told.not_uploaded = files;
            PushOutcome::NotPushed
        }))
    }

    fn refs(&self) -> Result<Refs, Stop> {
        Refs::read(&self.git, self.workspace, &self.workspace.branch)
    }

    fn branch(&self) -> String {
        format!("refs/heads/{}", self.workspace.branch)
    }

    /// Commits what lies on the disk on the branch, which must be the one that is checked out.
    fn commit(&self, told: &mut Told, pushed: &mut Pushed) -> Result<Local, Stop> {
        let (git, refs, branch) = (&self.git, self.refs()?, self.branch());
        if refs.head.branch.as_deref() != Some(&branch) {
            let said = self.another_branch(&refs);
            return Err(Stop::new(Why::InUse, said));
        }
        told.aside.extend(replaced::look_after(git, now())?);
        told.unfiltered = smudge::retry(git, now(), &mut told.aside)?;
        let local = Local::commit(git, self.workspace, &refs, (Others::Live, now()), told)?;
        pushed.commit = local.commit.as_deref().and_then(Commit::parse);
        if let Some(commit) = local.commit.as_deref().filter(|commit| refs.own.as_deref() != Some(commit)) {
            let lock = IndexLock::take(git, Others::Live)?;
            lock.keep_staged(git, &local.image, Others::Live, now())?;
            git.flush();
            change_refs(git, &forward(&branch, commit, refs.own.as_deref()))?;
            // In the middle of a move this program's index is of a tree that is not all there.
            if refs.applying.is_none() {
                lock.publish(git)?;
            }
        }
        Ok(local)
    }

    /// What to do where another branch is checked out than the one that is pushed.
    fn another_branch(&self, refs: &Refs) -> String {
        let (branch, path) = (&self.workspace.branch, quoted(&self.workspace.path));
        let Some(found) = refs.head.branch.as_deref().map(short) else {
            return format!("a single commit is checked out, and not {branch}: git -C {path} switch {branch}");
        };
        let command = match refs.own {
            Some(_) => format!("git -C {path} switch {branch}"),
            None => format!("git -C {path} branch -m {branch}"),
        };
        format!(
            "{found} is checked out, and not {branch} (workspace.branch): {command}, or set workspace.branch to {found} in \
             the configuration of both hosts"
        )
    }

    /// What to do where the remote's branch cannot be merged.
    fn contradiction(&self, own: &str, theirs: &str, files: &str) -> Result<String, Stop> {
        let Workspace { remote, branch, .. } = self.workspace;
        let is_related = self.git.ask(&["merge-base", own, theirs])?.is_some();
        let option = if is_related { "" } else { " --allow-unrelated-histories" };
        let what =
            if is_related { "contradicts what is here" } else { "has another history, and contradicts what is here" };
        Ok(format!(
            "{branch} of {remote} {what} in {}; {}, settle it and commit; the next push does the rest",
            printable(files, FILES_LIMIT),
            self.by_hand(&format!("pull --no-rebase --no-edit{option} {remote} {branch}"))
        ))
    }

    /// The command with which the owner merges. A git without a name for its commits refuses to, and one that replaces
    /// commits here alone sees nothing to merge.
    fn by_hand(&self, verb: &str) -> String {
        let (git, path) = (&self.git, quoted(&self.workspace.path));
        let has = |args: &[&str]| git.run(args).is_ok_and(|answer| !answer.is_empty());
        let mut command = String::new();
        for (key, value) in [("user.name", "openclaw".to_owned()), ("user.email", format!("openclaw@{}", git.host))] {
            if !has(&["config", "--get", key]) {
                command.push_str(&format!("git -C {path} config {key} {value} && "));
            }
        }
        if has(&["for-each-ref", "refs/replace"]) || git.git_dir.join("info/grafts").exists() {
            command.push_str("export GIT_NO_REPLACE_OBJECTS=1 GIT_GRAFT_FILE=/dev/null; ");
        }
        format!("{command}git -C {path} {verb}")
    }

    /// The branch and what standbys have pushed. That the remote has no such branch yet is no obstacle.
    fn fetch(&self) -> Result<(), Stop> {
        let Workspace { remote, branch, .. } = self.workspace;
        let standbys = format!("+{}*:refs/remotes/{remote}/failover/*", names::BRANCHES);
        let wanted = format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}");
        match remote::fetch_these(&self.git, self.workspace, &[&wanted, &standbys]) {
            Err(Stop { why: Why::NoBranch, .. }) => {
                self.git.run(&["update-ref", "-d", &format!("refs/remotes/{remote}/{branch}")])?;
                remote::fetch_these(&self.git, self.workspace, &[&standbys])
            }
            result => result,
        }
    }

    /// Merges in git's store alone. `None`: the remote's branch contradicts ours, which nobody here may decide. Where
    /// `unmergeable` says why, branches of standbys are left out.
    fn plan(
        &self,
        refs: &Refs,
        own: String,
        unmergeable: Option<&str>,
        pushed: &mut Pushed,
    ) -> Result<Option<Plan>, Stop> {
        let git = &self.git;
        let join = Join { git, refs, workspace: self.workspace, now: now() };
        let mut commit = own;
        if let Some(remote) = &refs.remote
            && !contains(git, &commit, remote)?
        {
            match join.without_keeping(&commit, remote)? {
                Ok(joined) => commit = joined,
                Err(files) => {
                    pushed.conflicts =
                        Names::of(files.split(", ").map(|file| format!("{}: {file}", self.workspace.branch)));
                    pushed.add(&self.contradiction(&commit, remote, &files)?);
                    return Ok(None);
                }
            }
        }
        let mut plan = Plan { commit, merged: Vec::new(), conflicts: Vec::new() };
        for branch in self.standbys()? {
            match self.merge(&plan.commit, &branch, unmergeable) {
                Ok(Ok(commit)) => {
                    plan.commit = commit;
                    plan.merged.push(branch);
                }
                Ok(Err(why)) => plan.conflicts.push(format!("{}{why}", branch.name)),
                // Whatever is wrong with this branch, the others are merged.
                Err(Stop { why: Why::Failed, said }) => plan.conflicts.push(format!("{}: {said}", branch.name)),
                Err(stop) => return Err(stop),
            }
        }
        Ok(Some(plan))
    }

    /// Merges one branch of a standby. The inner error says why it is not merged, and follows the branch's name.
    fn merge(&self, ours: &str, branch: &Branch, unmergeable: Option<&str>) -> Result<Result<String, String>, Stop> {
        let git = &self.git;
        if contains(git, ours, &branch.commit)? {
            return Ok(Ok(ours.to_owned()));
        }
        if !self.workspace.merge {
            return Ok(Err(" waits to be merged".to_owned()));
        }
        if let Some(why) = unmergeable {
            return Ok(Err(format!(": {why}")));
        }
        match merge::trees(git, ours, &branch.commit)? {
            Merged::Clean(tree) => {
                // Names that git refuses are found here, before they make the move fail.
                git.on_index(&git.own_folder().join("index.merged"), &["read-tree", &tree])?;
                let message = format!("Merge {}", branch.name);
                merge::commit(git, &tree, &[ours, &branch.commit], &message).map(Ok)
            }
            Merged::Conflict(files) => Ok(Err(format!(": {files}"))),
        }
    }

    /// What standbys have pushed, as it was fetched last.
    fn standbys(&self) -> Result<Vec<Branch>, Stop> {
        let prefix = format!("refs/remotes/{}/", self.workspace.remote);
        let pattern = format!("{prefix}failover/");
        let found = self.git.list(&["for-each-ref", "--format=%(objectname) %(refname)", &pattern])?;
        let branch = |line: &str| {
            let (commit, name) = line.split_once(' ')?;
            Some(Branch { name: name.strip_prefix(&prefix)?.to_owned(), commit: commit.to_owned() })
        };
        Ok(String::from_utf8_lossy(&found).lines().filter_map(branch).collect())
    }

    /// Moves the tree, if nobody has changed it or the branch since it was looked at.
    fn move_to(&self, refs: &Refs, local: &Local, to: &str, told: &mut Told) -> Result<(), Stop> {
        if refs.own != local.commit {
            return Err(Stop::new(Why::InUse, "somebody else has committed at the same time"));
        }
        let step = Move {
            git: &self.git,
            refs,
            image: &local.image,
            from: local.commit.as_deref(),
            to,
            branch: &self.branch(),
            merged: None,
            others: Others::Live,
            go_on: &|| Ok(()),
            now: now(),
        };
        let moved = step.run()?;
        told.aside.extend(moved.aside);
        told.unfiltered.extend(moved.unfiltered);
        Ok(())
    }

    /// Removes branches that are merged, unless a standby has pushed to one of them since.
    fn remove_merged(&self, merged: &[Branch], pushed: &mut Pushed) -> Result<(), Stop> {
        if merged.is_empty() {
            return Ok(());
        }
        let names = merged.iter().map(|branch| format!(":refs/heads/{}", branch.name)).collect::<Vec<_>>();
        let leases = merged.iter().map(|Branch { name, commit }| format!("refs/heads/{name}:{commit}"));
        let sent = remote::send(&self.git, self.workspace, &names, &leases.collect::<Vec<_>>())?;
        if !sent.refused.is_empty() {
            pushed.add(&format!("merged branches stay, for the git host refuses to remove them: {}", sent.said));
        }
        Ok(())
    }

    /// What stands in the way of the branch, if anything does.
    fn judge(&self, sent: &Sent, pushed: &mut Pushed) -> Option<PushOutcome> {
        if !sent.refused.is_empty() {
            pushed.add(&remote::refusal(&self.git, self.workspace, sent));
            return Some(PushOutcome::Refused);
        }
        (!sent.behind.is_empty()).then_some(PushOutcome::Behind)
    }
}
