//! Repairs of the repository after a power cut or a disk error.
//!
//! Broken files are moved to `.git/openclaw-failover/damaged`, never deleted, and each repair is reported. Small files
//! are checked before each run (`files`, `refs`, `index`), because git ignores some kinds of damage: a branch whose
//! file is empty does not exist for git, and the next commit would begin a new history. Objects are checked only after
//! git has reported an error (`objects`).

mod files;
mod index;
mod kinds;
mod locks;
mod objects;
mod reflog;
mod refs;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::os::{ChildCommand, CommandError};
use crate::text::Time;
use crate::workspace::error::{FileResult, SyncError};
use crate::workspace::git::repository::RepositorySpec;
use crate::workspace::ref_names;
use crate::workspace::remedy::{quote_for_shell, quoted_text};
use crate::workspace::safe_text::safe_text;

/// Folder for broken files, below `.git`.
const DAMAGED_FOLDER: &str = "openclaw-failover/damaged";

/// Repairs of one run, and the folder for the broken files.
pub(super) struct Repairs<'a> {
    spec: &'a RepositorySpec<'a>,
    /// `.git` folder, if it is inside the workspace; other repositories are not repaired.
    git_dir: PathBuf,
    /// Full name of the branch that this role works on.
    branch: String,
    /// Folder for the broken files of this run.
    damaged_folder: PathBuf,
    repairs_done: Vec<String>,
}

impl<'a> Repairs<'a> {
    /// Creates a run without repairs. `branch` is the one that this role works on, without `refs/heads/`.
    pub(super) fn new(checkout: &'a RepositorySpec<'a>, branch: &str, now: Time) -> Self {
        let git_dir = checkout.workspace.path.join(".git");
        let folder = git_dir.join(DAMAGED_FOLDER).join(ref_names::time_stamp(now));
        Self {
            spec: checkout,
            git_dir,
            branch: format!("refs/heads/{branch}"),
            damaged_folder: folder,
            repairs_done: Vec::new(),
        }
    }

    /// Checks the small files and repairs them.
    pub(super) fn repair_files(&mut self) {
        if !self.is_repository() {
            return;
        }
        let repaired = self.repair_kinds().and_then(|()| self.repair_config()).and_then(|()| self.repair_heads());
        let repaired = repaired.and_then(|()| {
            // Other ref formats have their own checksums.
            if self.git_dir.join("reftable").exists() { Ok(()) } else { self.repair_refs() }
        });
        if let Err(why) = repaired.and_then(|()| self.repair_indexes()).and_then(|()| self.repair_locks()) {
            log::warn!("cannot repair {}: {why}", self.git_dir.display());
        }
    }

    /// Checks every object and fetches broken ones again. True if anything was repaired.
    pub(super) fn repair_objects(&mut self) -> bool {
        let before = self.repairs_done.len();
        if let Err(why) = self.replace_objects() {
            log::warn!("cannot repair {}: {why}", self.git_dir.display());
        }
        self.repairs_done.len() > before
    }

    /// Returns a sentence about the repairs; empty if there were none.
    pub(super) fn summary(&self) -> String {
        if self.repairs_done.is_empty() {
            return String::new();
        }
        let done = safe_text(&self.repairs_done.join(", "));
        format!("repaired the damaged repository: {done}; the broken files are in {}", self.damaged_folder.display())
    }

    /// Returns the remedy for damage that could not be repaired.
    pub(super) fn remedy(&self) -> String {
        let workspace = &self.spec.workspace;
        let path = quote_for_shell(&workspace.path);
        let url = self.remote_url().unwrap_or_else(|| "URL".to_owned());
        format!(
            "clone it again; the files of the workspace stay as they are: \
             git clone -q --no-checkout --branch {} {} {path}.new && mv {path}/.git {path}.git-damaged && \
             mv {path}.new/.git {path}/.git && git -C {path} reset -q",
            workspace.branch,
            quoted_text(&safe_text(&url))
        )
    }

    /// Returns the remote's URL from git's settings, or else `workspace.url`.
    fn remote_url(&self) -> Option<String> {
        let key = format!("remote.{}.url", self.spec.workspace.remote);
        self.run_git(&["config", "--get", &key]).ok().or_else(|| self.spec.workspace.url.clone())
    }

    /// Moves a broken file to the folder for broken files.
    fn move_to_damaged(&mut self, path: &Path) -> Result<PathBuf, SyncError> {
        let name = path.strip_prefix(&self.git_dir).unwrap_or(path);
        let mut aside = self.damaged_folder.join(name);
        let mut number = 1;
        while aside.symlink_metadata().is_ok() {
            number += 1;
            aside = self.damaged_folder.join(format!("{}.{number}", name.display()));
        }
        let moved = fs::create_dir_all(aside.parent().unwrap_or(&self.damaged_folder));
        moved.and_then(|()| fs::rename(path, &aside)).or_cannot("move", path)?;
        Ok(aside)
    }

    /// Moves a broken file to the folder for broken files, and records the repair.
    fn set_aside(&mut self, path: &Path, repair: String) -> Result<(), SyncError> {
        self.move_to_damaged(path)?;
        self.repairs_done.push(repair);
        Ok(())
    }

    /// Records a broken ref that has no separate file.
    fn record_damaged(&self, line: &str) -> Result<(), SyncError> {
        let notes = self.damaged_folder.join("notes");
        let file = fs::create_dir_all(&self.damaged_folder)
            .and_then(|()| fs::OpenOptions::new().create(true).append(true).open(&notes));
        file.and_then(|mut file| writeln!(file, "{line}")).or_cannot("write", &notes)
    }

    /// Runs git on the repository alone, without the workspace, and returns its output.
    fn run_git(&self, args: &[&str]) -> Result<String, CommandError> {
        self.git_command(args).run().map(|output| output.stdout.trim().to_owned())
    }

    fn git_command(&self, args: &[&str]) -> ChildCommand {
        let path = &self.spec.workspace.path;
        let command = ChildCommand::new("git").dir(path).env("GIT_DIR", &self.git_dir).env("GIT_WORK_TREE", path);
        let quiet = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"];
        command.args(quiet).args(args).cancel(self.spec.cancel)
    }
}
