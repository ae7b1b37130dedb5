//! The remote: what is fetched from it.

use super::git::Git;
use super::names;
use super::stop::{Stop, Why};
use crate::config::Workspace;
use crate::host::CommandError;

/// Fetches the remote's branch, and what it has of this host's own. The remote may even have moved backwards.
pub(super) fn fetch(git: &Git<'_>, workspace: &Workspace) -> Result<(), Stop> {
    let Workspace { remote, branch, .. } = workspace;
    let wanted = format!("+refs/heads/{branch}:refs/remotes/{remote}/{branch}");
    // With a `*` it may be missing.
    let own = names::own(git.host);
    let own = format!("+refs/heads/{own}*:refs/remotes/{remote}/{own}*");
    fetch_these(git, workspace, &[&wanted, &own])
}

/// Fetches by these refspecs, and forgets what the remote no longer has of them.
pub(super) fn fetch_these(git: &Git<'_>, workspace: &Workspace, refspecs: &[&str]) -> Result<(), Stop> {
    if git.url.is_none() {
        let said = format!("the checkout has no remote \"{}\"; `git remote add` makes one", workspace.remote);
        return Err(Stop::new(Why::Unreachable, said));
    }
    let options = ["--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--refmap="];
    let mut args: Vec<&str> = ["fetch"].into_iter().chain(options).collect();
    // Where histories are cut off, they cannot be joined.
    if git.git_dir.join("shallow").exists() {
        args.push("--unshallow");
    }
    args.extend(["--end-of-options", &workspace.remote]);
    args.extend(refspecs);
    git.over_network(&args, workspace.timeout).map(drop).map_err(|why| match &why {
        CommandError::TimedOut { .. } => Stop::or(Why::TimedOut, &why),
        why if why.said().contains("couldn't find remote ref") => {
            let said = format!("{} has no branch {}; push one from the primary", workspace.remote, workspace.branch);
            Stop::new(Why::NoBranch, said)
        }
        why => Stop::or(Why::Unreachable, why),
    })
}
