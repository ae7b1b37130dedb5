//! Updates of branches and other refs.

use crate::workspace::error::SyncError;
use crate::workspace::git::Git;
use crate::workspace::oid::Oid;

/// Reflog message of this program's changes.
pub(crate) const REFLOG_MESSAGE: &str = "openclaw-failover";

/// Returns a transaction that moves a branch from `from` to `to`; it fails if an agent has committed since.
pub(crate) fn branch_update(branch: &str, to: &Oid, from: Option<&Oid>) -> String {
    match from {
        Some(from) => format!("start\nupdate {branch} {to} {from}\ncommit\n"),
        None => format!("start\ncreate {branch} {to}\ncommit\n"),
    }
}

/// Runs transactions on refs, in order.
pub(crate) fn run_ref_transactions(git: &Git<'_>, transactions: &str) -> Result<(), SyncError> {
    if transactions.is_empty() {
        return Ok(());
    }
    let args = ["update-ref", "--no-deref", "-m", REFLOG_MESSAGE, "--stdin"];
    git.run_with_input(&args, transactions.as_bytes(), &git.private_index()).map(drop)
}
