//! Private files: what git ignores on the disk, or a filter encrypts, reaches no remote, whatever a sync does to it.

use openclaw_failover::sync::report::{Outcome, PushOutcome};

use crate::world::World;

/// The last move, as if the machine had been restarted since.
const RESTART: &str = "tree=$(git rev-parse 'refs/openclaw-failover/applied^{tree}')
    parents=$(git rev-parse 'refs/openclaw-failover/applied^@' | sed 's/^/-p /')
    git update-ref refs/openclaw-failover/applied $(git commit-tree $parents -m 'another boot' $tree)";

/// Names of all files in all branches of the remote that hold this word.
fn published(world: &World, word: &str) -> String {
    world.remote(&format!("for c in $(git rev-list --all); do git grep -l {word} $c || :; done"))
}

#[test]
fn what_git_ignores_stays_private_under_the_name_that_a_move_gives_it() {
    for (rules, theirs, name) in [
        ("private.txt", "echo public >private.txt", "private.txt"),
        ("/private.txt", "mkdir private.txt; echo public >private.txt/x", "private.txt"),
        ("build/", "echo public >build", "build/out/private"),
        ("build/*.log", "echo public >build", "build/x.log"),
        ("build/", "ln -s MEMORY.md build", "build/private"),
    ] {
        let world = World::new();
        world.pull();
        world.standby(&format!(
            "printf '%s\\n' '{rules}' >.git/info/exclude; mkdir -p $(dirname {name}); echo diary >{name}"
        ));
        world.primary_commits(theirs);
        let report = world.pull().workspace;
        assert_eq!((report.outcome, report.aside.count), (Outcome::Moved, 1), "{name}: {report:?}");
        assert!(world.push().is_returned(), "{name}");
        let pushed = world.push();
        assert_eq!(published(&world, "diary"), "", "{name}: {pushed:?}");
        assert!(world.standby("grep -rl diary . --exclude-dir=.git").contains(".local-"), "{name}");
        let named = pushed.withheld.words();
        assert!(
            named.contains(".local-") && named.ends_with("is ignored under its earlier name"),
            "{name}: {pushed:?}"
        );
    }
}

#[test]
fn what_git_does_not_ignore_is_returned_under_the_name_that_a_move_gives_it() {
    let world = World::new();
    world.pull();
    world.standby(
        "echo scratch >.git/info/exclude; d=build.local-20261121T223027.123Z; mkdir $d; echo diary >$d/note.md
         echo other >$d/scratch.local-20261121T223027.123Z",
    );
    assert_eq!(world.push().outcome, PushOutcome::Pushed);
    assert!(published(&world, "diary").contains("build.local-"));
    assert_eq!(published(&world, "other"), "");
}

#[test]
fn a_move_that_is_killed_between_two_rules_publishes_no_private_file() {
    let crash = crate::crashes::Crash::new(8);
    let world = &crash.world;
    world.primary_commits("echo private.txt >.gitignore");
    world.pull();
    world.standby("echo diary >private.txt");
    world.primary_commits("echo more.txt >>.gitignore");
    crash.stop_before_move("pull");
    // The old rules are renamed away, and the new ones have no name yet.
    crash.world.standby("rm .gitignore; echo new >new.md");
    let pushed = crash.world.push();
    assert!(pushed.is_returned(), "{pushed:?}");
    assert_eq!(published(&crash.world, "diary"), "", "{pushed:?}");
    crash.world.pull();
    assert_eq!(crash.world.standby("cat .gitignore new.md private.txt"), "private.txt\nmore.txt\nnew\ndiary");
}

#[test]
fn rules_that_a_power_cut_has_emptied_publish_no_private_file() {
    let world = World::new();
    world.pull();
    world.standby("git config filter.caesar.clean 'tr a-y b-z'; git config filter.caesar.smudge 'tr b-z a-y'");
    world.primary_commits("echo private.txt >.gitignore; echo '*.sealed filter=caesar' >.gitattributes");
    assert_eq!(world.pull().workspace.outcome, Outcome::Moved);
    world.standby(RESTART);
    world.standby(": >.gitignore; : >.gitattributes; echo diary >private.txt; echo diary >a.sealed");
    let pushed = world.push();
    assert!(pushed.is_returned(), "{pushed:?}");
    assert_eq!(published(&world, "diary"), "", "{pushed:?}");
    assert_eq!(
        world.standby("cat .gitignore private.txt a.sealed; git show HEAD:a.sealed"),
        "private.txt\ndiary\ndiary\nejbsz"
    );
}

#[test]
fn files_of_a_first_pull_that_a_power_cut_has_emptied_are_no_edits() {
    let world = World::new();
    world.standby("cd ..; rm -rf workspace; git init -q workspace; git -C workspace remote add origin ../remote.git");
    assert_eq!(world.pull().workspace.outcome, Outcome::Moved);
    world.standby(RESTART);
    world.standby(": >MEMORY.md");
    let report = world.pull().workspace;
    assert_eq!(world.memory(), "one\n", "{report:?}");
    assert_eq!(world.standby("git diff --stat origin/main HEAD; git status --porcelain"), "");
}

#[test]
fn a_filter_that_is_required_in_any_of_gits_words_keeps_plain_text_here() {
    for yes in ["true", "yes", "1"] {
        let world = World::new();
        world.primary(&format!(
            "git config filter.seal.required {yes}; echo '*.sealed filter=seal' >.gitattributes; echo diary >a.sealed"
        ));
        let pushed = world.push_primary();
        assert_eq!((pushed.outcome, published(&world, "diary").as_str()), (PushOutcome::Pushed, ""), "{pushed:?}");
        assert!(pushed.withheld.words().starts_with("a.sealed "), "{pushed:?}");
    }
}
