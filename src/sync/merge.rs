//! Brings two histories together without touching a file: the outcome is a commit, and moving the tree to it is
//! another step.

use std::time::Duration;

use super::git::Git;
use super::names;
use super::refs::Refs;
use super::stop::{Stop, Why, is_damage};
use crate::config::Workspace;
use crate::failover::Time;
use crate::host::CommandError;

/// Exit code of a git that ends itself. Above it a shell tells of a signal.
const GIT_DIED: i32 = 128;

/// How two trees go together.
pub(super) enum Merged {
    /// This is both of them.
    Clean(String),
    /// They contradict each other in these files.
    Conflict(String),
}

/// Where a merge has led.
#[derive(Debug)]
pub(super) struct Joined {
    /// The commit.
    pub(super) commit: String,
    /// The branch that keeps our version, if it could not be merged.
    pub(super) kept: Option<Kept>,
}

/// A version that could not be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The branch that has it, without `refs/heads/`.
    pub(super) branch: String,
    /// The files in which the two versions contradict each other, as far as git has named them.
    pub(super) files: String,
}

/// Joins other histories into this host's.
pub(super) struct Join<'a> {
    pub(super) git: &'a Git<'a>,
    pub(super) refs: &'a Refs,
    pub(super) workspace: &'a Workspace,
    pub(super) now: Time,
}

impl Join<'_> {
    /// `ours` with all of `theirs`. Where they contradict each other theirs goes on, and ours is kept on a branch.
    pub(super) fn with(&self, ours: Option<String>, theirs: &str) -> Result<Joined, Stop> {
        let Some(ours) = ours else { return Ok(Joined { commit: theirs.to_owned(), kept: None }) };
        let base = self.git.ask(&["merge-base", &ours, theirs])?;
        if ours == theirs || base.as_deref() == Some(theirs) {
            return Ok(Joined { commit: ours, kept: None });
        }
        if base.as_deref() == Some(&ours) {
            return Ok(Joined { commit: theirs.to_owned(), kept: None });
        }
        let merged = trees(self.git, &ours, theirs)?;
        self.finish(merged, &ours, theirs, &[&ours, theirs])
    }

    /// The same, but where they contradict each other nothing is decided; the error is the files.
    pub(super) fn without_keeping(&self, ours: &str, theirs: &str) -> Result<Result<String, String>, Stop> {
        if contains(self.git, theirs, ours)? {
            return Ok(Ok(theirs.to_owned()));
        }
        match trees(self.git, ours, theirs)? {
            Merged::Conflict(files) => Ok(Err(files)),
            clean => self.finish(clean, ours, theirs, &[ours, theirs]).map(|joined| Ok(joined.commit)),
        }
    }

    /// `ours` with all of the remote's branch, whose history may have been rewritten.
    pub(super) fn with_remote(&self, ours: Option<String>) -> Result<Option<Joined>, Stop> {
        let Some(remote) = self.refs.remote.as_deref() else {
            return Ok(ours.map(|commit| Joined { commit, kept: None }));
        };
        match (&ours, &self.refs.merged) {
            (Some(ours), Some(merged)) if merged == remote => Ok(Some(Joined { commit: ours.clone(), kept: None })),
            (Some(ours), Some(merged)) if !contains(self.git, remote, merged)? => {
                self.with_rewritten(ours, merged, remote).map(Some)
            }
            (Some(ours), Some(merged)) if ours == merged => Ok(Some(Joined { commit: remote.to_owned(), kept: None })),
            _ => self.with(ours, remote).map(Some),
        }
    }

    /// What the remote no longer has shall not come back through us: only what we have changed since is brought along,
    /// and the old history stays on this host. Unless the remote has this host's branch, which only goes forwards.
    fn with_rewritten(&self, ours: &str, merged: &str, remote: &str) -> Result<Joined, Stop> {
        let tree = |commit: &str| self.git.word(&["rev-parse", &format!("{commit}^{{tree}}")]);
        let commit = |tree: String, parents: &[&str]| commit(self.git, &tree, parents, "Compared");
        let base = commit(tree(merged)?, &[])?;
        let (a, b) = (commit(tree(ours)?, &[&base])?, commit(tree(remote)?, &[&base])?);
        let found = trees(self.git, &a, &b)?;
        if self.refs.remote_own.is_some() {
            return self.finish(found, ours, remote, &[ours, remote]);
        }
        let name = format!("{}replaced/{}", names::PRIVATE, names::stamp(self.now));
        self.git.run(&["update-ref", &name, ours])?;
        match found {
            Merged::Clean(clean) if clean == tree(remote)? => Ok(Joined { commit: remote.to_owned(), kept: None }),
            found => self.finish(found, ours, remote, &[remote]),
        }
    }

    fn finish(&self, merged: Merged, ours: &str, theirs: &str, parents: &[&str]) -> Result<Joined, Stop> {
        let Workspace { remote, branch, .. } = self.workspace;
        let host = self.git.host;
        match merged {
            Merged::Clean(tree) => {
                let message = format!("Merge {branch} of {remote} into the workspace of {host}");
                Ok(Joined { commit: commit(self.git, &tree, parents, &message)?, kept: None })
            }
            Merged::Conflict(files) => {
                let kept = self.keep(ours, theirs, files)?;
                let tree = self.git.word(&["rev-parse", &format!("{theirs}^{{tree}}")])?;
                let message = format!("Go on with {branch} of {remote}\n\nWhat {host} had is on {}.", kept.branch);
                Ok(Joined { commit: commit(self.git, &tree, parents, &message)?, kept: Some(kept) })
            }
        }
    }

    /// Keeps our version on a branch. The commit is a new one beside our history and not part of it, so that `git merge`
    /// still finds the two sides to compare after our history has been merged.
    fn keep(&self, ours: &str, theirs: &str, files: String) -> Result<Kept, Stop> {
        let tree = self.git.word(&["rev-parse", &format!("{ours}^{{tree}}")])?;
        for (branch, commit) in &self.refs.kept {
            if self.git.word(&["rev-parse", &format!("{commit}^{{tree}}")])? == tree {
                return Ok(Kept { branch: branch.clone(), files });
            }
        }
        let base = self.git.ask(&["merge-base", ours, theirs])?;
        let parents: Vec<&str> = base.as_deref().into_iter().collect();
        let message = format!("What {} had when it could not be merged\n\nIn conflict: {files}", self.git.host);
        let version = commit(self.git, &tree, &parents, &message)?;
        // One run may keep several.
        let mut now = self.now;
        let mut branch = names::kept(self.git.host, now);
        while self.git.ask(&["rev-parse", "--quiet", "--verify", &format!("refs/heads/{branch}")])?.is_some() {
            now = now + Duration::from_millis(1);
            branch = names::kept(self.git.host, now);
        }
        self.git.run(&["update-ref", &format!("refs/heads/{branch}"), &version, ""])?;
        Ok(Kept { branch, files })
    }
}

/// Merges two commits in git's store alone.
pub(super) fn trees(git: &Git<'_>, ours: &str, theirs: &str) -> Result<Merged, Stop> {
    let options = ["--write-tree", "--no-messages", "--name-only", "-z", "--allow-unrelated-histories"];
    let args: Vec<&str> = ["merge-tree"].into_iter().chain(options).chain([ours, theirs]).collect();
    match git.word(&args) {
        Ok(tree) => Ok(Merged::Clean(tree.trim_end_matches('\0').to_owned())),
        // An error shows the beginning of what git said, and every file is to be named.
        Err(why) if why.code() == Some(1) => {
            let (_, output) = git.attempt(&args)?;
            let files: Vec<&str> = output.stdout.split('\0').skip(1).filter(|file| !file.is_empty()).collect();
            Ok(Merged::Conflict(files.join(", ")))
        }
        Err(why) if why.said().contains("usage: git merge-tree") => {
            Err(Stop::new(Why::NoGit, "git is too old to merge without a work tree; 2.38 or newer is needed"))
        }
        // A merge driver that fails or does not end, say: what cannot be merged is left to a person.
        Err(CommandError::TimedOut { after, .. }) => {
            Ok(Merged::Conflict(format!("files that git does not merge within {after:?}")))
        }
        // One that was killed, even behind a shell, says nothing of the two histories.
        Err(CommandError::Failed { status, said, .. })
            if status.code().is_some_and(|code| code <= GIT_DIED) && !is_damage(&said) =>
        {
            Ok(Merged::Conflict(format!("files that git cannot merge ({said})")))
        }
        Err(why) => Err(why.into()),
    }
}

/// Whether `part` is in the history of `whole`.
pub(super) fn contains(git: &Git<'_>, whole: &str, part: &str) -> Result<bool, Stop> {
    Ok(git.ask(&["merge-base", "--is-ancestor", part, whole])?.is_some())
}

/// Makes a commit of a tree.
pub(super) fn commit(git: &Git<'_>, tree: &str, parents: &[&str], message: &str) -> Result<String, Stop> {
    let mut args = vec!["commit-tree", "-m", message, tree];
    for parent in parents {
        args.extend(["-p", parent]);
    }
    Ok(git.word(&args)?)
}
