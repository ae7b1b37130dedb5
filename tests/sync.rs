//! A pull from outside: real git, a real bare remote, real rsync; only ssh is a stand-in that runs things here.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use openclaw_failover::config::{Secret, Workspace};
use openclaw_failover::host::{Cancel, Command};
use openclaw_failover::sync::report::{Outcome, Pulled};
use openclaw_failover::sync::{self, Paths, Reach, Report, unit};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// Drops ssh's options and the host, and runs the rest here.
const LOCAL_SSH: &str = r#"
while :; do case "$1" in -l|-o) shift 2;; -*) shift;; *) break;; esac; done
shift
exec sh -c "$*""#;

/// A primary's checkout, the bare remote between, and the standby's workspace.
struct World {
    dir: tempfile::TempDir,
    workspace: Workspace,
    secrets: Vec<Secret>,
    paths: Paths,
}

impl World {
    /// Both checkouts hold one commit with `MEMORY.md` in it.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("state")).unwrap();
        run(dir.path(), "git init -q --bare -b main remote.git && git clone -q remote.git primary 2>&1");
        let workspace = Workspace {
            path: at("workspace"),
            remote: "origin".into(),
            branch: "main".into(),
            timeout: LONG,
            refresh: LONG,
            ..Workspace::default()
        };
        let paths = Paths { state: at("state"), ssh: at("ssh").into() };
        let world = Self { workspace, secrets: Vec::new(), paths, dir };
        world.primary(
            "git switch -q -c main; echo one >MEMORY.md; git add -A; git commit -qm one; git push -q origin main",
        );
        run(world.dir.path(), "git clone -q remote.git workspace");
        world.ssh(LOCAL_SSH);
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn primary(&self, script: &str) -> String {
        run(&self.at("primary"), script)
    }

    fn standby(&self, script: &str) -> String {
        run(&self.workspace.path, script)
    }

    fn primary_commits(&self, script: &str) {
        self.primary(&format!("{script}; git add -A -f; git commit -qm more; git push -q origin HEAD"));
    }

    /// Makes the stand-in for ssh run `script`. A child writes it: a file that this process has open for writing
    /// while another test forks cannot be executed.
    fn ssh(&self, script: &str) {
        let write = r#"printf '#!/bin/sh\n%s\n' "$SCRIPT" >ssh && chmod 755 ssh"#;
        Command::new("sh").args(["-c", write]).env("SCRIPT", script).dir(self.dir.path()).run().unwrap();
    }

    /// Makes git reach the remote through the stand-in for ssh.
    fn by_ssh(&self) {
        self.standby(&format!("git remote set-url origin 'host:{}'", self.at("remote.git").display()));
    }

    fn pull(&self) -> Report {
        self.pull_under(Reach::Move, &Cancel::new())
    }

    fn pull_under(&self, reach: Reach, cancel: &Cancel) -> Report {
        sync::pull(&self.workspace, &self.secrets, &self.paths, reach, cancel)
    }

    /// Pulls, and checks that neither the branch nor a file of the workspace changed.
    fn pull_leaves_all(&self) -> Pulled {
        let look = "git rev-parse HEAD; git status --porcelain --ignored; cat -- *";
        let before = self.standby(look);
        let pulled = self.pull().workspace;
        assert_eq!(self.standby(look), before);
        assert_eq!(pulled.before, pulled.after);
        pulled
    }

    fn memory(&self) -> String {
        fs::read_to_string(self.workspace.path.join("MEMORY.md")).unwrap()
    }

    /// Has a secret copied from a folder beside, by way of rsync over the stand-in for ssh.
    fn with_secret(mut self) -> Self {
        fs::create_dir(self.at("source")).unwrap();
        fs::create_dir(self.at("target")).unwrap();
        fs::write(self.at("source/standby.env"), "TOKEN=1\n").unwrap();
        let source = format!("openclaw@host:{}/", self.at("source").display());
        self.secrets.push(Secret { source, target: self.at("target/") });
        self
    }
}

fn run(dir: &Path, script: &str) -> String {
    let mut command = Command::new("sh").args(["-ec", script]).dir(dir).deadline(LONG);
    for role in ["AUTHOR", "COMMITTER"] {
        command = command.env(format!("GIT_{role}_NAME"), "test").env(format!("GIT_{role}_EMAIL"), "test@example.org");
    }
    command.run().unwrap().stdout.trim().to_owned()
}

fn wait_for(path: &Path) {
    let asked = Instant::now();
    while !path.exists() {
        assert!(asked.elapsed() < LONG, "{} never came", path.display());
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_workspace_is_brought_up_to_date_and_the_report_says_from_where_to_where() {
    let world = World::new();
    let old = world.standby("git rev-parse HEAD");
    world.primary_commits("echo two >MEMORY.md; mkdir notes; echo n >notes/n.md");
    let report = world.pull();
    let new = world.primary("git rev-parse HEAD");
    assert_eq!(world.memory(), "two\n");
    assert_eq!(report.workspace.outcome, Outcome::Moved, "{report:?}");
    assert_eq!(report.workspace.before.as_ref().unwrap().as_str(), old);
    assert_eq!(report.workspace.after.as_ref().unwrap().as_str(), new);
    let made: u64 = world.primary("git log -1 --format=%ct").parse().unwrap();
    assert_eq!(report.workspace.committed.unwrap().as_millis(), made * 1000);
    assert_eq!(report.fresh, Some(report.started));
    assert!(report.is_ok());
    assert_eq!(unit::last_report(&world.paths).unwrap(), Some(report));

    let report = world.pull();
    assert_eq!(report.workspace.outcome, Outcome::UpToDate);
    assert_eq!(report.workspace.before, report.workspace.after);
}

#[test]
fn an_empty_clone_is_filled() {
    let world = World::new();
    world.standby("rm -rf .git MEMORY.md; git init -q -b main; git remote add origin ../remote.git");
    let report = world.pull();
    assert_eq!(report.workspace.outcome, Outcome::Moved, "{report:?}");
    assert_eq!((report.workspace.before.is_none(), world.memory()), (true, "one\n".into()));
}

#[test]
fn while_an_agent_may_be_at_work_a_pull_only_fetches() {
    let world = World::new();
    world.primary_commits("echo two >MEMORY.md");
    let report = world.pull_under(Reach::Fetch, &Cancel::new());
    assert_eq!(report.workspace.outcome, Outcome::Fetched);
    assert_eq!(world.memory(), "one\n");
    let fetched = world.standby("git rev-parse refs/remotes/origin/main");
    assert_eq!(fetched, world.primary("git rev-parse HEAD"));
}

#[test]
fn local_commits_stay() {
    let world = World::new();
    world.standby("echo mine >mine; git add -A; git commit -qm mine");
    assert_eq!(world.pull_leaves_all().outcome, Outcome::LocalCommits);
    world.primary_commits("echo two >MEMORY.md");
    let pulled = world.pull_leaves_all();
    assert_eq!(pulled.outcome, Outcome::Diverged);
    assert!(pulled.said.contains(&world.primary("git rev-parse HEAD")), "{}", pulled.said);
}

#[test]
fn edited_files_stay() {
    let world = World::new();
    world.primary_commits("echo two >MEMORY.md; echo x >other");
    world.standby("echo edited >MEMORY.md");
    let pulled = world.pull_leaves_all();
    assert_eq!((pulled.outcome, pulled.said.as_str()), (Outcome::Dirty, "MEMORY.md"));
}

#[test]
fn files_that_git_does_not_track_stay_even_where_it_was_told_to_ignore_them() {
    let world = World::new();
    world.primary_commits("echo theirs >notes");
    world.standby("echo mine >notes");
    let pulled = world.pull_leaves_all();
    assert_eq!(pulled.outcome, Outcome::Conflict, "{pulled:?}");
    assert!(pulled.said.contains("notes"), "{}", pulled.said);
    world.standby("echo notes >.git/info/exclude");
    assert_eq!(world.pull_leaves_all().outcome, Outcome::Conflict);
    world.standby("rm notes; echo mine >unrelated");
    assert_eq!(world.pull().workspace.outcome, Outcome::Moved);
    assert_eq!(world.standby("cat unrelated"), "mine");
}

#[test]
fn another_branch_and_no_branch_stay() {
    let world = World::new();
    world.primary_commits("echo two >MEMORY.md");
    world.standby("git switch -q -c work");
    let pulled = world.pull_leaves_all();
    assert_eq!((pulled.outcome, pulled.said.as_str()), (Outcome::OtherBranch, "work, not main"));
    world.standby("git switch -q --detach");
    assert_eq!(world.pull_leaves_all().outcome, Outcome::Detached);
}

#[test]
fn what_is_missing_is_said() {
    let mut world = World::new();
    world.workspace.branch = "gone".into();
    let pulled = world.pull_leaves_all();
    assert_eq!(pulled.outcome, Outcome::NotFetched);
    assert!(pulled.said.contains("couldn't find remote ref"), "{}", pulled.said);
    fs::rename(world.at("remote.git"), world.at("moved.git")).unwrap();
    let pulled = world.pull_leaves_all();
    assert_eq!(pulled.outcome, Outcome::NotFetched);
    assert!(pulled.said.contains("does not appear to be a git repository"), "{}", pulled.said);
    fs::remove_dir_all(world.workspace.path.join(".git")).unwrap();
    let pulled = world.pull().workspace;
    assert_eq!(pulled.outcome, Outcome::NoCheckout);
    assert!(pulled.said.contains("workspace/.git: No such file"), "{}", pulled.said);
    fs::create_dir(world.workspace.path.join(".git")).unwrap();
    assert_eq!(world.pull().workspace.outcome, Outcome::NoCheckout);
}

#[test]
fn nothing_that_the_checkout_brings_along_is_run() {
    let world = World::new();
    world.primary_commits("echo two >MEMORY.md");
    let trap = world.at("sprung");
    let hook = format!("#!/bin/sh\ntouch {}\n", trap.display());
    fs::write(world.at("hook"), hook).unwrap();
    world.standby(
        "for hook in post-merge post-checkout reference-transaction post-index-change; do
             cp ../hook .git/hooks/$hook; chmod 755 .git/hooks/$hook
         done
         cp ../hook .git/monitor; chmod 755 .git/monitor; git config core.fsmonitor \"$PWD/.git/monitor\"",
    );
    assert_eq!(world.pull().workspace.outcome, Outcome::Moved);
    world.standby(&format!(
        "git config core.fsmonitor false; git remote set-url origin 'ext::touch {}'",
        trap.display()
    ));
    let pulled = world.pull().workspace;
    assert_eq!(pulled.outcome, Outcome::NotFetched);
    assert!(pulled.said.contains("'ext' not allowed"), "{}", pulled.said);
    assert!(!trap.exists());
}

#[test]
fn ssh_asks_nobody_and_takes_the_key_that_the_checkout_names() {
    let world = World::new();
    world.by_ssh();
    world.ssh(&format!("printf '%s\\n' \"$*\" >{}\n{LOCAL_SSH}", world.at("heard").display()));
    world.standby("git config core.sshCommand 'ssh -i/keys/deploy'");
    world.primary_commits("echo two >MEMORY.md");
    let report = world.pull();
    assert_eq!(report.workspace.outcome, Outcome::Moved, "{report:?}");
    let heard = fs::read_to_string(world.at("heard")).unwrap();
    assert!(heard.starts_with("-oBatchMode=yes -oConnectTimeout=10 "), "{heard}");
    assert!(heard.contains(" -oStrictHostKeyChecking=yes ") && heard.contains(" -i/keys/deploy "), "{heard}");
}

#[test]
fn a_remote_that_does_not_deliver_is_given_up() {
    let mut world = World::new();
    world.by_ssh();
    world.ssh("exec sleep 60");
    world.workspace.timeout = Duration::from_millis(300);
    let asked = Instant::now();
    assert_eq!(world.pull_leaves_all().outcome, Outcome::TimedOut);
    assert!(asked.elapsed() < Duration::from_secs(30));
    world.ssh("echo 'Host key verification failed.' >&2; exit 255");
    let pulled = world.pull_leaves_all();
    assert_eq!(pulled.outcome, Outcome::NotFetched);
    assert!(pulled.said.starts_with("Host key verification failed.; fatal: Could not read"), "{}", pulled.said);
    assert!(pulled.said.ends_with("; log in to that host once as this user, and compare its key"), "{}", pulled.said);
}

#[test]
fn a_fetch_that_nobody_waits_for_is_stopped() {
    let world = World::new().with_secret();
    world.by_ssh();
    let started = world.at("started");
    world.ssh(&format!("touch {}; exec sleep 60", started.display()));
    let cancel = Cancel::new();
    let report = thread::scope(|scope| {
        let pull = scope.spawn(|| world.pull_under(Reach::Move, &cancel));
        wait_for(&started);
        cancel.cancel();
        pull.join().unwrap()
    });
    assert_eq!(report.workspace.outcome, Outcome::Stopped, "{report:?}");
    assert!(!report.secrets[0].ok);
    assert_eq!(unit::last_report(&world.paths).unwrap(), Some(report));
}

#[test]
fn a_move_that_nobody_waits_for_runs_to_its_end() {
    let world = World::new();
    let (started, go) = (world.at("started"), world.at("go"));
    let slow = format!("touch {}; while ! test -e {}; do sleep 0.01; done; cat", started.display(), go.display());
    world.standby(&format!("git config filter.slow.smudge '{slow}'"));
    world.primary_commits("echo '*.md filter=slow' >.gitattributes; echo two >MEMORY.md; echo last >z.md");
    let cancel = Cancel::new();
    let report = thread::scope(|scope| {
        let pull = scope.spawn(|| world.pull_under(Reach::Move, &cancel));
        wait_for(&started);
        cancel.cancel();
        fs::write(&go, "").unwrap();
        pull.join().unwrap()
    });
    assert_eq!(report.workspace.outcome, Outcome::Moved, "{report:?}");
    assert_eq!((world.memory(), world.standby("cat z.md")), ("two\n".into(), "last".into()));
}

#[test]
fn two_pulls_never_overlap() {
    let world = World::new();
    let held = OpenOptions::new().create(true).append(true).open(world.at("state/lock")).unwrap();
    held.try_lock().unwrap();
    assert_eq!(world.pull().workspace.outcome, Outcome::Busy);
    assert_eq!(unit::last_report(&world.paths).unwrap(), None);
    drop(held);
    assert_eq!(world.pull().workspace.outcome, Outcome::UpToDate);
}

#[test]
fn a_state_folder_that_is_missing_is_said() {
    let world = World::new();
    fs::remove_dir_all(world.at("state")).unwrap();
    let report = world.pull();
    assert_eq!(report.workspace.outcome, Outcome::Failed);
    assert!(report.workspace.said.starts_with("cannot lock "), "{}", report.workspace.said);
}

#[test]
fn secrets_arrive_whole_and_closed_to_others() {
    let world = World::new().with_secret();
    symlink("/etc/passwd", world.at("source/link")).unwrap();
    fs::write(world.at("target/kept"), "").unwrap();
    let report = world.pull();
    assert!(report.is_ok(), "{report:?}");
    let copy = world.at("target/standby.env");
    assert_eq!(fs::read_to_string(&copy).unwrap(), "TOKEN=1\n");
    assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o777, 0o600);
    assert!(fs::symlink_metadata(world.at("target/link")).is_err());
    assert!(world.at("target/kept").exists());
}

#[test]
fn a_source_that_fails_keeps_the_last_good_copy_and_does_not_hold_up_the_next() {
    let mut world = World::new().with_secret();
    let good = world.secrets[0].clone();
    world.secrets.insert(0, Secret { source: "openclaw@host:/nonexistent/file".into(), ..good });
    fs::write(world.at("target/file"), "old").unwrap();
    let report = world.pull();
    assert_eq!(report.workspace.outcome, Outcome::UpToDate);
    assert_eq!(report.secrets.iter().map(|secret| secret.ok).collect::<Vec<_>>(), [false, true]);
    let said = &report.secrets[0].said;
    assert!(said.starts_with("cannot copy openclaw@host:/nonexistent/file: "), "{said}");
    assert!(said.contains("No such file or directory"), "{said}");
    assert_eq!(fs::read_to_string(world.at("target/file")).unwrap(), "old");
    assert!(!report.is_ok());
}

#[test]
fn a_target_that_is_a_link_gets_nothing() {
    let world = World::new().with_secret();
    fs::rename(world.at("target"), world.at("elsewhere")).unwrap();
    symlink(world.at("elsewhere"), world.at("target")).unwrap();
    let report = world.pull();
    assert!(report.secrets[0].said.ends_with("is not a folder"), "{report:?}");
    assert_eq!(fs::read_dir(world.at("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_report_survives_a_pull_that_fails_and_remembers_when_all_was_well() {
    let world = World::new();
    let good = world.pull();
    fs::rename(world.at("remote.git"), world.at("moved.git")).unwrap();
    let bad = world.pull();
    assert_eq!(bad.workspace.outcome, Outcome::NotFetched);
    assert_eq!(bad.fresh, good.fresh);
}
