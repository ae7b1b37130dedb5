//! Benchmark of pull and push on a workspace of 10,000 files, as ratios to the equivalent git commands: `cargo bench
//! --bench sync`. Both sides alternate on copies of the same repositories.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench that cannot set up its world has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use openclaw_failover::config::WorkspaceConfig;
use openclaw_failover::os::{Cancel, ChildCommand};
use openclaw_failover::workspace::report::{PullOutcome, PushOutcome};
use openclaw_failover::workspace::{self, CheckoutMode, SessionHandling, SyncPaths, SyncRole};

const TIMEOUT: Duration = Duration::from_secs(300);

/// Git commands equivalent to a pull, on a host without local changes.
const BARE_PULL: &str =
    "git add -A; git diff --cached --quiet; git fetch -q origin; git merge -q --ff-only origin/main";

/// Git commands equivalent to a push.
const BARE_PUSH: &str = "git add -A; git diff --cached --quiet || git commit -qm work; git push -q origin HEAD";

struct Bench {
    dir: tempfile::TempDir,
    workspace: WorkspaceConfig,
    paths: SyncPaths,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("state")).unwrap();
        run_shell(
            dir.path(),
            "git init -q --bare -b main remote.git; git init -q -b main primary; cd primary
             for d in $(seq 100); do mkdir $d; for f in $(seq 100); do echo \"line 0 of $d/$f\" >$d/$f.md; done; done
             git remote add origin ../remote.git; git add -A; git commit -qm all; git push -q origin main; cd ..
             git clone -q remote.git workspace; git clone -q remote.git bare; git -C bare switch -qc failover/bare",
        );
        let workspace = WorkspaceConfig { path: at("workspace"), timeout: TIMEOUT, ..WorkspaceConfig::default() };
        let paths = SyncPaths {
            state_folder: at("state"),
            ssh_program: "ssh".into(),
            host_name: "bench".into(),
            ..SyncPaths::default()
        };
        let bench = Self { dir, workspace, paths };
        bench.pull();
        bench
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn pull(&self) -> PullOutcome {
        workspace::pull(&self.workspace, &[], &self.paths, &|| CheckoutMode::UpdateFiles, &Cancel::new(), &Vec::new)
            .workspace
            .outcome
    }

    fn push(&self) -> PushOutcome {
        let role = SyncRole::Standby { reach: &|| CheckoutMode::UpdateFiles, queue: &|| SessionHandling::Resume };
        workspace::push(&self.workspace, &self.paths, role, &Cancel::new()).outcome
    }

    /// Changes this many files, then waits, so that their times are older than git's next index.
    fn change(&self, folder: &str, files: usize, round: usize) {
        for n in 0..files {
            let path = self.at(folder).join(format!("{}/{}.md", n % 100 + 1, n / 100 + 1));
            fs::write(path, format!("line {round} of {folder} {n}\n")).unwrap();
        }
    }

    fn compare_pull(&self, files: usize, rounds: usize) {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            if files > 0 {
                self.change("primary", files, round + 1000 * files);
                run_shell(&self.at("primary"), "git add -A; git commit -qm more; git push -q origin main");
            }
            let expected = if files > 0 { PullOutcome::Updated } else { PullOutcome::UpToDate };
            in_turns(
                round,
                || ours.push(measure_time(|| assert_eq!(self.pull(), expected))),
                || bare.push(measure_time(|| run_shell(&self.at("bare"), BARE_PULL))),
            );
        }
        print_ratio("pull", files, &mut ours, &mut bare);
    }

    fn compare_push(&self, files: usize, rounds: usize) {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            self.change("workspace", files, round + 1000 * files);
            self.change("bare", files, round + 1000 * files);
            let expected = if files > 0 { PushOutcome::Pushed } else { PushOutcome::UpToDate };
            in_turns(
                round,
                || ours.push(measure_time(|| assert_eq!(self.push(), expected))),
                || bare.push(measure_time(|| run_shell(&self.at("bare"), BARE_PUSH))),
            );
        }
        print_ratio("push", files, &mut ours, &mut bare);
    }
}

fn in_turns(round: usize, ours: impl FnOnce(), bare: impl FnOnce()) {
    if round.is_multiple_of(2) {
        ours();
        bare();
    } else {
        bare();
        ours();
    }
}

fn run_shell(dir: &Path, script: &str) {
    let mut command = ChildCommand::new("sh").args(["-ec", script]).dir(dir).deadline(TIMEOUT);
    for role in ["AUTHOR", "COMMITTER"] {
        command =
            command.env(format!("GIT_{role}_NAME"), "bench").env(format!("GIT_{role}_EMAIL"), "bench@example.org");
    }
    command.run().unwrap();
}

fn measure_time(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// Prints the median of the ratios of all rounds. Other load on the machine changes more between rounds than within
/// one.
fn print_ratio(what: &str, files: usize, ours: &mut [Duration], bare: &mut [Duration]) {
    let mut ratios: Vec<f64> = ours.iter().zip(&*bare).map(|(ours, bare)| ours.div_duration_f64(*bare)).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    let (ours, bare) = (median(ours), median(bare));
    println!("{what} of {files:>4} changed files  {ours:>9.1?}  git alone {bare:>9.1?}  ratio {ratio:.2}");
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let bench = Bench::new();
    println!("a workspace of 10,000 files, medians");
    bench.compare_pull(0, 21);
    bench.compare_pull(1, 21);
    bench.compare_pull(1000, 21);
    bench.compare_push(0, 21);
    bench.compare_push(1, 21);
    bench.compare_push(1000, 21);
}
