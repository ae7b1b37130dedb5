//! git, run so that it asks nobody, waits for nobody without end, and runs nothing that a repository brings along.
//!
//! It is given an index of its own. The checkout's index belongs to the agent: it may be locked, half merged, or told
//! to look away from files (`--assume-unchanged`), and none of that may keep a byte from being seen.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::filters::{Driver, FILTER_TIME_LIMIT};
use super::setting_files;
use super::settings;
use super::ssh;
use super::stop::{Stop, Why};
use crate::host::{Cancel, Command, CommandError, Output};

/// How long git may take for a question about commits.
const LOCAL: Duration = Duration::from_secs(30);

/// How long it may take to look at every file of the workspace, or to store those that are new.
pub(super) const SCAN: Duration = Duration::from_secs(5 * 60);

/// How much of an answer is read at most, in bytes: the names of a million files.
pub(super) const ANSWER: usize = 128 * 1024 * 1024;

/// The same for what a remote answers, in bytes.
const LONG_ANSWER: usize = 4 * 1024 * 1024;

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
    /// True if programs of the workspace's choice write its files.
    pub(super) has_filters: bool,
    /// Filters that the owner has set up.
    pub(super) drivers: Vec<Driver>,
    /// True if the setting of line ends alone makes the bytes of a file differ from those of its commit.
    pub(super) converts_line_ends: bool,
    /// True if attributes are read from a file outside of the workspace.
    pub(super) has_outer_attributes: bool,
    /// Files outside of the tree with rules for what to ignore.
    pub(super) ignore_files: Vec<PathBuf>,
    /// True if a push may go elsewhere than where is fetched from, so that its effect must be verified.
    pub(super) pushes_elsewhere: bool,
    /// Time limit of the programs that a filter runs.
    pub(super) filter_limit: Duration,
    /// Settings that replace the owner's.
    settings: Vec<(String, String)>,
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
        let mut git = Self {
            dir,
            git_dir: dir.join(".git"),
            host,
            url: None,
            is_sparse: false,
            has_filters: false,
            drivers: Vec::new(),
            converts_line_ends: false,
            has_outer_attributes: has_attributes_of_user_or_system(),
            ignore_files: Vec::new(),
            pushes_elsewhere: false,
            filter_limit: FILTER_TIME_LIMIT,
            settings: settings::replacements(remote),
            ssh: ssh.to_owned(),
            cancel,
        };
        let found = git.run(&["rev-parse", "--show-toplevel", "--absolute-git-dir"]);
        let found = found.map_err(|why| no_checkout(dir, &why))?;
        let (top, git_dir) = found.split_once('\n').unwrap_or_default();
        let real = fs::canonicalize(dir).map_err(|why| Stop::file("read", dir, &why))?;
        if Path::new(top) != real {
            let said = format!(
                "{} says that it is the checkout of {top}; if it is not, type `git -C {} config --unset core.worktree`",
                dir.join(".git").display(),
                dir.display()
            );
            return Err(Stop::new(Why::NoCheckout, said));
        }
        git.git_dir = PathBuf::from(git_dir.trim_end_matches('\n'));
        let own = git.own_folder();
        fs::create_dir_all(&own).map_err(|why| Stop::file("create", &own, &why))?;
        git.read_settings(remote)?;
        Ok(git)
    }

    /// Reads the settings of the owner on which the way of working depends.
    fn read_settings(&mut self, remote: &str) -> Result<(), Stop> {
        // As `git init` finds it out, but at every run: the setting may have come with a copy from another disk.
        let is_case_blind = self.git_dir.join("hEaD").symlink_metadata().is_ok();
        self.settings.push(("core.ignorecase".to_owned(), is_case_blind.to_string()));
        let wanted = format!(
            "^(core\\.(sshcommand|sparsecheckout|autocrlf|eol|attributesfile|excludesfile)|filter\\..*\\.(clean|smudge|process|required)\
             |remote\\.{remote}\\.(url|pushurl)|url\\..*\\.(insteadof|pushinsteadof))$"
        );
        let folder = setting_files::config_home().unwrap_or_else(|| setting_files::in_home("~/.config"));
        self.ignore_files = vec![self.git_dir.join("info/exclude"), folder.join("git/ignore")];
        let configured = self.ask(&["config", "-z", "--get-regexp", &wanted])?.unwrap_or_default();
        let (mut sparse, mut options, mut urls, mut is_rewritten) = (Vec::new(), String::new(), Vec::new(), false);
        for line in configured.split('\0') {
            let (key, value) = line.split_once('\n').unwrap_or((line, "true"));
            match key {
                "" => {}
                "core.sshcommand" => options = value.trim().strip_prefix("ssh ").unwrap_or_default().to_owned(),
                "core.sparsecheckout" => sparse.push(settings::is_true(value)),
                "core.autocrlf" => self.converts_line_ends = value != "false",
                "core.eol" => self.converts_line_ends |= value == "crlf",
                "core.excludesfile" => {
                    // It counts instead of the default place, and the last of several counts.
                    self.ignore_files.truncate(1);
                    self.ignore_files.push(self.dir.join(setting_files::in_home(value)));
                }
                "core.attributesfile" => self.has_outer_attributes = true,
                key if key.starts_with("filter.") => self.add_filter(key, value),
                key if key.ends_with(".pushurl") || key.ends_with(".pushinsteadof") => self.pushes_elsewhere = true,
                key if key.ends_with(".insteadof") => is_rewritten = true,
                _ => urls.push(value.to_owned()),
            }
        }
        self.ssh = ssh::command(&self.ssh, &options);
        // The last value is the program's own.
        self.is_sparse = sparse.iter().rev().nth(1) == Some(&true);
        self.has_filters = self.drivers.iter().any(|driver| driver.has_smudge);
        self.pushes_elsewhere |= urls.len() > 1;
        self.url = urls.into_iter().next();
        if is_rewritten && self.url.is_some() {
            self.url = Some(self.word(&["remote", "get-url", "--", remote])?);
        }
        // A look at a file whose filter fails finds it changed. Whoever stores or writes one has the filter required.
        let looks = self.drivers.iter().map(|driver| (driver.required(), "false".to_owned()));
        self.settings.extend(looks);
        Ok(())
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
    pub(super) fn scan(&self, args: &[&str], limit: Duration) -> Result<Vec<u8>, CommandError> {
        self.command(args).deadline(limit).limit(ANSWER).cancel(self.cancel).run_bytes()
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

    /// Runs git for its whole answer, whatever its exit code: true if that was 0, and the output.
    pub(super) fn attempt(&self, args: &[&str]) -> Result<(bool, Output), CommandError> {
        self.command(args).deadline(LOCAL).limit(ANSWER).attempt()
    }

    /// Runs git for what needs the network, until it is cancelled, whatever its exit code.
    pub(super) fn attempt_over_network(
        &self,
        args: &[&str],
        deadline: Duration,
    ) -> Result<(bool, Output), CommandError> {
        self.command(args).deadline(deadline).limit(LONG_ANSWER).cancel(self.cancel).attempt()
    }

    /// Runs git for what needs the network, on another repository with the same way to the remote.
    pub(super) fn fetch_apart(&self, git_dir: &Path, args: &[&str], deadline: Duration) -> Result<(), CommandError> {
        let command = self.command(args).env("GIT_DIR", git_dir);
        command.deadline(deadline).cancel(self.cancel).run().map(drop)
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

    /// Signal that ends this run, for a program that it starts.
    pub(super) fn cancel(&self) -> &Cancel {
        self.cancel
    }

    /// Fails if nobody waits for us any more.
    pub(super) fn go_on(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() { Err(Stop::new(Why::Stopped, "")) } else { Ok(()) }
    }

    pub(super) fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
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
            // A remote knows neither: a history that holds another one by them alone would overwrite it.
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_GRAFT_FILE", "/dev/null")
            // A broken checkout must not make git take a repository further up for it.
            .env("GIT_CEILING_DIRECTORIES", self.dir.parent().unwrap_or(self.dir))
            .env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        if let Some(folder) = setting_files::config_home() {
            command = command.env("XDG_CONFIG_HOME", folder);
        }
        for role in ["AUTHOR", "COMMITTER"] {
            command = command
                .env(format!("GIT_{role}_NAME"), format!("openclaw-failover on {}", self.host))
                .env(format!("GIT_{role}_EMAIL"), format!("openclaw-failover@{}", self.host));
        }
        for (index, (key, value)) in self.settings.iter().enumerate() {
            command = command.env(format!("GIT_CONFIG_KEY_{index}"), key);
            command = command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command
    }
}

/// Failure to find the work tree, with what to do about it.
fn no_checkout(dir: &Path, why: &CommandError) -> Stop {
    let mut stop = Stop::or(Why::NoCheckout, why);
    if stop.said.contains("must be run in a work tree") {
        stop.said = format!("core.bare is set; type `git -C {} config core.bare false`", dir.display());
    }
    stop
}

/// True if there is a file of attributes at one of git's default places outside of a repository.
fn has_attributes_of_user_or_system() -> bool {
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".config/git/attributes"));
    let system = ["/etc/gitattributes", "/usr/local/etc/gitattributes"].map(PathBuf::from);
    home.into_iter().chain(system).any(|file| file.exists())
}

pub(super) fn write_and_open(path: &Path, bytes: &[u8]) -> io::Result<File> {
    fs::write(path, bytes)?;
    File::open(path)
}
