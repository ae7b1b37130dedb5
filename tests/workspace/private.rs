//! Private files: what git ignores on the disk, or a filter encrypts, reaches no remote, whatever a sync does to it.

use openclaw_failover::workspace::report::{PullOutcome, PushOutcome};

use crate::repositories::Repositories;

/// The last move, as if the machine had been restarted since.
const RESTART: &str = "tree=$(git rev-parse 'refs/openclaw-failover/applied^{tree}')
    parents=$(git rev-parse 'refs/openclaw-failover/applied^@' | sed 's/^/-p /')
    git update-ref refs/openclaw-failover/applied $(git commit-tree $parents -m 'another boot' $tree)";

/// Names of all files in all branches of the remote that hold this word.
fn published(repos: &Repositories, word: &str) -> String {
    repos.remote(&format!("for c in $(git rev-list --all); do git grep -l {word} $c || :; done"))
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
        let repos = Repositories::new();
        repos.pull();
        repos.standby(&format!(
            "printf '%s\\n' '{rules}' >.git/info/exclude; mkdir -p $(dirname {name}); echo diary >{name}"
        ));
        repos.primary_commits(theirs);
        let report = repos.pull().workspace;
        assert_eq!((report.outcome, report.moved_aside.count), (PullOutcome::Updated, 1), "{name}: {report:?}");
        assert!(repos.push().is_complete(), "{name}");
        let pushed = repos.push();
        assert_eq!(published(&repos, "diary"), "", "{name}: {pushed:?}");
        assert!(repos.standby("grep -rl diary . --exclude-dir=.git").contains(".local-"), "{name}");
        let named = pushed.withheld.to_sentence();
        assert!(
            named.contains(".local-") && named.ends_with("is ignored under its earlier name"),
            "{name}: {pushed:?}"
        );
    }
}

#[test]
fn what_git_does_not_ignore_is_returned_under_the_name_that_a_move_gives_it() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby(
        "echo scratch >.git/info/exclude; d=build.local-20261121T223027.123Z; mkdir $d; echo diary >$d/note.md
         echo other >$d/scratch.local-20261121T223027.123Z",
    );
    assert_eq!(repos.push().outcome, PushOutcome::Pushed);
    assert!(published(&repos, "diary").contains("build.local-"));
    assert_eq!(published(&repos, "other"), "");
}

#[test]
fn a_move_that_is_killed_between_two_rules_publishes_no_private_file() {
    let crash = crate::crashes::Crash::new(8);
    let repos = &crash.repos;
    repos.primary_commits("echo private.txt >.gitignore");
    repos.pull();
    repos.standby("echo diary >private.txt");
    repos.primary_commits("echo more.txt >>.gitignore");
    crash.stop_before_move("pull");
    // The old rules are renamed away, and the new ones have no name yet.
    crash.repos.standby("rm .gitignore; echo new >new.md");
    let pushed = crash.repos.push();
    assert!(pushed.is_complete(), "{pushed:?}");
    assert_eq!(published(&crash.repos, "diary"), "", "{pushed:?}");
    crash.repos.pull();
    assert_eq!(crash.repos.standby("cat .gitignore new.md private.txt"), "private.txt\nmore.txt\nnew\ndiary");
}

#[test]
fn rules_that_a_power_cut_has_emptied_publish_no_private_file() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("git config filter.caesar.clean 'tr a-y b-z'; git config filter.caesar.smudge 'tr b-z a-y'");
    repos.primary_commits("echo private.txt >.gitignore; echo '*.sealed filter=caesar' >.gitattributes");
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    repos.standby(RESTART);
    repos.standby(": >.gitignore; : >.gitattributes; echo diary >private.txt; echo diary >a.sealed");
    let pushed = repos.push();
    assert!(pushed.is_complete(), "{pushed:?}");
    assert_eq!(published(&repos, "diary"), "", "{pushed:?}");
    assert_eq!(
        repos.standby("cat .gitignore private.txt a.sealed; git show HEAD:a.sealed"),
        "private.txt\ndiary\ndiary\nejbsz"
    );
}

#[test]
fn files_of_a_first_pull_that_a_power_cut_has_emptied_are_no_edits() {
    let repos = Repositories::new();
    repos.standby("cd ..; rm -rf workspace; git init -q workspace; git -C workspace remote add origin ../remote.git");
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    repos.standby(RESTART);
    repos.standby(": >MEMORY.md");
    let report = repos.pull().workspace;
    assert_eq!(repos.memory(), "one\n", "{report:?}");
    assert_eq!(repos.standby("git diff --stat origin/main HEAD; git status --porcelain"), "");
}

#[test]
fn a_filter_that_is_required_in_any_of_gits_words_keeps_plain_text_here() {
    for yes in ["true", "yes", "1"] {
        let repos = Repositories::new();
        repos.primary(&format!(
            "git config filter.seal.required {yes}; echo '*.sealed filter=seal' >.gitattributes; echo diary >a.sealed"
        ));
        let pushed = repos.push_primary();
        assert_eq!((pushed.outcome, published(&repos, "diary").as_str()), (PushOutcome::Pushed, ""), "{pushed:?}");
        assert!(pushed.withheld.to_sentence().starts_with("a.sealed "), "{pushed:?}");
    }
}
