//! Repositories after a power cut: files that are empty, zeroed, truncated or missing. The next sync repairs what the
//! remote, a reflog or an unchanged file allows, and moves broken files aside.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use openclaw_failover::workspace::report::{PullOutcome, PushOutcome};

use crate::folder_copy::FolderCopy;
use crate::repositories::{Repositories, run};

/// Kinds of damage, as scripts that run in the repository. `$OWN` is the branch of its role.
const DAMAGES: &[(&str, &str)] = &[
    ("the own branch is empty", ": >.git/refs/heads/$OWN"),
    ("the own branch is zeros", "printf '\\000%.0s' $(seq 41) >.git/refs/heads/$OWN"),
    ("the own branch is cut", "printf 01234 >.git/refs/heads/$OWN"),
    ("the remote's branch is empty", ": >.git/refs/remotes/origin/main"),
    ("the remote's branch is zeros", "printf '\\000%.0s' $(seq 41) >.git/refs/remotes/origin/main"),
    (
        "each private ref is empty",
        "d=.git/refs/openclaw-failover; mkdir -p $d; for f in merged returned applied; do : >$d/$f; done",
    ),
    ("HEAD is empty", ": >.git/HEAD"),
    ("HEAD is zeros", "printf '\\000%.0s' $(seq 21) >.git/HEAD"),
    ("HEAD is gone", "rm .git/HEAD"),
    ("HEAD and the own branch are empty", ": >.git/HEAD; : >.git/refs/heads/$OWN"),
    ("the packed refs are zeros", "git pack-refs --all; printf '\\000%.0s' $(seq 99) >.git/packed-refs"),
    ("the packed refs are cut", "git pack-refs --all; head -c 80 .git/packed-refs >x; cat x >.git/packed-refs; rm x"),
    (
        "ORIG_HEAD and MERGE_HEAD are empty",
        ": >.git/ORIG_HEAD; : >.git/MERGE_HEAD; printf '\\000\\000' >.git/FETCH_HEAD",
    ),
    ("the index is empty", ": >.git/index"),
    ("the index is cut", "head -c 100 .git/index >x; cat x >.git/index; rm x"),
    ("this program's index is cut", "f=.git/openclaw-failover/index; head -c 100 $f >x; rm $f; mv x $f"),
    ("the configuration is zeros", "printf '\\000%.0s' $(seq 99) >.git/config"),
    ("the configuration is empty", ": >.git/config"),
    ("the last commit is empty", "o HEAD"),
    ("the last commit's tree is empty", "o HEAD^{tree}"),
    ("a file's content is empty", "o HEAD:mine.md"),
    ("a file's content is zeros", "o HEAD:mine.md 99"),
    ("the remote's commit is empty", "o refs/remotes/origin/main"),
    ("the remote's tree is garbage", "o refs/remotes/origin/main^{tree} 9"),
    (
        "every object is in a cut pack",
        "git gc -q --prune=now; p=$(ls .git/objects/pack/*.pack); chmod 644 $p; head -c 50 $p >x; cat x >$p; rm x",
    ),
    ("an index of a pack is empty", "git gc -q --prune=now; p=$(ls .git/objects/pack/*.idx); chmod 644 $p; : >$p"),
    (
        "a commit-graph is cut",
        "git commit-graph write --reachable 2>/dev/null; f=.git/objects/info/commit-graph; chmod 644 $f; \
         printf CGPH >$f; : >.git/refs/remotes/origin/main",
    ),
    (
        "locks are left over for hours",
        "for f in .git/openclaw-failover/index.sides.lock .git/packed-refs.new .git/objects/info/commit-graph.lock; do \
         : >$f; touch -d yesterday $f; done",
    ),
    ("a folder is in the place of the index", "rm .git/index; mkdir .git/index; : >.git/index/x"),
    ("a link is in the place of the index", "ln -sf openclaw-failover .git/index"),
    ("a folder is in the place of the configuration", "rm .git/config; mkdir .git/config; : >.git/config/x"),
    (
        "a folder is in the place of the packed refs",
        "git pack-refs --all; rm .git/packed-refs; mkdir .git/packed-refs; : >.git/packed-refs/x",
    ),
    ("a folder is in the place of HEAD", "rm .git/HEAD; mkdir .git/HEAD; : >.git/HEAD/x"),
    (
        "a folder is in the place of this program's index",
        "cd .git/openclaw-failover; rm -rf index input; mkdir index input; : >index/x",
    ),
    ("a file is where this program's folder is gone", "cd .git; rm -r openclaw-failover; echo x >openclaw-failover"),
    (
        "a file is in the place of the folder of old files",
        "cd .git/openclaw-failover; rm -rf replaced; echo x >replaced",
    ),
    (
        "folders are in the place of locks",
        "for f in index HEAD refs/heads/$OWN; do mkdir -p .git/$f.lock; : >.git/$f.lock/x; done",
    ),
    ("each ref is gone", "rm -r .git/refs"),
    ("the store of objects is gone", "rm -r .git/objects"),
    (
        "new locks are left over",
        "for f in HEAD refs/heads/$OWN config packed-refs openclaw-failover/index; do : >.git/$f.lock; done",
    ),
];

/// Shell function that empties the object `$1`, or fills it with `$2` zeros.
const EMPTY_OBJECT: &str = "o() { f=.git/objects/$(git rev-parse \"$1\" | sed 's|^..|&/|'); rm -f $f; \
                            if [ \"$2\" ]; then printf '\\000%.0s' $(seq $2) >$f; else : >$f; fi; }\n";

fn break_it(checkout: &Path, own: &str, script: &str) {
    run(checkout, &format!("OWN={own}\n{EMPTY_OBJECT}{script}"));
}

/// Lists the files that were moved aside.
fn set_aside(checkout: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![checkout.join(".git/openclaw-failover/damaged")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found
}

/// True if the packed refs have no header, or one that newer versions of git read too: they insist on the space.
fn has_sound_header(checkout: &Path) -> bool {
    let packed = fs::read(checkout.join(".git/packed-refs")).unwrap_or_default();
    !packed.starts_with(b"#") || packed.starts_with(b"# pack-refs with: ")
}

/// Creates repositories in which both hosts have written, and the standby has pushed a part.
fn repos() -> Repositories {
    static WRITTEN: OnceLock<FolderCopy> = OnceLock::new();
    let mut repos = Repositories::of(&WRITTEN, || {
        let mut repos = Repositories::new();
        repos.workspace.url = Some(repos.at("remote.git").display().to_string());
        repos.standby("echo returned >returned.md");
        assert!(repos.push().is_complete());
        repos.standby("echo mine >mine.md");
        assert!(repos.pull().is_ok());
        repos.standby("echo mine more >>mine.md; echo committed >committed.md");
        assert!(repos.pull().is_ok());
        repos
    });
    repos.workspace.url = Some(repos.at("remote.git").display().to_string());
    repos
}

#[test]
fn a_standbys_pull_repairs_it_and_loses_no_file() {
    let mut wrong = Vec::new();
    for (what, script) in DAMAGES {
        let repos = repos();
        break_it(&repos.workspace.path, "failover/claw2", script);
        repos.standby("echo latest >latest.md");
        repos.primary_commits("echo theirs >theirs.md");
        let pulled = repos.pull().workspace;
        let files = ["returned.md", "mine.md", "committed.md", "latest.md", "theirs.md"].map(|name| repos.read(name));
        let expected = ["returned\n", "mine\nmine more\n", "committed\n", "latest\n", "theirs\n"];
        let is_quiet = what.starts_with("new locks");
        let pushed = repos.push();
        let fsck = repos.standby("git fsck --connectivity-only --no-reflogs 2>&1 >/dev/null || echo broken");
        let is_aside = what.ends_with("gone") || !set_aside(&repos.workspace.path).is_empty();
        // Only a push reads some of the files.
        let is_told = is_aside
            && [&pulled.details, &pushed.details].iter().any(|said| said.contains("repaired the damaged repository"));
        let merged = repos.push_primary();
        let home = run(&repos.at("primary"), "cat mine.md committed.md latest.md 2>&1 || :");
        if !matches!(pulled.outcome, PullOutcome::Updated | PullOutcome::UpToDate)
            || files != expected
            || is_told == is_quiet
            || !fsck.is_empty()
            || !has_sound_header(&repos.workspace.path)
            || !repos.status().is_empty()
            || !pushed.is_complete()
            || home != "mine\nmine more\ncommitted\nlatest"
        {
            wrong.push(format!(
                "{what}: {pulled:?}\n{files:?}\n{fsck}\n{}\n{pushed:?}\n{merged:?}\n{home}",
                repos.status()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn a_primarys_push_repairs_it_and_keeps_its_history() {
    let mut wrong = Vec::new();
    for (what, script) in DAMAGES {
        let mut repos = repos();
        repos.workspace.url = Some(repos.at("remote.git").display().to_string());
        repos.push_primary();
        repos.remote("git branch -q offline main");
        repos.primary("echo mine >mine.md; git add -A; git commit -qm local; echo mine more >>mine.md");
        run(
            &repos.at("primary"),
            "cd .git; mkdir -p openclaw-failover; [ -e openclaw-failover/index ] || cp index openclaw-failover/index",
        );
        break_it(&repos.at("primary"), "main", script);
        repos.primary("echo latest >latest.md");
        let pushed = repos.push_primary();
        let sent = repos.remote("git show main:mine.md main:latest.md main:returned.md 2>&1 || :");
        // One history, including the earlier commits.
        let roots = repos.remote(
            "git rev-list --max-parents=0 main | wc -l; git merge-base --is-ancestor offline main && echo kept",
        );
        let is_aside = what.ends_with("gone") || !set_aside(&repos.at("primary")).is_empty();
        let is_told = pushed.details.contains("repaired the damaged repository") && is_aside;
        if pushed.outcome != PushOutcome::Pushed
            || is_told == what.starts_with("new locks")
            || sent != "mine\nmine more\nlatest\nreturned"
            || roots != "1\nkept"
            || !has_sound_header(&repos.at("primary"))
            || !repos.primary("git status --porcelain").is_empty()
        {
            wrong.push(format!("{what}: {pushed:?}\n{sent}\n{roots}\n{}", repos.primary("git status --porcelain")));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn what_nothing_can_repair_is_told_with_a_command_that_works() {
    let repos = repos();
    repos.standby("echo '[core' >.git/config");
    let pulled = repos.pull().workspace;
    assert_eq!(pulled.outcome, PullOutcome::Damaged, "{pulled:?}");
    let (_, command) = pulled.details.split_once("as they are: ").unwrap();
    let (command, _) = command.split_once("; repaired").unwrap_or((command, ""));
    run(repos.dir.path(), command);
    repos.primary_commits("echo theirs >theirs.md");
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    assert_eq!(
        repos.standby("cat returned.md mine.md committed.md theirs.md"),
        "returned\nmine\nmine more\ncommitted\ntheirs"
    );
    assert!(repos.push().is_complete());
}
