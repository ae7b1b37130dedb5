//! Which checkout, of which remote, on which host; and a new one where there is none.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::Paths;
use super::advice::{quoted, quoted_text};
use super::git::Git;
use super::replaced::remove_all;
use super::stop::{Stop, Why};
use crate::config::Workspace;
use crate::host::{Cancel, Command};

/// Where a new checkout is prepared, so that it is there as a whole or not at all.
const NEW: &str = ".openclaw-failover-new";

/// What is to be opened.
pub(super) struct Checkout<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) host: &'a str,
    pub(super) paths: &'a Paths,
    pub(super) cancel: &'a Cancel,
}

impl<'a> Checkout<'a> {
    /// Opens it, or says what is missing.
    pub(super) fn open(&self) -> Result<Git<'a>, Stop> {
        let there = self.workspace.path.join(".git");
        if let Err(why) = there.metadata() {
            let advice = match why.kind() {
                ErrorKind::NotFound => self.how_to_clone(),
                _ => String::new(),
            };
            return Err(Stop::new(Why::NoCheckout, format!("{}: {why}{advice}", there.display())));
        }
        let Workspace { path, remote, url, .. } = self.workspace;
        let mut git = Git::open(path, (remote, self.host, &self.paths.ssh), self.cancel)?;
        git.filter_limit = git.filter_limit.min(self.workspace.timeout);
        // OpenClaw itself makes a repository of a new workspace, which then has no remote.
        if let (None, Some(url)) = (&git.url, url) {
            git.run(&["remote", "add", "--", remote, url])?;
            git.url = Some(url.clone());
        }
        Ok(git)
    }

    /// Says how to make a checkout around the files that are in the workspace already.
    fn how_to_clone(&self) -> String {
        let (path, branch) = (quoted(&self.workspace.path), &self.workspace.branch);
        let url = quoted_text(self.workspace.url.as_deref().unwrap_or("URL"));
        format!(
            "; name its repository in workspace.url, or clone it: git clone -q --no-checkout --branch {branch} {url} \
             {path}.new && mkdir -p {path} && mv {path}.new/.git {path}/.git && git -C {path} reset -q && \
             rmdir {path}.new"
        )
    }

    /// Opens it, or makes one with this branch around whatever lies in the workspace already.
    pub(super) fn open_or_make(&self, branch: &str) -> Result<Git<'a>, Stop> {
        let Workspace { path, url, .. } = self.workspace;
        let is_missing = path.join(".git").symlink_metadata().is_err_and(|why| why.kind() == ErrorKind::NotFound);
        if let (true, Some(url)) = (is_missing, url) {
            self.make(url, branch)?;
        }
        self.open()
    }

    fn make(&self, url: &str, branch: &str) -> Result<(), Stop> {
        let Workspace { path, remote, .. } = self.workspace;
        fs::create_dir_all(path).map_err(|why| Stop::file("create", path, &why))?;
        let new = path.join(NEW);
        remove_all(&new).map_err(|why| Stop::file("remove", &new, &why))?;
        // Without a template there are no hooks and no configuration but what follows.
        let init = ["init", "--quiet", "--template=", "--initial-branch", branch, "--", NEW];
        run(path, &init)?;
        run(&new, &["remote", "add", "--", remote, url])?;
        let git_dir = path.join(".git");
        fs::rename(new.join(".git"), &git_dir).map_err(|why| Stop::file("create", &git_dir, &why))?;
        remove_all(&new).map_err(|why| Stop::file("remove", &new, &why))
    }
}

fn run(dir: &Path, args: &[&str]) -> Result<(), Stop> {
    let git = Command::new("git").dir(dir).args(args).env("GIT_CEILING_DIRECTORIES", dir.parent().unwrap_or(dir));
    git.run().map(drop).map_err(|why| Stop::or(Why::NoCheckout, &why))
}
