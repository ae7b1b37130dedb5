//! Changes of the agent on the standby, from outage to outage.

use openclaw_failover::workspace::report::{PullOutcome, PushOutcome};

use crate::repositories::Repositories;

#[test]
fn an_outage_and_everybody_has_everything() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo learned >>MEMORY.md; mkdir notes; echo n >notes/n.md; rm -f nothing");
    let pushed = repos.push();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(pushed.pushed_branches.to_sentence(), "failover/claw2", "{pushed:?}");
    assert_eq!(repos.branches(), "failover/claw2\nmain");
    repos.primary("echo meanwhile >meanwhile.md");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(pushed.merged_branches.to_sentence(), "failover/claw2", "{pushed:?}");
    assert_eq!(repos.branches(), "main");
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    assert!(repos.are_equal());
    assert_eq!((repos.memory().as_str(), repos.status()), ("one\nlearned\n", String::new()));
    assert_eq!(repos.primary("git status --porcelain; git symbolic-ref HEAD"), "refs/heads/main");
}

#[test]
fn two_outages_before_the_primary_has_merged_anything() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo first >first.md; echo learned >>MEMORY.md");
    assert!(repos.push().is_complete());
    // The primary is up for a while and writes; its timer has not merged before the next outage.
    repos.primary_commits("echo theirs >theirs.md");
    let pulled = repos.pull().workspace;
    assert_eq!((pulled.outcome, pulled.has_unpushed), (PullOutcome::Updated, true), "{pulled:?}");
    assert_eq!((repos.read("first.md"), repos.read("theirs.md")), ("first\n".into(), "theirs\n".into()));
    assert_eq!(repos.memory(), "one\nlearned\n");
    repos.standby("echo second >second.md; echo more >>first.md");
    assert!(repos.push().is_complete());
    assert!(repos.push_primary().is_ok());
    repos.pull();
    assert!(repos.are_equal());
    assert_eq!((repos.read("first.md"), repos.read("second.md")), ("first\nmore\n".into(), "second\n".into()));
    assert_eq!(repos.branches(), "main");
}

#[test]
fn a_git_host_that_is_down_all_the_time_gets_everything_later() {
    let repos = Repositories::new();
    repos.pull();
    repos.primary_commits("echo late >late.md");
    repos.standby("git fetch -q; mv ../remote.git ../away.git");
    // Commits fetched earlier are still checked out.
    assert_eq!((repos.pull().workspace.outcome, repos.read("late.md").as_str()), (PullOutcome::NotFetched, "late\n"));
    repos.standby("echo learned >learned.md");
    for _ in 0..2 {
        let pushed = repos.push();
        assert_eq!((pushed.outcome, pushed.last_complete_at), (PushOutcome::NotPushed, None), "{pushed:?}");
        assert!(pushed.details.contains("does not appear to be a git repository"), "{}", pushed.details);
    }
    repos.standby("mv ../away.git ../remote.git");
    let pushed = repos.push();
    assert_eq!((pushed.outcome, pushed.last_complete_at), (PushOutcome::Pushed, Some(pushed.started_at)));
    repos.push_primary();
    assert_eq!(repos.primary("cat learned.md"), "learned");
}

#[test]
fn a_contradiction_waits_for_a_person_and_both_versions_are_there() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo mine >>MEMORY.md; echo note >note.md");
    assert!(repos.push().is_complete());
    repos.primary("echo theirs >>MEMORY.md");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed);
    assert_eq!(pushed.conflicts.to_sentence(), "failover/claw2: MEMORY.md");
    assert!(!pushed.is_ok());
    // The standby continues with the primary's version, keeps its own on a branch, and pushes that too.
    let pulled = repos.pull().workspace;
    assert_eq!((pulled.outcome, pulled.unpushed_conflict_branches.count), (PullOutcome::ConflictKept, 1), "{pulled:?}");
    assert_eq!(repos.memory(), "one\ntheirs\n");
    let kept = pulled.unpushed_conflict_branches.listed[0].clone();
    assert!(repos.push().is_complete());
    assert_eq!(repos.branches(), format!("failover/claw2\n{kept}\nmain"));
    let pushed = repos.push_primary();
    assert_eq!(pushed.merged_branches.to_sentence(), "failover/claw2");
    assert_eq!(pushed.conflicts.to_sentence(), format!("{kept}: MEMORY.md"));
    assert_eq!(repos.branches(), format!("{kept}\nmain"));
    // The branch is pushed once, and stays until a person merges it.
    repos.pull();
    assert_eq!(repos.push().outcome, PushOutcome::UpToDate);
    assert_eq!(repos.push_primary().outcome, PushOutcome::UpToDate);
    assert_eq!(repos.branches(), format!("{kept}\nmain"));
    repos.primary(&format!(
        "! git merge -q origin/{kept} >/dev/null; printf 'one\\ntheirs\\nmine\\n' >MEMORY.md; git add -A; git commit \
         -qm both"
    ));
    assert!(repos.push_primary().is_ok());
    assert_eq!(repos.branches(), "main");
    repos.pull();
    assert!(repos.are_equal());
    assert_eq!((repos.memory().as_str(), repos.read("note.md").as_str()), ("one\ntheirs\nmine\n", "note\n"));
    assert_eq!(repos.push().outcome, PushOutcome::UpToDate);
}

#[test]
fn a_standby_that_was_set_up_anew_finds_its_past() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo learned >learned.md");
    assert!(repos.push().is_complete());
    repos
        .standby("rm -rf .git * && git clone -q ../remote.git new && mv new/.git . && git checkout -q . && rm -rf new");
    repos.standby("echo again >again.md");
    // Only a pull can detect that.
    let pushed = repos.push();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    repos.pull();
    assert_eq!((repos.read("learned.md"), repos.read("again.md")), ("learned\n".into(), "again\n".into()));
    assert!(repos.push().is_complete());
    repos.push_primary();
    assert_eq!(repos.primary("cat learned.md again.md"), "learned\nagain");
}
