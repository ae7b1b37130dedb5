//! Primary's repository, bare remote, and standby's workspace; real git throughout.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fs};

use openclaw_failover::config::{SecretConfig, WorkspaceConfig};
use openclaw_failover::os::{Cancel, ChildCommand};
use openclaw_failover::workspace::report::PushReport;
use openclaw_failover::workspace::{self, CheckoutMode, PullReport, SessionHandling, SyncPaths, SyncRole};

use crate::folder_copy::FolderCopy;
use crate::script;

/// Time limit longer than any step.
pub const LONG: Duration = Duration::from_secs(120);

/// Stand-in for ssh: drops the options and the host, and runs the command locally.
pub const LOCAL_SSH: &str = r#"
while :; do case "$1" in -l|-o) shift 2;; -*) shift;; *) break;; esac; done
shift
exec sh -c "$*""#;

/// Object id of the empty content.
const EMPTY: &str = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";

pub struct Repositories {
    pub dir: tempfile::TempDir,
    pub workspace: WorkspaceConfig,
    pub secrets: Vec<SecretConfig>,
    pub paths: SyncPaths,
}

impl Repositories {
    /// Creates repositories in which both repositories have one commit with `MEMORY.md`.
    pub fn new() -> Self {
        static FIRST: OnceLock<FolderCopy> = OnceLock::new();
        Self::of(&FIRST, || {
            let repos = Self::empty();
            let (dir, primary) =
                (repos.dir.path(), "primary 2>&1; cd primary; git switch -q -c main; echo one >MEMORY.md");
            run(dir, &format!("git init -q --bare -b main remote.git; git clone -q remote.git {primary}"));
            repos.primary("git add -A; git commit -qm one; git push -q origin main");
            run(dir, "mkdir state state-primary; git clone -q remote.git workspace");
            repos
        })
    }

    /// Copies repositories that are made once.
    pub fn of(copy: &OnceLock<FolderCopy>, make: impl FnOnce() -> Self) -> Self {
        let copy = copy.get_or_init(|| FolderCopy::of(make().dir.path()));
        let repos = Self::empty();
        copy.write(repos.dir.path());
        // Updates the indexes for the copied files.
        let known = "for c in primary workspace; do for i in index openclaw-failover/index; do
                if test -f $c/.git/$i; then GIT_INDEX_FILE=.git/$i git -C $c update-index -q --refresh; fi
            done; done";
        run(repos.dir.path(), known);
        repos.ssh(LOCAL_SSH);
        repos
    }

    fn empty() -> Self {
        let dir = tempfile::tempdir_in(folder()).unwrap();
        let at = |name: &str| dir.path().join(name);
        let workspace =
            WorkspaceConfig { path: at("workspace"), timeout: LONG, refresh: LONG, ..WorkspaceConfig::default() };
        let paths = SyncPaths {
            state_folder: at("state"),
            ssh_program: at("ssh").into(),
            host_name: "claw2".into(),
            push_request_file: at("request"),
        };
        Self { workspace, secrets: Vec::new(), paths, dir }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn primary(&self, script: &str) -> String {
        run(&self.at("primary"), script)
    }

    pub fn standby(&self, script: &str) -> String {
        run(&self.workspace.path, script)
    }

    pub fn remote(&self, script: &str) -> String {
        run(&self.at("remote.git"), script)
    }

    pub fn primary_commits(&self, script: &str) {
        self.primary(&format!("{script}; git add -A -f; git commit -qm more; git push -q origin HEAD"));
    }

    /// Makes the stand-in for ssh run `script`.
    pub fn ssh(&self, script: &str) {
        self.executable("ssh", script);
    }

    pub fn executable(&self, name: &str, script: &str) {
        script::write_script(&self.at(name), &format!("#!/bin/sh\n{script}\n"));
    }

    /// Makes git reach the remote through the stand-in for ssh.
    pub fn by_ssh(&self) {
        self.standby(&format!("git remote set-url origin 'host:{}'", self.at("remote.git").display()));
    }

    pub fn pull(&self) -> PullReport {
        self.pull_under(CheckoutMode::UpdateFiles, &Cancel::new())
    }

    pub fn pull_under(&self, reach: CheckoutMode, cancel: &Cancel) -> PullReport {
        workspace::pull(&self.workspace, &self.secrets, &self.paths, &|| reach, cancel, &Vec::new)
    }

    /// Pushes as the standby does after a demotion.
    pub fn push(&self) -> PushReport {
        workspace::push(
            &self.workspace,
            &self.paths,
            SyncRole::Standby { reach: &|| CheckoutMode::UpdateFiles, queue: &|| SessionHandling::Resume },
            &Cancel::new(),
        )
    }

    /// Pushes as the primary's timer does.
    pub fn push_primary(&self) -> PushReport {
        let workspace = WorkspaceConfig { path: self.at("primary"), ..self.workspace.clone() };
        let paths =
            SyncPaths { state_folder: self.at("state-primary"), host_name: "claw1".into(), ..self.paths.clone() };
        workspace::push(&workspace, &paths, SyncRole::Primary, &Cancel::new())
    }

    /// Lists the branches of the remote.
    pub fn branches(&self) -> String {
        self.remote("git for-each-ref --format='%(refname:lstrip=2)'")
    }

    /// True if both workspaces hold the same files.
    pub fn are_equal(&self) -> bool {
        let compare = "diff -r -x .git primary workspace >&2 && echo equal || echo different";
        run(self.dir.path(), compare) == "equal"
    }

    /// Adds a secret that rsync copies from a folder through the stand-in for ssh.
    pub fn with_secret(mut self) -> Self {
        fs::create_dir(self.at("source")).unwrap();
        fs::create_dir(self.at("target")).unwrap();
        fs::write(self.at("source/standby.env"), "TOKEN=1\n").unwrap();
        let source = format!("openclaw@host:{}/", self.at("source").display());
        self.secrets.push(SecretConfig { source, target: self.at("target/") });
        self
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.workspace.path.join(name)).unwrap_or_default()
    }

    pub fn memory(&self) -> String {
        self.read("MEMORY.md")
    }

    /// Returns what git reports as unclean in the workspace; a sync must leave none of it to the agent.
    pub fn status(&self) -> String {
        self.standby("git status --porcelain 2>&1 || true")
    }

    /// Returns all contents in the workspace.
    pub fn contents(&self) -> BTreeSet<String> {
        contents(&self.workspace.path)
    }
}

/// Returns all contents of a repository: in files, in the index, and in commits of refs.
pub fn contents(checkout: &Path) -> BTreeSet<String> {
    let mut found = contents_on_disk(checkout);
    // Of a file with intent to add, git has the name and no content.
    found.insert(EMPTY.to_owned());
    if checkout.join(".git").exists() {
        let objects = run(
            checkout,
            "{ git rev-list --objects --all; git rev-parse -q --verify HEAD >&2 && git rev-list --objects HEAD; \
             git ls-files --stage | cut -d' ' -f2; } \
             2>/dev/null | cut -d' ' -f1 | git cat-file --batch-check='%(objecttype) %(objectname)'",
        );
        found.extend(objects.lines().filter_map(|line| line.strip_prefix("blob ")).map(str::to_owned));
    }
    found
}

fn contents_on_disk(checkout: &Path) -> BTreeSet<String> {
    let mut files = Vec::new();
    list(checkout, checkout, &mut files);
    let mut found = BTreeSet::new();
    for some in files.chunks(500) {
        let hash = ChildCommand::new("git").args(["hash-object", "--no-filters", "--"]).args(some).deadline(LONG);
        let hashes = hash.dir(checkout.parent().unwrap()).run().unwrap().stdout;
        found.extend(hashes.lines().map(str::to_owned));
    }
    found
}

/// Returns the folder for the repositories. In memory, moving thousands of files takes a tenth of the time; that needs
/// enough memory and permission to run programs there.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let probe = "cd \"$(mktemp -d -p /dev/shm)\" && trap 'rm -r \"$PWD\"' EXIT
            printf '#!/bin/sh\n' >run && chmod 755 run && ./run && set -- $(stat -f -c '%a %S' .) &&
            test $(($1 * $2)) -gt 2000000000";
        let is_good = ChildCommand::new("sh").args(["-ec", probe]).run().is_ok();
        if is_good { "/dev/shm".into() } else { env::temp_dir() }
    })
}

/// Lists every regular file below, without the top `.git`.
fn list(checkout: &Path, folder: &Path, files: &mut Vec<OsString>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        let is_top_git = entry.file_name() == ".git" && folder == checkout;
        if kind.is_dir() && !is_top_git {
            list(checkout, &entry.path(), files);
        } else if kind.is_file() {
            files.push(entry.path().into());
        }
    }
}

/// True if perl is available, which detects open files. Without perl, replaced files get their names later.
pub fn has_perl() -> bool {
    let is_there = ChildCommand::new("perl").args(["-e", "1"]).run().is_ok();
    if !is_there {
        println!("SKIPPED: what is told at once of files that are open, which needs perl");
    }
    is_there
}

pub fn run(dir: &Path, script: &str) -> String {
    let mut command = ChildCommand::new("sh").args(["-ec", script]).dir(dir).deadline(LONG).limit(64 << 20);
    for role in ["AUTHOR", "COMMITTER"] {
        command = command.env(format!("GIT_{role}_NAME"), "test").env(format!("GIT_{role}_EMAIL"), "test@example.org");
    }
    // No background cleanup, and no process that would start one.
    let settings = [("gc.auto", "0"), ("maintenance.auto", "false"), ("receive.autogc", "false")];
    command = command.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (n, (key, value)) in settings.into_iter().enumerate() {
        command = command.env(format!("GIT_CONFIG_KEY_{n}"), key).env(format!("GIT_CONFIG_VALUE_{n}"), value);
    }
    command.run().unwrap().stdout.trim().to_owned()
}
