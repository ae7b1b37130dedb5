//! Objects that git creates or looks up: trees and commits.

use std::path::Path;

use crate::os::CommandError;
use crate::workspace::error::SyncError;
use crate::workspace::git::Git;
use crate::workspace::oid::Oid;

impl Git<'_> {
    /// Runs git and returns the object id that it prints.
    pub(crate) fn run_for_oid(&self, args: &[&str]) -> Result<Oid, SyncError> {
        parse_printed(&self.run_for_value(args)?)
    }

    /// Looks up a revision; `None` if it does not exist.
    pub(crate) fn find_object(&self, revision: &str) -> Result<Option<Oid>, SyncError> {
        let found = self.query(&["rev-parse", "--quiet", "--verify", revision])?;
        found.as_deref().map(parse_printed).transpose()
    }

    /// Finds the commit at which two histories part; `None` if they are unrelated.
    pub(crate) fn merge_base(&self, one: &Oid, other: &Oid) -> Result<Option<Oid>, SyncError> {
        self.query(&["merge-base", one, other])?.as_deref().map(parse_printed).transpose()
    }

    /// Returns the tree of a commit.
    pub(crate) fn tree_of(&self, commit: &Oid) -> Result<Oid, SyncError> {
        self.run_for_oid(&["rev-parse", "--verify", &format!("{commit}^{{tree}}")])
    }

    /// Returns the size of an object, in bytes; `None` if it cannot be read.
    pub(crate) fn object_size(&self, object: &Oid) -> Option<u64> {
        self.run_for_value(&["cat-file", "-s", object]).ok()?.parse().ok()
    }

    /// Returns the bytes of a file's content.
    pub(crate) fn read_blob(&self, object: &Oid) -> Result<Vec<u8>, CommandError> {
        self.run_for_bytes(&["cat-file", "blob", object])
    }

    /// Writes the tree of an index.
    pub(crate) fn write_tree(&self, index: &Path) -> Result<Oid, SyncError> {
        parse_printed(&self.run_on_index(index, &["write-tree"])?)
    }

    /// Writes a tree: that of `base`, or an empty one, with `entries` in the format of `git update-index --index-info`.
    /// `index` is the name of a file that it may overwrite.
    pub(crate) fn build_tree(&self, index: &str, base: Option<&Oid>, entries: &[u8]) -> Result<Oid, SyncError> {
        let index = self.private_folder().join(index);
        self.run_on_index(&index, &["read-tree", base.map_or("--empty", Oid::as_str)])?;
        self.run_with_input(&["update-index", "-z", "--index-info"], entries, &index)?;
        self.write_tree(&index)
    }

    /// Creates a commit of a tree.
    pub(crate) fn commit_tree(&self, tree: &Oid, parents: &[&Oid], message: &str) -> Result<Oid, SyncError> {
        let mut args = vec!["commit-tree", "-m", message, tree];
        args.extend(parents.iter().flat_map(|parent| ["-p", parent.as_str()]));
        self.run_for_oid(&args)
    }

    /// True if `part` is in the history of `whole`.
    pub(crate) fn history_contains(&self, whole: &Oid, part: &Oid) -> Result<bool, SyncError> {
        Ok(self.query(&["merge-base", "--is-ancestor", part, whole])?.is_some())
    }
}

fn parse_printed(printed: &str) -> Result<Oid, SyncError> {
    Oid::parse(printed).ok_or_else(|| SyncError::failed(format_args!("git printed no object id: {printed}")))
}
