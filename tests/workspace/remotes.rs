//! Changes of others at the remote: deleted branches, rewritten history, and standbys of the same name.

use openclaw_failover::os::Cancel;
use openclaw_failover::workspace::report::{PullOutcome, PushOutcome, PushReport};
use openclaw_failover::workspace::{self, CheckoutMode, PullReport, SessionHandling, SyncPaths, SyncRole};

use crate::repositories::{Repositories, run};

/// Second standby with its own workspace.
struct Other<'a> {
    repos: &'a Repositories,
    paths: SyncPaths,
}

impl<'a> Other<'a> {
    fn new(repos: &'a Repositories, host: &str) -> Self {
        run(repos.dir.path(), "git clone -q remote.git other; mkdir state-other");
        Self {
            repos,
            paths: SyncPaths { state_folder: repos.at("state-other"), host_name: host.into(), ..repos.paths.clone() },
        }
    }

    fn writes(&self, script: &str) {
        run(&self.repos.at("other"), script);
    }

    fn pull(&self) -> PullReport {
        let workspace =
            openclaw_failover::config::WorkspaceConfig { path: self.repos.at("other"), ..self.repos.workspace.clone() };
        workspace::pull(&workspace, &[], &self.paths, &|| CheckoutMode::UpdateFiles, &Cancel::new(), &Vec::new)
    }

    fn push(&self) -> PushReport {
        let workspace =
            openclaw_failover::config::WorkspaceConfig { path: self.repos.at("other"), ..self.repos.workspace.clone() };
        let role = SyncRole::Standby { reach: &|| CheckoutMode::UpdateFiles, queue: &|| SessionHandling::Resume };
        workspace::push(&workspace, &self.paths, role, &Cancel::new())
    }
}

#[test]
fn two_standbys_return_side_by_side() {
    let repos = Repositories::new();
    // A name that begins with the other's.
    let other = Other::new(&repos, "claw20");
    repos.pull();
    other.pull();
    repos.standby("echo a >a.md; echo a >>MEMORY.md");
    other.writes("echo b >b.md; echo b >>MEMORY.md");
    assert!(repos.push().is_complete() && other.push().is_complete());
    let pushed = repos.push_primary();
    assert_eq!(pushed.merged_branches.to_sentence(), "failover/claw2");
    assert_eq!(pushed.conflicts.to_sentence(), "failover/claw20: MEMORY.md");
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    assert_eq!(other.pull().workspace.outcome, PullOutcome::ConflictKept);
    assert!(other.push().is_complete());
    repos.push_primary();
    let kept = repos.branches();
    assert!(kept.starts_with("failover/claw20@2") && kept.ends_with("\nmain") && kept.lines().count() == 2, "{kept}");
}

#[test]
fn two_standbys_of_one_name_lose_nothing_and_are_told() {
    let repos = Repositories::new();
    let other = Other::new(&repos, "claw2");
    repos.pull();
    other.pull();
    repos.standby("echo a >a.md");
    other.writes("echo b >b.md");
    assert!(repos.push().is_complete());
    let pushed = other.push();
    assert_eq!(pushed.outcome, PushOutcome::Behind, "{pushed:?}");
    assert!(pushed.details.contains("if two hosts have the same name, rename one"), "{}", pushed.details);
    other.pull();
    assert!(other.push().is_complete());
    repos.push_primary();
    assert_eq!(repos.primary("cat a.md b.md"), "a\nb");
}

#[test]
fn a_branch_that_somebody_removes_comes_back_with_the_next_news() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo first >first.md");
    assert!(repos.push().is_complete());
    repos.remote("git update-ref -d refs/heads/failover/claw2");
    repos.pull();
    assert_eq!(repos.push().outcome, PushOutcome::UpToDate);
    repos.standby("echo second >second.md");
    assert_eq!(repos.push().outcome, PushOutcome::Pushed);
    repos.push_primary();
    assert_eq!(repos.primary("cat first.md second.md"), "first\nsecond");
}

#[test]
fn a_rewritten_history_goes_on_with_what_was_returned_before() {
    let repos = Repositories::new();
    repos.primary_commits("echo bad >bad.md");
    repos.pull();
    repos.standby("echo learned >learned.md");
    assert!(repos.push().is_complete());
    repos.primary(
        "git reset -q --hard HEAD~; echo good >good.md; git add -A; git commit -qm good; git push -qf origin main",
    );
    repos.standby("echo more >>learned.md");
    let pulled = repos.pull().workspace;
    assert_eq!((pulled.outcome, pulled.has_unpushed), (PullOutcome::Updated, true), "{pulled:?}");
    assert_eq!(repos.standby("ls; cat learned.md"), "MEMORY.md\ngood.md\nlearned.md\nlearned\nmore");
    // This host's branch is a fast-forward, so the remote accepts it.
    assert_eq!(repos.push().outcome, PushOutcome::Pushed);
    assert!(repos.push_primary().is_ok());
    repos.pull();
    assert!(repos.are_equal());
    assert_eq!(repos.primary("ls; cat learned.md"), "MEMORY.md\ngood.md\nlearned.md\nlearned\nmore");
}

#[test]
fn what_a_rewritten_history_has_left_out_does_not_come_back() {
    let repos = Repositories::new();
    repos.primary_commits("echo bad >bad.md");
    repos.pull();
    repos.standby("echo learned >learned.md");
    repos.pull();
    repos.primary(
        "git reset -q --hard HEAD~; echo good >good.md; git add -A; git commit -qm good; git push -qf origin main",
    );
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    assert_eq!(repos.standby("ls; git log --format=%s HEAD -- bad.md"), "MEMORY.md\ngood.md\nlearned.md");
    assert!(repos.push().is_complete());
    repos.push_primary();
    assert_eq!(repos.primary("ls; git log --format=%s HEAD -- bad.md"), "MEMORY.md\ngood.md\nlearned.md");
    // This host still has the old history.
    assert_eq!(repos.standby("git log --all --format=%s -- bad.md"), "more");
}

#[test]
fn a_primary_that_was_set_back_takes_what_the_remote_has() {
    let repos = Repositories::new();
    repos.primary_commits("echo two >two.md");
    // As restored from a backup.
    repos.primary("git reset -q --hard HEAD~; git update-ref -d refs/remotes/origin/main; echo three >three.md");
    assert_eq!(repos.push_primary().outcome, PushOutcome::Pushed);
    assert_eq!(repos.primary("cat two.md three.md; git status --porcelain"), "two\nthree");
}

#[test]
fn longer_names_of_commits_are_as_good() {
    let repos = Repositories::new();
    run(
        repos.dir.path(),
        "rm -rf remote.git primary workspace; git init -q --object-format=sha256 --bare -b main remote.git
         git init -q --object-format=sha256 -b main primary; cd primary; git remote add origin ../remote.git
         echo one >MEMORY.md; git add -A; git commit -qm one; git push -q origin main
         cd ..; git clone -q remote.git workspace",
    );
    repos.pull();
    repos.standby("mkdir notes; echo n >notes/n.md; echo learned >>MEMORY.md; git init -q nested");
    assert!(repos.push().is_complete());
    repos.primary("echo 0 >0.md");
    assert_eq!(repos.push_primary().merged_branches.to_sentence(), "failover/claw2");
    repos.standby("rm -rf nested");
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    assert!(repos.are_equal());
    repos.standby("mv notes ../away; ln -s ../away notes; rm -rf .git/openclaw-failover");
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::UpToDate);
    assert_eq!(repos.standby("git ls-files; git status --porcelain"), "0.md\nMEMORY.md\nnotes");
}

#[test]
fn a_history_that_holds_the_remotes_here_alone_never_overwrites_it() {
    for join in ["git replace --graft HEAD origin/main", "echo $(git rev-parse HEAD origin/main) >.git/info/grafts"] {
        let repos = Repositories::new();
        run(
            repos.dir.path(),
            "git clone -q remote.git else; cd else; git checkout -q --orphan new; echo rewritten >MEMORY.md; \
             git commit -qam rewritten; git push -qf origin new:main",
        );
        let theirs = repos.remote("git rev-parse main");
        repos.primary(&format!("git fetch -q origin; {join}; echo mine >mine.md"));
        let pushed = repos.push_primary();
        assert_eq!(repos.remote("git rev-parse main"), theirs, "{join}: {pushed:?}");
        assert_eq!(pushed.outcome, PushOutcome::Conflict, "{join}: {pushed:?}");
        let at = pushed.details.find("export GIT_NO_REPLACE").unwrap();
        let (command, _) = pushed.details[at..].split_once(", resolve").unwrap();
        let settle = "cd primary; echo settled >MEMORY.md; git add -A; git commit -qm settled";
        run(repos.dir.path(), &format!("{command} 2>&1 || :; {settle}"));
        let pushed = repos.push_primary();
        assert_eq!(pushed.outcome, PushOutcome::Pushed, "{join}: {pushed:?}");
        assert_eq!(repos.remote("git show main:MEMORY.md main:mine.md"), "settled\nmine", "{join}");
        repos.remote(&format!("git merge-base --is-ancestor {theirs} main"));
    }
}
