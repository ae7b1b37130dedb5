//! Files that a checkout replaces or removes while processes write to them, at the last moment or afterwards.

use std::cell::Cell;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use openclaw_failover::os::Cancel;
use openclaw_failover::workspace::report::{PullOutcome, WorkspacePull};
use openclaw_failover::workspace::{self, CheckoutMode, unit};

use crate::repositories::{Repositories, has_perl, run};

/// Changes at the remote: files changed, removed and added, in folders and at the top; a file that becomes a folder, a
/// folder that becomes a file, and a link with another target.
const REMOTE: &str = "sed -i s/one/two/ a.md d/b.md; git rm -q gone.md; echo new >new.md; mkdir e; echo new >e/new.md;
    git rm -q f; mkdir f; echo new >f/x; git rm -rq g; echo new >g; ln -sf d/b.md link; chmod 755 mode.md";

/// Changes of the workspace between the last comparison and the checkout. Each writes `late` somewhere.
const LATE: &[&str] = &[
    "echo late >>a.md",
    "echo late >a.md",
    "echo late >beside; mv beside a.md",
    "rm a.md; echo late >a.md",
    "rm a.md; mkdir a.md; echo late >a.md/x",
    "rm a.md; ln -s x a.md; echo late >x",
    "ln a.md hard.md; echo late >>hard.md",
    "echo late >>gone.md",
    "rm gone.md; mkdir gone.md; echo late >gone.md/x",
    "echo late >new.md",
    ": >new.md; echo late >z.md",
    "mkdir new.md; echo late >new.md/x",
    "mkdir -p new.md/y; echo late >z.md",
    "ln -s nowhere new.md; echo late >z.md",
    "mkfifo new.md; echo late >z.md",
    "echo new >new.md; echo late >z.md",
    "echo late >e",
    "mkdir e; echo late >e/new.md",
    "mkdir elsewhere; ln -s elsewhere e; echo late >e/new.md",
    "echo late >>d/b.md",
    "mv d d2; echo late >>d2/b.md",
    "mv d d2; ln -s d2 d; echo late >>d/b.md",
    "rm -r d; echo late >d",
    "echo late >>f",
    "rm f; mkdir f; echo late >f/x",
    "echo late >>g/y",
    "echo late >g/other",
    "rm link; echo late >link",
    "echo late >>mode.md",
];

/// Pulls, and calls `act` after the new files are written and before the first old one is replaced.
fn pull_beside(repos: &Repositories, act: &dyn Fn() -> CheckoutMode) -> WorkspacePull {
    let (folder, acted) = (repos.workspace.path.join(".git/openclaw-failover/replaced"), Cell::new(false));
    let reach = || {
        let mut moves = fs::read_dir(&folder).into_iter().flatten().flatten();
        let is_made = moves.any(|entry| entry.path().join("new").exists());
        if is_made && !acted.replace(true) { act() } else { CheckoutMode::UpdateFiles }
    };
    let pulled = workspace::pull(&repos.workspace, &[], &repos.paths, &reach, &Cancel::new(), &Vec::new).workspace;
    assert!(acted.get(), "nothing was to be moved: {pulled:?}");
    pulled
}

fn repos() -> Repositories {
    let repos = Repositories::new();
    repos.primary_commits(
        "seq 9 >a.md; echo one >>a.md; mkdir d; cp a.md d/b.md; cp a.md gone.md; cp a.md f; mkdir g; cp a.md g/y;
         ln -s a.md link; cp a.md mode.md",
    );
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    repos.primary_commits(REMOTE);
    repos
}

#[test]
fn keeps_what_is_written_at_the_last_moment_in_whatever_way() {
    for late in LATE {
        let repos = repos();
        let pulled = pull_beside(&repos, &|| {
            repos.standby(late);
            CheckoutMode::UpdateFiles
        });
        assert_eq!(pulled.outcome, PullOutcome::Updated, "{late}: {pulled:?}");
        let is_there =
            "grep -rqs late --exclude-dir=.git . || git grep -q late $(git for-each-ref --format='%(refname)')";
        repos.standby(is_there);
        // The next run commits the late writes and continues from there.
        let again = repos.pull().workspace;
        assert!(matches!(again.outcome, PullOutcome::UpToDate | PullOutcome::Updated), "{late}: {again:?}");
        repos.standby(is_there);
        assert_eq!(repos.status(), "", "{late}");
        let all = repos.standby("git log -p HEAD -- d; cat f/x g e/new.md new.md 2>/dev/null || true");
        assert!(all.contains("+two"), "{late}: the remote's change is gone");
    }
}

#[test]
fn leaves_the_tree_alone_when_the_gateway_starts_before_the_first_file_moves() {
    let repos = repos();
    let before = repos.contents();
    let pulled = pull_beside(&repos, &|| CheckoutMode::FetchOnly);
    assert_eq!((pulled.outcome, pulled.details.as_str()), (PullOutcome::Fetched, "the gateway was started meanwhile"));
    assert_eq!(
        repos.standby("ls; tail -qn1 a.md d/b.md gone.md f"),
        "MEMORY.md\na.md\nd\nf\ng\ngone.md\nlink\nmode.md\none\none\none\none"
    );
    assert!(before.is_subset(&repos.contents()));
    assert_eq!(repos.standby("find .git/openclaw-failover/replaced -type f"), "");
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
}

/// Pulls in a separate process, with this boot id and these programs.
fn pull_apart(repos: &Repositories, boot: &str, path: &Path) -> WorkspacePull {
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "crashes::a_sync_that_may_be_killed", "--test-threads=1"])
        .env("CRASH_TEST_TASK", "pull")
        .env("CRASH_TEST_DIR", repos.dir.path())
        .env("OPENCLAW_SYNC_BOOT", boot)
        .env("PATH", path)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    unit::read_last_pull(&repos.paths).unwrap().unwrap().workspace
}

#[test]
fn removes_old_files_only_a_minute_after_no_process_had_them_open() {
    let repos = repos();
    assert_eq!(repos.pull().workspace.outcome, PullOutcome::Updated);
    repos.pull();
    assert_eq!(kept(&repos), "6");
    if !has_perl() {
        return;
    }
    // Makes the first check older; the boot clock cannot be set.
    repos.standby("for file in .git/openclaw-failover/replaced/*/looked; do echo 1 >$file; done");
    repos.pull();
    assert_eq!(repos.standby("ls .git/openclaw-failover/replaced"), "");
}

fn kept(repos: &Repositories) -> String {
    repos.standby("find .git/openclaw-failover/replaced -type f -path '*/old/*' | wc -l")
}

#[test]
fn keeps_what_may_still_be_open_until_the_next_boot_where_nothing_tells() {
    let repos = repos();
    let bin = repos.at("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["git", "sh", "stat", "sync", "cat"] {
        let found = run(repos.dir.path(), &format!("command -v {name}"));
        symlink(found, bin.join(name)).unwrap();
    }
    let mut open = OpenOptions::new().append(true).open(repos.workspace.path.join("a.md")).unwrap();
    let pulled = pull_apart(&repos, "boot1", &bin);
    assert_eq!((pulled.outcome, pulled.moved_aside.count), (PullOutcome::Updated, 0), "{pulled:?}");
    pull_apart(&repos, "boot1", &bin);
    assert_eq!(kept(&repos), "6");
    open.write_all(b"late\n").unwrap();
    let pulled = pull_apart(&repos, "boot1", &bin);
    assert!(pulled.moved_aside.listed[0].starts_with("a.md.local-"), "{pulled:?}");
    assert_eq!(repos.standby("tail -n1 a.md.local-*"), "late");
    assert_eq!(kept(&repos), "5");
    pull_apart(&repos, "boot2", &bin);
    assert_eq!(repos.standby("ls .git/openclaw-failover/replaced"), "");
}

#[test]
fn moves_a_tree_whose_repository_is_on_another_file_system() {
    let elsewhere = [Path::new("/dev/shm"), &env::temp_dir()].map(|folder| tempfile::tempdir_in(folder).unwrap());
    let repos = repos();
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    let Some(other) = elsewhere.iter().find(|other| device(other.path()) != device(repos.dir.path())) else {
        println!("SKIPPED: a repository on another file system, for there is only one here");
        return;
    };
    let git = other.path().join("git");
    repos.standby(&format!("cp -a .git '{0}'; rm -r .git; echo 'gitdir: {0}' >.git", git.display()));
    let open = OpenOptions::new().append(true).open(repos.workspace.path.join("d/b.md")).unwrap();
    let path = env::var_os("PATH").unwrap();
    let pulled = pull_apart(&repos, "boot1", Path::new(&path));
    assert_eq!((pulled.outcome, pulled.moved_aside.count), (PullOutcome::Updated, u64::from(has_perl())), "{pulled:?}");
    (&open).write_all(b"late\n").unwrap();
    drop(open);
    pull_apart(&repos, "boot1", Path::new(&path));
    assert_eq!(
        repos.standby("tail -qn1 a.md d/b.md d/b.md.local-* new.md e/new.md f/x g"),
        "two\ntwo\nlate\nnew\nnew\nnew\nnew"
    );
    pull_apart(&repos, "boot2", Path::new(&path));
    assert_eq!((repos.status(), repos.standby("find . -name '.openclaw*'")), (String::new(), String::new()));
    assert!(repos.are_equal() || repos.standby("git diff --stat origin/main HEAD").contains(".local-"));
}

#[test]
fn keeps_bytes_that_git_converts_away() {
    let repos = repos();
    repos.primary_commits("echo '*.txt text eol=lf' >.gitattributes; seq 9 >dos.txt");
    repos.pull();
    // The line ends exist on the disk alone.
    repos.standby("printf '1\\r\\n2\\r\\n' >dos.txt");
    assert!(repos.push().is_complete());
    assert!(repos.push_primary().is_complete());
    repos.primary_commits("sed -i s/2/two/ dos.txt");
    let pulled = repos.pull().workspace;
    assert_eq!((pulled.outcome, repos.read("dos.txt")), (PullOutcome::Updated, "1\ntwo\n".into()), "{pulled:?}");
    let raw =
        repos.standby("git cat-file blob $(git for-each-ref --format='%(refname)' refs/openclaw-failover/raw):dos.txt");
    assert_eq!(raw, "1\r\n2");
}
