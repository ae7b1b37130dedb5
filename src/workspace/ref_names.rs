//! The names under which git keeps what a standby has written.
//!
//! - `failover/<host>`: the branch that the standby of this name works on. Only it writes it, only forwards.
//! - `failover/<host>@<time>`: a version of this host that did not merge cleanly, kept for a person to look at. It
//!   cannot be `failover/<host>/<time>`, for to git a branch is a file, and what has a file's name is no folder; and
//!   no host's name has an `@` in it.
//! - `refs/openclaw-failover/…`: what never leaves this host.

use std::path::Path;
use std::{env, fs};

use crate::text::Time;

/// Where all branches of all standbys lie.
pub(super) const BRANCHES: &str = "refs/heads/failover/";

/// What never leaves this host.
pub(super) const PRIVATE: &str = "refs/openclaw-failover/";

/// A move of the tree that has begun and not ended: a commit whose parents are what the tree was and what it becomes.
pub(super) const APPLYING: &str = "refs/openclaw-failover/applying";

/// The last move that has ended, as long as a power cut could still undo parts of it.
pub(super) const APPLIED: &str = "refs/openclaw-failover/applied";

/// The remote's commit that the workspace was last brought to.
pub(super) const MERGED: &str = "refs/openclaw-failover/merged";

/// What this host's own branch was when it was last pushed.
pub(super) const RETURNED: &str = "refs/openclaw-failover/returned";

/// The longest part of a host's name that is used.
const LONGEST: usize = 64;

/// This host's name, as far as it can be part of a branch's.
pub(super) fn host() -> String {
    sound(&kernel("OPENCLAW_SYNC_HOST", "hostname"))
}

/// This boot's name; empty where nobody tells. systemd writes it without the kernel's dashes.
pub(super) fn boot() -> String {
    kernel("OPENCLAW_SYNC_BOOT", "random/boot_id").replace('-', "")
}

/// What the kernel says, or in a sandbox that hides it the unit.
fn kernel(variable: &str, name: &str) -> String {
    let said = env::var(variable).ok().filter(|said| !said.is_empty());
    let said = said.or_else(|| fs::read_to_string(Path::new("/proc/sys/kernel").join(name)).ok());
    said.unwrap_or_default().trim().to_owned()
}

fn sound(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    // Dots are possible in a branch's name, but not everywhere.
    let plain: String = name.chars().take(LONGEST).map(|c| if is_plain(c) { c } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "standby".to_owned() } else { plain.to_owned() }
}

/// The branch that this host works on, without `refs/heads/`.
pub(super) fn own(host: &str) -> String {
    format!("failover/{host}")
}

/// The branch that keeps a version of this host, without `refs/heads/`.
pub(super) fn kept(host: &str, now: Time) -> String {
    format!("failover/{host}@{}", stamp(now))
}

/// A moment as part of a name: `20261121T230312.123Z`.
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
