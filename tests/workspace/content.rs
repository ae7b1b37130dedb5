//! Bytes of the disk that git stores differently or elsewhere: what counts as returned, and what is kept.

use openclaw_failover::host::Command;
use openclaw_failover::sync::report::{Outcome, PushOutcome};

use crate::needs;
use crate::world::World;

/// True if git LFS is installed. Where it is not, a test says that it is skipped.
fn has_lfs() -> bool {
    let is_there = Command::new("git").args(["lfs", "version"]).run().is_ok();
    if !is_there {
        needs::skip(module_path!(), "git-lfs");
    }
    is_there
}

/// A world whose pictures are kept by git LFS on both hosts.
fn with_lfs() -> World {
    let world = World::new();
    for host in [World::primary, World::standby] {
        host(&world, "git lfs install --local --skip-repo >/dev/null");
    }
    world.primary_commits("echo '*.png filter=lfs diff=lfs merge=lfs -text' >.gitattributes");
    world.pull();
    world
}

fn uploaded(world: &World) -> String {
    world.remote("find lfs -type f 2>/dev/null | wc -l")
}

#[test]
fn a_picture_is_returned_with_its_content() {
    if !has_lfs() {
        return;
    }
    let world = with_lfs();
    world.standby("echo picture >a.png; echo note >s.md");
    assert_eq!(world.push().outcome, PushOutcome::Pushed);
    assert_eq!(uploaded(&world), "1");
    let pushed = world.push_primary();
    assert_eq!((pushed.outcome, pushed.merged.words()), (PushOutcome::Pushed, "failover/claw2".into()), "{pushed:?}");
    assert_eq!(world.primary("cat a.png s.md; git status --porcelain"), "picture\nnote");
    // The other way, by the same remote as a URL.
    world.primary("git remote set-url origin \"file://$(git remote get-url origin)\"; echo second >b.png");
    assert_eq!(world.push_primary().outcome, PushOutcome::Pushed);
    assert_eq!(uploaded(&world), "2");
    world.pull();
    assert_eq!(world.standby("cat a.png b.png"), "picture\nsecond");
}

#[test]
fn a_picture_whose_content_does_not_arrive_is_named_until_it_does() {
    if !has_lfs() {
        return;
    }
    let world = with_lfs();
    // A file where the store would be.
    world.remote("echo >lfs");
    world.standby("echo picture >a.png; echo note >s.md");
    for _ in 0..2 {
        let pushed = world.push();
        assert_eq!((pushed.outcome, pushed.returned), (PushOutcome::NotPushed, None), "{pushed:?}");
        assert_eq!(pushed.withheld.words(), "a.png has content that is not at the remote yet");
        assert!(pushed.said.contains("git LFS could not upload the content of 1 file"), "{}", pushed.said);
    }
    // The notes are not held back by it, on neither side.
    let merged = world.push_primary();
    assert_eq!(merged.merged.words(), "failover/claw2", "{merged:?}");
    assert!(merged.withheld.words().starts_with("a.png is as git stores it"), "{merged:?}");
    assert_eq!(world.primary("cat s.md; head -c 7 a.png"), "note\nversion");
    world.remote("rm lfs");
    let pushed = world.push();
    assert!(pushed.is_returned(), "{pushed:?}");
    assert_eq!(uploaded(&world), "1");
    let merged = world.push_primary();
    assert!(merged.withheld.is_empty(), "{merged:?}");
    assert_eq!(world.primary("cat a.png; git status --porcelain"), "picture");
}

#[test]
fn a_primary_uploads_what_its_last_run_could_not() {
    if !has_lfs() {
        return;
    }
    let world = with_lfs();
    world.remote("echo >lfs");
    world.primary("echo picture >a.png");
    let pushed = world.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::NotPushed, "{pushed:?}");
    world.remote("rm lfs");
    assert!(world.push_primary().is_returned());
    assert_eq!(uploaded(&world), "1");
}

#[test]
fn without_git_lfs_a_picture_that_becomes_a_pointer_is_named_and_kept() {
    if !has_lfs() {
        return;
    }
    let world = with_lfs();
    world.primary_commits("echo old >a.png; git lfs push origin HEAD >/dev/null; echo n >n.md");
    world.primary("git lfs push --all origin HEAD");
    world.pull();
    assert_eq!(world.read("a.png"), "old\n");
    for broken in [
        "git config --remove-section filter.lfs",
        "git config filter.lfs.process /nonexistent/git-lfs; git config filter.lfs.required true",
    ] {
        world.standby(broken);
        world.primary(&format!(
            "echo '{broken}' >a.png; echo '{broken}' >>n.md; git add -A; git commit -qm more; \
            git lfs push origin HEAD; git push -q origin HEAD"
        ));
        let pulled = world.pull().workspace;
        assert_eq!(pulled.outcome, Outcome::Moved, "{pulled:?}");
        assert!(
            pulled.withheld.listed.iter().any(|name| name.starts_with("a.png is as git stores it: ")),
            "{pulled:?}"
        );
        assert_eq!(world.standby("tail -1 n.md; head -c 7 a.png"), format!("{broken}\nversion"));
        // The pointer is no edit of this host's.
        assert!(world.push().is_returned());
        assert_eq!(world.standby("git diff origin/main HEAD --stat -- a.png n.md .gitattributes"), "");
    }
    world.standby("git lfs install --local --skip-repo --force >/dev/null");
    assert!(world.pull().workspace.withheld.is_empty());
    assert_eq!(world.standby("cat a.png"), world.primary("cat a.png"));
}

/// Attributes, a file that git does not store byte by byte, and whether git would write the same bytes again.
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
        let world = World::new();
        world.primary_commits(&format!(
            "echo '{attribute}' >.gitattributes; \
            printf 'first' | iconv -t UTF-16LE >f.x"
        ));
        world.pull();
        world.standby(&format!(
            "git config filter.drop.clean 'grep -v secret'; git config filter.drop.smudge cat; printf '{bytes}' >f.x"
        ));
        let raw = world.standby("git hash-object --no-filters f.x");
        assert!(world.push().is_returned(), "{what}");
        world.push_primary();
        world.primary("git config filter.drop.clean 'grep -v secret'; printf 'n\\0e\\0w\\0' >f.x");
        assert!(world.push_primary().is_returned(), "{what}");
        let pulled = world.pull().workspace;
        assert_eq!(pulled.outcome, Outcome::Moved, "{what}: {pulled:?}");
        if *is_written_again {
            assert!(pulled.aside.is_empty(), "{what}: {pulled:?}");
            continue;
        }
        let name = &pulled.aside.listed[0];
        assert!(name.starts_with("refs/openclaw-failover/raw/") && name.ends_with(":f.x"), "{what}: {pulled:?}");
        assert_eq!(world.standby(&format!("git rev-parse '{name}'")), raw, "{what}");
        assert_eq!(world.standby(&format!("git show '{name}' | git hash-object --no-filters --stdin")), raw, "{what}");
    }
}
