//! Conversion of stored contents by their filters while files are written. If a filter fails or is not set up, the file
//! is written as git stores it (a git LFS pointer, say), named in the report, and retried later.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::text::Time;
use crate::workspace::checkout::raw_bytes;
use crate::workspace::checkout::replaced_files::ReplacedFiles;
use crate::workspace::error::{FileResult, SyncError};
use crate::workspace::exclusion::{ExclusionReason, WithheldFiles};
use crate::workspace::files::{
    is_missing_file_error, is_regular_file, parse_nul_list, path_exists, remove_all, replace_file, to_nul_list,
};
use crate::workspace::git::filters::Conversion;
use crate::workspace::git::{Git, SCAN_TIME_LIMIT};
use crate::workspace::oid::Oid;

/// Command that writes the listed files as this program's index has them.
const CHECKOUT_INDEX_ARGS: [&str; 4] = ["checkout-index", "--force", "-z", "--stdin"];

/// File name of the list of unfiltered files on the disk.
const UNFILTERED_LIST: &str = "unfiltered";

/// File name of the list of files that are being retried.
const RETRIED_LIST: &str = "unfiltered.retried";

/// Limit for the number of remembered files.
const LISTED_FILE_LIMIT: usize = 100_000;

/// Writes files into a folder from this program's index, by the attributes in the index. Returns the unfiltered ones
/// with the reason.
pub(crate) fn write_files(
    git: &Git<'_>,
    names: &[&Path],
    folder: &Path,
    has_attributes: bool,
) -> Result<WithheldFiles, SyncError> {
    if names.is_empty() {
        return Ok(WithheldFiles::new());
    }
    let deadline = if git.has_filters { git.filter_time_limit } else { SCAN_TIME_LIMIT };
    let filtered =
        Conversion { args: &CHECKOUT_INDEX_ARGS, work_tree: Some(folder), time_limit: deadline, is_filtered: true };
    let mut failed = git.convert_files(&filtered, names)?.failed_files;
    if !failed.is_empty() {
        let names: Vec<&Path> = failed.iter().map(|(name, _)| name.as_path()).collect();
        let plain = Conversion { time_limit: SCAN_TIME_LIMIT, is_filtered: false, ..filtered };
        if let Some((name, why)) = git.convert_files(&plain, &names)?.failed_files.into_iter().next() {
            return Err(SyncError::failed(format!("cannot write {}: {why}", name.display())));
        }
    }
    if has_attributes {
        for (name, filter) in git.query_filters(names, true)? {
            if git.filter_drivers.iter().all(|driver| driver.name != filter) && is_regular_file(&folder.join(&name)) {
                failed.push((name, format!("filter {filter} is not set up here")));
            }
        }
    }
    Ok(failed.into_iter().map(|(name, why)| (name, ExclusionReason::Unfiltered(why))).collect())
}

/// Records the files that are on the disk unfiltered.
pub(crate) fn record_unfiltered(git: &Git<'_>, unfiltered: &WithheldFiles) -> Result<(), SyncError> {
    let known = read_list(git, UNFILTERED_LIST);
    let mut all: Vec<&Path> = known.iter().map(PathBuf::as_path).collect();
    let is_known: HashSet<&Path> = all.iter().copied().collect();
    let news = unfiltered.iter().filter(|(_, reason)| matches!(reason, ExclusionReason::Unfiltered(_)));
    all.extend(news.map(|(name, _)| name.as_path()).filter(|name| !is_known.contains(name)));
    write_list(git, UNFILTERED_LIST, &all)
}

/// Retries the filters of unfiltered files. Returns the files for which the filter still fails.
pub(crate) fn retry_filters(git: &Git<'_>, now: Time, aside: &mut Vec<PathBuf>) -> Result<WithheldFiles, SyncError> {
    let remembered = read_list(git, UNFILTERED_LIST);
    if remembered.is_empty() || !git.private_index().exists() {
        return Ok(WithheldFiles::new());
    }
    let stored = index_object_ids(git)?;
    let present: Vec<&Path> =
        remembered.iter().map(PathBuf::as_path).filter(|name| is_regular_file(&git.work_tree.join(name))).collect();
    let found = raw_bytes::store_unconverted(git, &present)?;
    let mut names: Vec<&Path> = present;
    names.retain(|name| found.get(name).is_some_and(|hash| stored.get(*name) == Some(hash)));
    // A run that was killed between the two renames left the file without a name.
    let interrupted = read_list(git, RETRIED_LIST);
    let is_nameless = |name: &&Path| !path_exists(&git.work_tree.join(name)) && stored.contains_key(*name);
    let nameless: HashSet<&Path> = interrupted.iter().map(PathBuf::as_path).filter(is_nameless).collect();
    names.extend(&nameless);
    let replaced = ReplacedFiles::create(git)?;
    let folder = replaced.new_files_folder();
    fs::create_dir_all(&folder).or_cannot("create", &folder)?;
    let failed = write_files(git, &names, &folder, true)?;
    let left: HashSet<&Path> = failed.iter().map(|(name, _)| name.as_path()).collect();
    names.retain(|name| nameless.contains(name) || !left.contains(name));
    write_list(git, RETRIED_LIST, &names)?;
    replaced.record_known_contents(names.iter().filter_map(|name| stored.get(*name)))?;
    for name in names {
        aside.extend(replaced.rename_away(name, now)?);
        match replaced.place_new_file(name) {
            // Another process created the file; its version stays.
            Err(why) if why.kind() == ErrorKind::AlreadyExists || is_missing_file_error(&why) => {}
            placed => placed.or_cannot("write", &git.work_tree.join(name))?,
        }
    }
    aside.extend(replaced.rescue_late_writes(now)?);
    let left: Vec<&Path> = failed.iter().map(|(name, _)| name.as_path()).collect();
    write_list(git, UNFILTERED_LIST, &left)?;
    write_list(git, RETRIED_LIST, &[])?;
    Ok(failed)
}

/// Returns the object id of each file in this program's index.
fn index_object_ids(git: &Git<'_>) -> Result<HashMap<PathBuf, Oid>, SyncError> {
    let listing = git.run_for_bytes(&["ls-files", "--stage", "-z"])?;
    let mut stored = HashMap::new();
    for line in listing.split(|byte| *byte == 0) {
        // `mode hash stage TAB path`.
        let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { continue };
        let (meta, path) = line.split_at(tab);
        let Some(hash) = std::str::from_utf8(meta).ok().and_then(|meta| Oid::parse(meta.split(' ').nth(1)?)) else {
            continue;
        };
        stored.insert(PathBuf::from(OsStr::from_bytes(path.get(1..).unwrap_or_default())), hash);
    }
    Ok(stored)
}

fn read_list(git: &Git<'_>, list: &str) -> Vec<PathBuf> {
    let list = fs::read(git.private_folder().join(list)).unwrap_or_default();
    parse_nul_list(&list).take(LISTED_FILE_LIMIT).map(Path::to_owned).collect()
}

fn write_list(git: &Git<'_>, list: &str, names: &[&Path]) -> Result<(), SyncError> {
    let path = git.private_folder().join(list);
    if names.is_empty() {
        return remove_all(&path);
    }
    replace_file(&path, &to_nul_list(names.iter().copied()))
}
