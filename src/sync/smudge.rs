//! Writes files as their filters make them of what git stores. Where a filter fails or is not set up, the file is
//! written as git stores it, such as the pointer text of git LFS; it is named in the report, and tried again later.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::filters::Conversion;
use super::git::{Git, SCAN};
use super::image::Withheld;
use super::raw;
use super::replaced::{self, Replaced, remove_all};
use super::stop::{Stop, Why};
use super::withhold::Reason;
use crate::failover::Time;

/// Command that writes the files whose names it reads, as this program's index has them.
const WRITE: [&str; 4] = ["checkout-index", "--force", "-z", "--stdin"];

/// Name of the list of files that are on the disk as git stores them.
const UNFILTERED: &str = "unfiltered";

/// Name of the list of those that are being replaced.
const RETRIED: &str = "unfiltered.retried";

/// Files that are remembered at most.
const REMEMBERED_LIMIT: usize = 100_000;

/// Writes files into a folder, as this program's index has them, by the attributes that the index has. Returns those
/// that are there as git stores them, with the reason.
pub(super) fn write_files(
    git: &Git<'_>,
    names: &[&Path],
    folder: &Path,
    has_attributes: bool,
) -> Result<Withheld, Stop> {
    if names.is_empty() {
        return Ok(Withheld::new());
    }
    let deadline = if git.has_filters { git.filter_limit } else { SCAN };
    let filtered = Conversion { args: &WRITE, folder: Some(folder), deadline, is_filtered: true };
    let mut failed = git.convert(&filtered, names)?.failed;
    if !failed.is_empty() {
        let names: Vec<&Path> = failed.iter().map(|(name, _)| name.as_path()).collect();
        let plain = Conversion { deadline: SCAN, is_filtered: false, ..filtered };
        if let Some((name, why)) = git.convert(&plain, &names)?.failed.into_iter().next() {
            return Err(Stop::new(Why::Failed, format!("cannot write {}: {why}", name.display())));
        }
    }
    if has_attributes {
        for (name, filter) in git.filters_of(names, true)? {
            if git.drivers.iter().all(|driver| driver.name != filter) && is_file(&folder.join(&name)) {
                failed.push((name, format!("filter {filter} is not set up here")));
            }
        }
    }
    Ok(failed.into_iter().map(|(name, why)| (name, Reason::Unfiltered(why))).collect())
}

/// Remembers files that are on the disk as git stores them.
pub(super) fn remember(git: &Git<'_>, unfiltered: &Withheld) -> Result<(), Stop> {
    let known = recall(git, UNFILTERED);
    let mut all: Vec<&Path> = known.iter().map(PathBuf::as_path).collect();
    let is_known: HashSet<&Path> = all.iter().copied().collect();
    let news = unfiltered.iter().filter(|(_, reason)| matches!(reason, Reason::Unfiltered(_)));
    all.extend(news.map(|(name, _)| name.as_path()).filter(|name| !is_known.contains(name)));
    record(git, UNFILTERED, &all)
}

/// Filters files again that are on the disk as git stores them. Returns those for which it still fails.
pub(super) fn retry(git: &Git<'_>, now: Time, aside: &mut Vec<PathBuf>) -> Result<Withheld, Stop> {
    let remembered = recall(git, UNFILTERED);
    if remembered.is_empty() || !git.own_index().exists() {
        return Ok(Withheld::new());
    }
    let stored = stored(git)?;
    let present: Vec<&Path> =
        remembered.iter().map(PathBuf::as_path).filter(|name| is_file(&git.dir.join(name))).collect();
    let found = raw::store(git, &present)?;
    let mut names: Vec<&Path> = present;
    names.retain(|name| found.get(name).is_some_and(|hash| stored.get(*name) == Some(hash)));
    // A run that was killed between the two names of a file has left it without one.
    let interrupted = recall(git, RETRIED);
    let is_nameless = |name: &&Path| !is_there(&git.dir.join(name)) && stored.contains_key(*name);
    let nameless: HashSet<&Path> = interrupted.iter().map(PathBuf::as_path).filter(is_nameless).collect();
    names.extend(&nameless);
    let replaced = Replaced::begin(git)?;
    let folder = replaced.new_files();
    fs::create_dir_all(&folder).map_err(|why| Stop::file("create", &folder, &why))?;
    let failed = write_files(git, &names, &folder, true)?;
    let left: HashSet<&Path> = failed.iter().map(|(name, _)| name.as_path()).collect();
    names.retain(|name| nameless.contains(name) || !left.contains(name));
    record(git, RETRIED, &names)?;
    replaced.note_known(names.iter().filter_map(|name| stored.get(*name)))?;
    for name in names {
        aside.extend(replaced.take(name, now)?);
        match replaced.place(name) {
            // Another process has taken the name, and keeps it.
            Err(why) if why.kind() == ErrorKind::AlreadyExists || replaced::is_missing(&why) => {}
            placed => placed.map_err(|why| Stop::file("write", &git.dir.join(name), &why))?,
        }
    }
    aside.extend(replaced.rescue_late_writes(now)?);
    let left: Vec<&Path> = failed.iter().map(|(name, _)| name.as_path()).collect();
    record(git, UNFILTERED, &left)?;
    record(git, RETRIED, &[])?;
    Ok(failed)
}

/// Contents that git stores, by the name of the file, as this program's index has them.
fn stored(git: &Git<'_>) -> Result<HashMap<PathBuf, String>, Stop> {
    let listing = git.list(&["ls-files", "--stage", "-z"])?;
    let mut stored = HashMap::new();
    for line in listing.split(|byte| *byte == 0) {
        // `mode hash side TAB path`.
        let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { continue };
        let (meta, path) = line.split_at(tab);
        let Some(hash) = std::str::from_utf8(meta).ok().and_then(|meta| meta.split(' ').nth(1)) else { continue };
        stored.insert(PathBuf::from(OsStr::from_bytes(path.get(1..).unwrap_or_default())), hash.to_owned());
    }
    Ok(stored)
}

fn recall(git: &Git<'_>, list: &str) -> Vec<PathBuf> {
    let list = fs::read(git.own_folder().join(list)).unwrap_or_default();
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty()).take(REMEMBERED_LIMIT);
    names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect()
}

fn record(git: &Git<'_>, list: &str, names: &[&Path]) -> Result<(), Stop> {
    let path = git.own_folder().join(list);
    if names.is_empty() {
        return remove_all(&path).map_err(|why| Stop::file("remove", &path, &why));
    }
    let mut list = Vec::new();
    for name in names {
        list.extend_from_slice(name.as_os_str().as_bytes());
        list.push(0);
    }
    let new = path.with_extension("new");
    let written = fs::write(&new, list).and_then(|()| fs::rename(&new, &path));
    written.map_err(|why| Stop::file("write", &path, &why))
}

fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
