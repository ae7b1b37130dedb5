//! Files that cannot be committed or written: each is reported with its reason, and the others are synced.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use openclaw_failover::workspace::report::{NameList, PullOutcome, PushOutcome};

use crate::needs;
use crate::repositories::Repositories;

/// Filter that exceeds its time limit.
const ENDLESS: &str = "sleep 600";

#[track_caller]
fn named<'a>(names: &'a NameList, file: &str) -> &'a str {
    let found = names.listed.iter().find(|name| name.starts_with(&format!("{file} ")));
    assert!(found.is_some(), "{file} is not named: {names:?}");
    found.map_or("", String::as_str)
}

#[track_caller]
fn expect_named(names: &NameList, file: &str, reason: &str) {
    let found = named(names, file);
    assert!(found.contains(reason), "{found:?} does not say {reason:?}");
}

#[test]
fn a_file_in_a_wrong_encoding_is_named_and_the_rest_is_pushed() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo '*.csv working-tree-encoding=UTF-16' >.gitattributes; printf abcd >bad.csv; echo n >note.md");
    let pushed = repos.push();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    expect_named(&pushed.withheld, "bad.csv", "BOM is required");
    assert_eq!(pushed.withheld.count, 1);
    assert_eq!(repos.remote("git ls-tree --name-only failover/claw2"), ".gitattributes\nMEMORY.md\nnote.md");
    assert_eq!(repos.read("bad.csv"), "abcd");
    assert_eq!(repos.push_primary().merged_branches.to_sentence(), "failover/claw2");
}

#[test]
fn many_files_that_fail_are_found_one_by_one() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby(
        "echo '*.bad filter=x' >.gitattributes; git config filter.x.clean 'grep -v fail'; \
            git config filter.x.required true
         for n in $(seq 30); do echo $n >$n.bad; echo $n >$n.md; done; for n in 3 14 15 29; do echo fail >$n.bad; done",
    );
    let pushed = repos.push();
    assert_eq!((pushed.outcome, pushed.withheld.count), (PushOutcome::Pushed, 4), "{pushed:?}");
    expect_named(&pushed.withheld, "14.bad", "clean filter 'x' failed");
    assert_eq!(repos.remote("git ls-tree --name-only failover/claw2 | wc -l"), "58");
}

#[test]
fn a_clean_filter_that_fails_keeps_its_file_alone_from_being_committed() {
    let repos = Repositories::new();
    repos.primary_commits("echo two >>MEMORY.md");
    // Not required by the owner: git run by hand would commit plain text that is to be encrypted.
    repos.standby(
        "git config filter.x.clean /nonexistent; echo '*.key.md filter=x' >.git/info/attributes; \
        echo secret >a.key.md; echo mine >mine.md",
    );
    let pulled = repos.pull().workspace;
    assert_eq!(pulled.outcome, PullOutcome::Updated, "{pulled:?}");
    expect_named(&pulled.withheld, "a.key.md", "clean filter 'x' failed");
    assert_eq!(
        repos.standby("cat MEMORY.md mine.md; git show HEAD:mine.md; git ls-tree --name-only HEAD"),
        "one\ntwo\nmine\nmine\nMEMORY.md\nmine.md"
    );
    repos.standby("git config filter.x.clean 'tr a-z A-Z'; git config filter.x.smudge 'tr A-Z a-z'");
    assert_eq!(repos.pull().workspace.withheld.count, 0);
    assert_eq!(repos.standby("git show HEAD:a.key.md; cat a.key.md"), "SECRET\nsecret");
}

#[test]
fn a_known_file_whose_filter_fails_stays_as_it_is_everywhere() {
    let repos = Repositories::new();
    repos.primary_commits("echo two >>MEMORY.md");
    repos.standby(
        "git config filter.x.clean /nonexistent; git config filter.x.required true; \
        echo '*.md filter=x' >.git/info/attributes; echo mine >mine.txt; echo edited >>MEMORY.md",
    );
    let pulled = repos.pull().workspace;
    expect_named(&pulled.withheld, "MEMORY.md", "clean filter 'x' failed");
    // The remote's version is in place, and this host's bytes are in a file next to it.
    assert_eq!((pulled.outcome, pulled.moved_aside.count), (PullOutcome::Updated, 1), "{pulled:?}");
    assert_eq!(repos.memory(), "one\ntwo\n");
    assert_eq!(repos.read(&pulled.moved_aside.listed[0]), "one\nedited\n");
    assert_eq!(repos.standby("git show HEAD:mine.txt"), "mine");
}

#[test]
fn a_filter_that_never_ends_is_cut_and_the_rest_goes_on() {
    let mut repos = Repositories::new();
    repos.workspace.timeout = Duration::from_secs(2);
    repos.pull();
    repos.standby(&format!(
        "git config filter.slow.clean '{ENDLESS}'; echo '*.slow filter=slow' >.gitattributes; \
        echo s >a.slow; echo n >note.md"
    ));
    let started = Instant::now();
    let pushed = repos.push();
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    expect_named(&pushed.withheld, "a.slow", "timed out after 2s");
    assert_eq!(repos.remote("git show failover/claw2:note.md"), "n");
}

#[test]
fn a_file_whose_filter_is_not_set_up_here_is_not_pushed_as_it_is() {
    let repos = Repositories::new();
    repos.primary_commits("echo '*.secret filter=git-crypt' >.gitattributes");
    repos.pull();
    repos.standby("echo plain >a.secret; echo n >note.md");
    let pushed = repos.push();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    expect_named(&pushed.withheld, "a.secret", "needs filter git-crypt, not set up here");
    assert_eq!(repos.remote("git ls-tree --name-only failover/claw2"), ".gitattributes\nMEMORY.md\nnote.md");
    // Deleting a file needs no filter.
    repos.standby("git config filter.git-crypt.clean cat");
    repos.push();
    repos.standby("git config --remove-section filter.git-crypt; rm a.secret");
    assert_eq!(repos.push().outcome, PushOutcome::Pushed);
    assert_eq!(repos.remote("git ls-tree --name-only failover/claw2"), ".gitattributes\nMEMORY.md\nnote.md");
}

#[test]
fn names_that_git_refuses_are_told() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby(
        "mkdir 'git~1' sub; echo x >'git~1/x'; echo x >.GIT; echo broken >sub/.git; \
        printf x >\"$(printf 'a\\001b')\"; echo n >note.md",
    );
    let pushed = repos.push();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    for file in ["git~1/x", ".GIT", "sub/.git"] {
        expect_named(&pushed.withheld, file, "has a name that git refuses");
    }
    assert_eq!(repos.remote("git ls-tree -z --name-only failover/claw2 | tr '\\0' ' '"), "MEMORY.md a\u{1}b note.md");
}

#[test]
fn pipes_and_sockets_are_told_unless_they_are_ignored() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby(
        "echo '*.ignored' >.gitignore; mkdir run; mkfifo run/pipe run/x.ignored; ln -s . loop; \
        echo n >note.md; rm MEMORY.md; mkfifo MEMORY.md",
    );
    let _socket = UnixListener::bind(repos.workspace.path.join("run/socket")).unwrap();
    let pushed = repos.push();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    for file in ["run/pipe", "run/socket"] {
        expect_named(&pushed.withheld, file, "is a pipe, socket or device");
    }
    named(&pushed.withheld, "MEMORY.md");
    assert_eq!(pushed.withheld.count, 3);
    assert_eq!(repos.remote("git show failover/claw2:note.md failover/claw2:MEMORY.md"), "n\none");
    fs::remove_file(repos.workspace.path.join("MEMORY.md")).unwrap();
    repos.standby("git checkout -q MEMORY.md; echo two >>MEMORY.md");
    assert_eq!(repos.push().outcome, PushOutcome::Pushed);
}

#[test]
fn a_pipe_that_git_would_wait_for_is_renamed() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("mkdir sub; mkfifo .gitattributes sub/.gitignore; echo n >note.md");
    let pushed = repos.push();
    assert_eq!((pushed.outcome, pushed.moved_aside.count), (PushOutcome::Pushed, 2), "{pushed:?}");
    assert_eq!(
        repos.standby("ls -A | grep -c '^.gitattributes.local-'; ls -A sub | cut -c-17"),
        "1\n.gitignore.local-"
    );
    assert_eq!(repos.remote("git show failover/claw2:note.md"), "n");
}

#[test]
fn what_may_not_be_read_is_told() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("mkdir closed; echo c >closed/c; echo x >mode; chmod 0 closed mode; echo n >note.md");
    let pushed = repos.push();
    let is_root = fs::read_dir(repos.workspace.path.join("closed")).is_ok();
    repos.standby("chmod 755 closed");
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(repos.remote("git show failover/claw2:note.md"), "n");
    if is_root {
        needs::report_skipped(module_path!(), "an ordinary user");
        return;
    }
    for file in ["closed", "mode"] {
        expect_named(&pushed.withheld, file, "cannot be read");
    }
}

#[test]
fn a_smudge_filter_that_fails_leaves_its_file_as_git_stores_it() {
    let repos = Repositories::new();
    repos.primary_commits("echo two >>MEMORY.md; echo a >a.x; echo z >z.x; echo '*.x filter=x' >.gitattributes");
    repos.standby(
        "git config filter.x.smudge 'read line; test \"$line\" != z && echo smudged $line'; \
        git config filter.x.clean 'sed \"s/^smudged //\"'; git config filter.x.required true; echo mine >mine.md",
    );
    for _ in 0..2 {
        let pulled = repos.pull().workspace;
        expect_named(&pulled.withheld, "z.x", "is left as git stores it: smudge filter x failed");
        assert_eq!(pulled.withheld.count, 1);
        assert_eq!(
            repos.standby("cat MEMORY.md a.x z.x; git show HEAD:mine.md; git status --porcelain"),
            "one\ntwo\nsmudged a\nz\nmine"
        );
    }
    // Once the filter works, the file is converted without an edit.
    repos.standby("git config filter.x.smudge 'read line; echo smudged $line'");
    let pulled = repos.pull().workspace;
    assert!(pulled.withheld.is_empty(), "{pulled:?}");
    assert_eq!(repos.standby("cat z.x; git status --porcelain"), "smudged z");
    assert!(repos.pull().workspace.withheld.is_empty());
}

#[test]
fn attributes_that_arrive_with_their_files_count_for_them() {
    let repos = Repositories::new();
    repos.standby("git config filter.up.smudge 'tr a-z A-Z'; git config filter.up.clean 'tr A-Z a-z'");
    repos.primary_commits("echo '# none' >.gitattributes");
    repos.pull();
    repos.primary_commits("echo '*.up filter=up' >.gitattributes; echo up >a.up");
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    assert_eq!(repos.standby("cat a.up; git status --porcelain"), "UP");
}

#[test]
fn an_edit_of_a_file_that_is_as_git_stores_it_is_an_edit() {
    let repos = Repositories::new();
    repos.primary_commits("echo z >z.x; echo '*.x filter=x' >.gitattributes");
    repos.standby("git config filter.x.smudge false; git config filter.x.clean cat");
    repos.pull();
    repos.standby("echo edited >z.x; git config filter.x.smudge cat");
    assert!(repos.push().is_complete());
    assert_eq!(repos.remote("git show failover/claw2:z.x"), "edited");
}

#[test]
fn a_branch_that_cannot_be_merged_is_left_and_the_others_are_merged() {
    let repos = Repositories::new();
    let push = |name: &str, script: &str| {
        let whole = format!(
            "git clone -q ../remote.git ../{name}; cd ../{name}; git config user.name x; \
                git config user.email x@x; {script}; git push -q origin HEAD:failover/{name}"
        );
        repos.primary(&whole);
    };
    push("good", "echo g >good.md; git add -A; git commit -qm good");
    // A tree with a name that git never checks out.
    push(
        "name",
        "b=$(echo x | git hash-object -w --stdin); t=$({ git ls-tree HEAD; printf '100644 blob %s\\tgit~1\\n' $b; \
            } | git mktree); git update-ref HEAD $(git commit-tree -p HEAD -m bad $t)",
    );
    push("driver", "echo d >driver.md; echo d >>MEMORY.md; git add -A; git commit -qm d");
    repos.primary(
        "echo p >>MEMORY.md; echo 'MEMORY.md merge=broken' >.git/info/attributes; \
        git config merge.broken.driver 'kill -9 $$'",
    );
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(pushed.merged_branches.to_sentence(), "failover/good", "{pushed:?}");
    assert_eq!(pushed.conflicts.count, 2, "{pushed:?}");
    assert!(pushed.conflicts.to_sentence().contains("failover/name: "), "{pushed:?}");
    assert!(pushed.conflicts.to_sentence().contains("nvalid path 'git~1'"), "{pushed:?}");
    assert_eq!(repos.remote("git show main:good.md main:MEMORY.md"), "g\none\np");
}

#[test]
fn pushes_the_other_files_when_a_nested_repository_without_git_folder_holds_a_pipe() {
    let repos = Repositories::new();
    repos.primary(
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub; git commit -qm sub; mkdir sub
         mkfifo sub/pipe; echo x >sub/x; echo n >note.md",
    );
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(repos.remote("git show main:note.md"), "n");
    expect_named(&pushed.withheld, "sub", "is a nested git repository");
}

#[test]
fn withholds_new_files_and_no_others_when_ignore_rules_cannot_be_read() {
    for (closed, kept) in [(".gitignore", "x d/x"), ("d/.gitignore", "d/x"), (".git/info/exclude", "x d/x")] {
        let repos = Repositories::new();
        repos.pull();
        repos.standby(&format!(
            "mkdir d; echo private >{closed}; echo known >>MEMORY.md; echo x >x; echo x >d/x; chmod 0 {closed}"
        ));
        if fs::read(repos.workspace.path.join(closed)).is_ok() {
            return needs::report_skipped(module_path!(), "an ordinary user");
        }
        let pushed = repos.push();
        assert_eq!(pushed.outcome, PushOutcome::Pushed, "{closed}: {pushed:?}");
        assert_eq!(repos.remote("git show failover/claw2:MEMORY.md"), "one\nknown", "{closed}");
        let sent = repos.remote("git ls-tree -r --name-only failover/claw2");
        for file in kept.split(' ') {
            assert!(!sent.lines().any(|line| line == file), "{closed}: {sent}");
            expect_named(&pushed.withheld, file, "may be ignored by rules that cannot be read");
        }
    }
}

#[test]
fn withholds_no_file_of_another_filter_when_a_filter_hangs() {
    let mut repos = Repositories::new();
    repos.workspace.timeout = Duration::from_secs(2);
    repos.primary(
        "git config filter.endless.clean 'sleep 1000'; git config filter.plain.clean cat; echo a >a.endless
         printf '*.endless filter=endless\n*.plain filter=plain\n' >.gitattributes
         for n in 1 2 3 4 5 6 7 8; do echo $n >$n.plain; done",
    );
    let pushed = repos.push_primary();
    assert_eq!((pushed.outcome, pushed.withheld.count), (PushOutcome::Pushed, 1), "{pushed:?}");
    expect_named(&pushed.withheld, "a.endless", "timed out after 2s");
    assert_eq!(repos.remote("git show main:1.plain main:8.plain"), "1\n8");
}
