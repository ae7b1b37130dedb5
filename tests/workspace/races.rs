//! An agent that writes during a sync: on the primary the gateway runs while branches are merged and files replaced.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use openclaw_failover::workspace::report::PushOutcome;

use crate::repositories::{LONG, Repositories, has_perl};

/// Number of files that the agent and the standby both write to.
const FILES: usize = 300;

/// Number of pushes by the standby that the primary merges.
const ROUNDS: usize = 8;

/// Appends unique lines, in place or through a temporary file, until `done`. Returns the lines.
fn agent(folder: &Path, done: &AtomicBool) -> Vec<String> {
    let mut written = Vec::new();
    for n in 0.. {
        if done.load(Ordering::Relaxed) {
            break;
        }
        let path = folder.join(format!("{}.md", n * 7 % FILES));
        let line = format!("agent {n} was here\n");
        match fs::read(&path) {
            Ok(mut all) if n % 3 == 0 => {
                all.extend_from_slice(line.as_bytes());
                fs::write(folder.join(".git/beside"), all).unwrap();
                fs::rename(folder.join(".git/beside"), &path).unwrap();
            }
            _ => append(&path, &line),
        }
        written.push(line.trim().to_owned());
        thread::sleep(Duration::from_millis(n as u64 * 37 % 60));
    }
    written
}

fn append(path: &Path, line: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(line.as_bytes()).unwrap();
}

/// Returns every line of the agent in a commit of the primary or in a file there.
fn remembered(repos: &Repositories) -> BTreeSet<String> {
    let lines = repos.primary(
        "{ git rev-list --objects --all | cut -d' ' -f1 | git cat-file --batch-check | grep ' blob ' | cut -d' ' -f1 | \
           git cat-file --batch; cat -- *.md*; } | grep -a '^agent' | sort -u || true",
    );
    lines.lines().map(str::to_owned).collect()
}

/// Creates repositories in which both sides have many files of ten lines each.
fn many_files() -> Repositories {
    let repos = Repositories::new();
    repos.primary(&format!(
        "for n in $(seq 0 {}); do seq -f \"line %g of $n\" 10 >$n.md; done; git add -A; git commit -qm many; git push \
         -q origin main",
        FILES - 1
    ));
    repos.pull();
    repos
}

#[test]
fn what_an_agent_writes_while_the_tree_moves_is_not_lost() {
    let repos = many_files();
    let folder = repos.at("primary");
    let done = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        let agent = scope.spawn(|| agent(&folder, &done));
        for round in 0..ROUNDS {
            let some = format!("[0-9]*{}.md", round % 10);
            repos.standby(&format!("sed -i '1s/.*/round {round}/' {some}"));
            assert!(repos.push().is_complete());
            let pushed = repos.push_primary();
            assert!(matches!(pushed.outcome, PushOutcome::Pushed | PushOutcome::InUse), "{pushed:?}");
            repos.pull();
        }
        done.store(true, Ordering::Relaxed);
        agent.join().unwrap()
    });
    for _ in 0..2 {
        assert!(repos.push_primary().is_complete());
        repos.pull();
        repos.push();
    }
    let found = remembered(&repos);
    let lost: Vec<_> = written.iter().filter(|line| !found.contains(*line)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), written.len());
    assert!(repos.are_equal());
}

#[test]
fn a_file_that_is_written_while_others_are_made_is_not_replaced() {
    let repos = Repositories::new();
    let (started, go) = (repos.at("started"), repos.at("go"));
    repos.primary(
        "echo '*.slow filter=slow' >.gitattributes; echo 1 >a.slow; seq 9 >z.md; git add -A; git commit -qm \
        s; git push -q origin main",
    );
    repos.pull();
    repos.standby("git config filter.slow.clean cat; echo 2 >a.slow; sed -i 's/^1$/one/' z.md");
    assert!(repos.push().is_complete());
    let slow = format!("touch {}; while ! test -e {}; do sleep 0.01; done; cat", started.display(), go.display());
    repos.primary(&format!("git config filter.slow.smudge '{slow}'"));
    let pushed = thread::scope(|scope| {
        let push = scope.spawn(|| repos.push_primary());
        let asked = Instant::now();
        while !started.exists() {
            assert!(asked.elapsed() < LONG);
            thread::sleep(Duration::from_millis(2));
        }
        append(&repos.at("primary/z.md"), "agent 1\n");
        fs::write(&go, "").unwrap();
        push.join().unwrap()
    });
    assert_eq!(pushed.merged_branches.to_sentence(), "failover/claw2", "{pushed:?}");
    assert_eq!(repos.primary("cat a.slow z.md | tr '\\n' ' '"), "2 one 2 3 4 5 6 7 8 9 agent 1");
    assert_eq!(repos.primary("git status --porcelain; git diff origin/main"), "");
}

#[test]
fn who_has_an_old_file_open_may_go_on_writing() {
    if !has_perl() {
        return;
    }
    let repos = Repositories::new();
    repos.pull();
    repos.standby("echo learned >>MEMORY.md");
    assert!(repos.push().is_complete());
    let mut open = OpenOptions::new().append(true).open(repos.at("primary/MEMORY.md")).unwrap();
    let pushed = repos.push_primary();
    assert_eq!(pushed.merged_branches.to_sentence(), "failover/claw2", "{pushed:?}");
    assert_eq!(pushed.moved_aside.count, 1, "{pushed:?}");
    // The old file is renamed before the late write, because there may be no later run.
    let aside = &pushed.moved_aside.listed[0];
    assert!(aside.starts_with("MEMORY.md.local-"), "{aside}");
    open.write_all(b"agent\n").unwrap();
    assert_eq!(repos.primary(&format!("cat {aside}")), "one\nagent");
    assert_eq!(repos.push_primary().outcome, PushOutcome::Pushed);
    assert_eq!(repos.primary(&format!("cat MEMORY.md; git show origin/main:{aside}")), "one\nlearned\none\nagent");
    open.write_all(b"more\n").unwrap();
    assert_eq!(repos.push_primary().outcome, PushOutcome::Pushed);
    assert_eq!(repos.primary(&format!("git show origin/main:{aside}")), "one\nagent\nmore");
}

#[test]
fn an_agent_that_never_pauses_has_its_own_work_sent() {
    let repos = Repositories::new();
    repos.pull();
    repos.standby("sed -i '1i zero' MEMORY.md");
    assert!(repos.push().is_complete());
    // Each comparison runs the clean filter, and this one writes to the file.
    repos.primary(
        "git config filter.busy.clean 'cat; echo x >>MEMORY.md'; echo 'MEMORY.md filter=busy' \
        >.git/info/attributes; echo mine >mine.md; echo mine >>MEMORY.md",
    );
    let pushed = repos.push_primary();
    assert_eq!(pushed.outcome, PushOutcome::InUse, "{pushed:?}");
    assert_eq!(pushed.pushed_branches.to_sentence(), "main", "{pushed:?}");
    assert!(pushed.details.contains("MEMORY.md changed during the sync"), "{}", pushed.details);
    assert_eq!(repos.remote("git show main:mine.md"), "mine");
    repos.primary("rm .git/info/attributes");
    assert_eq!(repos.push_primary().merged_branches.to_sentence(), "failover/claw2");
}
