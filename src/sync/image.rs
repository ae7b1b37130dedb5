//! The workspace as it lies on the disk, as a tree of git's: every file that may be committed, whatever the agent's own
//! index says of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::git::Git;
use super::refs::Head;
use super::stop::{Stop, Why};
use super::withhold::{self, Reason};
use crate::host::CommandError;

/// The empty tree has a name of its own in each of git's two formats; git knows it without being told.
const EMPTY: [(usize, &str); 2] = [
    (40, "4b825dc642cb6eb9a060e54bf8d69288fbee4904"),
    (64, "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"),
];

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
        let base = base(git, head)?;
        if !git.own_index().exists() {
            read_index(git, head)?;
        }
        let mut status = look(git)?;
        if differs_from_head(&status) {
            read_index(git, head)?;
            status = look(git)?;
        }
        let (listed, withheld) = sort(git, &status, max_file)?;
        git.go_on()?;
        if listed.is_empty() {
            return Ok(Self { tree: base.clone(), base, withheld });
        }
        git.feed(&["update-index", "-z", "--add", "--remove", "--replace", "--stdin"], &listed, &git.own_index())?;
        let tree = git.word(&["write-tree"])?;
        Ok(Self { tree, base, withheld })
    }
}

fn base(git: &Git<'_>, head: &Head) -> Result<String, Stop> {
    match (&head.tree, &head.commit) {
        (Some(tree), _) => Ok(tree.clone()),
        (None, Some(commit)) => Ok(git.word(&["rev-parse", "--verify", &format!("{commit}^{{tree}}")])?),
        (None, None) => {
            let format = git.word(&["rev-parse", "--show-object-format"])?;
            let length = if format == "sha256" { 64 } else { 40 };
            let empty = EMPTY.iter().find(|(wanted, _)| *wanted == length);
            empty.map(|(_, tree)| (*tree).to_owned()).ok_or_else(|| Stop::new(Why::Failed, format))
        }
    }
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
    match std::fs::remove_file(&index) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(Stop::file("remove", &index, &why)),
        _ => Ok(git.list(&args).map(drop)?),
    }
}

fn look(git: &Git<'_>) -> Result<Vec<u8>, CommandError> {
    let options = ["--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=dirty"];
    let args: Vec<&str> = ["status"].into_iter().chain(options).collect();
    git.scan(&args)
}

/// The lines of a status. A path may hold anything but NUL.
fn lines(status: &[u8]) -> impl Iterator<Item = &[u8]> {
    status.split(|byte| *byte == 0).filter(|line| !line.is_empty())
}

/// Whether somebody has committed since the index was made.
fn differs_from_head(status: &[u8]) -> bool {
    lines(status).any(|line| matches!(line, [b'1', b' ', staged, ..] if *staged != b'.') || line.starts_with(b"u "))
}

/// What is to be put into the index, as NUL-separated names, and what stays out.
fn sort(git: &Git<'_>, status: &[u8], max_file: u64) -> Result<(Vec<u8>, Withheld), Stop> {
    let (mut listed, mut withheld) = (Vec::new(), Vec::new());
    for line in lines(status) {
        let Some(Change { path, kind }) = change(line) else { continue };
        let reason = match kind {
            Kind::Gone => None,
            Kind::Repository => Some(Reason::Repository),
            Kind::New => withhold::untracked(git.dir, path, max_file),
            Kind::Edited(known) => match withhold::tracked(git.dir, path) {
                Some(Reason::Secret) if was_known(git, known) => None,
                reason => reason,
            },
        };
        match reason {
            Some(reason) => withheld.push((path.to_owned(), reason)),
            None => {
                listed.extend_from_slice(path.as_os_str().as_bytes());
                listed.push(0);
            }
        }
        git.go_on()?;
    }
    Ok((listed, withheld))
}

/// A file whose committed version holds a secret already is none to be held back for it.
fn was_known(git: &Git<'_>, known: &str) -> bool {
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
