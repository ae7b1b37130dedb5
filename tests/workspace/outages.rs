//! Changes of the agent on the standby, from outage to outage.

use openclaw_failover::workspace::report::{PullOutcome, PushOutcome};

use crate::world::World;

#[test]
fn an_outage_and_everybody_has_everything() {
    let world = World::new();
    world.pull();
    world.standby("echo learned >>MEMORY.md; mkdir notes; echo n >notes/n.md; rm -f nothing");
    let pushed = world.push();
    assert_eq!(
        (pushed.outcome, pushed.pushed_branches.to_sentence()),
        (PushOutcome::Pushed, "failover/claw2".to_owned()),
        "{pushed:?}"
    );
    assert_eq!(world.branches(), "failover/claw2\nmain");
    world.primary("echo meanwhile >meanwhile.md");
    let pushed = world.push_primary();
    assert_eq!(
        (pushed.outcome, pushed.merged_branches.to_sentence()),
        (PushOutcome::Pushed, "failover/claw2".to_owned()),
        "{pushed:?}"
    );
    assert_eq!(world.branches(), "main");
    assert_eq!(world.pull().workspace.outcome, PullOutcome::Updated);
    assert!(world.are_equal());
    assert_eq!((world.memory().as_str(), world.status()), ("one\nlearned\n", String::new()));
    assert_eq!(world.primary("git status --porcelain; git symbolic-ref HEAD"), "refs/heads/main");
}

#[test]
fn two_outages_before_the_primary_has_merged_anything() {
    let world = World::new();
    world.pull();
    world.standby("echo first >first.md; echo learned >>MEMORY.md");
    assert!(world.push().is_complete());
    // The primary is up for a while and writes; its timer has not merged before the next outage.
    world.primary_commits("echo theirs >theirs.md");
    let pulled = world.pull().workspace;
    assert_eq!((pulled.outcome, pulled.has_unpushed), (PullOutcome::Updated, true), "{pulled:?}");
    assert_eq!((world.read("first.md"), world.read("theirs.md")), ("first\n".into(), "theirs\n".into()));
    assert_eq!(world.memory(), "one\nlearned\n");
    world.standby("echo second >second.md; echo more >>first.md");
    assert!(world.push().is_complete());
    assert!(world.push_primary().is_ok());
    world.pull();
    assert!(world.are_equal());
    assert_eq!((world.read("first.md"), world.read("second.md")), ("first\nmore\n".into(), "second\n".into()));
    assert_eq!(world.branches(), "main");
}

#[test]
fn a_git_host_that_is_down_all_the_time_gets_everything_later() {
    let world = World::new();
    world.pull();
    world.primary_commits("echo late >late.md");
    world.standby("git fetch -q; mv ../remote.git ../away.git");
    // Commits fetched earlier are still checked out.
    assert_eq!((world.pull().workspace.outcome, world.read("late.md").as_str()), (PullOutcome::NotFetched, "late\n"));
    world.standby("echo learned >learned.md");
    for _ in 0..2 {
        let pushed = world.push();
        assert_eq!((pushed.outcome, pushed.last_complete_at), (PushOutcome::NotPushed, None), "{pushed:?}");
        assert!(pushed.details.contains("does not appear to be a git repository"), "{}", pushed.details);
    }
    world.standby("mv ../away.git ../remote.git");
    let pushed = world.push();
    assert_eq!((pushed.outcome, pushed.last_complete_at), (PushOutcome::Pushed, Some(pushed.started_at)));
    world.push_primary();
    assert_eq!(world.primary("cat learned.md"), "learned");
}

#[test]
fn a_contradiction_waits_for_a_person_and_both_versions_are_there() {
    let world = World::new();
    world.pull();
    world.standby("echo mine >>MEMORY.md; echo note >note.md");
    assert!(world.push().is_complete());
    world.primary("echo theirs >>MEMORY.md");
    let pushed = world.push_primary();
    assert_eq!(
        (pushed.outcome, pushed.conflicts.to_sentence()),
        (PushOutcome::Pushed, "failover/claw2: MEMORY.md".into())
    );
    assert!(!pushed.is_ok());
    // The standby continues with the primary's version, keeps its own on a branch, and pushes that too.
    let pulled = world.pull().workspace;
    assert_eq!((pulled.outcome, pulled.unpushed_conflict_branches.count), (PullOutcome::ConflictKept, 1), "{pulled:?}");
    assert_eq!(world.memory(), "one\ntheirs\n");
    let kept = pulled.unpushed_conflict_branches.listed[0].clone();
    assert!(world.push().is_complete());
    assert_eq!(world.branches(), format!("failover/claw2\n{kept}\nmain"));
    let pushed = world.push_primary();
    assert_eq!(
        (pushed.merged_branches.to_sentence(), pushed.conflicts.to_sentence()),
        ("failover/claw2".into(), format!("{kept}: MEMORY.md"))
    );
    assert_eq!(world.branches(), format!("{kept}\nmain"));
    // The branch is pushed once, and stays until a person merges it.
    world.pull();
    assert_eq!(world.push().outcome, PushOutcome::UpToDate);
    assert_eq!(world.push_primary().outcome, PushOutcome::UpToDate);
    assert_eq!(world.branches(), format!("{kept}\nmain"));
    world.primary(&format!(
        "! git merge -q origin/{kept} >/dev/null; printf 'one\\ntheirs\\nmine\\n' >MEMORY.md; git add -A; git commit \
         -qm both"
    ));
    assert!(world.push_primary().is_ok());
    assert_eq!(world.branches(), "main");
    world.pull();
    assert!(world.are_equal());
    assert_eq!((world.memory().as_str(), world.read("note.md").as_str()), ("one\ntheirs\nmine\n", "note\n"));
    assert_eq!(world.push().outcome, PushOutcome::UpToDate);
}

#[test]
fn a_standby_that_was_set_up_anew_finds_its_past() {
    let world = World::new();
    world.pull();
    world.standby("echo learned >learned.md");
    assert!(world.push().is_complete());
    world
        .standby("rm -rf .git * && git clone -q ../remote.git new && mv new/.git . && git checkout -q . && rm -rf new");
    world.standby("echo again >again.md");
    // Only a pull can detect that.
    let pushed = world.push();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    world.pull();
    assert_eq!((world.read("learned.md"), world.read("again.md")), ("learned\n".into(), "again\n".into()));
    assert!(world.push().is_complete());
    world.push_primary();
    assert_eq!(world.primary("cat learned.md again.md"), "learned\nagain");
}
