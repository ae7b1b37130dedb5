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
use crate::repositories::{LOCAL_SSH, LONG, Repositories};

/// Pulls, and checks that neither the branch nor a file of the workspace changed.
fn pull_leaves_all(repos: &Repositories) -> WorkspacePull {
    let look = "git rev-parse HEAD; git status --porcelain --ignored; cat -- *";
    let before = repos.standby(look);
    let pulled = repos.pull().workspace;
    assert_eq!(repos.standby(look), before);
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
    let repos = Repositories::new();
    let old = repos.standby("git rev-parse HEAD");
    repos.primary_commits("echo two >MEMORY.md; mkdir notes; echo n >notes/n.md");
    let report = repos.pull();
    let new = repos.primary("git rev-parse HEAD");
    assert_eq!(repos.memory(), "two\n");
    assert_eq!(report.workspace.outcome, PullOutcome::Updated, "{report:?}");
    assert_eq!(report.workspace.commit_before.as_ref().unwrap().as_str(), old);
    assert_eq!(report.workspace.commit_after.as_ref().unwrap().as_str(), new);
    let made: u64 = repos.primary("git log -1 --format=%ct").parse().unwrap();
    assert_eq!(report.workspace.committed_at.unwrap().as_millis(), made * 1000);
    assert_eq!(report.last_complete_at, Some(report.started_at));
    assert!(report.is_ok());
    assert_eq!(unit::read_last_pull(&repos.paths).unwrap(), Some(report));

    let report = repos.pull();
    assert_eq!(report.workspace.outcome, PullOutcome::UpToDate);
    assert_eq!(report.workspace.commit_before, report.workspace.commit_after);
}

#[test]
fn an_empty_clone_is_filled() {
    let repos = Repositories::new();
    repos.standby("rm -rf .git MEMORY.md; git init -q -b main; git remote add origin ../remote.git");
    let report = repos.pull();
    assert_eq!(report.workspace.outcome, PullOutcome::Updated, "{report:?}");
    assert_eq!((report.workspace.commit_before.is_none(), repos.memory()), (true, "one\n".into()));
}

#[test]
fn while_an_agent_may_be_at_work_a_pull_only_fetches() {
    let repos = Repositories::new();
    repos.primary_commits("echo two >MEMORY.md");
    let report = repos.pull_under(CheckoutMode::FetchOnly, &Cancel::new());
    assert_eq!(report.workspace.outcome, PullOutcome::Fetched);
    assert_eq!(repos.memory(), "one\n");
    let fetched = repos.standby("git rev-parse refs/remotes/origin/main");
    assert_eq!(fetched, repos.primary("git rev-parse HEAD"));
}

#[test]
fn what_the_standby_writes_is_on_its_own_branch_under_its_own_name() {
    let repos = Repositories::new();
    repos.standby("echo mine >mine.md");
    repos.primary_commits("echo two >MEMORY.md");
    let pulled = repos.pull().workspace;
    assert_eq!((pulled.outcome, pulled.has_unpushed), (PullOutcome::Updated, true), "{pulled:?}");
    assert_eq!(pulled.remote_commit.unwrap().as_str(), repos.primary("git rev-parse HEAD"));
    assert_eq!(repos.standby("git symbolic-ref HEAD"), "refs/heads/failover/claw2");
    let log = repos.standby("git log --no-merges -1 --format='%an <%ae> %s' --diff-filter=A -- mine.md");
    assert!(log.starts_with("openclaw-failover on claw2 <openclaw-failover@claw2> Work on claw2 until 2"), "{log}");
    assert_eq!(repos.standby("git rev-parse main"), repos.primary("git rev-parse HEAD~"));
}

#[test]
fn a_contradiction_is_kept_on_a_branch_that_can_be_merged_by_hand() {
    let repos = Repositories::new();
    repos.standby("echo mine >>MEMORY.md; echo more >more.md");
    repos.primary_commits("echo theirs >>MEMORY.md");
    let pulled = repos.pull().workspace;
    assert_eq!(pulled.outcome, PullOutcome::ConflictKept, "{pulled:?}");
    let [branch] = pulled.unpushed_conflict_branches.listed.as_slice() else { panic!("{pulled:?}") };
    assert!(branch.starts_with("failover/claw2@2"), "{branch}");
    assert!(pulled.details.contains(branch) && pulled.details.contains("MEMORY.md"), "{}", pulled.details);
    assert_eq!(repos.standby(&format!("git show {branch}:MEMORY.md; git show {branch}:more.md")), "one\nmine\nmore");
    let conflict = repos.standby(&format!("git merge {branch} || git ls-files -u | cut -f2 | sort -u; cat more.md"));
    assert!(conflict.ends_with("MEMORY.md\nmore"), "{conflict}");
}

#[test]
fn what_stays_here_is_named_with_its_reason() {
    let mut repos = Repositories::new();
    repos.workspace.max_file = 100_000;
    let token = format!("ghp_{}", "aB3dE6gH9k".repeat(4));
    repos.standby(&format!(
        "echo K=1 >.env; echo 'use {token}' >>MEMORY.md; head -c 200000 /dev/zero >huge; git init -q nested; echo x >ok"
    ));
    let pulled = repos.pull().workspace;
    let mut said = pulled.withheld.listed.clone();
    said.sort();
    let expected = [
        ".env looks like a secret",
        "MEMORY.md looks like a secret",
        "huge is larger than workspace.max_file",
        "nested/ is a nested git repository",
    ];
    assert_eq!((said.as_slice(), pulled.outcome), (&expected.map(str::to_owned)[..], PullOutcome::UpToDate));
    assert_eq!(repos.standby("git diff --name-only HEAD; git ls-files"), "MEMORY.md\nMEMORY.md\nok");
    // If the primary changes the same file, the version with the secret is moved aside and still not committed.
    repos.primary_commits("echo two >>MEMORY.md");
    let pulled = repos.pull().workspace;
    assert_eq!((pulled.outcome, pulled.moved_aside.count), (PullOutcome::Updated, 1), "{pulled:?}");
    assert_eq!(repos.memory(), "one\ntwo\n");
    assert_eq!(repos.read(&pulled.moved_aside.listed[0]), format!("one\nuse {token}\n"));
    let pulled = repos.pull().workspace;
    assert!(pulled.withheld.to_sentence().contains("MEMORY.md.local-"), "{pulled:?}");
    assert!(!repos.standby("git log --all -p").contains(&token));
    // The same if the primary deletes the file.
    repos.standby(&format!("echo 'use {token}' >>MEMORY.md"));
    repos.primary_commits("rm MEMORY.md");
    let pulled = repos.pull().workspace;
    assert_eq!((pulled.outcome, pulled.moved_aside.count), (PullOutcome::Updated, 1), "{pulled:?}");
    assert_eq!(repos.read(&pulled.moved_aside.listed[0]), format!("one\ntwo\nuse {token}\n"));
}

#[test]
fn a_file_that_has_grown_too_large_stays_here_until_it_is_smaller() {
    let mut repos = Repositories::new();
    repos.workspace.max_file = 1000;
    repos.standby(
        "head -c 2000 /dev/zero >always; git add -A; git commit -qm a; echo x >>always; head -c 1001 \
        /dev/zero >>MEMORY.md",
    );
    let pulled = repos.pull().workspace;
    assert_eq!(pulled.withheld.to_sentence(), "MEMORY.md is larger than workspace.max_file");
    assert_eq!(repos.standby("git diff --name-only HEAD; git cat-file -s HEAD:always"), "MEMORY.md\n2002");
    repos.standby("echo small >MEMORY.md");
    assert!(repos.pull().workspace.withheld.is_empty());
    assert_eq!(repos.standby("git show HEAD:MEMORY.md"), "small");
}

#[test]
fn a_repository_within_is_named_however_git_knows_it() {
    let repos = Repositories::new();
    repos.standby(
        "git init -q inner; cd inner; echo n >n.md; git add -A; git commit -qm n; cd ..; git add -A 2>&1; \
        git commit -qm inner",
    );
    for _ in 0..2 {
        let pulled = repos.pull().workspace;
        assert_eq!(pulled.withheld.to_sentence(), "inner is a nested git repository", "{pulled:?}");
    }
}

#[test]
fn while_an_agent_may_be_at_work_its_locks_are_left_to_it_for_longer() {
    let repos = Repositories::new();
    let lock = repos.workspace.path.join(".git/HEAD.lock");
    let asked = Instant::now();
    fs::write(&lock, "").unwrap();
    repos.pull_under(CheckoutMode::FetchOnly, &Cancel::new());
    assert!(!lock.exists() && asked.elapsed() > Duration::from_secs(1));
}

#[test]
fn a_secret_that_was_committed_before_does_not_stop_the_memory() {
    let repos = Repositories::new();
    repos
        .standby(&format!("echo ghp_{} >>MEMORY.md; git commit -qam x; echo more >>MEMORY.md", "aB3dE6gH9k".repeat(4)));
    let pulled = repos.pull().workspace;
    assert_eq!((pulled.withheld.count, pulled.has_unpushed), (0, true));
    assert_eq!(repos.standby("git diff HEAD"), "");
}

#[test]
fn files_that_a_power_cut_has_emptied_are_no_edits() {
    let repos = Repositories::new();
    repos.pull();
    repos.primary_commits("echo two >>MEMORY.md; echo new >new.md; echo old >old.md");
    repos.pull();
    // As after a power cut: another boot, and the data of the checkout is gone.
    repos.standby(
        "tree=$(git rev-parse 'refs/openclaw-failover/applied^{tree}')
         parents=$(git rev-parse 'refs/openclaw-failover/applied^@' | sed 's/^/-p /')
         git update-ref refs/openclaw-failover/applied $(git commit-tree $parents -m 'another boot' $tree)
         : >MEMORY.md; : >new.md; echo mine >mine.md",
    );
    let pulled = repos.pull().workspace;
    assert_eq!((repos.memory().as_str(), repos.read("new.md").as_str()), ("one\ntwo\n", "new\n"), "{pulled:?}");
    assert_eq!(repos.standby("git diff --stat origin/main HEAD -- ':!mine.md'; git status --porcelain"), "");
    // Under the same boot, an emptied file is an edit.
    repos.standby(": >old.md");
    repos.pull();
    assert_eq!(repos.standby("git show HEAD:old.md; git show HEAD:mine.md"), "mine");
}

#[test]
fn what_is_missing_is_said() {
    let mut repos = Repositories::new();
    repos.pull();
    repos.workspace.branch = "gone".into();
    let pulled = pull_leaves_all(&repos);
    assert_eq!(pulled.outcome, PullOutcome::NoBranch);
    let words =
        "origin has no branch gone (workspace.branch), only main; set workspace.branch to main in the configuration";
    assert!(pulled.details.starts_with(words), "{}", pulled.details);
    repos.workspace.branch = "main".into();
    fs::rename(repos.at("remote.git"), repos.at("moved.git")).unwrap();
    let pulled = pull_leaves_all(&repos);
    assert_eq!(pulled.outcome, PullOutcome::NotFetched);
    assert!(pulled.details.contains("does not appear to be a git repository"), "{}", pulled.details);
    fs::remove_dir_all(repos.workspace.path.join(".git")).unwrap();
    let pulled = repos.pull().workspace;
    assert_eq!(pulled.outcome, PullOutcome::NoRepository);
    assert!(pulled.details.contains("workspace/.git: No such file"), "{}", pulled.details);
    assert!(pulled.details.contains("; set workspace.url, or clone it: git clone"), "{}", pulled.details);
    fs::create_dir(repos.workspace.path.join(".git")).unwrap();
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::NoRepository);
}

#[test]
fn nothing_that_the_checkout_brings_along_is_run() {
    let repos = Repositories::new();
    repos.primary_commits("echo two >MEMORY.md");
    let trap = repos.at("sprung");
    let hook = format!("#!/bin/sh\ntouch {}\n", trap.display());
    fs::write(repos.at("hook"), hook).unwrap();
    repos.standby(
        "for hook in post-merge post-checkout reference-transaction post-index-change; do
             cp ../hook .git/hooks/$hook; chmod 755 .git/hooks/$hook
         done
         cp ../hook .git/monitor; chmod 755 .git/monitor; git config core.fsmonitor \"$PWD/.git/monitor\"",
    );
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    repos.standby(&format!(
        "git config core.fsmonitor false; git remote set-url origin 'ext::touch {}'",
        trap.display()
    ));
    let pulled = repos.pull().workspace;
    assert_eq!(pulled.outcome, PullOutcome::NotFetched);
    assert!(pulled.details.contains("'ext' not allowed"), "{}", pulled.details);
    assert!(!trap.exists());
}

#[test]
fn ssh_asks_nobody_and_takes_the_key_that_the_checkout_names() {
    let repos = Repositories::new();
    repos.by_ssh();
    repos.ssh(&format!("printf '%s\\n' \"$*\" >{}\n{LOCAL_SSH}", repos.at("heard").display()));
    repos.standby("git config core.sshCommand 'ssh -i/keys/deploy'");
    repos.primary_commits("echo two >MEMORY.md");
    let report = repos.pull();
    assert_eq!(report.workspace.outcome, PullOutcome::Updated, "{report:?}");
    let heard = fs::read_to_string(repos.at("heard")).unwrap();
    assert!(heard.starts_with("-oBatchMode=yes -oConnectTimeout=10 "), "{heard}");
    assert!(heard.contains(" -oStrictHostKeyChecking=yes ") && heard.contains(" -i/keys/deploy "), "{heard}");
}

#[test]
fn a_remote_that_does_not_deliver_is_given_up() {
    let mut repos = Repositories::new();
    repos.by_ssh();
    repos.ssh("exec sleep 60");
    repos.workspace.timeout = Duration::from_millis(300);
    let asked = Instant::now();
    assert_eq!(pull_leaves_all(&repos).outcome, PullOutcome::TimedOut);
    assert!(asked.elapsed() < Duration::from_secs(30));
    repos.ssh("echo 'Host key verification failed.' >&2; exit 255");
    let pulled = pull_leaves_all(&repos);
    assert_eq!(pulled.outcome, PullOutcome::NotFetched);
    assert!(pulled.details.starts_with("Host key verification failed.; fatal: Could not read"), "{}", pulled.details);
    assert!(pulled.details.contains("; that host's ssh key is not known on this host."), "{}", pulled.details);
}

#[test]
fn a_fetch_that_nobody_waits_for_is_stopped() {
    require!("rsync");
    let repos = Repositories::new().with_secret();
    repos.by_ssh();
    let started = repos.at("started");
    repos.ssh(&format!("touch {}; exec sleep 60", started.display()));
    let cancel = Cancel::new();
    let report = thread::scope(|scope| {
        let pull = scope.spawn(|| repos.pull_under(CheckoutMode::UpdateFiles, &cancel));
        wait_for(&started);
        cancel.cancel();
        pull.join().unwrap()
    });
    assert_eq!(report.workspace.outcome, PullOutcome::Cancelled, "{report:?}");
    assert!(!report.secrets[0].is_copied);
    assert_eq!(unit::read_last_pull(&repos.paths).unwrap(), Some(report));
}

#[test]
fn a_move_that_nobody_waits_for_runs_to_its_end() {
    let repos = Repositories::new();
    let (started, go) = (repos.at("started"), repos.at("go"));
    let slow = format!("touch {}; while ! test -e {}; do sleep 0.01; done; cat", started.display(), go.display());
    repos.standby(&format!("git config filter.slow.smudge '{slow}'"));
    repos.primary_commits("echo '*.md filter=slow' >.gitattributes; echo two >MEMORY.md; echo last >z.md");
    let cancel = Cancel::new();
    let report = thread::scope(|scope| {
        let pull = scope.spawn(|| repos.pull_under(CheckoutMode::UpdateFiles, &cancel));
        wait_for(&started);
        cancel.cancel();
        fs::write(&go, "").unwrap();
        pull.join().unwrap()
    });
    assert_eq!(report.workspace.outcome, PullOutcome::Updated, "{report:?}");
    assert_eq!((repos.memory(), repos.standby("cat z.md")), ("two\n".into(), "last".into()));
}

#[test]
fn two_pulls_never_overlap() {
    let repos = Repositories::new();
    let held = OpenOptions::new().create(true).append(true).open(repos.at("state/lock")).unwrap();
    held.try_lock().unwrap();
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Busy);
    assert_eq!(unit::read_last_pull(&repos.paths).unwrap(), None);
    drop(held);
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::UpToDate);
}

#[test]
fn a_state_folder_that_is_missing_is_said() {
    let repos = Repositories::new();
    fs::remove_dir_all(repos.at("state")).unwrap();
    let report = repos.pull();
    assert_eq!(report.workspace.outcome, PullOutcome::Failed);
    assert!(report.workspace.details.starts_with("cannot lock "), "{}", report.workspace.details);
}

#[test]
fn secrets_arrive_whole_and_closed_to_others() {
    require!("rsync");
    let repos = Repositories::new().with_secret();
    symlink("/etc/passwd", repos.at("source/link")).unwrap();
    fs::write(repos.at("target/kept"), "").unwrap();
    let report = repos.pull();
    assert!(report.is_ok(), "{report:?}");
    let copy = repos.at("target/standby.env");
    assert_eq!(fs::read_to_string(&copy).unwrap(), "TOKEN=1\n");
    assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o777, 0o600);
    assert!(fs::symlink_metadata(repos.at("target/link")).is_err());
    assert!(repos.at("target/kept").exists());
}

#[test]
fn a_source_that_fails_keeps_the_last_good_copy_and_does_not_hold_up_the_next() {
    require!("rsync");
    let mut repos = Repositories::new().with_secret();
    let good = repos.secrets[0].clone();
    repos.secrets.insert(0, SecretConfig { source: "openclaw@host:/nonexistent/file".into(), ..good });
    fs::write(repos.at("target/file"), "old").unwrap();
    let report = repos.pull();
    assert_eq!(report.workspace.outcome, PullOutcome::UpToDate);
    assert_eq!(report.secrets.iter().map(|secret| secret.is_copied).collect::<Vec<_>>(), [false, true]);
    let said = &report.secrets[0].error;
    assert!(said.starts_with("cannot copy openclaw@host:/nonexistent/file: "), "{said}");
    assert!(said.contains("No such file or directory"), "{said}");
    assert_eq!(fs::read_to_string(repos.at("target/file")).unwrap(), "old");
    assert!(!report.is_ok());
}

#[test]
fn a_target_that_is_a_link_gets_nothing() {
    require!("rsync");
    let repos = Repositories::new().with_secret();
    fs::rename(repos.at("target"), repos.at("elsewhere")).unwrap();
    symlink(repos.at("elsewhere"), repos.at("target")).unwrap();
    let report = repos.pull();
    assert!(report.secrets[0].error.ends_with("is not a folder"), "{report:?}");
    assert_eq!(fs::read_dir(repos.at("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_report_survives_a_pull_that_fails_and_remembers_when_all_was_well() {
    let repos = Repositories::new();
    let good = repos.pull();
    fs::rename(repos.at("remote.git"), repos.at("moved.git")).unwrap();
    let bad = repos.pull();
    assert_eq!(bad.workspace.outcome, PullOutcome::NotFetched);
    assert_eq!(bad.last_complete_at, good.last_complete_at);
}
