//! Where every branch that counts stands, asked in one go.

use crate::config::Workspace;
use crate::workspace::error::Stop;
use crate::workspace::git::Git;
use crate::workspace::ref_names;

/// The branches that count, and the private notes.
#[derive(Debug, Default)]
pub(in crate::workspace) struct Refs {
    /// What is checked out.
    pub(in crate::workspace) head: Head,
    /// The branch that this host works on.
    pub(in crate::workspace) own: Option<String>,
    /// The remote's branch, as it was fetched last.
    pub(in crate::workspace) remote: Option<String>,
    /// When that commit was made, in seconds since 1970.
    pub(in crate::workspace) remote_made: Option<u64>,
    /// What the remote has of this host's own branch; a standby that was set up anew finds its past there.
    pub(in crate::workspace) remote_own: Option<String>,
    /// The remote's commit that the workspace was last brought to.
    pub(in crate::workspace) merged: Option<String>,
    /// What was last pushed of this host's own branch.
    pub(in crate::workspace) returned: Option<String>,
    /// A move of the tree that has not ended.
    pub(in crate::workspace) applying: Option<String>,
    /// The last move that has ended, for a while.
    pub(in crate::workspace) applied: Option<String>,
    /// Whether a branch has the name of the folder that all of these branches lie in.
    pub(in crate::workspace) is_name_taken: bool,
    /// Versions of this host that are still to be pushed: branches, without `refs/heads/`, and their commits.
    pub(in crate::workspace) kept: Vec<(String, String)>,
}

/// What is checked out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::workspace) struct Head {
    /// The branch, in full; none if a commit is checked out by itself.
    pub(in crate::workspace) branch: Option<String>,
    /// The commit; none where there is no history yet.
    pub(in crate::workspace) commit: Option<String>,
    /// Its tree.
    pub(in crate::workspace) tree: Option<String>,
}

impl Refs {
    /// Asks for all of them. `own` is the branch that this host works on, without `refs/heads/`.
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
    /// Where everything stands after a move that went well: at this commit, of which the remote's is a part.
    pub(in crate::workspace) fn stands_at(&mut self, branch: String, commit: String) {
        self.own = Some(commit.clone());
        self.merged.clone_from(&self.remote);
        self.applying = None;
        if self.head.commit.as_ref() != Some(&commit) {
            self.head.tree = None;
        }
        self.head = Head { branch: Some(branch), commit: Some(commit), tree: self.head.tree.take() };
    }

    /// Whether this host has something of its own that it has not pushed yet.
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

/// One line of the answer.
#[derive(Debug, PartialEq, Eq)]
struct Fields<'a> {
    hash: &'a str,
    is_head: bool,
    tree: &'a str,
    made: Option<u64>,
    name: &'a str,
}

/// `hash * tree seconds name`, of which the second is a blank for all but the branch that is checked out.
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
        // What is no commit has neither a tree nor a time.
        let line = format!("{hash}     refs/x");
        assert_eq!(fields(&line), Some(Fields { hash, is_head: false, tree: "", made: None, name: "refs/x" }));
        assert_eq!(fields("warning: x"), None);
        assert_eq!(fields(""), None);
    }
}
