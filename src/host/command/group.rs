//! Ending a child and everything it has started in its process group.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::host::wake::Wake;

/// How long the kernel may take to end a killed child; one that is stuck in the kernel takes longer, and is left.
const REAP: Duration = Duration::from_secs(1);

/// Asks the whole group to end, and after `grace` makes it end; without any it is not asked.
///
/// The child is reaped last. Until then its id, which is the group's too, cannot pass to anybody else, so no
/// signal goes astray.
pub(super) fn stop(child: &mut Child, grace: Duration, wake: &Wake) {
    let group = child.id();
    if !grace.is_zero() {
        signal(group, "TERM", wake);
        wake.until(grace, || is_over(group).then_some(()));
    }
    signal(group, "KILL", wake);
    let _ = child.kill();
    wake.until(REAP, || child.try_wait().ok().flatten());
}

/// std can signal a child but not a group, and calling the kernel ourselves would take unsafe code. The shell's own
/// `kill` can, and this path is rare.
fn signal(group: u32, name: &str, wake: &Wake) {
    let kill = Command::new("/bin/sh")
        .args(["-c", r#"kill -s "$1" -- "-$2""#, "sh", name, &group.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(mut kill) = kill {
        let ended = wake.until(REAP, || kill.try_wait().ok().flatten());
        if ended.is_none() {
            let _ = kill.kill();
        }
    }
}

/// Whether a child of ours has ended, asked without reaping it.
fn is_over(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    // The name before the state is in parentheses and may hold anything.
    let state = stat.rsplit(") ").next().unwrap_or_default();
    state.starts_with(['Z', 'X'])
}
