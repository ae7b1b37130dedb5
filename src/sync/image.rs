//! The workspace as it lies on the disk, as a tree of git's: every file that may be committed, whatever the agent's own
//! index says of it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::git::{Git, SCAN};
use super::refs::Head;
use super::rescue;
use super::stage::stage;
use super::stop::Stop;
use super::swap::is_beyond_link;
use super::walk;
use super::withhold::{self, Reason};
use crate::host::CommandError;

/// The empty tree has a name of its own in each of git's two formats; git knows it without being told.
const EMPTY: [&str; 2] =
    ["4b825dc642cb6eb9a060e54bf8d69288fbee4904", "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"];

/// What stays on this host, by its name in the workspace, and why.
pub(super) type Withheld = Vec<(PathBuf, Reason)>;

/// What lies on the disk.
#[derive(Debug)]
pub(super) struct Image {
    /// The tree of what may be committed. This program's index equals it.
    pub(super) tree: String,
    /// The tree of the commit that is checked out.
    pub(super) base: String,
    /// What stays here, by its name in the workspace.
    pub(super) withheld: Withheld,
    /// New names of pipes for which git would have waited without end.
    pub(super) aside: Vec<PathBuf>,
    /// True if git may store other bytes than those on the disk, or write other bytes than those that it stores.
    pub(super) may_convert: bool,
}

/// One difference between the disk and the index.
struct Change<'a> {
    path: &'a Path,
    kind: Kind<'a>,
}

#[derive(PartialEq, Eq)]
enum Kind<'a> {
    /// git does not know it.
    New,
    /// It is not what git knows, which is the content of this name.
    Edited(&'a str),
    /// It is gone.
    Gone,
    /// It is a repository of its own, which git knows as one, at another commit.
    Repository,
}

impl Image {
    /// Looks at every file.
    pub(super) fn take(git: &Git<'_>, head: &Head, max_file: u64) -> Result<Self, Stop> {
        let mut passed_over = walk::list(git.dir);
        let aside = walk::rename_obstructing_pipes(git, &mut passed_over)?;
        let base = base(git, head)?;
        if !git.own_index().exists() {
            read_index(git, head)?;
        }
        let mut status = look(git)?;
        if differs_from_head(&status) {
            read_index(git, head)?;
            status = look(git)?;
        }
        let listing = git.list(&["ls-files", "--stage", "-z"])?;
        let has_attributes = has_attributes(git, &listing, &status);
        let Sorted { gone, mut listed, renamed, mut withheld } =
            sort(git, &status, (&base, max_file), &walk::folders_without_rules(git, &passed_over))?;
        withheld.extend(walk::withhold_renamed(git, renamed, &mut listed)?);
        for repository in repositories(git, &listing) {
            if withheld.iter().all(|(path, _)| *path != repository) {
                withheld.push((repository, Reason::Repository));
            }
        }
        git.go_on()?;
        if !gone.is_empty() {
            git.feed(&["update-index", "-z", "--index-info"], &gone, &git.own_index())?;
        }
        withheld.extend(stage(git, &listed, has_attributes)?);
        let passed_over = walk::without_ignored(git, passed_over, &withheld)?;
        withheld.extend(passed_over);
        let may_convert = has_attributes || git.converts_line_ends;
        let is_changed = !gone.is_empty() || !listed.is_empty();
        let tree = if is_changed { git.word(&["write-tree"])? } else { base.clone() };
        Ok(Self { tree, base, withheld, aside, may_convert })
    }
}

fn base(git: &Git<'_>, head: &Head) -> Result<String, Stop> {
    match (&head.tree, &head.commit) {
        (Some(tree), _) => Ok(tree.clone()),
        (None, Some(commit)) => Ok(git.word(&["rev-parse", "--verify", &format!("{commit}^{{tree}}")])?),
        (None, None) => {
            let format = git.word(&["rev-parse", "--show-object-format"])?;
            Ok(EMPTY[usize::from(format == "sha256")].to_owned())
        }
    }
}

/// The tree without files, by a name as long as that of another object of the same repository.
pub(super) fn empty_tree(other: &str) -> &'static str {
    EMPTY[usize::from(other.len() == 64)]
}

/// Makes the index what the checked-out commit is, and keeps what it knows of files that have not changed.
pub(super) fn read_index(git: &Git<'_>, head: &Head) -> Result<(), Stop> {
    let args = match &head.commit {
        Some(commit) => ["read-tree", "-m", commit],
        None => ["read-tree", "--empty", "--"],
    };
    if git.list(&args).is_ok() {
        return Ok(());
    }
    // An index that cannot be read holds nothing that cannot be had again.
    let index = git.own_index();
    match fs::remove_file(&index) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(Stop::file("remove", &index, &why)),
        _ => Ok(git.list(&args).map(drop)?),
    }
}

/// Looks at every file. A filter that never ends is left out the second time: its files then count as changed.
fn look(git: &Git<'_>) -> Result<Vec<u8>, CommandError> {
    let options = ["--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=dirty"];
    let args: Vec<&str> = ["status"].into_iter().chain(options).collect();
    match git.scan(&args, git.look_limit()) {
        Err(CommandError::TimedOut { .. } | CommandError::Failed { .. }) if !git.drivers.is_empty() => {
            let plain = git.without_filters();
            git.scan(&plain.iter().map(String::as_str).chain(args).collect::<Vec<_>>(), SCAN)
        }
        result => result,
    }
}

/// Repositories that git knows by a commit of theirs alone: what they hold stays here.
fn repositories(git: &Git<'_>, listing: &[u8]) -> Vec<PathBuf> {
    let known = lines(listing).filter(|line| line.starts_with(b"160000 "));
    let names = known.filter_map(|line| line.splitn(2, |byte| *byte == b'\t').nth(1));
    let paths = names.map(|name| PathBuf::from(OsStr::from_bytes(name)));
    let is_empty = |folder: &Path| fs::read_dir(folder).map_or(true, |mut found| found.next().is_none());
    paths.filter(|path| !is_empty(&git.dir.join(path))).collect()
}

/// True if any file may have an attribute, such as a filter.
fn has_attributes(git: &Git<'_>, listing: &[u8], status: &[u8]) -> bool {
    let is_named = |text: &[u8]| lines(text).any(|line| line.ends_with(b".gitattributes"));
    git.has_outer_attributes
        || git.git_dir.join("info/attributes").exists()
        // Of a work tree that belongs to another repository.
        || git.git_dir.join("commondir").exists()
        || is_named(listing)
        || is_named(status)
}

/// The lines of a status. A path may hold anything but NUL.
fn lines(status: &[u8]) -> impl Iterator<Item = &[u8]> {
    status.split(|byte| *byte == 0).filter(|line| !line.is_empty())
}

/// Whether somebody has committed since the index was made.
fn differs_from_head(status: &[u8]) -> bool {
    lines(status).any(|line| matches!(line, [b'1', b' ', staged, ..] if *staged != b'.') || line.starts_with(b"u "))
}

/// What becomes of each difference.
#[derive(Default)]
struct Sorted<'a> {
    /// What is to be removed from the index though git would take no such name, as lines that end in NUL.
    gone: Vec<u8>,
    /// What is to be put into the index.
    listed: Vec<&'a Path>,
    /// New files that an earlier move has renamed, with the paths that they had before.
    renamed: Vec<(&'a Path, PathBuf)>,
    /// What stays out.
    withheld: Withheld,
}

fn sort<'a>(
    git: &Git<'_>,
    status: &'a [u8],
    (base, max_file): (&str, u64),
    without_rules: &[&Path],
) -> Result<Sorted<'a>, Stop> {
    let mut sorted = Sorted::default();
    let Sorted { gone, listed, renamed, withheld } = &mut sorted;
    // As long as any other name of this repository's.
    let nothing = "0".repeat(base.len());
    for line in lines(status) {
        let Some(Change { path, kind }) = change(line) else { continue };
        let is_new = kind == Kind::New;
        let reason = match kind {
            Kind::Gone if is_beyond_link(git.dir, path) => {
                gone.extend_from_slice(format!("0 {nothing}\t").as_bytes());
                gone.extend_from_slice(path.as_os_str().as_bytes());
                gone.push(0);
                continue;
            }
            Kind::Gone => None,
            Kind::Repository => Some(Reason::Repository),
            Kind::New if without_rules.iter().any(|folder| path.starts_with(folder)) => Some(Reason::NoRules),
            Kind::New => withhold::untracked(git.dir, path, max_file),
            Kind::Edited(known) => match withhold::tracked(git.dir, path, max_file) {
                Some(Reason::Secret) if was_secret(git, known) => None,
                Some(Reason::Large) if was_large(git, known, max_file) => None,
                reason => reason,
            },
        };
        // A file can only make room for a repository by going away.
        let is_both = kind == Kind::Gone && git.dir.join(path).join(".git").exists();
        withheld.extend(is_both.then(|| (path.to_owned(), Reason::Repository)));
        match reason {
            Some(reason) => withheld.push((path.to_owned(), reason)),
            None => match rescue::earlier_path(path).filter(|_| is_new) {
                Some(earlier) => renamed.push((path, earlier)),
                None => listed.push(path),
            },
        }
        git.go_on()?;
    }
    Ok(sorted)
}

/// A file whose committed version was as large already is none to be held back for it.
fn was_large(git: &Git<'_>, known: &str, max_file: u64) -> bool {
    let size = git.word(&["cat-file", "-s", known]);
    size.is_ok_and(|size| size.parse::<u64>().is_ok_and(|size| size > max_file))
}

/// Nor one whose committed version holds a secret.
fn was_secret(git: &Git<'_>, known: &str) -> bool {
    git.list(&["cat-file", "blob", known]).is_ok_and(|content| withhold::holds_secret(&content))
}

/// `? path` or `1 XY sub mH mI mW hH hI path`.
fn change(line: &[u8]) -> Option<Change<'_>> {
    let path = |bytes| Path::new(OsStr::from_bytes(bytes));
    if let Some(name) = line.strip_prefix(b"? ") {
        return Some(Change { path: path(name), kind: Kind::New });
    }
    let mut fields = line.strip_prefix(b"1 ")?.splitn(8, |byte| *byte == b' ');
    let (state, repository) = (fields.next()?, fields.next()?);
    let known = std::str::from_utf8(fields.nth(4)?).ok()?;
    let path = path(fields.next()?);
    let kind = match state.get(1)? {
        b'.' => return None,
        _ if repository != b"N..." => Kind::Repository,
        b'D' => Kind::Gone,
        _ => Kind::Edited(known),
    };
    Some(Change { path, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_byte_by_byte() {
        let hash = "0123456789012345678901234567890123456789";
        let edited = format!("1 .M N... 100644 100644 100644 {hash} {hash} a b\nc");
        let change = change(edited.as_bytes()).unwrap();
        assert_eq!((change.path, change.kind == Kind::Edited(hash)), (Path::new("a b\nc"), true));
        let gone = format!("1 .D N... 100644 100644 000000 {hash} {hash} x");
        assert!(super::change(gone.as_bytes()).is_some_and(|change| change.kind == Kind::Gone));
        let new = super::change(b"? \xff\xfe").unwrap();
        assert_eq!((new.path.as_os_str().as_bytes(), new.kind == Kind::New), (&b"\xff\xfe"[..], true));
        let inner = format!("1 .M SC.. 160000 160000 160000 {hash} {hash} sub");
        assert!(super::change(inner.as_bytes()).is_some_and(|change| change.kind == Kind::Repository));
        for other in [
            format!("1 M. N... 100644 100644 100644 {hash} {hash} x"),
            "1 .M".into(),
            "! ignored".into(),
            String::new(),
        ] {
            assert!(super::change(other.as_bytes()).is_none(), "{other}");
        }
        assert!(differs_from_head(format!("? x\0{}", edited.replace(".M", "MM")).as_bytes()));
        assert!(!differs_from_head(format!("? x\0{edited}\0").as_bytes()));
    }
}
