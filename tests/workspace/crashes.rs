//! Syncs killed at any point: the next sync finishes the work, and no content is lost or invented.
//!
//! The sync runs in a process of its own: this test program, with a wrapper of `git` in its PATH that counts its calls
//! and, at a given one, kills itself, its caller, or both.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use openclaw_failover::config::WorkspaceConfig;
use openclaw_failover::os::Cancel;
use openclaw_failover::workspace::report::PullOutcome;
use openclaw_failover::workspace::{self, CheckoutMode, SessionHandling, SyncPaths, SyncRole};

use crate::repositories::{Repositories, run};

/// Environment variable with the task of the process to kill.
const TASK: &str = "CRASH_TEST_TASK";

/// Wrapper of git. Counts its calls in `$CRASH/count`. The call whose number or first arguments are in `$CRASH/at`
/// kills as `$CRASH/how` says, and writes its processes to `$CRASH/reached`: the cleanup of the sync may end them
/// early.
const GIT: &str = r#"
read -r count <"$CRASH/count"; echo $((count + 1)) >"$CRASH/count"
read -r at <"$CRASH/at"
if test "$count" != "$at" && test "$1 $2 $3" != "$at"; then exec "$REAL_GIT" "$@"; fi
echo $$ >"$CRASH/reached"
case $(cat "$CRASH/how") in
    before) kill -9 $PPID;;
    during) "$REAL_GIT" "$@" <&0 & echo $! >>"$CRASH/reached"
        sleep "$(cat "$CRASH/delay")"; kill -9 $PPID $! 2>/dev/null; wait;;
    after) "$REAL_GIT" "$@" <&0; kill -9 $PPID;;
    alone) "$REAL_GIT" "$@" <&0 & sleep "$(cat "$CRASH/delay")"; kill -9 $! 2>/dev/null
        touch "$CRASH/over"; wait $!; exit;;
    later) "$REAL_GIT" "$@" <&0
        { sleep "$(cat "$CRASH/delay")"; kill -9 $PPID; touch "$CRASH/over"; } </dev/null >/dev/null 2>&1 &
        echo $! >>"$CRASH/reached"; exit;;
esac
touch "$CRASH/over"
"#;

/// Last git command before a checkout renames files.
const NOTE: &str = "update-ref --no-deref refs/openclaw-failover/applying";

/// Runs the sync of the process to kill; no test by itself.
#[test]
fn a_sync_that_may_be_killed() {
    let Some(task) = env::var_os(TASK) else { return };
    let dir = PathBuf::from(env::var_os("CRASH_TEST_DIR").unwrap());
    let role = if task == "primary" { "primary" } else { "workspace" };
    let workspace =
        WorkspaceConfig { path: dir.join(role), timeout: Duration::from_secs(60), ..WorkspaceConfig::default() };
    let (state, host) = if task == "primary" { ("state-primary", "claw1") } else { ("state", "claw2") };
    let paths = SyncPaths {
        state_folder: dir.join(state),
        ssh_program: "ssh".into(),
        host_name: host.into(),
        ..SyncPaths::default()
    };
    let cancel = Cancel::new();
    // The file exists while the gateway runs.
    let reach = || if dir.join("gateway").exists() { CheckoutMode::FetchOnly } else { CheckoutMode::UpdateFiles };
    match task.to_str().unwrap() {
        "pull" => drop(workspace::pull(&workspace, &[], &paths, &reach, &cancel, &Vec::new)),
        "push" => drop(workspace::push(
            &workspace,
            &paths,
            SyncRole::Standby { reach: &reach, queue: &|| SessionHandling::Resume },
            &cancel,
        )),
        _ => drop(workspace::push(&workspace, &paths, SyncRole::Primary, &cancel)),
    }
}

/// True if the process runs; a zombie does not.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub struct Crash {
    pub repos: Repositories,
    round: usize,
}

impl Crash {
    /// Creates repositories with this number of files, all of which the primary changes in every round.
    pub fn new(files: usize) -> Self {
        let repos = Repositories::new();
        fs::create_dir(repos.at("bin")).unwrap();
        repos.primary(&format!(
            "mkdir d0 d1 d2 d3; for n in $(seq {files}); do echo line 0 of $n >d$((n % 4))/$n.md; done; git add -A; \
             git commit -qm many; git push -q origin main"
        ));
        repos.pull();
        // Children run with a cleared environment, so the wrapper contains its settings.
        let path = env::var_os("PATH").unwrap();
        let real = env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.exists()).unwrap();
        let wrapper = format!("CRASH='{}'\nREAL_GIT='{}'\n{GIT}", repos.dir.path().display(), real.display());
        repos.executable("bin/git", &wrapper);
        Self { repos, round: 0 }
    }

    /// Runs a sync and kills it at a git command. True if it got that far.
    pub fn run(&self, task: &str, at: &str, (how, delay): (&str, &str)) -> bool {
        let at_path = |name: &str| self.repos.at(name);
        for (name, value) in [("count", "0"), ("at", at), ("how", how), ("delay", delay)] {
            fs::write(at_path(name), value).unwrap();
        }
        let _ = (fs::remove_file(at_path("reached")), fs::remove_file(at_path("over")));
        let path = env::var_os("PATH").unwrap();
        let path = env::join_paths([at_path("bin")].into_iter().chain(env::split_paths(&path))).unwrap();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "crashes::a_sync_that_may_be_killed", "--test-threads=1"])
            .env(TASK, task)
            .env("CRASH_TEST_DIR", self.repos.dir.path())
            .env("PATH", path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.wait().unwrap();
        let killers = || fs::read_to_string(at_path("reached")).unwrap_or_default();
        while !at_path("over").exists() && killers().lines().any(is_running) {
            thread::sleep(Duration::from_millis(1));
        }
        at_path("reached").exists()
    }

    /// Runs a sync that is killed when it has noted its move, before the first file of it.
    pub fn stop_before_move(&self, task: &str) {
        assert!(self.run(task, NOTE, ("after", "")));
    }

    /// Changes both sides: every file on the side that is not killed, one file on the other.
    fn write(&mut self, task: &str) {
        self.round += 1;
        let round = self.round;
        let edit = format!("sed -i 's/line [0-9]*/line {round}/' d?/*.md; rm -f gone*.md; echo g >gone{round}.md");
        let mine = format!("echo {round} >>mine.md; echo {round} >mine-{round}.md");
        if task == "primary" {
            self.repos.standby(&edit);
            assert!(self.repos.push().is_complete());
            self.repos.primary(&mine);
        } else {
            self.repos.standby(&mine);
            self.repos.primary_commits(&edit);
        }
    }

    /// Checks the state after a kill and an undisturbed run.
    fn check(&self, task: &str, what: &str) {
        if task == "primary" {
            let pushed = self.repos.push_primary();
            assert!(pushed.is_ok(), "{what}: {pushed:?}");
            assert_eq!(self.repos.primary("git status --porcelain; git diff origin/main HEAD"), "", "{what}");
        }
        let report = self.repos.pull().workspace;
        assert!(matches!(report.outcome, PullOutcome::Updated | PullOutcome::UpToDate), "{what}: {report:?}");
        assert!(report.moved_aside.is_empty() && report.unpushed_conflict_branches.is_empty(), "{what}: {report:?}");
        let round = self.round;
        let mine: String = (1..=round).map(|n| format!("{n}\n")).collect();
        assert_eq!(self.repos.read("mine.md"), mine, "{what}");
        for n in 1..=round {
            assert_eq!(self.repos.read(&format!("mine-{n}.md")), format!("{n}\n"), "{what}");
        }
        let edited = self.repos.standby("cat d?/*.md | cut -d' ' -f2 | sort -u; ls gone*");
        assert_eq!(edited, format!("{round}\ngone{round}.md"), "{what}");
        let others = "git diff --stat origin/main HEAD -- . ':!mine*'; git status --porcelain";
        assert_eq!(self.repos.standby(others), "", "{what}: something was invented");
        let host = if task == "primary" { "claw1" } else { "claw2" };
        let odd = format!(
            "git log --format= --name-only --no-merges --author='on {host}' | grep -v '^mine' | sort -u || true"
        );
        assert_eq!(self.repos.standby(&odd), "", "{what}: something torn was recorded");
        for folder in [&self.repos.workspace.path, &self.repos.at("primary")] {
            let locks = "find .git \\( -path '*/objects' -o -path '*/damaged' \\) -prune -o -name '*.lock' -print; \
                git for-each-ref refs/openclaw-failover/applying";
            assert_eq!(run(folder, locks), "", "{what}: something is left");
        }
    }

    fn kill(&mut self, task: &str, at: &str, way: (&str, &str)) -> bool {
        self.write(task);
        let reached = self.run(task, at, way);
        self.check(task, &format!("{task} killed {} at {at}", way.0));
        reached
    }
}

/// Kills at every git command, until a run finishes.
fn kill_at_every_call(task: &str) {
    let mut crash = Crash::new(8);
    let clean = [("before", ""), ("after", "")];
    let torn = [("during", "0.002"), ("alone", "0.002")];
    let mut at = 0;
    while [clean[at % 2], torn[at / 2 % 2]].map(|way| crash.kill(task, &at.to_string(), way)).contains(&true) {
        at += 1;
    }
    assert!(at > 8, "{task} calls git {at} times only");
}

#[test]
fn a_pull_may_be_killed_at_every_call() {
    kill_at_every_call("pull");
}

#[test]
fn a_standbys_push_may_be_killed_at_every_call() {
    kill_at_every_call("push");
}

#[test]
fn a_primarys_push_may_be_killed_at_every_call() {
    kill_at_every_call("primary");
}

/// Kills during checkouts of 4,000 files.
fn kill_in_moves(task: &str) {
    let mut crash = Crash::new(4000);
    for delay in ["0.001", "0.01", "0.02", "0.04", "0.08", "0.12"] {
        assert!(crash.kill(task, NOTE, ("later", delay)));
    }
}

#[test]
fn a_pulls_move_may_be_killed_anywhere() {
    kill_in_moves("pull");
}

#[test]
fn a_primarys_move_may_be_killed_anywhere() {
    kill_in_moves("primary");
}

#[test]
fn a_file_that_is_shortened_after_a_kill_was_shortened_by_a_process() {
    let mut crash = Crash::new(8);
    crash.write("pull");
    crash.stop_before_move("pull");
    // As a power cut would leave it, but the machine was not restarted.
    crash.repos.standby("printf lin >d0/4.md");
    let report = crash.repos.pull().workspace;
    assert_eq!(report.outcome, PullOutcome::ConflictKept, "{report:?}");
    let shortened = crash.repos.standby("printf lin | git hash-object --stdin");
    assert!(crash.repos.contents().contains(&shortened), "{report:?}");
}
