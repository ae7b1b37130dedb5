//! Full disks: the sync reports the error and leaves no half-updated tree.
//!
//! Each test runs in its own mount namespace, which needs `unshare` and a kernel that allows user namespaces; it is
//! skipped elsewhere.

use std::{env, fs};

use openclaw_failover::os::ChildCommand;
use openclaw_failover::workspace::report::PullOutcome;
use openclaw_failover::workspace::unit;

use crate::needs;
use crate::repositories::{LONG, Repositories};

/// Pulls with the workspace on a small disk that `script` prepares. Returns the files afterwards.
fn pull_on_small_disk(repos: &Repositories, script: &str) -> Option<String> {
    let probe = ChildCommand::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).run();
    if probe.is_err() {
        needs::report_skipped(module_path!(), "unshare, and a kernel that lets users have mount namespaces");
        return None;
    }
    let whole = format!(
        "cd '{}'; mount -t tmpfs -o size=24m none workspace; git clone -q remote.git workspace 2>/dev/null
         export CRASH_TEST_TASK=pull CRASH_TEST_DIR=$PWD
         \"$PULL\" --exact crashes::a_sync_that_may_be_killed --test-threads=1 >/dev/null 2>&1
         (cd primary; echo two >>MEMORY.md; head -c 12000000 /dev/urandom >big; git add -A; git commit -qm two
         git push -q origin HEAD)
         cd workspace; {script}
         \"$PULL\" --exact crashes::a_sync_that_may_be_killed --test-threads=1 >/dev/null 2>&1
         cat MEMORY.md; ls; find .git -path '*/objects' -prune -o -name '*.lock' -print",
        repos.dir.path().display()
    );
    let mut command = ChildCommand::new("unshare").args(["-rm", "sh", "-ec", &whole]).deadline(LONG);
    for role in ["AUTHOR", "COMMITTER"] {
        command = command.env(format!("GIT_{role}_NAME"), "test").env(format!("GIT_{role}_EMAIL"), "test@example.org");
    }
    let output = command.env("PULL", env::current_exe().unwrap()).run().unwrap();
    Some(output.stdout.trim().to_owned())
}

#[test]
fn a_full_disk_leaves_the_workspace_as_it_was() {
    let repos = Repositories::new();
    fs::remove_dir_all(repos.at("workspace")).unwrap();
    fs::create_dir(repos.at("workspace")).unwrap();
    // The fetched objects fit, and the file written from them does not.
    let Some(left) =
        pull_on_small_disk(&repos, "echo '*.mine' >>.git/info/exclude; head -c 4000000 /dev/zero >full.mine")
    else {
        return;
    };
    assert_eq!(left, "one\nMEMORY.md\nfull.mine");
    let pulled = unit::read_last_pull(&repos.paths).unwrap().unwrap().workspace;
    assert_eq!(pulled.outcome, PullOutcome::Failed, "{pulled:?}");
    assert!(pulled.details.starts_with("not enough disk space: "), "{}", pulled.details);
}

#[test]
fn a_disk_that_is_read_only_is_said() {
    let repos = Repositories::new();
    fs::remove_dir_all(repos.at("workspace")).unwrap();
    fs::create_dir(repos.at("workspace")).unwrap();
    let Some(left) = pull_on_small_disk(&repos, "mount -o remount,bind,ro \"$CRASH_TEST_DIR/workspace\"") else {
        return;
    };
    assert_eq!(left, "one\nMEMORY.md");
    let pulled = unit::read_last_pull(&repos.paths).unwrap().unwrap().workspace;
    assert!(!pulled.outcome.is_complete(), "{pulled:?}");
    assert!(pulled.details.contains("Read-only file system"), "{}", pulled.details);
}
