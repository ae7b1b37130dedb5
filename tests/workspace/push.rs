//! Pushes from outside, on either host.

use std::fs;

use openclaw_failover::config::WorkspaceConfig;
use openclaw_failover::os::Cancel;
use openclaw_failover::workspace::report::{PullOutcome, PushOutcome};
use openclaw_failover::workspace::{self, CheckoutMode, SessionHandling, SyncRole, unit};

use crate::world::World;

/// Returns everything that a push can change on the git host.
fn remote_state(world: &World) -> String {
    world.remote("git for-each-ref; find . -type f | sort | xargs ls -l --time-style=full-iso | sha256sum")
}

#[test]
fn an_unchanged_workspace_makes_no_commit_and_writes_nothing() {
    let world = World::new();
    world.pull();
    world.push();
    world.push_primary();
    let before = (remote_state(&world), world.primary("git rev-parse HEAD"), world.standby("git rev-parse HEAD"));
    assert_eq!(world.push().outcome, PushOutcome::UpToDate);
    assert_eq!(world.push_primary().outcome, PushOutcome::UpToDate);
    let after = (remote_state(&world), world.primary("git rev-parse HEAD"), world.standby("git rev-parse HEAD"));
    assert_eq!(before, after);
}

#[test]
fn what_is_returned_is_not_sent_again() {
    let world = World::new();
    world.pull();
    world.standby("echo learned >learned.md");
    let first = world.push();
    let before = remote_state(&world);
    fs::rename(world.at("remote.git"), world.at("away.git")).unwrap();
    let second = world.push();
    fs::rename(world.at("away.git"), world.at("remote.git")).unwrap();
    assert_eq!((first.outcome, second.outcome), (PushOutcome::Pushed, PushOutcome::UpToDate));
    assert_eq!(remote_state(&world), before);
    assert_eq!(unit::read_last_push(&world.paths).unwrap(), Some(second));
}

#[test]
fn a_refusal_by_the_git_host_is_quoted_and_ends_by_itself() {
    let world = World::new();
    world.pull();
    let hook = "while read old new name; do case $name in refs/heads/failover/*)
        echo 'error: GH013: Repository rule violations found' >&2; echo '  Push cannot contain secrets' >&2; exit 1;;
        esac; done";
    world.executable("remote.git/hooks/pre-receive", hook);
    world.standby("echo learned >learned.md");
    let pushed = world.push();
    assert_eq!((pushed.outcome, pushed.last_complete_at), (PushOutcome::Refused, None), "{pushed:?}");
    assert!(
        pushed.details.contains("GH013: Repository rule violations found; Push cannot contain secrets"),
        "{}",
        pushed.details
    );
    assert!(pushed.details.contains("remove the secret from that file"), "{}", pushed.details);
    assert!(world.pull().workspace.has_unpushed);
    fs::remove_file(world.at("remote.git/hooks/pre-receive")).unwrap();
    assert_eq!(world.push().outcome, PushOutcome::Pushed);
}

#[test]
fn the_primary_commits_what_lies_there_and_leaves_the_index_in_order() {
    let world = World::new();
    world.primary("echo a >a; git add a; echo b >b; rm MEMORY.md");
    let pushed = world.push_primary();
    assert_eq!(
        (pushed.outcome, pushed.pushed_branches.to_sentence()),
        (PushOutcome::Pushed, "main".to_owned()),
        "{pushed:?}"
    );
    assert_eq!(world.primary("git status --porcelain; git ls-files"), "a\nb");
    assert_eq!(world.remote("git ls-tree --name-only main"), "a\nb");
    assert!(world.primary("git log -1 --format=%an").starts_with("openclaw-failover on claw1"));
}

#[test]
fn a_push_that_comes_too_late_is_tried_again_with_what_came_in_between() {
    let world = World::new();
    world.primary("git clone -q ../remote.git ../laptop");
    world.primary("echo theirs >theirs.md");
    // A laptop pushes at the same moment as the primary, once.
    let meanwhile = "test -e ../once && exit 0; touch ../once; unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY;
        cd ../laptop; echo l >laptop.md; git add -A; git -c user.name=l -c user.email=l@l commit -qm l
        git push -q origin main";
    world.executable("remote.git/hooks/pre-receive", meanwhile);
    let pushed = world.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(world.remote("git ls-tree --name-only main"), "MEMORY.md\nlaptop.md\ntheirs.md");
    assert_eq!(world.primary("cat laptop.md"), "l");
}

#[test]
fn a_branch_of_the_remote_that_contradicts_the_primary_is_left_to_a_person() {
    let world = World::new();
    world.primary(
        "git clone -q ../remote.git ../laptop; cd ../laptop; echo l >>MEMORY.md; git commit -qam l; git push \
        -q origin main",
    );
    world.primary("echo mine >>MEMORY.md");
    let pushed = world.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Conflict, "{pushed:?}");
    assert!(pushed.details.contains("conflicts with this host's version in MEMORY.md; git -C "), "{}", pushed.details);
    assert_eq!(world.primary("cat MEMORY.md; git status --porcelain"), "one\nmine");
}

#[test]
fn the_primary_leaves_an_agent_that_is_in_the_middle_of_something_alone() {
    let world = World::new();
    world.primary(
        "git switch -qc b; echo b >>MEMORY.md; git commit -qam b; git switch -q main; echo c >>MEMORY.md; \
        git commit -qam c",
    );
    world.primary("! git merge -q b >/dev/null");
    let pushed = world.push_primary();
    assert_eq!((pushed.outcome, pushed.details.as_str()), (PushOutcome::InUse, "a merge is in progress"));
    // `git stash pop` leaves a merge that only the index shows.
    world.primary(
        "git merge --abort; echo d >>MEMORY.md; git stash -q; echo e >>MEMORY.md; git commit -qam e; ! git \
        stash pop -q 2>/dev/null >&2",
    );
    let before = world.primary("git rev-parse main; git ls-files --unmerged; cat MEMORY.md");
    let pushed = world.push_primary();
    assert_eq!((pushed.outcome, pushed.details.as_str()), (PushOutcome::InUse, "a merge is in progress"));
    assert_eq!(world.primary("git rev-parse main; git ls-files --unmerged; cat MEMORY.md"), before);
    world.primary("git reset -q --hard; git switch -q b");
    let pushed = world.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::InUse);
    assert!(
        pushed.details.starts_with("b is checked out instead of main (workspace.branch): git -C "),
        "{}",
        pushed.details
    );
    world.primary("git switch -q main; touch .git/index.lock; echo d >d");
    let pushed = world.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::InUse, "{pushed:?}");
    assert!(pushed.details.starts_with("another git process holds "), "{}", pushed.details);
    world.primary("rm .git/index.lock");
    assert_eq!(world.push_primary().outcome, PushOutcome::Pushed);
}

#[test]
fn a_primary_that_shall_not_merge_says_what_waits() {
    let mut world = World::new();
    world.workspace.merge = false;
    world.pull();
    world.standby("echo learned >learned.md");
    world.push();
    let pushed = world.push_primary();
    assert_eq!(pushed.conflicts.to_sentence(), "failover/claw2 waits for a merge by hand (workspace.merge = false)");
    assert_eq!(world.branches(), "failover/claw2\nmain");
}

#[test]
fn a_branch_that_gets_news_while_it_is_merged_is_not_removed() {
    let world = World::new();
    world.pull();
    world.standby("echo learned >learned.md");
    world.push();
    // The standby pushes again after the primary has fetched.
    let again = "test -e ../again && exit 0; touch ../again; unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY;
        cd ../workspace; echo more >more.md; git add -A; git -c user.name=l -c user.email=l@l commit -qm l
        git push -q origin HEAD";
    world.executable("remote.git/hooks/pre-receive", again);
    let pushed = world.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(world.branches(), "failover/claw2\nmain");
    assert_eq!(world.push_primary().merged_branches.to_sentence(), "failover/claw2");
    assert_eq!((world.branches().as_str(), world.primary("cat more.md").as_str()), ("main", "more"));
}

#[test]
fn an_empty_git_host_is_filled_by_the_primary() {
    let world = World::new();
    world.remote("git update-ref -d refs/heads/main");
    assert_eq!(world.push_primary().outcome, PushOutcome::Pushed);
    assert_eq!(world.branches(), "main");
}

#[test]
fn while_the_gateway_runs_the_standby_sends_only_what_is_committed() {
    let world = World::new();
    world.pull();
    world.standby("echo a >a.md; git add -A; git commit -qm a; echo b >b.md");
    let pushed = workspace::push(
        &world.workspace,
        &world.paths,
        SyncRole::Standby { reach: &|| CheckoutMode::FetchOnly, queue: &|| SessionHandling::Resume },
        &Cancel::new(),
    );
    assert_eq!(pushed.outcome, PushOutcome::Pushed);
    assert_eq!(world.remote("git ls-tree --name-only failover/claw2"), "MEMORY.md\na.md");
    assert_eq!(world.status(), "?? b.md");
}

#[test]
fn what_cannot_be_pushed_from_is_said() {
    let world = World::new();
    let nowhere = WorkspaceConfig { path: world.at("nowhere"), ..world.workspace.clone() };
    let pushed = workspace::push(
        &nowhere,
        &world.paths,
        SyncRole::Standby { reach: &|| CheckoutMode::UpdateFiles, queue: &|| SessionHandling::Resume },
        &Cancel::new(),
    );
    assert_eq!(pushed.outcome, PushOutcome::NoRepository, "{pushed:?}");
    assert_eq!(world.pull().workspace.outcome, PullOutcome::UpToDate);
}

#[test]
fn a_clock_that_is_set_takes_no_lock_from_a_git_that_holds_it() {
    let world = World::new();
    for time in ["2020-01-01", "2040-01-01"] {
        world.primary(&format!("echo {time} >d; rm -f .git/index.lock; touch -d {time} .git/index.lock"));
        let pushed = world.push_primary();
        assert_eq!(pushed.outcome, PushOutcome::InUse, "{time}: {pushed:?}");
        assert!(world.at("primary/.git/index.lock").exists(), "{time}");
    }
    // One that was seen before the machine was restarted has no holder.
    world.primary(
        "touch -d 2040-01-01 .git/index.lock
         echo $(stat -c %d:%i:%Y .git/index.lock).0 another 5 >.git/openclaw-failover/lock-seen",
    );
    let pushed = world.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
}

#[test]
fn a_lock_of_a_branch_that_comes_from_the_future_is_left_to_its_git_for_as_long_as_any() {
    let world = World::new();
    world.primary("echo d >d; touch -d 2040-01-01 .git/HEAD.lock");
    let begun = std::time::Instant::now();
    let pushed = world.push_primary();
    assert!(begun.elapsed() > std::time::Duration::from_secs(1), "{pushed:?}");
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
}
