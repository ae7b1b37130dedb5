//! Termination of a child and all its descendants.

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;
use std::time::Duration;

use crate::os::child_wait::ChildWait;
use crate::os::process_tree::{self, OutputHandles};

/// Time limit for reaping a killed child. One that hangs in the kernel takes longer and is abandoned.
const REAP_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends TERM to the child and its descendants, and KILL after `grace`; only KILL if `grace` is zero.
///
/// The child is reaped last. Until then no other process can get its id, which is also its group's, so no signal hits
/// another process.
pub(super) fn terminate_tree(child: &mut Child, outputs: &OutputHandles, grace: Duration, wake: &ChildWait) {
    let mut tree = BTreeSet::from([child.id()]);
    if !grace.is_zero() {
        tree.extend(process_tree::find_tree(outputs, &tree));
        process_tree::send_signal(&tree, "TERM");
        wake.wait_until(grace, || has_ended(child.id()).then_some(()));
    }
    process_tree::send_signal(&process_tree::find_tree(outputs, &tree), "KILL");
    let _ = child.kill();
    wake.wait_until(REAP_TIMEOUT, || child.try_wait().ok().flatten());
}

/// True if a child has ended. Does not reap it.
fn has_ended(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    // The name before the state is in parentheses and may contain any character.
    let state = stat.rsplit(") ").next().unwrap_or_default();
    state.starts_with(['Z', 'X'])
}
