//! Checkout of another commit in the workspace, with its branch.

pub(in crate::workspace) mod contents;
pub(in crate::workspace) mod raw_bytes;
pub(in crate::workspace) mod replaced;
pub(in crate::workspace) mod rescue;
pub(in crate::workspace) mod smudge;
pub(in crate::workspace) mod swap;
pub(in crate::workspace) mod writers;

use std::path::PathBuf;
use std::time::Duration;

use crate::text::Time;
use crate::workspace::checkout::raw_bytes::Kept;
use crate::workspace::checkout::swap::Swap;
use crate::workspace::crash_recovery::{
    Entry, differences, {self},
};
use crate::workspace::error::{Stop, Why};
use crate::workspace::git::Git;
use crate::workspace::git::index::{
    IndexLock, {self},
};
use crate::workspace::git::refs::Refs;
use crate::workspace::repo_cleanup::Others;
use crate::workspace::snapshot::{Image, Withheld};
use crate::workspace::{preflight, ref_names};

/// Time allowed for a checkout within the limits of a sync. Nothing interrupts a checkout: a half-updated tree is worse
/// than an old one.
pub(super) const MOVE_CAP: Duration = Duration::from_secs(60);

/// Reflog message of this program's changes.
pub(super) const REASON: &str = "openclaw-failover";

/// Checkout of one commit.
pub(super) struct Move<'a> {
    pub(super) git: &'a Git<'a>,
    pub(super) refs: &'a Refs,
    pub(super) image: &'a Image,
    /// Commit that the files match now.
    pub(super) from: Option<&'a str>,
    /// Commit to check out.
    pub(super) to: &'a str,
    /// Full name of the branch that is checked out afterwards.
    pub(super) branch: &'a str,
    /// Commit of the remote that `to` contains.
    pub(super) merged: Option<&'a str>,
    pub(super) others: Others,
    /// Fails if the files must stay as they are after all. Called after the new files are written and before the first
    /// is renamed.
    pub(super) go_on: &'a dyn Fn() -> Result<(), Stop>,
    pub(super) now: Time,
}

/// Result of a checkout.
#[derive(Default)]
pub(super) struct Moved {
    /// True if any file changed.
    pub(super) has_moved: bool,
    /// New names of obstructing files, and names that keep bytes which git does not store.
    pub(super) aside: Vec<PathBuf>,
    /// Files left as git stores them because their filter failed.
    pub(super) unfiltered: Withheld,
}

impl Move<'_> {
    /// Updates the files and the branch.
    pub(super) fn run(&self) -> Result<Moved, Stop> {
        let git = self.git;
        let is_there = self.image.tree == self.image.base && self.refs.head.commit.as_deref() == Some(self.to);
        if is_there && self.names_are_right() && index::is_published(git) {
            return Ok(Moved::default());
        }
        let entries = if is_there { Vec::new() } else { differences(git, &self.image.tree, self.to)? };
        let lock = IndexLock::take(git, self.others)?;
        self.is_unchanged()?;
        lock.keep_staged(git, self.image, self.others, self.now)?;
        if entries.is_empty() {
            if !is_there {
                git.flush();
            }
            self.move_branch(None)?;
            lock.publish(git)?;
            return Ok(Moved::default());
        }
        let (record, moved) = self.move_files(&entries)?;
        self.move_branch(Some(&record))?;
        lock.publish(git)?;
        Ok(moved)
    }

    /// Updates the files alone. Returns the record of the checkout.
    fn move_files(&self, entries: &[Entry]) -> Result<(String, Moved), Stop> {
        let git = self.git;
        preflight::require(git, entries)?;
        let swap = Swap::prepare(git, (self.image, self.to), entries, self.now)?;
        swap.require_unchanged()?;
        (self.go_on)()?;
        // Fetched objects are already flushed to disk.
        if self.refs.remote.as_deref() != Some(self.to) {
            git.flush();
        }
        let record = crash_recovery::remember(git, self.refs, (self.from, self.to), &self.image.tree)?;
        let kept =
            if self.image.may_convert { raw_bytes::keep(git, self.image, entries, self.now)? } else { Kept::default() };
        smudge::remember(git, &swap.unfiltered)?;
        let mut aside = kept.names;
        aside.extend(swap.run(&kept.contents)?);
        Ok((record, Moved { has_moved: true, aside, unfiltered: swap.unfiltered }))
    }

    /// Fails if the branch has moved since it was read. Called while this program holds git's lock, so no other git can
    /// commit.
    fn is_unchanged(&self) -> Result<(), Stop> {
        let head = self.git.ask(&["rev-parse", "--quiet", "--verify", "HEAD^{commit}"])?;
        if head == self.refs.head.commit {
            return Ok(());
        }
        Err(Stop::new(Why::InUse, "another process committed at the same time"))
    }

    fn names_are_right(&self) -> bool {
        let Self { refs, branch, merged, .. } = self;
        let is_merged = merged.is_none() || refs.merged.as_deref() == *merged;
        refs.head.branch.as_deref() == Some(branch) && refs.applying.is_none() && is_merged
    }

    /// Updates the branch first and deletes the record of the checkout last, so that a later run can recover from a
    /// crash in between.
    fn move_branch(&self, record: Option<&str>) -> Result<(), Stop> {
        let Self { git, refs, branch, to, merged, .. } = self;
        let mut first = String::new();
        if refs.head.branch.as_deref() != Some(branch) || refs.head.commit.as_deref() != Some(to) {
            first = forward(branch, to, refs.own.as_deref());
        }
        if refs.head.branch.as_deref() != Some(branch) {
            change_refs(git, &first)?;
            git.run(&["symbolic-ref", "-m", REASON, "HEAD", branch])?;
            first.clear();
        }
        let mut last = String::new();
        if let Some(merged) = merged.filter(|merged| refs.merged.as_deref() != Some(merged)) {
            last.push_str(&format!("update {} {merged}\n", ref_names::MERGED));
        }
        if let Some(record) = record {
            last.push_str(&format!("update {} {record}\n", ref_names::APPLIED));
        }
        if record.is_some() || refs.applying.is_some() {
            last.push_str(&format!("delete {}\n", ref_names::APPLYING));
        }
        if !last.is_empty() {
            first.push_str(&format!("start\n{last}commit\n"));
        }
        change_refs(git, &first)
    }
}

/// Returns a transaction that moves a branch from `from` to `to`; it fails if an agent has committed since.
pub(super) fn forward(branch: &str, to: &str, from: Option<&str>) -> String {
    match from {
        Some(from) => format!("start\nupdate {branch} {to} {from}\ncommit\n"),
        None => format!("start\ncreate {branch} {to}\ncommit\n"),
    }
}

/// Runs transactions on refs, in order.
pub(super) fn change_refs(git: &Git<'_>, transactions: &str) -> Result<(), Stop> {
    if transactions.is_empty() {
        return Ok(());
    }
    let args = ["update-ref", "--no-deref", "-m", REASON, "--stdin"];
    git.feed(&args, transactions.as_bytes(), &git.own_index()).map(drop)
}
