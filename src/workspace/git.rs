//! git commands that never prompt, always end, and run no program from the repository.
//!
//! They use an index of their own. The agent's index may be locked, in a merge, or set to ignore changes
//! (`--assume-unchanged`), and none of that may hide a change.

pub(super) mod diff;
mod filter_driver;
pub(super) mod filters;
pub(super) mod index;
pub(super) mod lfs;
pub(super) mod merge;
mod object_flush;
mod objects;
pub(super) mod push;
pub(super) mod push_urls;
pub(super) mod ref_update;
pub(super) mod refs;
pub(super) mod remote;
pub(super) mod repository;
pub mod setting_files;
pub mod settings;
pub(super) mod ssh;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::os::{Cancel, ChildCommand, CommandError, ProcessOutput};
use crate::workspace::error::{FileResult, SyncError, SyncErrorKind};
use crate::workspace::files::write_and_open;
use crate::workspace::git::filter_driver::{FILTER_TIME_LIMIT, FilterDriver, add_filter_command};

/// Time limit for commands on commits and refs.
const LOCAL_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Time limit for commands that read every file of the workspace or store new ones.
pub(crate) const SCAN_TIME_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Size limit of git's output, in bytes: the names of a million files.
pub(crate) const OUTPUT_SIZE_LIMIT: usize = 128 * 1024 * 1024;

/// Size limit of a remote's output, in bytes.
const REMOTE_OUTPUT_SIZE_LIMIT: usize = 4 * 1024 * 1024;

/// Repository of the workspace.
pub(crate) struct Git<'a> {
    /// Path of the workspace.
    pub(crate) work_tree: &'a Path,
    /// Folder with the history and the index.
    pub(crate) git_dir: PathBuf,
    /// Name of this host, used as the committer.
    pub(crate) host_name: &'a str,
    /// URL of the remote, if it has one.
    pub(crate) remote_url: Option<String>,
    /// True if the agent uses a sparse checkout.
    pub(crate) is_sparse: bool,
    /// True if filters write files.
    pub(crate) has_filters: bool,
    /// Filters that the owner has set up.
    pub(crate) filter_drivers: Vec<FilterDriver>,
    /// True if the line-end settings alone make a file's bytes differ from those of its commit.
    pub(crate) converts_line_ends: bool,
    /// True if attributes are read from a file outside the workspace.
    pub(crate) has_outer_attributes: bool,
    /// Ignore files outside the work tree.
    pub(crate) outer_ignore_files: Vec<PathBuf>,
    /// True if pushes may go to another URL than the one that is fetched from, so that their effect must be verified.
    pub(crate) pushes_elsewhere: bool,
    /// Time limit of the programs that a filter runs.
    pub(crate) filter_time_limit: Duration,
    /// Settings that replace the owner's.
    setting_overrides: Vec<(String, String)>,
    /// Time at which the repository was opened; later objects are this run's.
    opened_at: SystemTime,
    ssh: OsString,
    cancel: &'a Cancel,
}

impl<'a> Git<'a> {
    /// Opens the repository in `dir`. A key in its `core.sshCommand` is used.
    pub(crate) fn open(
        dir: &'a Path,
        (remote, host, ssh): (&str, &'a str, &OsStr),
        cancel: &'a Cancel,
    ) -> Result<Self, SyncError> {
        let mut git = Self {
            work_tree: dir,
            git_dir: dir.join(".git"),
            host_name: host,
            remote_url: None,
            is_sparse: false,
            has_filters: false,
            filter_drivers: Vec::new(),
            converts_line_ends: false,
            has_outer_attributes: has_outer_attributes(),
            outer_ignore_files: Vec::new(),
            pushes_elsewhere: false,
            filter_time_limit: FILTER_TIME_LIMIT,
            setting_overrides: settings::setting_overrides(remote),
            opened_at: SystemTime::now(),
            ssh: ssh.to_owned(),
            cancel,
        };
        let found = git.run(&["rev-parse", "--show-toplevel", "--absolute-git-dir"]);
        let found = found.map_err(|why| work_tree_error(dir, &why))?;
        let (top, git_dir) = found.split_once('\n').unwrap_or_default();
        let real = fs::canonicalize(dir).or_cannot("read", dir)?;
        if Path::new(top) != real {
            let message = format!(
                "{} belongs to the work tree {top}; if that is wrong, run `git -C {} config --unset core.worktree`",
                dir.join(".git").display(),
                dir.display()
            );
            return Err(SyncError::new(SyncErrorKind::NoRepository, message));
        }
        git.git_dir = PathBuf::from(git_dir.trim_end_matches('\n'));
        let own = git.private_folder();
        fs::create_dir_all(&own).or_cannot("create", &own)?;
        git.read_settings(remote)?;
        Ok(git)
    }

    /// Reads the owner's settings that affect how a sync works.
    fn read_settings(&mut self, remote: &str) -> Result<(), SyncError> {
        // Tested as `git init` does it, but in every run: the setting may come from a copy on another disk.
        let is_case_blind = self.git_dir.join("hEaD").symlink_metadata().is_ok();
        self.setting_overrides.push(("core.ignorecase".to_owned(), is_case_blind.to_string()));
        let wanted = format!(
            "^(core\\.(sshcommand|sparsecheckout|autocrlf|eol|attributesfile|excludesfile)\
             |filter\\..*\\.(clean|smudge|process|required)\
             |remote\\.{remote}\\.(url|pushurl)|url\\..*\\.(insteadof|pushinsteadof))$"
        );
        let default_file = setting_files::user_git_folder().map(|folder| folder.join("ignore"));
        self.outer_ignore_files = [self.git_dir.join("info/exclude")].into_iter().chain(default_file).collect();
        let configured = self.query(&["config", "-z", "--get-regexp", &wanted])?.unwrap_or_default();
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
                    // Replaces the default file. The last of several values counts.
                    self.outer_ignore_files.truncate(1);
                    let file = setting_files::expand_home(Path::new(value));
                    self.outer_ignore_files.extend(file.map(|file| self.work_tree.join(file)));
                }
                "core.attributesfile" => self.has_outer_attributes = true,
                key if key.starts_with("filter.") => add_filter_command(&mut self.filter_drivers, key, value),
                key if key.ends_with(".pushurl") || key.ends_with(".pushinsteadof") => self.pushes_elsewhere = true,
                key if key.ends_with(".insteadof") => is_rewritten = true,
                _ => urls.push(value.to_owned()),
            }
        }
        self.ssh = ssh::ssh_command_line(&self.ssh, &options);
        // The last value is the one that this program sets.
        self.is_sparse = sparse.iter().rev().nth(1) == Some(&true);
        self.has_filters = self.filter_drivers.iter().any(|driver| driver.has_smudge);
        self.pushes_elsewhere |= urls.len() > 1;
        self.remote_url = urls.into_iter().next();
        if is_rewritten && self.remote_url.is_some() {
            self.remote_url = Some(self.run_for_value(&["remote", "get-url", "--", remote])?);
        }
        // In a comparison, a file whose filter fails counts as changed. Storing or writing a file requires its filter.
        let looks = self.filter_drivers.iter().map(|driver| (driver.required_key(), "false".to_owned()));
        self.setting_overrides.extend(looks);
        Ok(())
    }

    /// Returns the folder of this program's index and records.
    pub(crate) fn private_folder(&self) -> PathBuf {
        self.git_dir.join("openclaw-failover")
    }

    /// Returns the path of this program's index.
    pub(crate) fn private_index(&self) -> PathBuf {
        self.private_folder().join("index")
    }

    /// Runs git without network access and returns its output. Too short to be cancelled.
    pub(crate) fn run(&self, args: &[&str]) -> Result<String, CommandError> {
        self.build_command(args).deadline(LOCAL_TIME_LIMIT).run().map(|output| output.stdout)
    }

    /// Runs git and returns one value, such as an object id.
    pub(crate) fn run_for_value(&self, args: &[&str]) -> Result<String, CommandError> {
        self.run(args).map(|answer| answer.trim().to_owned())
    }

    /// Runs git for a query that exits with code 1 for "no"; `None` in that case.
    pub(crate) fn query(&self, args: &[&str]) -> Result<Option<String>, CommandError> {
        match self.run_for_value(args) {
            Ok(answer) => Ok(Some(answer)),
            Err(why) if why.exit_code() == Some(1) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Runs git for a long list, such as file names, as bytes.
    pub(crate) fn run_for_bytes(&self, args: &[&str]) -> Result<Vec<u8>, CommandError> {
        self.build_command(args).deadline(SCAN_TIME_LIMIT).limit(OUTPUT_SIZE_LIMIT).run_bytes()
    }

    /// Runs git for a command that reads every file. It can be cancelled.
    pub(crate) fn run_scan(&self, args: &[&str], limit: Duration) -> Result<Vec<u8>, CommandError> {
        self.build_command(args).deadline(limit).limit(OUTPUT_SIZE_LIMIT).cancel(self.cancel).run_bytes()
    }

    /// Runs git with `input` on its standard input.
    pub(crate) fn run_with_input(
        &self,
        args: &[impl AsRef<OsStr>],
        input: &[u8],
        index: &Path,
    ) -> Result<Vec<u8>, SyncError> {
        let path = self.private_folder().join("input");
        let file = write_and_open(&path, input)?;
        let command = self.build_command(args).env("GIT_INDEX_FILE", index).stdin(file).limit(OUTPUT_SIZE_LIMIT);
        Ok(command.deadline(SCAN_TIME_LIMIT).run_bytes()?)
    }

    /// Lists files below `folder` that differ from an index or are missing, as NUL-terminated bytes.
    pub(crate) fn list_changed_files(&self, folder: &Path, index: &Path) -> Result<Vec<u8>, CommandError> {
        let command = self.build_command(&["ls-files", "--modified", "-z"]).env("GIT_INDEX_FILE", index);
        let command = command.env("GIT_DIR", &self.git_dir).env("GIT_WORK_TREE", folder);
        command.deadline(SCAN_TIME_LIMIT).limit(OUTPUT_SIZE_LIMIT).run_bytes()
    }

    /// Runs git on another index than this program's.
    pub(crate) fn run_on_index(&self, index: &Path, args: &[&str]) -> Result<String, CommandError> {
        let command = self.build_command(args).env("GIT_INDEX_FILE", index).deadline(LOCAL_TIME_LIMIT);
        command.run().map(|output| output.stdout.trim().to_owned())
    }

    /// Runs git on another index, for a long list.
    pub(crate) fn run_on_index_for_bytes(&self, index: &Path, args: &[&str]) -> Result<Vec<u8>, CommandError> {
        self.build_command(args)
            .env("GIT_INDEX_FILE", index)
            .deadline(SCAN_TIME_LIMIT)
            .limit(OUTPUT_SIZE_LIMIT)
            .run_bytes()
    }

    /// Runs git without failing on its exit code: true if that was 0, and the output.
    pub(crate) fn try_run(&self, args: &[&str]) -> Result<(bool, ProcessOutput), CommandError> {
        self.build_command(args).deadline(LOCAL_TIME_LIMIT).limit(OUTPUT_SIZE_LIMIT).run_any_exit_code()
    }

    /// Runs git over the network without failing on its exit code. It can be cancelled.
    pub(crate) fn try_run_over_network(
        &self,
        args: &[&str],
        deadline: Duration,
    ) -> Result<(bool, ProcessOutput), CommandError> {
        self.build_command(args)
            .deadline(deadline)
            .limit(REMOTE_OUTPUT_SIZE_LIMIT)
            .cancel(self.cancel)
            .run_any_exit_code()
    }

    /// Fetches into another repository with the same access to the remote.
    pub(crate) fn fetch_into(&self, git_dir: &Path, args: &[&str], deadline: Duration) -> Result<(), CommandError> {
        let command = self.build_command(args).env("GIT_DIR", git_dir);
        command.deadline(deadline).cancel(self.cancel).run().map(drop)
    }

    /// Flushes this run's objects to the disk. Called before a ref names them, so that after a power cut no ref names a
    /// missing object. Many objects are flushed together with the whole file system: that takes a tenth of the time of
    /// a flush for each, but waits for other programs' data. Without the `sync` program, the kernel flushes within half
    /// a minute.
    pub(crate) fn flush_objects(&self) {
        if object_flush::flush_objects_since(&self.git_dir, self.opened_at).unwrap_or(false) {
            return;
        }
        let flushed = ChildCommand::new("sync").args(["-f", "--"]).arg(&self.git_dir).deadline(LOCAL_TIME_LIMIT).run();
        if let Err(why) = flushed {
            log::warn!("{why}");
        }
    }

    /// Returns the signal that cancels this run.
    pub(crate) fn cancel_signal(&self) -> &Cancel {
        self.cancel
    }

    /// Fails if the run is cancelled.
    pub(crate) fn require_not_cancelled(&self) -> Result<(), SyncError> {
        if self.cancel.is_cancelled() { Err(SyncError::new(SyncErrorKind::Cancelled, "")) } else { Ok(()) }
    }

    pub(crate) fn build_command(&self, args: &[impl AsRef<OsStr>]) -> ChildCommand {
        let mut command = ChildCommand::new("git")
            .dir(self.work_tree)
            .args(args)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("SSH_ASKPASS", "true")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("GIT_SSH_COMMAND", &self.ssh)
            .env("GIT_SSH_VARIANT", "ssh")
            .env("GIT_INDEX_FILE", self.private_index())
            // The remote has neither: a history that is complete only with them would overwrite the remote's.
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_GRAFT_FILE", "/dev/null")
            // If the repository is broken, git must not use one in a parent folder.
            .env("GIT_CEILING_DIRECTORIES", self.work_tree.parent().unwrap_or(self.work_tree))
            .env("GIT_CONFIG_COUNT", self.setting_overrides.len().to_string());
        if let Some(folder) = setting_files::xdg_config_home() {
            command = command.env("XDG_CONFIG_HOME", folder);
        }
        for role in ["AUTHOR", "COMMITTER"] {
            command = command
                .env(format!("GIT_{role}_NAME"), format!("openclaw-failover on {}", self.host_name))
                .env(format!("GIT_{role}_EMAIL"), format!("openclaw-failover@{}", self.host_name));
        }
        for (index, (key, value)) in self.setting_overrides.iter().enumerate() {
            command = command.env(format!("GIT_CONFIG_KEY_{index}"), key);
            command = command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command
    }
}

/// Converts the failure to find the work tree, with a remedy.
fn work_tree_error(dir: &Path, why: &CommandError) -> SyncError {
    let mut error = SyncError::from_command(SyncErrorKind::NoRepository, why);
    if error.message.contains("must be run in a work tree") {
        error.message = format!("core.bare is set; run `git -C {} config core.bare false`", dir.display());
    }
    error
}

/// True if an attributes file exists at one of git's default paths outside a repository.
fn has_outer_attributes() -> bool {
    let user = setting_files::user_git_folder().map(|folder| folder.join("attributes"));
    let system = ["/etc/gitattributes", "/usr/local/etc/gitattributes"].map(PathBuf::from);
    user.into_iter().chain(system).any(|file| file.exists())
}
