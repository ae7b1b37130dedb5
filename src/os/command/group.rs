//! Ending a child and everything that comes of it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;
use std::time::Duration;

use crate::os::child_wait::Wake;
use crate::os::process_tree::{
    Outputs, {self},
};

/// Time limit for the end of a killed child; one that is stuck in the kernel takes longer, and is left.
const REAP: Duration = Duration::from_secs(1);

/// Asks all of it to end, and after `grace` makes it end; without any it is not asked.
///
/// The child is reaped last. Until then its id, which is its group's too, cannot pass to another process, so no signal
/// goes astray.
pub(super) fn stop(child: &mut Child, outputs: &Outputs, grace: Duration, wake: &Wake) {
    let mut tree = BTreeSet::from([child.id()]);
    if !grace.is_zero() {
        tree.extend(process_tree::find(outputs, &tree));
        process_tree::signal(&tree, "TERM");
        wake.until(grace, || is_over(child.id()).then_some(()));
    }
    process_tree::signal(&process_tree::find(outputs, &tree), "KILL");
    let _ = child.kill();
    wake.until(REAP, || child.try_wait().ok().flatten());
}

/// True if a child of ours has ended; it is not reaped.
fn is_over(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    // The name before the state is in parentheses and may hold anything.
    let state = stat.rsplit(") ").next().unwrap_or_default();
    state.starts_with(['Z', 'X'])
}
