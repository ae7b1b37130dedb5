//! Repairs what a power cut or a bad disk has broken in the repository.
//!
//! Whatever is broken is set aside below `.git/openclaw-failover/damaged`, never removed, and each repair is reported.
//! Small files are looked at before each run (`files`, `refs`, `index`), because git passes over some of them silently:
//! a branch whose file is empty is none to it, and the next commit would begin a new history. Objects are looked at
//! only after git has complained (`objects`).

mod files;
mod index;
mod kinds;
mod locks;
mod objects;
mod reflog;
mod refs;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::advice::{quoted, quoted_text};
use super::checkout::Checkout;
use super::names;
use super::report::text;
use crate::failover::Time;
use crate::host::Command;

/// Folder below this program's own for what is broken.
const DAMAGED: &str = "openclaw-failover/damaged";

/// The repairs of one run, and the folder of the broken files.
pub(super) struct Repairs<'a> {
    checkout: &'a Checkout<'a>,
    /// The repository, where it is a folder in the workspace; any other is left alone.
    git_dir: PathBuf,
    /// The branch that this role works on, in full.
    branch: String,
    /// The folder for the broken files of this run.
    folder: PathBuf,
    done: Vec<String>,
}

impl<'a> Repairs<'a> {
    /// Begins without any. `branch` is the one that this role works on, without `refs/heads/`.
    pub(super) fn new(checkout: &'a Checkout<'a>, branch: &str, now: Time) -> Self {
        let git_dir = checkout.workspace.path.join(".git");
        let folder = git_dir.join(DAMAGED).join(names::stamp(now));
        Self { checkout, git_dir, branch: format!("refs/heads/{branch}"), folder, done: Vec::new() }
    }

    /// Looks at the small files, and repairs them.
    pub(super) fn repair_files(&mut self) {
        if !self.is_repository() {
            return;
        }
        let repaired = self.repair_kinds().and_then(|()| self.repair_config()).and_then(|()| self.repair_heads());
        let repaired = repaired.and_then(|()| {
            // Other stores of branches than files have checksums of their own.
            if self.git_dir.join("reftable").exists() { Ok(()) } else { self.repair_refs() }
        });
        if let Err(why) = repaired.and_then(|()| self.repair_indexes()).and_then(|()| self.repair_locks()) {
            log::warn!("cannot repair {}: {why}", self.git_dir.display());
        }
    }

    /// Looks at every object, and has those that are broken sent again by the remote. True if anything was repaired.
    pub(super) fn repair_objects(&mut self) -> bool {
        let before = self.done.len();
        if let Err(why) = self.replace_objects() {
            log::warn!("cannot repair {}: {why}", self.git_dir.display());
        }
        self.done.len() > before
    }

    /// Says what was repaired; empty if nothing was.
    pub(super) fn words(&self) -> String {
        if self.done.is_empty() {
            return String::new();
        }
        let done = text(&self.done.join(", "));
        format!("repaired after damage: {done}; what was broken is in {}", self.folder.display())
    }

    /// Says what is left to do where the damage stays.
    pub(super) fn advice(&self) -> String {
        let workspace = &self.checkout.workspace;
        let path = quoted(&workspace.path);
        let url = self.url().unwrap_or_else(|| "URL".to_owned());
        format!(
            "clone it again, which leaves the files of the workspace as they are: \
             git clone -q --no-checkout --branch {} {} {path}.new && mv {path}/.git {path}.git-damaged && \
             mv {path}.new/.git {path}/.git && git -C {path} reset -q",
            workspace.branch,
            quoted_text(&text(&url))
        )
    }

    /// The remote's address, as far as anything tells.
    fn url(&self) -> Option<String> {
        let key = format!("remote.{}.url", self.checkout.workspace.remote);
        self.git(&["config", "--get", &key]).ok().or_else(|| self.checkout.workspace.url.clone())
    }

    /// Renames a broken file out of the way.
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

    /// Keeps in words what was broken and is no file.
    fn note_aside(&self, line: &str) -> io::Result<()> {
        use io::Write;
        fs::create_dir_all(&self.folder)?;
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("notes"))?;
        writeln!(file, "{line}")
    }

    /// Runs git on the repository, without a look at the workspace, and returns its first words.
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
