//! Names of git refs.
//!
//! - `failover/<host>`: branch that the standby of this name works on. Only that host writes it, and never rewrites it.
//! - `failover/<host>@<time>`: version of this host that could not be merged, kept for a person.
//!   `failover/<host>/<time>` is impossible, because git stores a branch as a file, which cannot be a folder too. A
//!   host name contains no `@`.
//! - `refs/openclaw-failover/…`: private refs, never pushed.

use std::path::Path;
use std::{env, fs};

use crate::text::Time;

/// Prefix of all standbys' branches.
pub(super) const BRANCHES: &str = "refs/heads/failover/";

/// Prefix of refs that are never pushed.
pub(super) const PRIVATE: &str = "refs/openclaw-failover/";

/// Record of an interrupted checkout: a commit whose parents are the states of the files before and after.
pub(super) const APPLYING: &str = "refs/openclaw-failover/applying";

/// Record of the last finished checkout, kept while a power cut could undo parts of it.
pub(super) const APPLIED: &str = "refs/openclaw-failover/applied";

/// Commit of the remote that the workspace last contained.
pub(super) const MERGED: &str = "refs/openclaw-failover/merged";

/// Commit of this host's own branch that was last pushed.
pub(super) const RETURNED: &str = "refs/openclaw-failover/returned";

/// Length limit of the host name in a branch name, in characters.
const LONGEST: usize = 64;

/// Returns this host's name in a form that a branch name allows.
pub(super) fn host() -> String {
    sound(&kernel("OPENCLAW_SYNC_HOST", "hostname"))
}

/// Returns the id of this boot without the kernel's dashes, as systemd writes it; empty if unknown.
pub(super) fn boot() -> String {
    kernel("OPENCLAW_SYNC_BOOT", "random/boot_id").replace('-', "")
}

/// Reads a value of the kernel, or the unit's variable in a sandbox that hides it.
fn kernel(variable: &str, name: &str) -> String {
    let said = env::var(variable).ok().filter(|said| !said.is_empty());
    let said = said.or_else(|| fs::read_to_string(Path::new("/proc/sys/kernel").join(name)).ok());
    said.unwrap_or_default().trim().to_owned()
}

fn sound(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    // Branch names allow dots, but not in every position.
    let plain: String = name.chars().take(LONGEST).map(|c| if is_plain(c) { c } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "standby".to_owned() } else { plain.to_owned() }
}

/// Returns the branch that this host works on, without `refs/heads/`.
pub(super) fn own(host: &str) -> String {
    format!("failover/{host}")
}

/// Returns the branch that keeps a version of this host, without `refs/heads/`.
pub(super) fn kept(host: &str, now: Time) -> String {
    format!("failover/{host}@{}", stamp(now))
}

/// Formats a time for a name: `20261121T230312.123Z`.
pub(super) fn stamp(now: Time) -> String {
    crate::text::utc::rfc3339(now).replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_host_has_a_branch() {
        assert_eq!(sound("claw-2"), "claw-2");
        assert_eq!(sound("claw.example.org"), "claw-example-org");
        assert_eq!(sound("..lock"), "lock");
        assert_eq!(sound("ünï @{"), "n");
        assert_eq!(sound(""), "standby");
        assert_eq!(sound(&"x".repeat(300)).len(), 64);
        assert!(!host().is_empty());
    }

    #[test]
    fn a_kept_version_is_a_branch_beside_its_host() {
        assert_eq!(kept("a", Time::from_millis(1_795_300_227_123)), "failover/a@20261121T223027.123Z");
    }
}
