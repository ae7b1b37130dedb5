//! Snapshot of the workspace: a git tree of every file that may be committed, independent of the agent's index.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::os::CommandError;
use crate::workspace::checkout::aside_names;
use crate::workspace::error::SyncError;
use crate::workspace::exclusion::{self, ExclusionReason, WithheldFiles};
use crate::workspace::files::{is_beyond_link, remove_file};
use crate::workspace::git::refs::Head;
use crate::workspace::git::{Git, SCAN_TIME_LIMIT};
use crate::workspace::oid::Oid;
use crate::workspace::special_files;
use crate::workspace::staging::stage_files;

/// Snapshot of the files on the disk.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Tree of the files that may be committed. This program's index matches it.
    pub(super) tree: Oid,
    /// Tree of the commit that is checked out.
    pub(super) base_tree: Oid,
    /// Files that are not committed.
    pub(super) withheld: WithheldFiles,
    /// New names of pipes that would have blocked git.
    pub(super) moved_aside: Vec<PathBuf>,
    /// True if git may convert files when it stores or writes them.
    pub(super) may_convert: bool,
}

/// Difference between the disk and the index.
struct FileChange<'a> {
    path: &'a Path,
    kind: ChangeKind,
}

#[derive(PartialEq, Eq)]
enum ChangeKind {
    /// Untracked.
    Untracked,
    /// Changed; the value is the object id that git knows.
    Edited(Oid),
    /// Deleted.
    Deleted,
    /// Nested repository at another commit than the one that git knows.
    Repository,
}

impl Snapshot {
    /// Returns the tree that is checked out and that of the files on the disk.
    pub(super) fn saved_trees(&self) -> [&Oid; 2] {
        [&self.base_tree, &self.tree]
    }

    /// Compares every file and stores the changes.
    pub(super) fn take(git: &Git<'_>, head: &Head, max_file: u64) -> Result<Self, SyncError> {
        let mut passed_over = special_files::list_special_files(git.work_tree);
        let aside = special_files::rename_obstructing_pipes(git, &mut passed_over)?;
        let base = head_tree(git, head)?;
        if !git.private_index().exists() {
            reset_index_to_head(git, head)?;
        }
        let mut status = run_status(git)?;
        if differs_from_head(&status) {
            reset_index_to_head(git, head)?;
            status = run_status(git)?;
        }
        let listing = git.run_for_bytes(&["ls-files", "--stage", "-z"])?;
        let has_attributes = has_attributes(git, &listing, &status);
        let SortedChanges { index_removals: gone, to_stage: mut listed, renamed, mut withheld } =
            sort_changes(git, &status, &base, max_file, &special_files::folders_without_rules(git, &passed_over))?;
        withheld.extend(special_files::withhold_renamed(git, renamed, &mut listed)?);
        for repository in list_nested_repositories(git, &listing) {
            if withheld.iter().all(|(path, _)| *path != repository) {
                withheld.push((repository, ExclusionReason::Repository));
            }
        }
        git.require_not_cancelled()?;
        if !gone.is_empty() {
            git.run_with_input(&["update-index", "-z", "--index-info"], &gone, &git.private_index())?;
        }
        withheld.extend(stage_files(git, &listed, has_attributes)?);
        let passed_over = special_files::without_ignored(git, passed_over, &withheld)?;
        withheld.extend(passed_over);
        let may_convert = has_attributes || git.converts_line_ends;
        let is_changed = !gone.is_empty() || !listed.is_empty();
        let tree = if is_changed { git.write_tree(&git.private_index())? } else { base.clone() };
        Ok(Self { tree, base_tree: base, withheld, moved_aside: aside, may_convert })
    }
}

fn head_tree(git: &Git<'_>, head: &Head) -> Result<Oid, SyncError> {
    match (&head.tree, &head.commit) {
        (Some(tree), _) => Ok(tree.clone()),
        (None, Some(commit)) => git.tree_of(commit),
        (None, None) => {
            let format = git.run_for_value(&["rev-parse", "--show-object-format"])?;
            Ok(Oid::empty_tree(format == "sha256"))
        }
    }
}

/// Sets the index to the checked-out commit, and keeps the recorded times of unchanged files.
pub(super) fn reset_index_to_head(git: &Git<'_>, head: &Head) -> Result<(), SyncError> {
    let args = match &head.commit {
        Some(commit) => ["read-tree", "-m", commit],
        None => ["read-tree", "--empty", "--"],
    };
    if git.run_for_bytes(&args).is_ok() {
        return Ok(());
    }
    // An unreadable index holds nothing that cannot be rebuilt.
    let index = git.private_index();
    remove_file(&index)?;
    Ok(git.run_for_bytes(&args).map(drop)?)
}

/// Runs `git status`. If a filter hangs or fails, runs it again without filters: filtered files then count as changed.
fn run_status(git: &Git<'_>) -> Result<Vec<u8>, CommandError> {
    let options = ["--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=dirty"];
    let args: Vec<&str> = ["status"].into_iter().chain(options).collect();
    match git.run_scan(&args, git.comparison_time_limit()) {
        Err(CommandError::TimedOut { .. } | CommandError::Failed { .. }) if !git.filter_drivers.is_empty() => {
            let plain = git.options_without_filters();
            git.run_scan(&plain.iter().map(String::as_str).chain(args).collect::<Vec<_>>(), SCAN_TIME_LIMIT)
        }
        result => result,
    }
}

/// Lists nested repositories that git tracks by their commit alone; their files are not committed. An
/// empty folder is one that is not set up here.
fn list_nested_repositories(git: &Git<'_>, listing: &[u8]) -> Vec<PathBuf> {
    let known = status_lines(listing).filter(|line| line.starts_with(b"160000 "));
    let names = known.filter_map(|line| line.splitn(2, |byte| *byte == b'\t').nth(1));
    let paths = names.map(|name| PathBuf::from(OsStr::from_bytes(name)));
    let is_empty = |folder: &Path| fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    paths.filter(|path| !is_empty(&git.work_tree.join(path))).collect()
}

/// True if any file may have an attribute, such as a filter.
fn has_attributes(git: &Git<'_>, listing: &[u8], status: &[u8]) -> bool {
    let is_named = |text: &[u8]| status_lines(text).any(|line| line.ends_with(b".gitattributes"));
    git.has_outer_attributes
        || git.git_dir.join("info/attributes").exists()
        // Or the work tree is linked to another repository.
        || git.git_dir.join("commondir").exists()
        || is_named(listing)
        || is_named(status)
}

/// Splits a status into lines. A path may contain any byte but NUL.
fn status_lines(status: &[u8]) -> impl Iterator<Item = &[u8]> {
    status.split(|byte| *byte == 0).filter(|line| !line.is_empty())
}

/// True if HEAD has moved since the index was written.
fn differs_from_head(status: &[u8]) -> bool {
    status_lines(status)
        .any(|line| matches!(line, [b'1', b' ', staged, ..] if *staged != b'.') || line.starts_with(b"u "))
}

/// Differences by what is done with them.
#[derive(Default)]
struct SortedChanges<'a> {
    /// Input for `git update-index --index-info`: entries to remove whose names git refuses otherwise.
    index_removals: Vec<u8>,
    /// Files to add to the index.
    to_stage: Vec<&'a Path>,
    /// New files that an earlier checkout has renamed, with their earlier paths.
    renamed: Vec<(&'a Path, PathBuf)>,
    /// Files that are excluded.
    withheld: WithheldFiles,
}

fn sort_changes<'a>(
    git: &Git<'_>,
    status: &'a [u8],
    base: &Oid,
    max_file: u64,
    folders_without_rules: &[&Path],
) -> Result<SortedChanges<'a>, SyncError> {
    let mut sorted = SortedChanges::default();
    let SortedChanges { index_removals: gone, to_stage: listed, renamed, withheld } = &mut sorted;
    // As long as any other object id of this repository.
    let nothing = "0".repeat(base.len());
    for line in status_lines(status) {
        let Some(FileChange { path, kind }) = parse_status_line(line) else { continue };
        let is_new = kind == ChangeKind::Untracked;
        let reason = match &kind {
            ChangeKind::Deleted if is_beyond_link(git.work_tree, path) => {
                gone.extend_from_slice(format!("0 {nothing}\t").as_bytes());
                gone.extend_from_slice(path.as_os_str().as_bytes());
                gone.push(0);
                continue;
            }
            ChangeKind::Deleted => None,
            ChangeKind::Repository => Some(ExclusionReason::Repository),
            ChangeKind::Untracked if folders_without_rules.iter().any(|folder| path.starts_with(folder)) => {
                Some(ExclusionReason::UnreadableRules)
            }
            ChangeKind::Untracked => exclusion::exclude_untracked(git.work_tree, path, max_file),
            ChangeKind::Edited(known) => match exclusion::exclude_tracked(git.work_tree, path, max_file) {
                Some(ExclusionReason::Secret) if was_committed_secret(git, known) => None,
                Some(ExclusionReason::TooLarge) if was_committed_large(git, known, max_file) => None,
                reason => reason,
            },
        };
        // A tracked file that was replaced by a repository.
        let is_both = kind == ChangeKind::Deleted && git.work_tree.join(path).join(".git").exists();
        withheld.extend(is_both.then(|| (path.to_owned(), ExclusionReason::Repository)));
        match reason {
            Some(reason) => withheld.push((path.to_owned(), reason)),
            None => match aside_names::earlier_path(path).filter(|_| is_new) {
                Some(earlier) => renamed.push((path, earlier)),
                None => listed.push(path),
            },
        }
        git.require_not_cancelled()?;
    }
    Ok(sorted)
}

/// True if the committed version was too large already; then the file is not excluded for its size.
fn was_committed_large(git: &Git<'_>, known: &Oid, max_file: u64) -> bool {
    git.object_size(known).is_some_and(|size| size > max_file)
}

/// True if the committed version holds a secret already; then the file is not excluded for it.
fn was_committed_secret(git: &Git<'_>, known: &Oid) -> bool {
    git.read_blob(known).is_ok_and(|content| exclusion::holds_secret(&content))
}

/// Parses `? path` and `1 XY sub mH mI mW hH hI path`.
fn parse_status_line(line: &[u8]) -> Option<FileChange<'_>> {
    let path = |bytes| Path::new(OsStr::from_bytes(bytes));
    if let Some(name) = line.strip_prefix(b"? ") {
        return Some(FileChange { path: path(name), kind: ChangeKind::Untracked });
    }
    let mut fields = line.strip_prefix(b"1 ")?.splitn(8, |byte| *byte == b' ');
    let (state, repository) = (fields.next()?, fields.next()?);
    let known = Oid::parse(std::str::from_utf8(fields.nth(4)?).ok()?)?;
    let path = path(fields.next()?);
    let kind = match state.get(1)? {
        b'.' => return None,
        _ if repository != b"N..." => ChangeKind::Repository,
        b'D' => ChangeKind::Deleted,
        _ => ChangeKind::Edited(known),
    };
    Some(FileChange { path, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_byte_by_byte() {
        let hash = "0123456789012345678901234567890123456789";
        let edited = format!("1 .M N... 100644 100644 100644 {hash} {hash} a b\nc");
        let change = parse_status_line(edited.as_bytes()).unwrap();
        assert_eq!(change.path, Path::new("a b\nc"));
        assert!(change.kind == ChangeKind::Edited(Oid::parse(hash).unwrap()));
        let gone = format!("1 .D N... 100644 100644 000000 {hash} {hash} x");
        assert!(super::parse_status_line(gone.as_bytes()).is_some_and(|change| change.kind == ChangeKind::Deleted));
        let new = super::parse_status_line(b"? \xff\xfe").unwrap();
        assert_eq!((new.path.as_os_str().as_bytes(), new.kind == ChangeKind::Untracked), (&b"\xff\xfe"[..], true));
        let inner = format!("1 .M SC.. 160000 160000 160000 {hash} {hash} sub");
        assert!(super::parse_status_line(inner.as_bytes()).is_some_and(|change| change.kind == ChangeKind::Repository));
        for other in [
            format!("1 M. N... 100644 100644 100644 {hash} {hash} x"),
            "1 .M".into(),
            "! ignored".into(),
            String::new(),
        ] {
            assert!(super::parse_status_line(other.as_bytes()).is_none(), "{other}");
        }
        assert!(differs_from_head(format!("? x\0{}", edited.replace(".M", "MM")).as_bytes()));
        assert!(!differs_from_head(format!("? x\0{edited}\0").as_bytes()));
    }
}
