//! Puts files into this program's index. One that git or a filter does not take stays out, and the others go in.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::filters::{Conversion, Converted};
use super::git::{Git, SCAN};
use super::image::Withheld;
use super::stop::Stop;
use super::withhold::Reason;

/// Command that stores the files whose names it reads, and removes those that are gone.
const STORE: [&str; 6] = ["update-index", "-z", "--add", "--remove", "--replace", "--stdin"];

/// Stores files under their names in the workspace. Returns those that stay out, with the reason.
///
/// A file whose filter is not set up on this host is never stored as it is: the filter may be there to encrypt it.
pub(super) fn stage(git: &Git<'_>, names: &[&Path], has_attributes: bool) -> Result<Withheld, Stop> {
    let mut withheld = Withheld::new();
    if names.is_empty() {
        return Ok(withheld);
    }
    let filters = if has_attributes { git.filters_of(names, false)? } else { HashMap::new() };
    let mut plain = Vec::new();
    // Each filter by itself: one that never ends takes no time from the others.
    let mut filtered: BTreeMap<&str, Vec<&Path>> = BTreeMap::new();
    for name in names {
        let Some(filter) = filters.get(*name) else {
            plain.push(*name);
            continue;
        };
        match git.drivers.iter().find(|driver| driver.name == *filter) {
            Some(driver) if driver.has_clean || driver.is_required => {
                filtered.entry(&driver.name).or_default().push(name)
            }
            None if git.dir.join(name).symlink_metadata().is_ok_and(|found| found.is_file()) => {
                withheld.push(((*name).to_owned(), Reason::NoFilter(filter.clone())));
            }
            _ => plain.push(*name),
        }
    }
    store(git, &plain, SCAN, &mut withheld)?;
    for names in filtered.values() {
        store(git, names, git.filter_limit, &mut withheld)?;
    }
    Ok(withheld)
}

fn store(git: &Git<'_>, names: &[&Path], deadline: Duration, withheld: &mut Withheld) -> Result<(), Stop> {
    let conversion = Conversion { args: &STORE, folder: None, deadline, is_filtered: true };
    let Converted { failed, has_passed_over } = git.convert(&conversion, names)?;
    withheld.extend(failed.into_iter().map(|(name, why)| (name, Reason::Refused(why))));
    if has_passed_over {
        let listing = git.list(&["ls-files", "-z"])?;
        let known: HashSet<&[u8]> = listing.split(|byte| *byte == 0).collect();
        let is_refused = |name: &&&Path| !known.contains(name.as_os_str().as_bytes()) && is_there(git, name);
        let failed: HashSet<PathBuf> = withheld.iter().map(|(name, _)| name.clone()).collect();
        let refused = names.iter().filter(is_refused).filter(|name| !failed.contains(**name));
        withheld.extend(refused.map(|name| ((*name).to_owned(), Reason::Name)));
    }
    Ok(())
}

fn is_there(git: &Git<'_>, name: &Path) -> bool {
    git.dir.join(name).symlink_metadata().is_ok()
}
