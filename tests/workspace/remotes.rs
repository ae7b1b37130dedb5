//! What others do to the remote: they remove branches, rewrite history, and bring standbys of the same name.

use openclaw_failover::host::Cancel;
use openclaw_failover::sync::report::{Outcome, PushOutcome, Pushed};
use openclaw_failover::sync::{self, Paths, Queue, Reach, Report, Role};

use crate::world::{World, run};

/// Another standby, with a workspace of its own.
struct Other<'a> {
    world: &'a World,
    paths: Paths,
}

impl<'a> Other<'a> {
    fn new(world: &'a World, host: &str) -> Self {
        run(world.dir.path(), "git clone -q remote.git other; mkdir state-other");
        Self { world, paths: Paths { state: world.at("state-other"), host: host.into(), ..world.paths.clone() } }
    }

    fn writes(&self, script: &str) {
        run(&self.world.at("other"), script);
    }

    fn pull(&self) -> Report {
        let workspace =
            openclaw_failover::config::Workspace { path: self.world.at("other"), ..self.world.workspace.clone() };
        sync::pull(&workspace, &[], &self.paths, &|| Reach::Move, &Cancel::new(), &Vec::new)
    }

    fn push(&self) -> Pushed {
        let workspace =
            openclaw_failover::config::Workspace { path: self.world.at("other"), ..self.world.workspace.clone() };
        let role = Role::Standby { reach: &|| Reach::Move, queue: &|| Queue::Keep };
        sync::push(&workspace, &self.paths, role, &Cancel::new())
    }
}

#[test]
fn two_standbys_return_side_by_side() {
    let world = World::new();
    // The name of one is the beginning of the other's.
    let other = Other::new(&world, "claw20");
    world.pull();
    other.pull();
    world.standby("echo a >a.md; echo a >>MEMORY.md");
    other.writes("echo b >b.md; echo b >>MEMORY.md");
    assert!(world.push().is_returned() && other.push().is_returned());
    let pushed = world.push_primary();
    assert_eq!(
        (pushed.merged.words(), pushed.conflicts.words()),
        ("failover/claw2".into(), "failover/claw20: MEMORY.md".into())
    );
    assert_eq!(world.pull().workspace.outcome, Outcome::Moved);
    assert_eq!(other.pull().workspace.outcome, Outcome::Kept);
    assert!(other.push().is_returned());
    world.push_primary();
    let kept = world.branches();
    assert!(kept.starts_with("failover/claw20@2") && kept.ends_with("\nmain") && kept.lines().count() == 2, "{kept}");
}

#[test]
fn two_standbys_of_one_name_lose_nothing_and_are_told() {
    let world = World::new();
    let other = Other::new(&world, "claw2");
    world.pull();
    other.pull();
    world.standby("echo a >a.md");
    other.writes("echo b >b.md");
    assert!(world.push().is_returned());
    let pushed = other.push();
    assert_eq!(pushed.outcome, PushOutcome::Behind, "{pushed:?}");
    assert!(pushed.said.contains("if two hosts have the same name, give one another"), "{}", pushed.said);
    other.pull();
    assert!(other.push().is_returned());
    world.push_primary();
    assert_eq!(world.primary("cat a.md b.md"), "a\nb");
}

#[test]
fn a_branch_that_somebody_removes_comes_back_with_the_next_news() {
    let world = World::new();
    world.pull();
    world.standby("echo first >first.md");
    assert!(world.push().is_returned());
    world.remote("git update-ref -d refs/heads/failover/claw2");
    world.pull();
    assert_eq!(world.push().outcome, PushOutcome::UpToDate);
    world.standby("echo second >second.md");
    assert_eq!(world.push().outcome, PushOutcome::Pushed);
    world.push_primary();
    assert_eq!(world.primary("cat first.md second.md"), "first\nsecond");
}

#[test]
fn a_rewritten_history_goes_on_with_what_was_returned_before() {
    let world = World::new();
    world.primary_commits("echo bad >bad.md");
    world.pull();
    world.standby("echo learned >learned.md");
    assert!(world.push().is_returned());
    world.primary(
        "git reset -q --hard HEAD~; echo good >good.md; git add -A; git commit -qm good; git push -qf origin main",
    );
    world.standby("echo more >>learned.md");
    let pulled = world.pull().workspace;
    assert_eq!((pulled.outcome, pulled.unreturned), (Outcome::Moved, true), "{pulled:?}");
    assert_eq!(world.standby("ls; cat learned.md"), "MEMORY.md\ngood.md\nlearned.md\nlearned\nmore");
    // The branch of this host has only gone forwards, so it is taken.
    assert_eq!(world.push().outcome, PushOutcome::Pushed);
    assert!(world.push_primary().is_ok());
    world.pull();
    assert!(world.are_equal());
    assert_eq!(world.primary("ls; cat learned.md"), "MEMORY.md\ngood.md\nlearned.md\nlearned\nmore");
}

#[test]
fn what_a_rewritten_history_has_left_out_does_not_come_back() {
    let world = World::new();
    world.primary_commits("echo bad >bad.md");
    world.pull();
    world.standby("echo learned >learned.md");
    world.pull();
    world.primary(
        "git reset -q --hard HEAD~; echo good >good.md; git add -A; git commit -qm good; git push -qf origin main",
    );
    assert_eq!(world.pull().workspace.outcome, Outcome::Moved);
    assert_eq!(world.standby("ls; git log --format=%s HEAD -- bad.md"), "MEMORY.md\ngood.md\nlearned.md");
    assert!(world.push().is_returned());
    world.push_primary();
    assert_eq!(world.primary("ls; git log --format=%s HEAD -- bad.md"), "MEMORY.md\ngood.md\nlearned.md");
    // On this host the old history can still be had.
    assert_eq!(world.standby("git log --all --format=%s -- bad.md"), "more");
}

#[test]
fn a_primary_that_was_set_back_takes_what_the_remote_has() {
    let world = World::new();
    world.primary_commits("echo two >two.md");
    // As from a backup.
    world.primary("git reset -q --hard HEAD~; git update-ref -d refs/remotes/origin/main; echo three >three.md");
    assert_eq!(world.push_primary().outcome, PushOutcome::Pushed);
    assert_eq!(world.primary("cat two.md three.md; git status --porcelain"), "two\nthree");
}

#[test]
fn longer_names_of_commits_are_as_good() {
    let world = World::new();
    run(
        world.dir.path(),
        "rm -rf remote.git primary workspace; git init -q --object-format=sha256 --bare -b main remote.git
         git init -q --object-format=sha256 -b main primary; cd primary; git remote add origin ../remote.git; echo one >MEMORY.md; git add -A; git commit -qm one; git push -q origin main
         cd ..; git clone -q remote.git workspace",
    );
    world.pull();
    world.standby("mkdir notes; echo n >notes/n.md; echo learned >>MEMORY.md; git init -q nested");
    assert!(world.push().is_returned());
    world.primary("echo 0 >0.md");
    assert_eq!(world.push_primary().merged.words(), "failover/claw2");
    world.standby("rm -rf nested");
    assert_eq!(world.pull().workspace.outcome, Outcome::Moved);
    assert!(world.are_equal());
    world.standby("mv notes ../away; ln -s ../away notes; rm -rf .git/openclaw-failover");
    assert_eq!(world.pull().workspace.outcome, Outcome::UpToDate);
    assert_eq!(world.standby("git ls-files; git status --porcelain"), "0.md\nMEMORY.md\nnotes");
}

#[test]
fn a_history_that_holds_the_remotes_here_alone_never_overwrites_it() {
    for join in ["git replace --graft HEAD origin/main", "echo $(git rev-parse HEAD origin/main) >.git/info/grafts"] {
        let world = World::new();
        run(
            world.dir.path(),
            "git clone -q remote.git else; cd else; git checkout -q --orphan new; echo rewritten >MEMORY.md; \
             git commit -qam rewritten; git push -qf origin new:main",
        );
        let theirs = world.remote("git rev-parse main");
        world.primary(&format!("git fetch -q origin; {join}; echo mine >mine.md"));
        let pushed = world.push_primary();
        assert_eq!(world.remote("git rev-parse main"), theirs, "{join}: {pushed:?}");
        assert_eq!(pushed.outcome, PushOutcome::Conflict, "{join}: {pushed:?}");
        let at = pushed.said.find("export GIT_NO_REPLACE").unwrap();
        let (command, _) = pushed.said[at..].split_once(", settle").unwrap();
        let settle = "cd primary; echo settled >MEMORY.md; git add -A; git commit -qm settled";
        run(world.dir.path(), &format!("{command} 2>&1 || :; {settle}"));
        let pushed = world.push_primary();
        assert_eq!(pushed.outcome, PushOutcome::Pushed, "{join}: {pushed:?}");
        assert_eq!(world.remote("git show main:MEMORY.md main:mine.md"), "settled\nmine", "{join}");
        world.remote(&format!("git merge-base --is-ancestor {theirs} main"));
    }
}
