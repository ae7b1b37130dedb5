//! Writes files as their filters make them of what git stores. Where a filter fails or is not set up, the file is
//! written as git stores it, such as the pointer text of git LFS; it is named in the report, and tried again later.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::filters::Conversion;
use super::git::{Git, SCAN};
use super::image::Withheld;
use super::names;
use super::raw;
use super::room::aside_of;
use super::stop::{Stop, Why};
use super::withhold::Reason;
use crate::failover::Time;

/// Command that writes the files whose names it reads, as this program's index has them.
const WRITE: [&str; 4] = ["checkout-index", "--force", "-z", "--stdin"];

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
    let mut all = recall(git);
    let known: HashSet<PathBuf> = all.iter().cloned().collect();
    let news =
        unfiltered.iter().filter(|(name, reason)| matches!(reason, Reason::Unfiltered(_)) && !known.contains(name));
    all.extend(news.map(|(name, _)| name.clone()));
    record(git, &all)
}

/// Filters files again that are on the disk as git stores them. Returns those for which it still fails.
pub(super) fn retry(git: &Git<'_>, now: Time, aside: &mut Vec<PathBuf>) -> Result<Withheld, Stop> {
    let remembered = recall(git);
    if remembered.is_empty() || !git.own_index().exists() {
        return Ok(Withheld::new());
    }
    let names: Vec<&Path> =
        remembered.iter().map(PathBuf::as_path).filter(|name| is_file(&git.dir.join(name))).collect();
    let stored = stored(git)?;
    let found = raw::store(git, &names)?;
    let is_as_stored = |name: &&Path| found.get(name).is_some_and(|hash| stored.get(*name) == Some(hash));
    let names: Vec<&Path> = names.iter().copied().filter(is_as_stored).collect();
    let folder = git.own_folder().join("again");
    remove_all(&folder).map_err(|why| Stop::file("remove", &folder, &why))?;
    fs::create_dir_all(&folder).map_err(|why| Stop::file("create", &folder, &why))?;
    let failed = write_files(git, &names, &folder, true)?;
    let left: HashSet<&Path> = failed.iter().map(|(name, _)| name.as_path()).collect();
    for name in names.iter().filter(|name| !left.contains(**name)) {
        aside.extend(replace(git, &folder.join(name), name, stored.get(*name), now)?);
    }
    record(git, &failed.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())?;
    remove_all(&folder).map_err(|why| Stop::file("remove", &folder, &why))?;
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

/// Replaces a file at once. The old one stays beside the workspace, for a process may have it open; if one has written
/// to it meanwhile, it gets a name in the workspace, which is returned.
fn replace(
    git: &Git<'_>,
    new: &Path,
    name: &Path,
    stored: Option<&String>,
    now: Time,
) -> Result<Option<PathBuf>, Stop> {
    let there = git.dir.join(name);
    let old = git.own_folder().join("stored").join(names::stamp(now)).join(name);
    let above = old.parent().unwrap_or(&old);
    fs::create_dir_all(above).map_err(|why| Stop::file("create", above, &why))?;
    fs::hard_link(&there, &old).map_err(|why| Stop::file("link", &there, &why))?;
    fs::rename(new, &there).map_err(|why| Stop::file("replace", &there, &why))?;
    let args = [OsStr::new("hash-object"), OsStr::new("--no-filters"), OsStr::new("--"), old.as_os_str()];
    if git.command(&args).run().is_ok_and(|found| stored.is_some_and(|stored| found.stdout.trim() == stored)) {
        return Ok(None);
    }
    let aside = aside_of(git.dir, name, now);
    fs::rename(&old, git.dir.join(&aside)).map_err(|why| Stop::file("rename", &old, &why))?;
    Ok(Some(aside))
}

fn recall(git: &Git<'_>) -> Vec<PathBuf> {
    let list = fs::read(git.own_folder().join("unfiltered")).unwrap_or_default();
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty()).take(REMEMBERED_LIMIT);
    names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect()
}

fn record(git: &Git<'_>, names: &[PathBuf]) -> Result<(), Stop> {
    let path = git.own_folder().join("unfiltered");
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

fn remove_all(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(why) => Err(why),
    };
    match removed {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}
