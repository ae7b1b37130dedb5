//! git, run so that it asks nobody, waits for nobody without end, and runs nothing that a repository brings along.
//!
//! It is given an index of its own. The checkout's index belongs to the agent: it may be locked, half merged, or told
//! to look away from files (`--assume-unchanged`), and none of that may keep a byte from being seen.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ssh;
use super::stop::{Stop, Why};
use crate::host::{Cancel, Command, CommandError, Output};

/// How long git may take for a question about commits.
const LOCAL: Duration = Duration::from_secs(30);

/// How long it may take to look at every file of the workspace, or to store those that are new.
const SCAN: Duration = Duration::from_secs(5 * 60);

/// How much of an answer is read at most, in bytes: the names of a million files.
const ANSWER: usize = 128 * 1024 * 1024;

/// What every git here is told, above all configuration.
const CONFIG: [(&str, &str); 22] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    // Each of these would make git look away from files that were changed, or share the agent's index.
    ("core.ignoreStat", "false"),
    ("core.sparseCheckout", "false"),
    ("core.splitIndex", "false"),
    ("core.untrackedCache", "false"),
    ("core.trustctime", "true"),
    ("core.checkStat", "default"),
    // What a commit holds is what lies on the disk, to the byte, unless the workspace itself has an attribute for it.
    ("core.autocrlf", "false"),
    ("core.safecrlf", "false"),
    // One file after the other, so that a move that is killed leaves one half-written file at most.
    ("checkout.workers", "1"),
    // Tidying up has its time, and it is not while somebody waits for a promotion.
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("log.showSignature", "false"),
    ("push.recurseSubmodules", "no"),
    // Any other way to reach a remote may run a program of the repository's choice.
    ("protocol.allow", "never"),
    ("protocol.ssh.allow", "always"),
    ("protocol.https.allow", "always"),
    ("protocol.file.allow", "always"),
    ("credential.interactive", "false"),
    ("advice.pushUpdateRejected", "false"),
];

/// One checkout.
pub(super) struct Git<'a> {
    /// The workspace.
    pub(super) dir: &'a Path,
    /// Where its history and its index are.
    pub(super) git_dir: PathBuf,
    /// The name of this host, under which it commits.
    pub(super) host: &'a str,
    /// The address of the remote, where it has one.
    pub(super) url: Option<String>,
    /// Whether the agent has told git to leave files out.
    pub(super) is_sparse: bool,
    ssh: OsString,
    cancel: &'a Cancel,
}

impl<'a> Git<'a> {
    /// The checkout in `dir`. A key that its own `core.sshCommand` names is used.
    pub(super) fn open(
        dir: &'a Path,
        (remote, host, ssh): (&str, &'a str, &OsStr),
        cancel: &'a Cancel,
    ) -> Result<Self, Stop> {
        let mut git =
            Self { dir, git_dir: dir.join(".git"), host, url: None, is_sparse: false, ssh: ssh.to_owned(), cancel };
        let found = git.run(&["rev-parse", "--show-toplevel", "--absolute-git-dir"]);
        let found = found.map_err(|why| Stop::or(Why::NoCheckout, &why))?;
        let (top, git_dir) = found.split_once('\n').unwrap_or_default();
        let real = fs::canonicalize(dir).map_err(|why| Stop::file("read", dir, &why))?;
        if Path::new(top) != real {
            let said = format!("{} says that it is the checkout of {top}", dir.join(".git").display());
            return Err(Stop::new(Why::NoCheckout, said));
        }
        git.git_dir = PathBuf::from(git_dir.trim_end_matches('\n'));
        let own = git.own_folder();
        fs::create_dir_all(&own).map_err(|why| Stop::file("create", &own, &why))?;
        let wanted = format!("^(core\\.sshcommand|core\\.sparsecheckout|remote\\.{remote}\\.url)$");
        let configured = git.ask(&["config", "--get-regexp", &wanted])?.unwrap_or_default();
        let mut sparse = Vec::new();
        for line in configured.lines() {
            match line.split_once(' ') {
                Some(("core.sshcommand", command)) => {
                    git.ssh = ssh::command(ssh, command.trim().strip_prefix("ssh ").unwrap_or_default());
                }
                Some(("core.sparsecheckout", value)) => sparse.push(value == "true"),
                Some((_, url)) => git.url = Some(url.to_owned()),
                None => {}
            }
        }
        // The last word on it is our own.
        git.is_sparse = sparse.iter().rev().nth(1) == Some(&true);
        if !configured.contains("core.sshcommand ") {
            git.ssh = ssh::command(ssh, "");
        }
        Ok(git)
    }

    /// Where this program keeps its index and its notes.
    pub(super) fn own_folder(&self) -> PathBuf {
        self.git_dir.join("openclaw-failover")
    }

    /// This program's index.
    pub(super) fn own_index(&self) -> PathBuf {
        self.own_folder().join("index")
    }

    /// Runs git for what needs no network, and hands out what it says. Too short to be worth cancelling.
    pub(super) fn run(&self, args: &[&str]) -> Result<String, CommandError> {
        self.command(args).deadline(LOCAL).run().map(|output| output.stdout)
    }

    /// The same for one word, such as a hash.
    pub(super) fn word(&self, args: &[&str]) -> Result<String, CommandError> {
        self.run(args).map(|answer| answer.trim().to_owned())
    }

    /// The same for a question that git answers with exit code 1 when the answer is no.
    pub(super) fn ask(&self, args: &[&str]) -> Result<Option<String>, CommandError> {
        match self.word(args) {
            Ok(answer) => Ok(Some(answer)),
            Err(why) if why.code() == Some(1) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Runs git for a long list, such as one of file names, which may hold any byte.
    pub(super) fn list(&self, args: &[&str]) -> Result<Vec<u8>, CommandError> {
        self.command(args).deadline(SCAN).limit(ANSWER).run_bytes()
    }

    /// The same for what looks at every file, until it is cancelled.
    pub(super) fn scan(&self, args: &[&str]) -> Result<Vec<u8>, CommandError> {
        self.command(args).deadline(SCAN).limit(ANSWER).cancel(self.cancel).run_bytes()
    }

    /// Runs git with something to read.
    pub(super) fn feed(&self, args: &[impl AsRef<OsStr>], input: &[u8], index: &Path) -> Result<Vec<u8>, Stop> {
        let path = self.own_folder().join("input");
        let file = write_and_open(&path, input).map_err(|why| Stop::file("write", &path, &why))?;
        let command = self.command(args).env("GIT_INDEX_FILE", index).stdin(file).limit(ANSWER);
        Ok(command.deadline(SCAN).run_bytes()?)
    }

    /// The names, as bytes that end in NUL, of files below `folder` that are not what an index says, or missing.
    pub(super) fn changed_at(&self, folder: &Path, index: &Path) -> Result<Vec<u8>, CommandError> {
        let command = self.command(&["ls-files", "--modified", "-z"]).env("GIT_INDEX_FILE", index);
        let command = command.env("GIT_DIR", &self.git_dir).env("GIT_WORK_TREE", folder);
        command.deadline(SCAN).limit(ANSWER).run_bytes()
    }

    /// Runs git on another index than this program's.
    pub(super) fn on_index(&self, index: &Path, args: &[&str]) -> Result<String, CommandError> {
        let command = self.command(args).env("GIT_INDEX_FILE", index).deadline(LOCAL);
        command.run().map(|output| output.stdout.trim().to_owned())
    }

    /// The same for a long list.
    pub(super) fn list_on(&self, index: &Path, args: &[&str]) -> Result<Vec<u8>, CommandError> {
        self.command(args).env("GIT_INDEX_FILE", index).deadline(SCAN).limit(ANSWER).run_bytes()
    }

    /// Runs git for what needs the network, until it is cancelled.
    pub(super) fn over_network(&self, args: &[&str], deadline: Duration) -> Result<(), CommandError> {
        self.command(args).deadline(deadline).cancel(self.cancel).run().map(drop)
    }

    /// The same, whatever its exit code.
    pub(super) fn attempt_over_network(
        &self,
        args: &[&str],
        deadline: Duration,
    ) -> Result<(bool, Output), CommandError> {
        self.command(args).deadline(deadline).cancel(self.cancel).attempt()
    }

    /// Has all that was stored so far on the disk: after a power cut no branch may name what is not there, so this comes
    /// before any that does. One flush for everything takes a tenth of what git takes, which flushes each object. Where there is no such program, the kernel
    /// does it within half a minute.
    pub(super) fn flush(&self) {
        let flushed = Command::new("sync").args(["-f", "--"]).arg(&self.git_dir).deadline(LOCAL).run();
        if let Err(why) = flushed {
            log::warn!("{why}");
        }
    }

    /// Fails if nobody waits for us any more.
    pub(super) fn go_on(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() { Err(Stop::new(Why::Stopped, "")) } else { Ok(()) }
    }

    fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new("git")
            .dir(self.dir)
            .args(args)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("SSH_ASKPASS", "true")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("GIT_SSH_COMMAND", &self.ssh)
            .env("GIT_SSH_VARIANT", "ssh")
            .env("GIT_INDEX_FILE", self.own_index())
            // A broken checkout must not make git take a repository further up for it.
            .env("GIT_CEILING_DIRECTORIES", self.dir.parent().unwrap_or(self.dir))
            .env("GIT_CONFIG_COUNT", CONFIG.len().to_string());
        for role in ["AUTHOR", "COMMITTER"] {
            command = command
                .env(format!("GIT_{role}_NAME"), format!("openclaw-failover on {}", self.host))
                .env(format!("GIT_{role}_EMAIL"), format!("openclaw-failover@{}", self.host));
        }
        for (index, (key, value)) in CONFIG.iter().enumerate() {
            command =
                command.env(format!("GIT_CONFIG_KEY_{index}"), *key).env(format!("GIT_CONFIG_VALUE_{index}"), *value);
        }
        command
    }
}

fn write_and_open(path: &Path, bytes: &[u8]) -> io::Result<File> {
    fs::write(path, bytes)?;
    File::open(path)
}
