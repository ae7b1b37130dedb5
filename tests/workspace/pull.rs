//! Pulls from outside: real git, a real bare remote, real rsync. Only ssh is a stand-in that runs commands locally.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use openclaw_failover::config::SecretConfig;
use openclaw_failover::os::Cancel;
use openclaw_failover::workspace::report::{PullOutcome, WorkspacePull};
use openclaw_failover::workspace::{CheckoutMode, unit};

use crate::needs::require;
use crate::world::{LOCAL_SSH, LONG, World};

/// Pulls, and checks that neither the branch nor a file of the workspace changed.
fn pull_leaves_all(world: &World) -> WorkspacePull {
    let look = "git rev-parse HEAD; git status --porcelain --ignored; cat -- *";
    let before = world.standby(look);
    let pulled = world.pull().workspace;
    assert_eq!(world.standby(look), before);
    assert_eq!(pulled.commit_before, pulled.commit_after);
    pulled
}

fn wait_for(path: &Path) {
    let asked = Instant::now();
    while !path.exists() {
        assert!(asked.elapsed() < LONG, "{} never came", path.display());
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_workspace_is_brought_up_to_date_and_the_report_says_from_where_to_where() {
    let world = World::new();
    let old = world.standby("git rev-parse HEAD");
    world.primary_commits("echo two >MEMORY.md; mkdir notes; echo n >notes/n.md");
    let report = world.pull();
    let new = world.primary("git rev-parse HEAD");
    assert_eq!(world.memory(), "two\n");
    assert_eq!(report.workspace.outcome, PullOutcome::Updated, "{report:?}");
    assert_eq!(report.workspace.commit_before.as_ref().unwrap().as_str(), old);
    assert_eq!(report.workspace.commit_after.as_ref().unwrap().as_str(), new);
    let made: u64 = world.primary("git log -1 --format=%ct").parse().unwrap();
    assert_eq!(report.workspace.committed_at.unwrap().as_millis(), made * 1000);
    assert_eq!(report.last_complete_at, Some(report.started_at));
    assert!(report.is_ok());
    assert_eq!(unit::read_last_pull(&world.paths).unwrap(), Some(report));

    let report = world.pull();
    assert_eq!(report.workspace.outcome, PullOutcome::UpToDate);
    assert_eq!(report.workspace.commit_before, report.workspace.commit_after);
}

#[test]
fn an_empty_clone_is_filled() {
    let world = World::new();
    world.standby("rm -rf .git MEMORY.md; git init -q -b main; git remote add origin ../remote.git");
    let report = world.pull();
    assert_eq!(report.workspace.outcome, PullOutcome::Updated, "{report:?}");
    assert_eq!((report.workspace.commit_before.is_none(), world.memory()), (true, "one\n".into()));
}

#[test]
fn while_an_agent_may_be_at_work_a_pull_only_fetches() {
    let world = World::new();
    world.primary_commits("echo two >MEMORY.md");
    let report = world.pull_under(CheckoutMode::FetchOnly, &Cancel::new());
    assert_eq!(report.workspace.outcome, PullOutcome::Fetched);
    assert_eq!(world.memory(), "one\n");
    let fetched = world.standby("git rev-parse refs/remotes/origin/main");
    assert_eq!(fetched, world.primary("git rev-parse HEAD"));
}

#[test]
fn what_the_standby_writes_is_on_its_own_branch_under_its_own_name() {
    let world = World::new();
    world.standby("echo mine >mine.md");
    world.primary_commits("echo two >MEMORY.md");
    let pulled = world.pull().workspace;
    assert_eq!((pulled.outcome, pulled.has_unpushed), (PullOutcome::Updated, true), "{pulled:?}");
    assert_eq!(pulled.remote_commit.unwrap().as_str(), world.primary("git rev-parse HEAD"));
    assert_eq!(world.standby("git symbolic-ref HEAD"), "refs/heads/failover/claw2");
    let log = world.standby("git log --no-merges -1 --format='%an <%ae> %s' --diff-filter=A -- mine.md");
    assert!(log.starts_with("openclaw-failover on claw2 <openclaw-failover@claw2> Work on claw2 until 2"), "{log}");
    assert_eq!(world.standby("git rev-parse main"), world.primary("git rev-parse HEAD~"));
}

#[test]
fn a_contradiction_is_kept_on_a_branch_that_can_be_merged_by_hand() {
    let world = World::new();
    world.standby("echo mine >>MEMORY.md; echo more >more.md");
    world.primary_commits("echo theirs >>MEMORY.md");
    let pulled = world.pull().workspace;
    assert_eq!(pulled.outcome, PullOutcome::ConflictKept, "{pulled:?}");
    let [branch] = pulled.unpushed_conflict_branches.listed.as_slice() else { panic!("{pulled:?}") };
    assert!(branch.starts_with("failover/claw2@2"), "{branch}");
    assert!(pulled.details.contains(branch) && pulled.details.contains("MEMORY.md"), "{}", pulled.details);
    assert_eq!(world.standby(&format!("git show {branch}:MEMORY.md; git show {branch}:more.md")), "one\nmine\nmore");
    let conflict = world.standby(&format!("git merge {branch} || git ls-files -u | cut -f2 | sort -u; cat more.md"));
    assert!(conflict.ends_with("MEMORY.md\nmore"), "{conflict}");
}

#[test]
fn what_stays_here_is_named_with_its_reason() {
    let mut world = World::new();
    world.workspace.max_file = 100_000;
    let token = format!("ghp_{}", "aB3dE6gH9k".repeat(4));
    world.standby(&format!(
        "echo K=1 >.env; echo 'use {token}' >>MEMORY.md; head -c 200000 /dev/zero >huge; git init -q nested; echo x >ok"
    ));
    let pulled = world.pull().workspace;
    let mut said = pulled.withheld.listed.clone();
    said.sort();
    let expected = [
        ".env looks like a secret",
        "MEMORY.md looks like a secret",
        "huge is larger than workspace.max_file",
        "nested/ is a nested git repository",
    ];
    assert_eq!((said.as_slice(), pulled.outcome), (&expected.map(str::to_owned)[..], PullOutcome::UpToDate));
    assert_eq!(world.standby("git diff --name-only HEAD; git ls-files"), "MEMORY.md\nMEMORY.md\nok");
    // If the primary changes the same file, the version with the secret is moved aside and still not committed.
    world.primary_commits("echo two >>MEMORY.md");
    let pulled = world.pull().workspace;
    assert_eq!((pulled.outcome, pulled.moved_aside.count), (PullOutcome::Updated, 1), "{pulled:?}");
    assert_eq!(world.memory(), "one\ntwo\n");
    assert_eq!(world.read(&pulled.moved_aside.listed[0]), format!("one\nuse {token}\n"));
    let pulled = world.pull().workspace;
    assert!(pulled.withheld.to_sentence().contains("MEMORY.md.local-"), "{pulled:?}");
    assert!(!world.standby("git log --all -p").contains(&token));
    // The same if the primary deletes the file.
    world.standby(&format!("echo 'use {token}' >>MEMORY.md"));
    world.primary_commits("rm MEMORY.md");
    let pulled = world.pull().workspace;
    assert_eq!((pulled.outcome, pulled.moved_aside.count), (PullOutcome::Updated, 1), "{pulled:?}");
    assert_eq!(world.read(&pulled.moved_aside.listed[0]), format!("one\ntwo\nuse {token}\n"));
}

#[test]
fn a_file_that_has_grown_too_large_stays_here_until_it_is_smaller() {
    let mut world = World::new();
    world.workspace.max_file = 1000;
    world.standby(
        "head -c 2000 /dev/zero >always; git add -A; git commit -qm a; echo x >>always; head -c 1001 \
        /dev/zero >>MEMORY.md",
    );
    let pulled = world.pull().workspace;
    assert_eq!(pulled.withheld.to_sentence(), "MEMORY.md is larger than workspace.max_file");
    assert_eq!(world.standby("git diff --name-only HEAD; git cat-file -s HEAD:always"), "MEMORY.md\n2002");
    world.standby("echo small >MEMORY.md");
    assert!(world.pull().workspace.withheld.is_empty());
    assert_eq!(world.standby("git show HEAD:MEMORY.md"), "small");
}

#[test]
fn a_repository_within_is_named_however_git_knows_it() {
    let world = World::new();
    world.standby(
        "git init -q inner; cd inner; echo n >n.md; git add -A; git commit -qm n; cd ..; git add -A 2>&1; \
        git commit -qm inner",
    );
    for _ in 0..2 {
        let pulled = world.pull().workspace;
        assert_eq!(pulled.withheld.to_sentence(), "inner is a nested git repository", "{pulled:?}");
    }
}

#[test]
fn while_an_agent_may_be_at_work_its_locks_are_left_to_it_for_longer() {
    let world = World::new();
    let lock = world.workspace.path.join(".git/HEAD.lock");
    let asked = Instant::now();
    fs::write(&lock, "").unwrap();
    world.pull_under(CheckoutMode::FetchOnly, &Cancel::new());
    assert!(!lock.exists() && asked.elapsed() > Duration::from_secs(1));
}

#[test]
fn a_secret_that_was_committed_before_does_not_stop_the_memory() {
    let world = World::new();
    world
        .standby(&format!("echo ghp_{} >>MEMORY.md; git commit -qam x; echo more >>MEMORY.md", "aB3dE6gH9k".repeat(4)));
    let pulled = world.pull().workspace;
    assert_eq!((pulled.withheld.count, pulled.has_unpushed), (0, true));
    assert_eq!(world.standby("git diff HEAD"), "");
}

#[test]
fn files_that_a_power_cut_has_emptied_are_no_edits() {
    let world = World::new();
    world.pull();
    world.primary_commits("echo two >>MEMORY.md; echo new >new.md; echo old >old.md");
    world.pull();
    // As after a power cut: another boot, and the data of the checkout is gone.
    world.standby(
        "tree=$(git rev-parse 'refs/openclaw-failover/applied^{tree}')
         parents=$(git rev-parse 'refs/openclaw-failover/applied^@' | sed 's/^/-p /')
         git update-ref refs/openclaw-failover/applied $(git commit-tree $parents -m 'another boot' $tree)
         : >MEMORY.md; : >new.md; echo mine >mine.md",
    );
    let pulled = world.pull().workspace;
    assert_eq!((world.memory().as_str(), world.read("new.md").as_str()), ("one\ntwo\n", "new\n"), "{pulled:?}");
    assert_eq!(world.standby("git diff --stat origin/main HEAD -- ':!mine.md'; git status --porcelain"), "");
    // Under the same boot, an emptied file is an edit.
    world.standby(": >old.md");
    world.pull();
    assert_eq!(world.standby("git show HEAD:old.md; git show HEAD:mine.md"), "mine");
}

#[test]
fn what_is_missing_is_said() {
    let mut world = World::new();
    world.pull();
    world.workspace.branch = "gone".into();
    let pulled = pull_leaves_all(&world);
    assert_eq!(pulled.outcome, PullOutcome::NoBranch);
    let words =
        "origin has no branch gone (workspace.branch), only main; set workspace.branch to main in the configuration";
    assert!(pulled.details.starts_with(words), "{}", pulled.details);
    world.workspace.branch = "main".into();
    fs::rename(world.at("remote.git"), world.at("moved.git")).unwrap();
    let pulled = pull_leaves_all(&world);
    assert_eq!(pulled.outcome, PullOutcome::NotFetched);
    assert!(pulled.details.contains("does not appear to be a git repository"), "{}", pulled.details);
    fs::remove_dir_all(world.workspace.path.join(".git")).unwrap();
    let pulled = world.pull().workspace;
    assert_eq!(pulled.outcome, PullOutcome::NoRepository);
    assert!(pulled.details.contains("workspace/.git: No such file"), "{}", pulled.details);
    assert!(pulled.details.contains("; set workspace.url, or clone it: git clone"), "{}", pulled.details);
    fs::create_dir(world.workspace.path.join(".git")).unwrap();
    assert_eq!(world.pull().workspace.outcome, PullOutcome::NoRepository);
}

#[test]
fn nothing_that_the_checkout_brings_along_is_run() {
    let world = World::new();
    world.primary_commits("echo two >MEMORY.md");
    let trap = world.at("sprung");
    let hook = format!("#!/bin/sh\ntouch {}\n", trap.display());
    fs::write(world.at("hook"), hook).unwrap();
    world.standby(
        "for hook in post-merge post-checkout reference-transaction post-index-change; do
             cp ../hook .git/hooks/$hook; chmod 755 .git/hooks/$hook
         done
         cp ../hook .git/monitor; chmod 755 .git/monitor; git config core.fsmonitor \"$PWD/.git/monitor\"",
    );
    assert_eq!(world.pull().workspace.outcome, PullOutcome::Updated);
    world.standby(&format!(
        "git config core.fsmonitor false; git remote set-url origin 'ext::touch {}'",
        trap.display()
    ));
    let pulled = world.pull().workspace;
    assert_eq!(pulled.outcome, PullOutcome::NotFetched);
    assert!(pulled.details.contains("'ext' not allowed"), "{}", pulled.details);
    assert!(!trap.exists());
}

#[test]
fn ssh_asks_nobody_and_takes_the_key_that_the_checkout_names() {
    let world = World::new();
    world.by_ssh();
    world.ssh(&format!("printf '%s\\n' \"$*\" >{}\n{LOCAL_SSH}", world.at("heard").display()));
    world.standby("git config core.sshCommand 'ssh -i/keys/deploy'");
    world.primary_commits("echo two >MEMORY.md");
    let report = world.pull();
    assert_eq!(report.workspace.outcome, PullOutcome::Updated, "{report:?}");
    let heard = fs::read_to_string(world.at("heard")).unwrap();
    assert!(heard.starts_with("-oBatchMode=yes -oConnectTimeout=10 "), "{heard}");
    assert!(heard.contains(" -oStrictHostKeyChecking=yes ") && heard.contains(" -i/keys/deploy "), "{heard}");
}

#[test]
fn a_remote_that_does_not_deliver_is_given_up() {
    let mut world = World::new();
    world.by_ssh();
    world.ssh("exec sleep 60");
    world.workspace.timeout = Duration::from_millis(300);
    let asked = Instant::now();
    assert_eq!(pull_leaves_all(&world).outcome, PullOutcome::TimedOut);
    assert!(asked.elapsed() < Duration::from_secs(30));
    world.ssh("echo 'Host key verification failed.' >&2; exit 255");
    let pulled = pull_leaves_all(&world);
    assert_eq!(pulled.outcome, PullOutcome::NotFetched);
    assert!(pulled.details.starts_with("Host key verification failed.; fatal: Could not read"), "{}", pulled.details);
    assert!(pulled.details.contains("; that host's ssh key is not known on this host."), "{}", pulled.details);
}

#[test]
fn a_fetch_that_nobody_waits_for_is_stopped() {
    require!("rsync");
    let world = World::new().with_secret();
    world.by_ssh();
    let started = world.at("started");
    world.ssh(&format!("touch {}; exec sleep 60", started.display()));
    let cancel = Cancel::new();
    let report = thread::scope(|scope| {
        let pull = scope.spawn(|| world.pull_under(CheckoutMode::UpdateFiles, &cancel));
        wait_for(&started);
        cancel.cancel();
        pull.join().unwrap()
    });
    assert_eq!(report.workspace.outcome, PullOutcome::Cancelled, "{report:?}");
    assert!(!report.secrets[0].is_copied);
    assert_eq!(unit::read_last_pull(&world.paths).unwrap(), Some(report));
}

#[test]
fn a_move_that_nobody_waits_for_runs_to_its_end() {
    let world = World::new();
    let (started, go) = (world.at("started"), world.at("go"));
    let slow = format!("touch {}; while ! test -e {}; do sleep 0.01; done; cat", started.display(), go.display());
    world.standby(&format!("git config filter.slow.smudge '{slow}'"));
    world.primary_commits("echo '*.md filter=slow' >.gitattributes; echo two >MEMORY.md; echo last >z.md");
    let cancel = Cancel::new();
    let report = thread::scope(|scope| {
        let pull = scope.spawn(|| world.pull_under(CheckoutMode::UpdateFiles, &cancel));
        wait_for(&started);
        cancel.cancel();
        fs::write(&go, "").unwrap();
        pull.join().unwrap()
    });
    assert_eq!(report.workspace.outcome, PullOutcome::Updated, "{report:?}");
    assert_eq!((world.memory(), world.standby("cat z.md")), ("two\n".into(), "last".into()));
}

#[test]
fn two_pulls_never_overlap() {
    let world = World::new();
    let held = OpenOptions::new().create(true).append(true).open(world.at("state/lock")).unwrap();
    held.try_lock().unwrap();
    assert_eq!(world.pull().workspace.outcome, PullOutcome::Busy);
    assert_eq!(unit::read_last_pull(&world.paths).unwrap(), None);
    drop(held);
    assert_eq!(world.pull().workspace.outcome, PullOutcome::UpToDate);
}

#[test]
fn a_state_folder_that_is_missing_is_said() {
    let world = World::new();
    fs::remove_dir_all(world.at("state")).unwrap();
    let report = world.pull();
    assert_eq!(report.workspace.outcome, PullOutcome::Failed);
    assert!(report.workspace.details.starts_with("cannot lock "), "{}", report.workspace.details);
}

#[test]
fn secrets_arrive_whole_and_closed_to_others() {
    require!("rsync");
    let world = World::new().with_secret();
    symlink("/etc/passwd", world.at("source/link")).unwrap();
    fs::write(world.at("target/kept"), "").unwrap();
    let report = world.pull();
    assert!(report.is_ok(), "{report:?}");
    let copy = world.at("target/standby.env");
    assert_eq!(fs::read_to_string(&copy).unwrap(), "TOKEN=1\n");
    assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o777, 0o600);
    assert!(fs::symlink_metadata(world.at("target/link")).is_err());
    assert!(world.at("target/kept").exists());
}

#[test]
fn a_source_that_fails_keeps_the_last_good_copy_and_does_not_hold_up_the_next() {
    require!("rsync");
    let mut world = World::new().with_secret();
    let good = world.secrets[0].clone();
    world.secrets.insert(0, SecretConfig { source: "openclaw@host:/nonexistent/file".into(), ..good });
    fs::write(world.at("target/file"), "old").unwrap();
    let report = world.pull();
    assert_eq!(report.workspace.outcome, PullOutcome::UpToDate);
    assert_eq!(report.secrets.iter().map(|secret| secret.is_copied).collect::<Vec<_>>(), [false, true]);
    let said = &report.secrets[0].error;
    assert!(said.starts_with("cannot copy openclaw@host:/nonexistent/file: "), "{said}");
    assert!(said.contains("No such file or directory"), "{said}");
    assert_eq!(fs::read_to_string(world.at("target/file")).unwrap(), "old");
    assert!(!report.is_ok());
}

#[test]
fn a_target_that_is_a_link_gets_nothing() {
    require!("rsync");
    let world = World::new().with_secret();
    fs::rename(world.at("target"), world.at("elsewhere")).unwrap();
    symlink(world.at("elsewhere"), world.at("target")).unwrap();
    let report = world.pull();
    assert!(report.secrets[0].error.ends_with("is not a folder"), "{report:?}");
    assert_eq!(fs::read_dir(world.at("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_report_survives_a_pull_that_fails_and_remembers_when_all_was_well() {
    let world = World::new();
    let good = world.pull();
    fs::rename(world.at("remote.git"), world.at("moved.git")).unwrap();
    let bad = world.pull();
    assert_eq!(bad.workspace.outcome, PullOutcome::NotFetched);
    assert_eq!(bad.last_complete_at, good.last_complete_at);
}
