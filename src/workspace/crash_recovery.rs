//! Recovery from an interrupted checkout: which files it changed, and what they were before.
//!
//! Before a checkout begins, `refs/openclaw-failover/applying` is set to a commit that records it: its first parent is
//! the state of the files, the other parents are what they were to become. After a crash, a file is either old, new or
//! missing, because each file is renamed as a whole. These three count as the checkout's doing; any other content is an
//! edit and counts.
//!
//! After a power cut, a file may also hold only the first part of its new content, because its data was not flushed.
//! That is possible up to a minute after a checkout has ended, so its record stays that long as
//! `refs/openclaw-failover/applied`. Each record names the boot and the time on its clock.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::text::Time;
use crate::workspace::checkout::swap::{
    is_beyond_link, {self},
};
use crate::workspace::checkout::{raw_bytes, rescue};
use crate::workspace::error::Stop;
use crate::workspace::git::Git;
use crate::workspace::git::refs::{Head, Refs};
use crate::workspace::snapshot::Image;
use crate::workspace::{boot, ref_names};

/// Limit for the number of files checked for a partial write after a power cut.
const MOST_TORN: usize = 64;

/// Size limit of a file compared with its new content, in bytes. A longer file counts as an edit.
const MOST_COMPARED: u64 = 64 * 1024 * 1024;

/// Names of the files with rules for git: what is private, and what a filter encrypts.
const RULES: [&str; 2] = [".gitignore", ".gitattributes"];

/// Time after which written data is on the disk; the kernel flushes after half a minute at most.
const DURABLE: Duration = Duration::from_secs(60);

/// One line of `git diff-tree`: a path, and its versions on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    /// Modes before and after, `000000` if absent.
    pub(super) modes: [String; 2],
    /// Object ids before and after.
    pub(super) hashes: [String; 2],
}

impl Entry {
    /// Returns the path in the workspace.
    pub(super) fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }

    /// True if the path is a file or a link before.
    pub(super) fn is_file_before(&self) -> bool {
        is_file(&self.modes[0])
    }

    /// True if the path is a file or a link afterwards.
    pub(super) fn is_file_afterwards(&self) -> bool {
        is_file(&self.modes[1])
    }

    /// True if the path is a nested repository afterwards.
    pub(super) fn is_repository_afterwards(&self) -> bool {
        self.modes[1] == "160000"
    }
}

/// True unless the mode means absent or a nested repository, which git leaves alone.
fn is_file(mode: &str) -> bool {
    !matches!(mode, "000000" | "160000")
}

/// Lists the differences between two trees or commits.
pub(super) fn differences(git: &Git<'_>, from: &str, to: &str) -> Result<Vec<Entry>, Stop> {
    let found = git.list(&["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", from, to])?;
    Ok(entries(&found))
}

/// Parses a sequence of `:mode mode hash hash status NUL path NUL`.
fn entries(found: &[u8]) -> Vec<Entry> {
    let mut parts = found.split(|byte| *byte == 0);
    let mut entries = Vec::new();
    while let (Some(meta), Some(path)) = (parts.next(), parts.next()) {
        let meta = String::from_utf8_lossy(meta);
        let mut fields = meta.trim_start_matches(':').split(' ').map(str::to_owned);
        let (Some(a), Some(b), Some(c), Some(d)) = (fields.next(), fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        entries.push(Entry { path: path.to_owned(), modes: [a, b], hashes: [c, d] });
    }
    entries
}

/// Records the beginning of a checkout, together with those of an earlier interrupted one. The record's own tree is
/// never read.
pub(super) fn remember(
    git: &Git<'_>,
    refs: &Refs,
    (from, to): (Option<&str>, &str),
    tree: &str,
) -> Result<String, Stop> {
    let from = match from {
        Some(from) => from.to_owned(),
        // A first move comes from no commit, and after a power cut its files are to be known as well.
        None => crate::workspace::git::merge::commit(git, crate::workspace::snapshot::empty_tree(to), &[], "Nothing")?,
    };
    let mut versions = vec![from, to.to_owned()];
    if let Some(applying) = &refs.applying {
        versions.extend(parents(git, applying)?);
    }
    let boot = format!("{}@{}", ref_names::boot(), boot::clock().unwrap_or_default().as_millis());
    // If the ref were on the disk and its commit were not, git could read no ref.
    let mut args = vec!["-c", "core.fsync=committed", "commit-tree", "-m", boot.as_str(), tree];
    let mut seen = HashSet::new();
    for version in versions.iter().filter(|version| seen.insert(version.as_str())) {
        args.extend(["-p", version]);
    }
    let record = git.word(&args)?;
    git.run(&["update-ref", "--no-deref", ref_names::APPLYING, &record])?;
    Ok(record)
}

/// Checkout that may have left partial files.
pub(super) struct Suspect {
    commit: String,
    /// True if the host was rebooted since, so that files may be written partially.
    is_of_earlier_boot: bool,
}

/// Finds checkouts that may have left partial files: one that was interrupted, and one that a power cut may have partly
/// undone.
pub(super) fn suspects(git: &Git<'_>, refs: &Refs) -> Result<Vec<Suspect>, Stop> {
    let mut suspects = Vec::new();
    if let Some(applying) = &refs.applying {
        suspects.push(Suspect { commit: applying.clone(), is_of_earlier_boot: age(git, applying)?.is_none() });
    }
    if let Some(applied) = &refs.applied {
        match age(git, applied)? {
            None => suspects.push(Suspect { commit: applied.clone(), is_of_earlier_boot: true }),
            Some(age) if age > DURABLE => drop(git.run(&["update-ref", "-d", ref_names::APPLIED])?),
            Some(_) => {}
        }
    }
    Ok(suspects)
}

/// Returns the time since a checkout was recorded; `None` if that was before a reboot.
fn age(git: &Git<'_>, note: &str) -> Result<Option<Duration>, Stop> {
    let said = git.word(&["show", "--no-patch", "--format=%B", note])?;
    let (boot, made) = said.split_once('@').unwrap_or((&said, ""));
    let made = Duration::from_millis(made.trim().parse().unwrap_or_default());
    let now = boot::clock().unwrap_or_default();
    Ok((boot == ref_names::boot()).then(|| now.saturating_sub(made)))
}

/// Returns the snapshot's tree with the changes of interrupted checkouts taken out.
pub(super) fn without_torn(git: &Git<'_>, suspects: &[Suspect], image: &Image) -> Result<String, Stop> {
    if suspects.is_empty() {
        return Ok(image.tree.clone());
    }
    let (others, has_restarted) = others(git, suspects)?;
    let known = versions(git, &image.base, &others)?;
    let mut unexplained = 0;
    let mut mended = Vec::new();
    for entry in differences(git, &image.base, &image.tree)? {
        let Some(contents) = known.get(&entry.path) else { continue };
        let [_, now] = &entry.hashes;
        let is_gone = entry.modes.get(1).is_some_and(|mode| mode == "000000");
        let is_explained = is_gone
            || contents.contains(now)
            || has_restarted && {
                unexplained += 1;
                unexplained <= MOST_TORN && is_beginning_of_one(git, now, contents)?
            };
        if is_explained {
            let ([mode, _], [hash, _]) = (&entry.modes, &entry.hashes);
            mended.extend_from_slice(format!("{mode} {hash}\t").as_bytes());
            mended.extend_from_slice(&entry.path);
            mended.push(0);
        }
    }
    if mended.is_empty() {
        // No partial file is left to repair.
        git.run(&["update-ref", "-d", ref_names::APPLIED])?;
        return Ok(image.tree.clone());
    }
    let index = git.own_folder().join("index.mended");
    git.on_index(&index, &["read-tree", &image.tree])?;
    git.feed(&["update-index", "-z", "--index-info"], &mended, &index)?;
    Ok(git.on_index(&index, &["write-tree"])?)
}

/// Restores files with rules for git that an interrupted checkout has left missing or partial, from the commit that is
/// checked out. A snapshot without them would contain private files, and secrets in plain text. Returns the new names of
/// the partial files.
pub(super) fn restore_rules(git: &Git<'_>, suspects: &[Suspect], head: &Head, now: Time) -> Result<Vec<PathBuf>, Stop> {
    let Some(base) = head.commit.as_deref().filter(|_| !suspects.is_empty()) else { return Ok(Vec::new()) };
    let (others, has_restarted) = others(git, suspects)?;
    let mut lost: Vec<PathBuf> = Vec::new();
    let mut aside = Vec::new();
    for (path, contents) in versions(git, base, &others)? {
        let path = Path::new(OsStr::from_bytes(&path));
        if !RULES.iter().any(|name| path.ends_with(name)) || is_beyond_link(git.dir, path) {
            continue;
        }
        match git.dir.join(path).symlink_metadata() {
            Err(_) => lost.push(path.to_owned()),
            Ok(found) if found.is_file() && has_restarted && is_torn(git, path, &contents)? => {
                aside.extend(rescue::move_out_of_the_way(git, path, now)?);
                lost.push(path.to_owned());
            }
            Ok(_) => {}
        }
    }
    if !lost.is_empty() {
        crate::workspace::snapshot::read_index(git, head)?;
        swap::bring_back(git, |path| lost.iter().any(|lost| lost == path))?;
    }
    Ok(aside)
}

fn is_torn(git: &Git<'_>, path: &Path, contents: &HashSet<String>) -> Result<bool, Stop> {
    let stored = raw_bytes::store(git, &[path])?;
    let Some(hash) = stored.get(path).filter(|hash| !contents.contains(*hash)) else { return Ok(false) };
    is_beginning_of_one(git, hash, contents)
}

/// Returns the commits before and after these checkouts, and true if the host was rebooted after one of them.
fn others(git: &Git<'_>, suspects: &[Suspect]) -> Result<(Vec<String>, bool), Stop> {
    let mut others = Vec::new();
    for suspect in suspects {
        others.extend(parents(git, &suspect.commit)?);
    }
    Ok((others, suspects.iter().any(|suspect| suspect.is_of_earlier_boot)))
}

/// Returns the versions of each file that the interrupted checkouts touch.
fn versions(git: &Git<'_>, base: &str, others: &[String]) -> Result<HashMap<Vec<u8>, HashSet<String>>, Stop> {
    let mut known: HashMap<Vec<u8>, HashSet<String>> = HashMap::new();
    for other in others {
        for entry in differences(git, base, other)? {
            known.entry(entry.path).or_default().extend(entry.hashes);
        }
    }
    Ok(known)
}

fn is_beginning_of_one(git: &Git<'_>, torn: &str, contents: &HashSet<String>) -> Result<bool, Stop> {
    let size = |hash: &str| git.word(&["cat-file", "-s", hash]).ok().and_then(|size| size.parse::<u64>().ok());
    let Some(least) = size(torn).filter(|size| *size <= MOST_COMPARED) else { return Ok(false) };
    let mut longer =
        contents.iter().filter(|whole| size(whole).is_some_and(|size| (least..=MOST_COMPARED).contains(&size)));
    let Some(first) = longer.next() else { return Ok(false) };
    let torn = git.list(&["cat-file", "blob", torn])?;
    for whole in [first].into_iter().chain(longer) {
        if git.list(&["cat-file", "blob", whole])?.starts_with(&torn) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn parents(git: &Git<'_>, commit: &str) -> Result<Vec<String>, Stop> {
    let found = git.run(&["rev-parse", &format!("{commit}^@")])?;
    Ok(found.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_read_byte_by_byte() {
        let found = b":100644 000000 aa 00 D\0a\nb\0:000000 120000 00 bb A\0\xff\0";
        let entries = entries(found);
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].path.as_slice(), entries[0].hashes[0].as_str()), (&b"a\nb"[..], "aa"));
        assert_eq!((entries[1].path.as_slice(), entries[1].modes[1].as_str()), (&b"\xff"[..], "120000"));
        assert!(super::entries(b"").is_empty());
    }
}
