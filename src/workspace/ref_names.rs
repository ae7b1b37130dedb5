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
pub(super) const STANDBY_BRANCH_PREFIX: &str = "refs/heads/failover/";

/// Prefix of refs that are never pushed.
pub(super) const PRIVATE_REF_PREFIX: &str = "refs/openclaw-failover/";

/// Record of an interrupted checkout: a commit whose parents are the states of the files before and after.
pub(super) const INTERRUPTED_CHECKOUT_REF: &str = "refs/openclaw-failover/applying";

/// Record of the last finished checkout, kept while a power cut could undo parts of it.
pub(super) const FINISHED_CHECKOUT_REF: &str = "refs/openclaw-failover/applied";

/// Commit of the remote that the workspace last contained.
pub(super) const MERGED_REMOTE_REF: &str = "refs/openclaw-failover/merged";

/// Commit of this host's own branch that was last pushed.
pub(super) const PUSHED_COMMIT_REF: &str = "refs/openclaw-failover/returned";

/// Length limit of the host name in a branch name, in characters.
const HOST_NAME_LENGTH_LIMIT: usize = 64;

/// Returns this host's name in a form that a branch name allows.
pub(super) fn host_name() -> String {
    branch_safe_name(&read_kernel_value("OPENCLAW_SYNC_HOST", "hostname"))
}

/// Returns the id of this boot without the kernel's dashes, as systemd writes it; empty if unknown.
pub(super) fn boot_id() -> String {
    read_kernel_value("OPENCLAW_SYNC_BOOT", "random/boot_id").replace('-', "")
}

/// Reads a value of the kernel, or the unit's variable in a sandbox that hides it.
fn read_kernel_value(variable: &str, name: &str) -> String {
    let value = env::var(variable).ok().filter(|value| !value.is_empty());
    let value = value.or_else(|| fs::read_to_string(Path::new("/proc/sys/kernel").join(name)).ok());
    value.unwrap_or_default().trim().to_owned()
}

fn branch_safe_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    // Branch names allow dots, but not in every position.
    let plain: String = name.chars().take(HOST_NAME_LENGTH_LIMIT).map(|c| if is_plain(c) { c } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "standby".to_owned() } else { plain.to_owned() }
}

/// Returns the branch that this host works on, without `refs/heads/`.
pub(super) fn own_branch(host: &str) -> String {
    format!("failover/{host}")
}

/// Returns the branch that keeps a version of this host, without `refs/heads/`.
pub(super) fn conflict_branch(host: &str, now: Time) -> String {
    format!("failover/{host}@{}", time_stamp(now))
}

/// Returns a branch's name without `refs/heads/`.
pub(super) fn short_branch_name(name: &str) -> String {
    name.strip_prefix("refs/heads/").unwrap_or(name).to_owned()
}

/// Formats a time for a name: `20261121T230312.123Z`.
pub(super) fn time_stamp(now: Time) -> String {
    crate::text::utc::format_rfc3339(now).replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_host_has_a_branch() {
        assert_eq!(branch_safe_name("claw-2"), "claw-2");
        assert_eq!(branch_safe_name("claw.example.org"), "claw-example-org");
        assert_eq!(branch_safe_name("..lock"), "lock");
        assert_eq!(branch_safe_name("ünï @{"), "n");
        assert_eq!(branch_safe_name(""), "standby");
        assert_eq!(branch_safe_name(&"x".repeat(300)).len(), 64);
        assert!(!host_name().is_empty());
    }

    #[test]
    fn a_kept_version_is_a_branch_beside_its_host() {
        assert_eq!(conflict_branch("a", Time::from_millis(1_795_300_227_123)), "failover/a@20261121T223027.123Z");
    }
}
