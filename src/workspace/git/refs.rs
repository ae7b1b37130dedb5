//! Values of all refs that matter, from one git command.

use crate::config::Workspace;
use crate::workspace::error::Stop;
use crate::workspace::git::Git;
use crate::workspace::ref_names;

/// Branches that matter, and this program's private refs.
#[derive(Debug, Default)]
pub(in crate::workspace) struct Refs {
    /// Current checkout.
    pub(in crate::workspace) head: Head,
    /// Branch that this host works on.
    pub(in crate::workspace) own: Option<String>,
    /// The remote's branch, as last fetched.
    pub(in crate::workspace) remote: Option<String>,
    /// Time of that commit, in seconds since 1970.
    pub(in crate::workspace) remote_made: Option<u64>,
    /// This host's own branch at the remote; a reinstalled standby finds its history there.
    pub(in crate::workspace) remote_own: Option<String>,
    /// Commit of the remote that the workspace last contained.
    pub(in crate::workspace) merged: Option<String>,
    /// Commit of this host's own branch that was last pushed.
    pub(in crate::workspace) returned: Option<String>,
    /// Record of an interrupted checkout.
    pub(in crate::workspace) applying: Option<String>,
    /// Record of the last finished checkout, kept for a minute.
    pub(in crate::workspace) applied: Option<String>,
    /// True if a branch named `failover` blocks the names `failover/…`.
    pub(in crate::workspace) is_name_taken: bool,
    /// Conflict branches still to be pushed, without `refs/heads/`, and their commits.
    pub(in crate::workspace) kept: Vec<(String, String)>,
}

/// HEAD of the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::workspace) struct Head {
    /// Full name of the branch; `None` for a detached HEAD.
    pub(in crate::workspace) branch: Option<String>,
    /// Commit; `None` without a history.
    pub(in crate::workspace) commit: Option<String>,
    /// Tree of that commit.
    pub(in crate::workspace) tree: Option<String>,
}

impl Refs {
    /// Reads all refs. `own` is this host's branch, without `refs/heads/`.
    pub(in crate::workspace) fn read(git: &Git<'_>, workspace: &Workspace, own: &str) -> Result<Self, Stop> {
        let Workspace { remote, branch, .. } = workspace;
        let own_ref = format!("refs/heads/{own}");
        let kept = format!("{}{}@", ref_names::BRANCHES, git.host);
        let remote_ref = format!("refs/remotes/{remote}/{branch}");
        let remote_own = format!("refs/remotes/{remote}/{}", ref_names::own(git.host));
        let above = ref_names::BRANCHES.trim_end_matches('/');
        let patterns = [above, &own_ref, &remote_ref, &remote_own];
        let mut args = vec![
            "for-each-ref",
            "--format=%(objectname) %(HEAD) %(tree) %(committerdate:unix) %(refname)",
            ref_names::PRIVATE,
        ];
        args.extend(patterns);
        let mut refs = Self::default();
        for line in String::from_utf8_lossy(&git.list(&args)?).lines() {
            let Some(Fields { hash, is_head, tree, made, name }) = fields(line) else { continue };
            let hash = Some(hash.to_owned());
            if is_head {
                refs.head = Head { branch: Some(name.to_owned()), commit: hash.clone(), tree: Some(tree.to_owned()) };
            }
            match name {
                ref_names::APPLYING => refs.applying = hash,
                ref_names::APPLIED => refs.applied = hash,
                ref_names::MERGED => refs.merged = hash,
                ref_names::RETURNED => refs.returned = hash,
                name if name == own_ref => refs.own = hash,
                name if name == above => refs.is_name_taken = true,
                name if name == remote_own => refs.remote_own = hash,
                name if name == remote_ref => (refs.remote, refs.remote_made) = (hash, made),
                name if name.starts_with(&kept) => {
                    let branch = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
                    refs.kept.extend(hash.map(|hash| (branch, hash)));
                }
                _ => {}
            }
        }
        if refs.head.branch.is_none() {
            refs.head = Head::ask(git)?;
        }
        Ok(refs)
    }
}

impl Refs {
    /// Sets the values after a checkout of `commit`, which contains the remote's branch.
    pub(in crate::workspace) fn stands_at(&mut self, branch: String, commit: String) {
        self.own = Some(commit.clone());
        self.merged.clone_from(&self.remote);
        self.applying = None;
        if self.head.commit.as_ref() != Some(&commit) {
            self.head.tree = None;
        }
        self.head = Head { branch: Some(branch), commit: Some(commit), tree: self.head.tree.take() };
    }

    /// True if this host has commits that it has not pushed.
    pub(in crate::workspace) fn has_unreturned(&self) -> bool {
        let own = self.own.as_ref().or(self.head.commit.as_ref());
        let is_returned = own.is_none() || own == self.remote.as_ref() || own == self.returned.as_ref();
        !is_returned || !self.kept.is_empty()
    }
}

impl Head {
    fn ask(git: &Git<'_>) -> Result<Self, Stop> {
        let branch = git.ask(&["symbolic-ref", "--quiet", "HEAD"])?;
        let commit = git.ask(&["rev-parse", "--quiet", "--verify", "HEAD^{commit}"])?;
        let tree = git.ask(&["rev-parse", "--quiet", "--verify", "HEAD^{tree}"])?;
        Ok(Self { branch, commit, tree })
    }
}

/// One line of git's output.
#[derive(Debug, PartialEq, Eq)]
struct Fields<'a> {
    hash: &'a str,
    is_head: bool,
    tree: &'a str,
    made: Option<u64>,
    name: &'a str,
}

/// Parses `hash * tree seconds name`. The `*` is a space except for the checked-out branch.
fn fields(line: &str) -> Option<Fields<'_>> {
    let (hash, rest) = line.split_once(' ')?;
    let (head, rest) = rest.split_at_checked(2)?;
    let (tree, rest) = rest.split_once(' ')?;
    let (made, name) = rest.split_once(' ')?;
    Some(Fields { hash, is_head: head == "* ", tree, made: made.parse().ok(), name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let hash = "0123456789012345678901234567890123456789";
        let line = format!("{hash} * 99 17 refs/heads/failover/a");
        let name = "refs/heads/failover/a";
        assert_eq!(fields(&line), Some(Fields { hash, is_head: true, tree: "99", made: Some(17), name }));
        // An object that is no commit has neither a tree nor a time.
        let line = format!("{hash}     refs/x");
        assert_eq!(fields(&line), Some(Fields { hash, is_head: false, tree: "", made: None, name: "refs/x" }));
        assert_eq!(fields("warning: x"), None);
        assert_eq!(fields(""), None);
    }
}
