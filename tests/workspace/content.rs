//! Bytes that git stores in another form or elsewhere: when they count as returned, and which are kept.

use openclaw_failover::os::ChildCommand;
use openclaw_failover::workspace::report::{PullOutcome, PushOutcome};

use crate::needs;
use crate::repositories::Repositories;

/// True if git LFS is installed; otherwise prints that the test is skipped.
fn has_lfs() -> bool {
    let is_there = ChildCommand::new("git").args(["lfs", "version"]).run().is_ok();
    if !is_there {
        needs::report_skipped(module_path!(), "git-lfs");
    }
    is_there
}

/// Creates repositories in which git LFS stores the pictures of both hosts.
fn with_lfs() -> Repositories {
    let repos = Repositories::new();
    for host in [Repositories::primary, Repositories::standby] {
        host(&repos, "git lfs install --local --skip-repo >/dev/null");
    }
    repos.primary_commits("echo '*.png filter=lfs diff=lfs merge=lfs -text' >.gitattributes");
    repos.pull();
    repos
}

fn uploaded(repos: &Repositories) -> String {
    repos.remote("find lfs -type f 2>/dev/null | wc -l")
}

#[test]
fn a_picture_is_returned_with_its_content() {
    if !has_lfs() {
        return;
    }
    let repos = with_lfs();
    repos.standby("echo picture >a.png; echo note >s.md");
    assert_eq!(repos.push().outcome, PushOutcome::Pushed);
    assert_eq!(uploaded(&repos), "1");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::Pushed, "{pushed:?}");
    assert_eq!(pushed.merged_branches.to_sentence(), "failover/claw2", "{pushed:?}");
    assert_eq!(repos.primary("cat a.png s.md; git status --porcelain"), "picture\nnote");
    // Vice versa, with the same remote as a URL.
    repos.primary("git remote set-url origin \"file://$(git remote get-url origin)\"; echo second >b.png");
    assert_eq!(repos.push_primary().outcome, PushOutcome::Pushed);
    assert_eq!(uploaded(&repos), "2");
    repos.pull();
    assert_eq!(repos.standby("cat a.png b.png"), "picture\nsecond");
}

#[test]
fn a_picture_whose_content_does_not_arrive_is_named_until_it_does() {
    if !has_lfs() {
        return;
    }
    let repos = with_lfs();
    // A file at the path of the LFS store.
    repos.remote("echo >lfs");
    repos.standby("echo picture >a.png; echo note >s.md");
    for _ in 0..2 {
        let pushed = repos.push();
        assert_eq!((pushed.outcome, pushed.last_complete_at), (PushOutcome::NotPushed, None), "{pushed:?}");
        assert_eq!(pushed.withheld.to_sentence(), "a.png has content that is not at the remote yet");
        assert!(pushed.details.contains("git LFS could not upload the content of 1 file"), "{}", pushed.details);
    }
    // Both hosts still exchange the notes.
    let merged = repos.push_primary();
    assert_eq!(merged.merged_branches.to_sentence(), "failover/claw2", "{merged:?}");
    assert!(merged.withheld.to_sentence().starts_with("a.png is left as git stores it"), "{merged:?}");
    assert_eq!(repos.primary("cat s.md; head -c 7 a.png"), "note\nversion");
    repos.remote("rm lfs");
    let pushed = repos.push();
    assert!(pushed.is_complete(), "{pushed:?}");
    assert_eq!(uploaded(&repos), "1");
    let merged = repos.push_primary();
    assert!(merged.withheld.is_empty(), "{merged:?}");
    assert_eq!(repos.primary("cat a.png; git status --porcelain"), "picture");
}

#[test]
fn a_primary_uploads_what_its_last_run_could_not() {
    if !has_lfs() {
        return;
    }
    let repos = with_lfs();
    repos.remote("echo >lfs");
    repos.primary("echo picture >a.png");
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::NotPushed, "{pushed:?}");
    repos.remote("rm lfs");
    assert!(repos.push_primary().is_complete());
    assert_eq!(uploaded(&repos), "1");
}

#[test]
fn without_git_lfs_a_picture_that_becomes_a_pointer_is_named_and_kept() {
    if !has_lfs() {
        return;
    }
    let repos = with_lfs();
    repos.primary_commits("echo old >a.png; git lfs push origin HEAD >/dev/null; echo n >n.md");
    repos.primary("git lfs push --all origin HEAD");
    repos.pull();
    assert_eq!(repos.read("a.png"), "old\n");
    for broken in [
        "git config --remove-section filter.lfs",
        "git config filter.lfs.process /nonexistent/git-lfs; git config filter.lfs.required true",
    ] {
        repos.standby(broken);
        repos.primary(&format!(
            "echo '{broken}' >a.png; echo '{broken}' >>n.md; git add -A; git commit -qm more; \
            git lfs push origin HEAD; git push -q origin HEAD"
        ));
        let pulled = repos.pull().workspace;
        assert_eq!(pulled.outcome, PullOutcome::Updated, "{pulled:?}");
        assert!(
            pulled.withheld.listed.iter().any(|name| name.starts_with("a.png is left as git stores it: ")),
            "{pulled:?}"
        );
        assert_eq!(repos.standby("tail -1 n.md; head -c 7 a.png"), format!("{broken}\nversion"));
        // The pointer does not count as an edit.
        assert!(repos.push().is_complete());
        assert_eq!(repos.standby("git diff origin/main HEAD --stat -- a.png n.md .gitattributes"), "");
    }
    repos.standby("git lfs install --local --skip-repo --force >/dev/null");
    assert!(repos.pull().workspace.withheld.is_empty());
    assert_eq!(repos.standby("cat a.png"), repos.primary("cat a.png"));
}

/// Attributes, a file that git does not store byte by byte, and true if git would write the same bytes again.
const CONVERTED: &[(&str, &str, &str, bool)] = &[
    ("a clean filter that drops content", "*.x filter=drop", "keep\\nsecret\\n", false),
    ("text with eol=lf", "*.x text eol=lf", "a\\r\\nb\\r\\n", false),
    ("text with eol=crlf", "*.x text eol=crlf", "a\\r\\nb\\r\\n", true),
    ("ends of lines that differ", "*.x text eol=crlf", "a\\r\\nb\\n", false),
    ("ident", "*.x ident", "$Id: by hand $\\n", false),
    ("an encoding", "*.x working-tree-encoding=UTF-16LE", "a\\0b\\0", true),
];

#[test]
fn bytes_that_git_does_not_store_are_kept_before_they_are_replaced() {
    for (what, attribute, bytes, is_written_again) in CONVERTED {
        let repos = Repositories::new();
        repos.primary_commits(&format!(
            "echo '{attribute}' >.gitattributes; \
            printf 'first' | iconv -t UTF-16LE >f.x"
        ));
        repos.pull();
        repos.standby(&format!(
            "git config filter.drop.clean 'grep -v secret'; git config filter.drop.smudge cat; printf '{bytes}' >f.x"
        ));
        let raw = repos.standby("git hash-object --no-filters f.x");
        assert!(repos.push().is_complete(), "{what}");
        repos.push_primary();
        repos.primary("git config filter.drop.clean 'grep -v secret'; printf 'n\\0e\\0w\\0' >f.x");
        assert!(repos.push_primary().is_complete(), "{what}");
        let pulled = repos.pull().workspace;
        assert_eq!(pulled.outcome, PullOutcome::Updated, "{what}: {pulled:?}");
        if *is_written_again {
            assert!(pulled.moved_aside.is_empty(), "{what}: {pulled:?}");
            continue;
        }
        let name = &pulled.moved_aside.listed[0];
        assert!(name.starts_with("refs/openclaw-failover/raw/") && name.ends_with(":f.x"), "{what}: {pulled:?}");
        assert_eq!(repos.standby(&format!("git rev-parse '{name}'")), raw, "{what}");
        assert_eq!(repos.standby(&format!("git show '{name}' | git hash-object --no-filters --stdin")), raw, "{what}");
    }
}
