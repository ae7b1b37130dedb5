//! Pushes from outside, on either host.

use std::fs;

use openclaw_failover::config::WorkspaceConfig;
use openclaw_failover::os::Cancel;
use openclaw_failover::workspace::report::{PullOutcome, PushOutcome};
use openclaw_failover::workspace::{self, CheckoutMode, SessionHandling, SyncRole, unit};

use crate::repositories::Repositories;

/// Returns everything that a push can change on the git host.
fn remote_state(repos: &Repositories) -> String {
    repos.remote("git for-each-ref; find . -type f | sort | xargs ls -l --time-style=full-iso | sha256sum")
}

#[test]
fn an_unchanged_workspace_makes_no_commit_and_writes_nothing() {
    let repos = Repositories::new();
    repos.pull();
    repos.push();
    repos.push_primary();
    let before = (remote_state(&repos), repos.primary("git rev-parse HEAD"), repos.standby("git rev-parse HEAD"));
    assert_eq!(repos.push().outcome, PushOutcome::UpToDate);
    assert_eq!(repos.push_primary().outcome, PushOutcome::UpToDate);
    let after = (remote_state(&repos), repos.primary("git rev-parse HEAD"), repos.standby("git rev-parse HEAD"));
    assert_eq!(before, after);
}

#[test]
fn what_is_returned_is_not_sent_again() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo learned >learned.md");
    let first = repos.push();
    let before = remote_state(&repos);
    fs::rename(repos.at("remote.git"), repos.at("away.git")).unwrap();
    let second = repos.push();
    fs::rename(repos.at("away.git"), repos.at("remote.git")).unwrap();
    assert_eq!((first.outcome, second.outcome), (PushOutcome::Pushed, PushOutcome::UpToDate));
    assert_eq!(remote_state(&repos), before);
    assert_eq!(unit::read_last_push(&repos.paths).unwrap(), Some(second));
}

#[test]
fn a_refusal_by_the_git_host_is_quoted_and_ends_by_itself() {
    let repos = Repositories::new();
    repos.pull();
    let hook = "while read old new name; do case $name in refs/heads/failover/*)
        echo 'error: GH013: Repository rule violations found' >&2; echo '  Push cannot contain secrets' >&2; exit 1;;
        esac; done";
    repos.executable("remote.git/hooks/pre-receive", hook);
    repos.standby("echo learned >learned.md");
    let pushed = repos.push();
    assert_eq!((pushed.outcome, pushed.last_complete_at), (PushOutcome::Refused, None), "{pushed:?}");
    assert!(
        pushed.details.contains("GH013: Repository rule violations found; Push cannot contain secrets"),
        "{}",
        pushed.details
    );
    assert!(pushed.details.contains("remove the secret from that file"), "{}", pushed.details);
    assert!(repos.pull().workspace.has_unpushed);
    fs::remove_file(repos.at("remote.git/hooks/pre-receive")).unwrap();
    assert_eq!(repos.push().outcome, PushOutcome::Pushed);
}

#[test]
fn the_primary_commits_what_lies_there_and_leaves_the_index_in_order() {
    let repos = Repositories::new();
    repos.primary("echo a >a; git add a; echo b >b; rm MEMORY.md");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(pushed.pushed_branches.to_sentence(), "main", "{pushed:?}");
    assert_eq!(repos.primary("git status --porcelain; git ls-files"), "a\nb");
    assert_eq!(repos.remote("git ls-tree --name-only main"), "a\nb");
    assert!(repos.primary("git log -1 --format=%an").starts_with("openclaw-failover on claw1"));
}

#[test]
fn a_push_that_comes_too_late_is_tried_again_with_what_came_in_between() {
    let repos = Repositories::new();
    repos.primary("git clone -q ../remote.git ../laptop");
    repos.primary("echo theirs >theirs.md");
    // A laptop pushes at the same moment as the primary, once.
    let meanwhile = "test -e ../once && exit 0; touch ../once; unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY;
        cd ../laptop; echo l >laptop.md; git add -A; git -c user.name=l -c user.email=l@l commit -qm l
        git push -q origin main";
    repos.executable("remote.git/hooks/pre-receive", meanwhile);
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(repos.remote("git ls-tree --name-only main"), "MEMORY.md\nlaptop.md\ntheirs.md");
    assert_eq!(repos.primary("cat laptop.md"), "l");
}

#[test]
fn a_branch_of_the_remote_that_contradicts_the_primary_is_left_to_a_person() {
    let repos = Repositories::new();
    repos.primary(
        "git clone -q ../remote.git ../laptop; cd ../laptop; echo l >>MEMORY.md; git commit -qam l; git push \
        -q origin main",
    );
    repos.primary("echo mine >>MEMORY.md");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Conflict, "{pushed:?}");
    assert!(pushed.details.contains("conflicts with this host's version in MEMORY.md; git -C "), "{}", pushed.details);
    assert_eq!(repos.primary("cat MEMORY.md; git status --porcelain"), "one\nmine");
}

#[test]
fn the_primary_leaves_an_agent_that_is_in_the_middle_of_something_alone() {
    let repos = Repositories::new();
    repos.primary(
        "git switch -qc b; echo b >>MEMORY.md; git commit -qam b; git switch -q main; echo c >>MEMORY.md; \
        git commit -qam c",
    );
    repos.primary("! git merge -q b >/dev/null");
    let pushed = repos.push_primary();
    assert_eq!((pushed.outcome, pushed.details.as_str()), (PushOutcome::InUse, "a merge is in progress"));
    // `git stash pop` leaves a merge that only the index shows.
    repos.primary(
        "git merge --abort; echo d >>MEMORY.md; git stash -q; echo e >>MEMORY.md; git commit -qam e; ! git \
        stash pop -q 2>/dev/null >&2",
    );
    let before = repos.primary("git rev-parse main; git ls-files --unmerged; cat MEMORY.md");
    let pushed = repos.push_primary();
    assert_eq!((pushed.outcome, pushed.details.as_str()), (PushOutcome::InUse, "a merge is in progress"));
    assert_eq!(repos.primary("git rev-parse main; git ls-files --unmerged; cat MEMORY.md"), before);
    repos.primary("git reset -q --hard; git switch -q b");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::InUse);
    assert!(
        pushed.details.starts_with("b is checked out instead of main (workspace.branch): git -C "),
        "{}",
        pushed.details
    );
    repos.primary("git switch -q main; touch .git/index.lock; echo d >d");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::InUse, "{pushed:?}");
    assert!(pushed.details.starts_with("another git process holds "), "{}", pushed.details);
    repos.primary("rm .git/index.lock");
    assert_eq!(repos.push_primary().outcome, PushOutcome::Pushed);
}

#[test]
fn a_primary_that_shall_not_merge_says_what_waits() {
    let mut repos = Repositories::new();
    repos.workspace.merge = false;
    repos.pull();
    repos.standby("echo learned >learned.md");
    repos.push();
    let pushed = repos.push_primary();
    assert_eq!(pushed.conflicts.to_sentence(), "failover/claw2 waits for a merge by hand (workspace.merge = false)");
    assert_eq!(repos.branches(), "failover/claw2\nmain");
}

#[test]
fn a_branch_that_gets_news_while_it_is_merged_is_not_removed() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo learned >learned.md");
    repos.push();
    // The standby pushes again after the primary has fetched.
    let again = "test -e ../again && exit 0; touch ../again; unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY;
        cd ../workspace; echo more >more.md; git add -A; git -c user.name=l -c user.email=l@l commit -qm l
        git push -q origin HEAD";
    repos.executable("remote.git/hooks/pre-receive", again);
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(repos.branches(), "failover/claw2\nmain");
    assert_eq!(repos.push_primary().merged_branches.to_sentence(), "failover/claw2");
    assert_eq!((repos.branches().as_str(), repos.primary("cat more.md").as_str()), ("main", "more"));
}

#[test]
fn an_empty_git_host_is_filled_by_the_primary() {
    let repos = Repositories::new();
    repos.remote("git update-ref -d refs/heads/main");
    assert_eq!(repos.push_primary().outcome, PushOutcome::Pushed);
    assert_eq!(repos.branches(), "main");
}

#[test]
fn while_the_gateway_runs_the_standby_sends_only_what_is_committed() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo a >a.md; git add -A; git commit -qm a; echo b >b.md");
    let pushed = workspace::push(
        &repos.workspace,
        &repos.paths,
        SyncRole::Standby { reach: &|| CheckoutMode::FetchOnly, queue: &|| SessionHandling::Resume },
        &Cancel::new(),
    );
    assert_eq!(pushed.outcome, PushOutcome::Pushed);
    assert_eq!(repos.remote("git ls-tree --name-only failover/claw2"), "MEMORY.md\na.md");
    assert_eq!(repos.status(), "?? b.md");
}

#[test]
fn what_cannot_be_pushed_from_is_said() {
    let repos = Repositories::new();
    let nowhere = WorkspaceConfig { path: repos.at("nowhere"), ..repos.workspace.clone() };
    let pushed = workspace::push(
        &nowhere,
        &repos.paths,
        SyncRole::Standby { reach: &|| CheckoutMode::UpdateFiles, queue: &|| SessionHandling::Resume },
        &Cancel::new(),
    );
    assert_eq!(pushed.outcome, PushOutcome::NoRepository, "{pushed:?}");
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::UpToDate);
}

#[test]
fn a_clock_that_is_set_takes_no_lock_from_a_git_that_holds_it() {
    let repos = Repositories::new();
    for time in ["2020-01-01", "2040-01-01"] {
        repos.primary(&format!("echo {time} >d; rm -f .git/index.lock; touch -d {time} .git/index.lock"));
        let pushed = repos.push_primary();
        assert_eq!(pushed.outcome, PushOutcome::InUse, "{time}: {pushed:?}");
        assert!(repos.at("primary/.git/index.lock").exists(), "{time}");
    }
    // One that was seen before the machine was restarted has no holder.
    repos.primary(
        "touch -d 2040-01-01 .git/index.lock
         echo $(stat -c %d:%i:%Y .git/index.lock).0 another 5 >.git/openclaw-failover/lock-seen",
    );
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
}

#[test]
fn a_lock_of_a_branch_that_comes_from_the_future_is_left_to_its_git_for_as_long_as_any() {
    let repos = Repositories::new();
    repos.primary("echo d >d; touch -d 2040-01-01 .git/HEAD.lock");
    let begun = std::time::Instant::now();
    let pushed = repos.push_primary();
    assert!(begun.elapsed() > std::time::Duration::from_secs(1), "{pushed:?}");
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
}
