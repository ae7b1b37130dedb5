//! A move of the tree that was killed half way: which files it has touched, and what they were.
//!
//! Before a move begins, `refs/openclaw-failover/applying` is set to a commit that is never checked out: its first
//! parent is what the tree was, the others are what it was to become. After a crash a file in between may be as
//! before, as after or missing, for a file gets its name as a whole. Any of these is the crash's doing and no edit;
//! anything else was written by a process and counts.
//!
//! After a power cut a file may also be the beginning of what it was to become: what was written is not on the disk
//! yet, and files come back empty. That is true within a minute after a move as well. So the note of a move that has
//! ended stays for a while, as `refs/openclaw-failover/applied`. Each note has the name of the boot and the time on
//! its clock.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::boot;
use super::git::Git;
use super::image::Image;
use super::names;
use super::raw;
use super::refs::{Head, Refs};
use super::rescue;
use super::stop::Stop;
use super::swap::{self, is_beyond_link};
use crate::failover::Time;

/// Files that a power cut has left half written, at most. More are not looked for.
const MOST_TORN: usize = 64;

/// The longest file that is compared with what it was to become, in bytes. What is longer counts as an edit.
const MOST_COMPARED: u64 = 64 * 1024 * 1024;

/// Files that say which others are private, and which of them a filter encrypts.
const RULES: [&str; 2] = [".gitignore", ".gitattributes"];

/// After this time what was written is on the disk: the kernel takes half a minute at most.
const DURABLE: Duration = Duration::from_secs(60);

/// One line of `git diff-tree`: a name, and what it is on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    /// The mode before and after, `000000` where there is nothing.
    pub(super) modes: [String; 2],
    /// The content before and after.
    pub(super) hashes: [String; 2],
}

impl Entry {
    /// Its name in the workspace.
    pub(super) fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }

    /// Whether there is a file or a link of that name before.
    pub(super) fn is_file_before(&self) -> bool {
        is_file(&self.modes[0])
    }

    /// Whether there is a file or a link of that name afterwards.
    pub(super) fn is_file_afterwards(&self) -> bool {
        is_file(&self.modes[1])
    }

    /// True if there is a repository within the repository of that name afterwards.
    pub(super) fn is_repository_afterwards(&self) -> bool {
        self.modes[1] == "160000"
    }
}

/// Neither nothing nor a repository within the repository, which git leaves alone.
fn is_file(mode: &str) -> bool {
    !matches!(mode, "000000" | "160000")
}

/// The differences between two trees or commits.
pub(super) fn differences(git: &Git<'_>, from: &str, to: &str) -> Result<Vec<Entry>, Stop> {
    let found = git.list(&["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", from, to])?;
    Ok(entries(&found))
}

/// `:mode mode hash hash status NUL path NUL`, again and again.
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

/// Remembers that a move from one commit to another begins, and all that an unfinished one remembers. Of its own tree,
/// which may be any, nothing is ever read.
pub(super) fn remember(
    git: &Git<'_>,
    refs: &Refs,
    (from, to): (Option<&str>, &str),
    tree: &str,
) -> Result<String, Stop> {
    let from = match from {
        Some(from) => from.to_owned(),
        // A first move comes from no commit, and after a power cut its files are to be known as well.
        None => super::merge::commit(git, super::image::empty_tree(to), &[], "Nothing")?,
    };
    let mut versions = vec![from, to.to_owned()];
    if let Some(applying) = &refs.applying {
        versions.extend(parents(git, applying)?);
    }
    let boot = format!("{}@{}", names::boot(), boot::clock().unwrap_or_default().as_millis());
    // A note that is not on the disk when its name is would keep git from reading any other.
    let mut args = vec!["-c", "core.fsync=committed", "commit-tree", "-m", boot.as_str(), tree];
    let mut seen = HashSet::new();
    for version in versions.iter().filter(|version| seen.insert(version.as_str())) {
        args.extend(["-p", version]);
    }
    let record = git.word(&args)?;
    git.run(&["update-ref", "--no-deref", names::APPLYING, &record])?;
    Ok(record)
}

/// A move that may have left files half done.
pub(super) struct Suspect {
    commit: String,
    /// True if the machine was restarted since, so that files may have come back half written.
    is_of_earlier_boot: bool,
}

/// Finds the moves that may have left files half done: one that has not ended, and one that a power cut may have
/// undone.
pub(super) fn suspects(git: &Git<'_>, refs: &Refs) -> Result<Vec<Suspect>, Stop> {
    let mut suspects = Vec::new();
    if let Some(applying) = &refs.applying {
        suspects.push(Suspect { commit: applying.clone(), is_of_earlier_boot: age(git, applying)?.is_none() });
    }
    if let Some(applied) = &refs.applied {
        match age(git, applied)? {
            None => suspects.push(Suspect { commit: applied.clone(), is_of_earlier_boot: true }),
            Some(age) if age > DURABLE => drop(git.run(&["update-ref", "-d", names::APPLIED])?),
            Some(_) => {}
        }
    }
    Ok(suspects)
}

/// Time since a move was noted; `None` if that was under an earlier boot.
fn age(git: &Git<'_>, note: &str) -> Result<Option<Duration>, Stop> {
    let said = git.word(&["show", "--no-patch", "--format=%B", note])?;
    let (boot, made) = said.split_once('@').unwrap_or((&said, ""));
    let made = Duration::from_millis(made.trim().parse().unwrap_or_default());
    let now = boot::clock().unwrap_or_default();
    Ok((boot == names::boot()).then(|| now.saturating_sub(made)))
}

/// The tree of what was written, which is the image without what a crash did to it.
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
        // Whatever it was, that move has left nothing to mend.
        git.run(&["update-ref", "-d", names::APPLIED])?;
        return Ok(image.tree.clone());
    }
    let index = git.own_folder().join("index.mended");
    git.on_index(&index, &["read-tree", &image.tree])?;
    git.feed(&["update-index", "-z", "--index-info"], &mended, &index)?;
    Ok(git.on_index(&index, &["write-tree"])?)
}

/// Puts back files of rules for git that such a move has left missing or torn, as they are in the commit that is checked
/// out. A look at the workspace without them would take private files for new ones, and secrets for plain text. Returns
/// the new names of what was torn.
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
        super::image::read_index(git, head)?;
        swap::bring_back(git, |path| lost.iter().any(|lost| lost == path))?;
    }
    Ok(aside)
}

fn is_torn(git: &Git<'_>, path: &Path, contents: &HashSet<String>) -> Result<bool, Stop> {
    let stored = raw::store(git, &[path])?;
    let Some(hash) = stored.get(path).filter(|hash| !contents.contains(*hash)) else { return Ok(false) };
    is_beginning_of_one(git, hash, contents)
}

/// The commits that these moves led from and to, and whether the machine was restarted since one of them.
fn others(git: &Git<'_>, suspects: &[Suspect]) -> Result<(Vec<String>, bool), Stop> {
    let mut others = Vec::new();
    for suspect in suspects {
        others.extend(parents(git, &suspect.commit)?);
    }
    Ok((others, suspects.iter().any(|suspect| suspect.is_of_earlier_boot)))
}

/// What each file was or was to become, for all files that the unfinished moves touch.
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
