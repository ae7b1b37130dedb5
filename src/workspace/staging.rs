//! Staging of files in this program's index. A file that git or a filter refuses is left out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::workspace::error::SyncError;
use crate::workspace::exclusion::{ExclusionReason, WithheldFiles};
use crate::workspace::files::path_exists;
use crate::workspace::git::filters::{Conversion, ConversionResult};
use crate::workspace::git::{Git, SCAN_TIME_LIMIT};

/// Command that stores the listed files, and removes entries of files that are gone.
const UPDATE_INDEX_ARGS: [&str; 6] = ["update-index", "-z", "--add", "--remove", "--replace", "--stdin"];

/// Stores files under their paths. Returns the excluded ones with the reason.
///
/// A file whose filter is not set up on this host is never stored as it is: the filter may be there to encrypt it.
pub(super) fn stage_files(git: &Git<'_>, names: &[&Path], has_attributes: bool) -> Result<WithheldFiles, SyncError> {
    let mut withheld = WithheldFiles::new();
    if names.is_empty() {
        return Ok(withheld);
    }
    let filters = if has_attributes { git.query_filters(names, false)? } else { HashMap::new() };
    let mut plain = Vec::new();
    // A separate run for each filter: one that hangs uses up no time of the others.
    let mut filtered: BTreeMap<&str, Vec<&Path>> = BTreeMap::new();
    for name in names {
        let Some(filter) = filters.get(*name) else {
            plain.push(*name);
            continue;
        };
        match git.filter_drivers.iter().find(|driver| driver.name == *filter) {
            Some(driver) if driver.has_clean || driver.is_required => {
                filtered.entry(&driver.name).or_default().push(name);
            }
            None if git.work_tree.join(name).symlink_metadata().is_ok_and(|found| found.is_file()) => {
                withheld.push(((*name).to_owned(), ExclusionReason::MissingFilter(filter.clone())));
            }
            _ => plain.push(*name),
        }
    }
    store_files(git, &plain, SCAN_TIME_LIMIT, &mut withheld)?;
    for names in filtered.values() {
        store_files(git, names, git.filter_time_limit, &mut withheld)?;
    }
    Ok(withheld)
}

fn store_files(
    git: &Git<'_>,
    names: &[&Path],
    deadline: Duration,
    withheld: &mut WithheldFiles,
) -> Result<(), SyncError> {
    let conversion = Conversion { args: &UPDATE_INDEX_ARGS, work_tree: None, time_limit: deadline, is_filtered: true };
    let ConversionResult { failed_files: failed, has_skipped_names: has_passed_over } =
        git.convert_files(&conversion, names)?;
    withheld.extend(failed.into_iter().map(|(name, why)| (name, ExclusionReason::Refused(why))));
    if has_passed_over {
        let listing = git.run_for_bytes(&["ls-files", "-z"])?;
        let known: HashSet<&[u8]> = listing.split(|byte| *byte == 0).collect();
        let is_refused =
            |name: &&&Path| !known.contains(name.as_os_str().as_bytes()) && path_exists(&git.work_tree.join(name));
        let failed: HashSet<PathBuf> = withheld.iter().map(|(name, _)| name.clone()).collect();
        let refused = names.iter().filter(is_refused).filter(|name| !failed.contains(**name));
        withheld.extend(refused.map(|name| ((*name).to_owned(), ExclusionReason::RefusedName)));
    }
    Ok(())
}
