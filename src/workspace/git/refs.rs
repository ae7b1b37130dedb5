//! Values of all refs that matter, from one git command.

use crate::config::WorkspaceConfig;
use crate::workspace::error::SyncError;
use crate::workspace::git::Git;
use crate::workspace::oid::Oid;
use crate::workspace::ref_names;

/// Branches that matter, and this program's private refs.
#[derive(Debug, Default)]
pub(crate) struct Refs {
    /// Current checkout.
    pub(crate) head: Head,
    /// Branch that this host works on.
    pub(crate) own_branch: Option<Oid>,
    /// The remote's branch, as last fetched.
    pub(crate) remote_branch: Option<Oid>,
    /// Time of that commit, in seconds since 1970.
    pub(crate) remote_commit_time: Option<u64>,
    /// This host's own branch at the remote; a reinstalled standby finds its history there.
    pub(crate) remote_own_branch: Option<Oid>,
    /// Commit of the remote that the workspace last contained.
    pub(crate) merged_remote: Option<Oid>,
    /// Commit of this host's own branch that was last pushed.
    pub(crate) pushed_commit: Option<Oid>,
    /// Record of an interrupted checkout.
    pub(crate) interrupted_checkout: Option<Oid>,
    /// Record of the last finished checkout, kept for a minute.
    pub(crate) finished_checkout: Option<Oid>,
    /// True if a branch named `failover` blocks the names `failover/…`.
    pub(crate) is_prefix_blocked: bool,
    /// Conflict branches still to be pushed, without `refs/heads/`, and their commits.
    pub(crate) conflict_branches: Vec<(String, Oid)>,
}

/// HEAD of the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Full name of the branch; `None` for a detached HEAD.
    pub(crate) branch: Option<String>,
    /// Commit; `None` without a history.
    pub(crate) commit: Option<Oid>,
    /// Tree of that commit.
    pub(crate) tree: Option<Oid>,
}

impl Refs {
    /// Reads all refs. `own` is this host's branch, without `refs/heads/`.
    pub(crate) fn read(git: &Git<'_>, workspace: &WorkspaceConfig, own: &str) -> Result<Self, SyncError> {
        let WorkspaceConfig { remote, branch, .. } = workspace;
        let own_ref = format!("refs/heads/{own}");
        let kept = format!("{}{}@", ref_names::STANDBY_BRANCH_PREFIX, git.host_name);
        let remote_ref = format!("refs/remotes/{remote}/{branch}");
        let remote_own = format!("refs/remotes/{remote}/{}", ref_names::own_branch(git.host_name));
        let above = ref_names::STANDBY_BRANCH_PREFIX.trim_end_matches('/');
        let patterns = [above, &own_ref, &remote_ref, &remote_own];
        let mut args = vec![
            "for-each-ref",
            "--format=%(objectname) %(HEAD) %(tree) %(committerdate:unix) %(refname)",
            ref_names::PRIVATE_REF_PREFIX,
        ];
        args.extend(patterns);
        let mut refs = Self::default();
        for line in String::from_utf8_lossy(&git.run_for_bytes(&args)?).lines() {
            let Some(RefLine { object_id: hash, is_head, tree, commit_time: made, name }) = parse_ref_line(line) else {
                continue;
            };
            let hash = Oid::parse(hash);
            if is_head {
                refs.head = Head { branch: Some(name.to_owned()), commit: hash.clone(), tree: Oid::parse(tree) };
            }
            match name {
                ref_names::INTERRUPTED_CHECKOUT_REF => refs.interrupted_checkout = hash,
                ref_names::FINISHED_CHECKOUT_REF => refs.finished_checkout = hash,
                ref_names::MERGED_REMOTE_REF => refs.merged_remote = hash,
                ref_names::PUSHED_COMMIT_REF => refs.pushed_commit = hash,
                name if name == own_ref => refs.own_branch = hash,
                name if name == above => refs.is_prefix_blocked = true,
                name if name == remote_own => refs.remote_own_branch = hash,
                name if name == remote_ref => (refs.remote_branch, refs.remote_commit_time) = (hash, made),
                name if name.starts_with(&kept) => {
                    let branch = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
                    refs.conflict_branches.extend(hash.map(|hash| (branch, hash)));
                }
                _ => {}
            }
        }
        if refs.head.branch.is_none() {
            refs.head = Head::read(git)?;
        }
        Ok(refs)
    }
}

impl Refs {
    /// Sets the values after a checkout of `commit`, which contains the remote's branch.
    pub(crate) fn set_checked_out(&mut self, branch: String, commit: Oid) {
        self.own_branch = Some(commit.clone());
        self.merged_remote.clone_from(&self.remote_branch);
        self.interrupted_checkout = None;
        if self.head.commit.as_ref() != Some(&commit) {
            self.head.tree = None;
        }
        self.head = Head { branch: Some(branch), commit: Some(commit), tree: self.head.tree.take() };
    }

    /// True if this host has commits that it has not pushed.
    pub(crate) fn has_unpushed(&self) -> bool {
        let own = self.own_branch.as_ref().or(self.head.commit.as_ref());
        let is_returned = own.is_none() || own == self.remote_branch.as_ref() || own == self.pushed_commit.as_ref();
        !is_returned || !self.conflict_branches.is_empty()
    }
}

impl Head {
    fn read(git: &Git<'_>) -> Result<Self, SyncError> {
        let branch = git.query(&["symbolic-ref", "--quiet", "HEAD"])?;
        let commit = git.find_object("HEAD^{commit}")?;
        let tree = git.find_object("HEAD^{tree}")?;
        Ok(Self { branch, commit, tree })
    }
}

/// One line of git's output.
#[derive(Debug, PartialEq, Eq)]
struct RefLine<'a> {
    object_id: &'a str,
    is_head: bool,
    tree: &'a str,
    commit_time: Option<u64>,
    name: &'a str,
}

/// Parses `hash * tree seconds name`. The `*` is a space except for the checked-out branch.
fn parse_ref_line(line: &str) -> Option<RefLine<'_>> {
    let (hash, rest) = line.split_once(' ')?;
    let (head, rest) = rest.split_at_checked(2)?;
    let (tree, rest) = rest.split_once(' ')?;
    let (made, name) = rest.split_once(' ')?;
    Some(RefLine { object_id: hash, is_head: head == "* ", tree, commit_time: made.parse().ok(), name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let object_id = "0123456789012345678901234567890123456789";
        let line = format!("{object_id} * 99 17 refs/heads/failover/a");
        let name = "refs/heads/failover/a";
        assert_eq!(
            parse_ref_line(&line),
            Some(RefLine { object_id, is_head: true, tree: "99", commit_time: Some(17), name })
        );
        // An object that is no commit has neither a tree nor a time.
        let line = format!("{object_id}     refs/x");
        assert_eq!(
            parse_ref_line(&line),
            Some(RefLine { object_id, is_head: false, tree: "", commit_time: None, name: "refs/x" })
        );
        assert_eq!(parse_ref_line("warning: x"), None);
        assert_eq!(parse_ref_line(""), None);
    }
}
