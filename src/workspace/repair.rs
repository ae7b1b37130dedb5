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

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::os::Command;
use crate::text::Time;
use crate::workspace::advice::{quoted, quoted_text};
use crate::workspace::git::repository::Checkout;
use crate::workspace::ref_names;
use crate::workspace::report::text;

/// Folder for broken files, below `.git`.
const DAMAGED: &str = "openclaw-failover/damaged";

/// Repairs of one run, and the folder for the broken files.
pub(super) struct Repairs<'a> {
    checkout: &'a Checkout<'a>,
    /// `.git` folder, if it is inside the workspace; other repositories are not repaired.
    git_dir: PathBuf,
    /// Full name of the branch that this role works on.
    branch: String,
    /// Folder for the broken files of this run.
    folder: PathBuf,
    done: Vec<String>,
}

impl<'a> Repairs<'a> {
    /// Creates a run without repairs. `branch` is the one that this role works on, without `refs/heads/`.
    pub(super) fn new(checkout: &'a Checkout<'a>, branch: &str, now: Time) -> Self {
        let git_dir = checkout.workspace.path.join(".git");
        let folder = git_dir.join(DAMAGED).join(ref_names::stamp(now));
        Self { checkout, git_dir, branch: format!("refs/heads/{branch}"), folder, done: Vec::new() }
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
        let before = self.done.len();
        if let Err(why) = self.replace_objects() {
            log::warn!("cannot repair {}: {why}", self.git_dir.display());
        }
        self.done.len() > before
    }

    /// Returns a sentence about the repairs; empty if there were none.
    pub(super) fn words(&self) -> String {
        if self.done.is_empty() {
            return String::new();
        }
        let done = text(&self.done.join(", "));
        format!("repaired the damaged repository: {done}; the broken files are in {}", self.folder.display())
    }

    /// Returns the remedy for damage that could not be repaired.
    pub(super) fn advice(&self) -> String {
        let workspace = &self.checkout.workspace;
        let path = quoted(&workspace.path);
        let url = self.url().unwrap_or_else(|| "URL".to_owned());
        format!(
            "clone it again; the files of the workspace stay as they are: \
             git clone -q --no-checkout --branch {} {} {path}.new && mv {path}/.git {path}.git-damaged && \
             mv {path}.new/.git {path}/.git && git -C {path} reset -q",
            workspace.branch,
            quoted_text(&text(&url))
        )
    }

    /// Returns the remote's URL from git's settings, or else `workspace.url`.
    fn url(&self) -> Option<String> {
        let key = format!("remote.{}.url", self.checkout.workspace.remote);
        self.git(&["config", "--get", &key]).ok().or_else(|| self.checkout.workspace.url.clone())
    }

    /// Moves a broken file to the folder for broken files.
    fn set_aside(&mut self, path: &Path) -> io::Result<PathBuf> {
        let name = path.strip_prefix(&self.git_dir).unwrap_or(path);
        let mut aside = self.folder.join(name);
        let mut number = 1;
        while aside.symlink_metadata().is_ok() {
            number += 1;
            aside = self.folder.join(format!("{}.{number}", name.display()));
        }
        fs::create_dir_all(aside.parent().unwrap_or(&self.folder))?;
        fs::rename(path, &aside)?;
        Ok(aside)
    }

    /// Records a broken ref that has no separate file.
    fn note_aside(&self, line: &str) -> io::Result<()> {
        use io::Write;
        fs::create_dir_all(&self.folder)?;
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("notes"))?;
        writeln!(file, "{line}")
    }

    /// Runs git on the repository alone, without the workspace, and returns its output.
    fn git(&self, args: &[&str]) -> Result<String, String> {
        let said = self.command(args).run().map_err(|why| why.to_string())?;
        Ok(said.stdout.trim().to_owned())
    }

    fn command(&self, args: &[&str]) -> Command {
        let path = &self.checkout.workspace.path;
        let command = Command::new("git").dir(path).env("GIT_DIR", &self.git_dir).env("GIT_WORK_TREE", path);
        let quiet = ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"];
        command.args(quiet).args(args).cancel(self.checkout.cancel)
    }
}

fn words(why: impl ToString) -> String {
    why.to_string()
}
