//! Merges of two histories in the object store. The result is a commit; no file changes.

use std::time::Duration;

use crate::config::Workspace;
use crate::os::CommandError;
use crate::text::Time;
use crate::workspace::error::{Stop, Why, is_damage};
use crate::workspace::git::Git;
use crate::workspace::git::refs::Refs;
use crate::workspace::ref_names;

/// Highest exit code of git itself. A shell reports a signal above it.
const GIT_DIED: i32 = 128;

/// Result of merging two trees.
pub(in crate::workspace) enum Merged {
    /// Tree that contains both.
    Clean(String),
    /// Files in conflict.
    Conflict(String),
}

/// Result of merging two histories.
#[derive(Debug)]
pub(in crate::workspace) struct Joined {
    /// The resulting commit.
    pub(in crate::workspace) commit: String,
    /// Branch that keeps this host's version if there was a conflict.
    pub(in crate::workspace) kept: Option<Kept>,
}

/// Branch that keeps a version that could not be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::workspace) struct Kept {
    /// Name without `refs/heads/`.
    pub(in crate::workspace) branch: String,
    /// Files in conflict, as far as git names them.
    pub(in crate::workspace) files: String,
}

/// Merge of another history into this host's.
pub(in crate::workspace) struct Join<'a> {
    pub(in crate::workspace) git: &'a Git<'a>,
    pub(in crate::workspace) refs: &'a Refs,
    pub(in crate::workspace) workspace: &'a Workspace,
    pub(in crate::workspace) now: Time,
}

impl Join<'_> {
    /// Merges `theirs` into `ours`. In a conflict, `theirs` is the result and `ours` is kept on a branch.
    pub(in crate::workspace) fn with(&self, ours: Option<String>, theirs: &str) -> Result<Joined, Stop> {
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

    /// Merges without resolving a conflict; the inner error lists the files.
    pub(in crate::workspace) fn without_keeping(
        &self,
        ours: &str,
        theirs: &str,
    ) -> Result<Result<String, String>, Stop> {
        if contains(self.git, theirs, ours)? {
            return Ok(Ok(theirs.to_owned()));
        }
        match trees(self.git, ours, theirs)? {
            Merged::Conflict(files) => Ok(Err(files)),
            clean => self.finish(clean, ours, theirs, &[ours, theirs]).map(|joined| Ok(joined.commit)),
        }
    }

    /// Merges the remote's branch, whose history may have been rewritten.
    pub(in crate::workspace) fn with_remote(&self, ours: Option<String>) -> Result<Option<Joined>, Stop> {
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

    /// Merges after the remote's history was rewritten. Replays only this host's own changes, so that commits removed
    /// at the remote do not return; the old history stays on this host. If the remote has this host's branch, which is
    /// never rewritten, the result has both histories.
    fn with_rewritten(&self, ours: &str, merged: &str, remote: &str) -> Result<Joined, Stop> {
        let tree = |commit: &str| self.git.word(&["rev-parse", &format!("{commit}^{{tree}}")]);
        let commit = |tree: String, parents: &[&str]| commit(self.git, &tree, parents, "Compared");
        let base = commit(tree(merged)?, &[])?;
        let (a, b) = (commit(tree(ours)?, &[&base])?, commit(tree(remote)?, &[&base])?);
        let found = trees(self.git, &a, &b)?;
        if self.refs.remote_own.is_some() {
            return self.finish(found, ours, remote, &[ours, remote]);
        }
        let name = format!("{}replaced/{}", ref_names::PRIVATE, ref_names::stamp(self.now));
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
                let message =
                    format!("Continue with {branch} of {remote}\n\nThe version of {host} is on {}.", kept.branch);
                Ok(Joined { commit: commit(self.git, &tree, parents, &message)?, kept: Some(kept) })
            }
        }
    }

    /// Keeps this host's version on a branch. The commit is a new one outside its history, so that `git merge` still
    /// finds two sides to compare after the history was merged.
    fn keep(&self, ours: &str, theirs: &str, files: String) -> Result<Kept, Stop> {
        let tree = self.git.word(&["rev-parse", &format!("{ours}^{{tree}}")])?;
        for (branch, commit) in &self.refs.kept {
            if self.git.word(&["rev-parse", &format!("{commit}^{{tree}}")])? == tree {
                return Ok(Kept { branch: branch.clone(), files });
            }
        }
        let base = self.git.ask(&["merge-base", ours, theirs])?;
        let parents: Vec<&str> = base.as_deref().into_iter().collect();
        let message = format!("Version of {} that could not be merged\n\nIn conflict: {files}", self.git.host);
        let version = commit(self.git, &tree, &parents, &message)?;
        // One run may keep several versions.
        let mut now = self.now;
        let mut branch = ref_names::kept(self.git.host, now);
        while self.git.ask(&["rev-parse", "--quiet", "--verify", &format!("refs/heads/{branch}")])?.is_some() {
            now = now + Duration::from_millis(1);
            branch = ref_names::kept(self.git.host, now);
        }
        self.git.run(&["update-ref", &format!("refs/heads/{branch}"), &version, ""])?;
        Ok(Kept { branch, files })
    }
}

/// Merges two commits in the object store.
pub(in crate::workspace) fn trees(git: &Git<'_>, ours: &str, theirs: &str) -> Result<Merged, Stop> {
    let options = ["--write-tree", "--no-messages", "--name-only", "-z", "--allow-unrelated-histories"];
    let args: Vec<&str> = ["merge-tree"].into_iter().chain(options).chain([ours, theirs]).collect();
    match git.word(&args) {
        Ok(tree) => Ok(Merged::Clean(tree.trim_end_matches('\0').to_owned())),
        // The error has only the beginning of git's output; the report needs every file.
        Err(why) if why.code() == Some(1) => {
            let (_, output) = git.attempt(&args)?;
            let files: Vec<&str> = output.stdout.split('\0').skip(1).filter(|file| !file.is_empty()).collect();
            Ok(Merged::Conflict(files.join(", ")))
        }
        Err(why) if why.said().contains("usage: git merge-tree") => {
            Err(Stop::new(Why::NoGit, "git is too old; install 2.38 or newer"))
        }
        // A merge driver failed or hung, for example: a person has to merge.
        Err(CommandError::TimedOut { after, .. }) => {
            Ok(Merged::Conflict(format!("files that git does not merge within {after:?}")))
        }
        // A killed git, or one killed behind a shell, says nothing about the histories.
        Err(CommandError::Failed { status, said, .. })
            if status.code().is_some_and(|code| code <= GIT_DIED) && !is_damage(&said) =>
        {
            Ok(Merged::Conflict(format!("files that git cannot merge ({said})")))
        }
        Err(why) => Err(why.into()),
    }
}

/// True if `part` is in the history of `whole`.
pub(in crate::workspace) fn contains(git: &Git<'_>, whole: &str, part: &str) -> Result<bool, Stop> {
    Ok(git.ask(&["merge-base", "--is-ancestor", part, whole])?.is_some())
}

/// Creates a commit of a tree.
pub(in crate::workspace) fn commit(git: &Git<'_>, tree: &str, parents: &[&str], message: &str) -> Result<String, Stop> {
    let mut args = vec!["commit-tree", "-m", message, tree];
    for parent in parents {
        args.extend(["-p", parent]);
    }
    Ok(git.word(&args)?)
}
