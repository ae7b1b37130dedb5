//! Opening of the workspace's repository, and cloning where there is none.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::config::WorkspaceConfig;
use crate::os::{Cancel, ChildCommand};
use crate::workspace::error::{FileResult, SyncError, SyncErrorKind};
use crate::workspace::files::remove_all;
use crate::workspace::git::Git;
use crate::workspace::paths::SyncPaths;
use crate::workspace::remedy::{quote_for_shell, quoted_text};

/// Folder in which a new repository is prepared, so that it appears as a whole or not at all.
const NEW_CLONE_FOLDER: &str = ".openclaw-failover-new";

/// Repository to open, with its remote and this host's name.
pub(crate) struct RepositorySpec<'a> {
    pub(crate) workspace: &'a WorkspaceConfig,
    pub(crate) host_name: &'a str,
    pub(crate) paths: &'a SyncPaths,
    pub(crate) cancel: &'a Cancel,
}

impl<'a> RepositorySpec<'a> {
    /// Opens the repository, or says what is missing.
    pub(crate) fn open(&self) -> Result<Git<'a>, SyncError> {
        let there = self.workspace.path.join(".git");
        if let Err(why) = there.metadata() {
            let advice = match why.kind() {
                ErrorKind::NotFound => self.clone_advice(),
                _ => String::new(),
            };
            return Err(SyncError::new(SyncErrorKind::NoRepository, format!("{}: {why}{advice}", there.display())));
        }
        let WorkspaceConfig { path, remote, url, .. } = self.workspace;
        let mut git = Git::open(path, (remote, self.host_name, &self.paths.ssh_program), self.cancel)?;
        git.filter_time_limit = git.filter_time_limit.min(self.workspace.timeout);
        // OpenClaw creates a repository without a remote in a new workspace.
        if let (None, Some(url)) = (&git.remote_url, url) {
            git.run(&["remote", "add", "--", remote, url])?;
            git.remote_url = Some(url.clone());
        }
        Ok(git)
    }

    /// Returns the command that clones into the workspace and keeps its files.
    fn clone_advice(&self) -> String {
        let (path, branch) = (quote_for_shell(&self.workspace.path), &self.workspace.branch);
        let url = quoted_text(self.workspace.url.as_deref().unwrap_or("URL"));
        format!(
            "; set workspace.url, or clone it: git clone -q --no-checkout --branch {branch} {url} \
             {path}.new && mkdir -p {path} && mv {path}.new/.git {path}/.git && git -C {path} reset -q && \
             rmdir {path}.new"
        )
    }

    /// Opens the repository, or clones this branch into the workspace and keeps its files.
    pub(crate) fn open_or_clone(&self, branch: &str) -> Result<Git<'a>, SyncError> {
        let WorkspaceConfig { path, url, .. } = self.workspace;
        let is_missing = path.join(".git").symlink_metadata().is_err_and(|why| why.kind() == ErrorKind::NotFound);
        if let (true, Some(url)) = (is_missing, url) {
            self.clone_into_workspace(url, branch)?;
        }
        self.open()
    }

    fn clone_into_workspace(&self, url: &str, branch: &str) -> Result<(), SyncError> {
        let WorkspaceConfig { path, remote, .. } = self.workspace;
        fs::create_dir_all(path).or_cannot("create", path)?;
        let new = path.join(NEW_CLONE_FOLDER);
        remove_all(&new)?;
        // Without a template there are no hooks and no further settings.
        let init = ["init", "--quiet", "--template=", "--initial-branch", branch, "--", NEW_CLONE_FOLDER];
        run_git(path, &init)?;
        run_git(&new, &["remote", "add", "--", remote, url])?;
        let git_dir = path.join(".git");
        fs::rename(new.join(".git"), &git_dir).or_cannot("create", &git_dir)?;
        remove_all(&new)
    }
}

fn run_git(dir: &Path, args: &[&str]) -> Result<(), SyncError> {
    let git = ChildCommand::new("git").dir(dir).args(args).env("GIT_CEILING_DIRECTORIES", dir.parent().unwrap_or(dir));
    git.run().map(drop).map_err(|why| SyncError::from_command(SyncErrorKind::NoRepository, &why))
}
