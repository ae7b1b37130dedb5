//! Target of a setup: a host, and the operations on it.

use std::fs::{self, File, Permissions, TryLockError};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::doctor::{HostContext, read_text_file, refuse_owned_file, run_host_check};
use crate::finding::{Finding, Level};
use crate::os::atomic_file::remove_if_present;
use crate::os::systemd::UnitProperties;
use crate::os::{Cancel, CommandError, Owner, atomic_file, own_uid};
use crate::setup::error::SetupError;
use crate::setup::units::MONITOR_UNIT;

/// Time limit of a command that runs as the agent's user.
const AGENT_COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// Time limit of a systemd job. A gateway drains for more than five minutes.
pub(super) const SYSTEMD_TIMEOUT: Duration = Duration::from_secs(400);

/// Time limit of a download and installation.
pub(super) const INSTALL_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// `PATH` of root's programs.
pub(super) const ROOT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Size limit of a compared file, in bytes.
const COMPARED_FILE_LIMIT: usize = 256 * 1024 * 1024;

/// Marker: the running monitor is older than its program or files, and must be restarted. A reboot restarts it and
/// empties this folder.
const STALE_MARKER: &str = "/run/openclaw-failover-setup.stale";

/// Lock file, held while a host is changed.
const LOCK_FILE: &str = "/run/openclaw-failover-setup.lock";

/// Adds the missing lines of `$1` to the file `$2`, through a copy, so that a full disk loses no existing line. `grep`
/// exits with 1 if there is nothing to add, and with more on errors.
const ADD_LINES_SCRIPT: &str = "mkdir -p \"${2%/*}\"; touch \"$2\"\n\
    { sed '$a\\' \"$2\"; printf '%s\\n' \"$1\" | grep -vxFf \"$2\" || [ $? = 1 ]; } >\"$2.new\"; mv \"$2.new\" \"$2\"";

/// Succeeds if the file `$2` has all the lines of `$1`.
const HAS_LINES_SCRIPT: &str = "[ -f \"$2\" ] && ! printf '%s\\n' \"$1\" | grep -qvxFf \"$2\"";

/// Host to be set up.
pub struct SetupTarget {
    /// The host.
    pub context: HostContext,
    /// Cancels the running step.
    pub cancel: Cancel,
    /// File of this program.
    pub program: PathBuf,
    /// Name of the agent's user.
    pub(super) user: String,
}

impl SetupTarget {
    /// Returns the target for a host whose agent runs as `user`.
    pub(super) fn new(mut context: HostContext, user: &str) -> Self {
        // After `su` the PATH lacks these folders, and it may contain one below the agent's home.
        context.program_path.get_or_insert_with(|| ROOT_PATH.into());
        Self { context, cancel: Cancel::new(), program: PathBuf::from("/proc/self/exe"), user: user.to_owned() }
    }

    /// Looks up the agent's user.
    pub(super) fn look_up_user(&self) -> Result<Owner, SetupError> {
        Owner::look_up(self.context.new_command("getent"), &self.user).map_err(SetupError::new)
    }

    /// Runs a shell script as the agent's user, in its home, and returns its output. It must succeed.
    pub(super) fn run_as_agent(&self, script: &str, args: &[&str]) -> Result<String, SetupError> {
        self.run_as_agent_within(AGENT_COMMAND_TIMEOUT, script, args)
    }

    /// Runs such a script with another time limit.
    pub(super) fn run_as_agent_within(
        &self,
        deadline: Duration,
        script: &str,
        args: &[&str],
    ) -> Result<String, SetupError> {
        let words = self.look_up_user()?.setpriv_args();
        let script = format!("umask 077; cd; {script}");
        let command = self.context.new_command("setsid").args(words).args(["sh", "-euc", &script, "sh"]).args(args);
        let output = command.deadline(deadline).cancel(&self.cancel).run();
        output.map(|output| output.stdout).map_err(|why| SetupError::new(why.reason()))
    }

    /// True if a shell script of the agent's user succeeds.
    pub(super) fn succeeds_as_agent(&self, script: &str, args: &[&str]) -> bool {
        self.run_as_agent(script, args).is_ok()
    }

    /// Adds lines to a file below the agent's home, as its user.
    pub(super) fn add_lines(&self, lines: &str, file: &str) -> Result<(), SetupError> {
        self.run_as_agent(ADD_LINES_SCRIPT, &[lines, file]).map(drop)
    }

    /// True if a file below the agent's home has these lines.
    pub(super) fn has_lines(&self, lines: &str, file: &str) -> bool {
        lines.is_empty() || self.succeeds_as_agent(HAS_LINES_SCRIPT, &[lines, file])
    }

    /// Runs a program that must succeed.
    pub(super) fn run_program(&self, program: &str, args: &[&str]) -> Result<(), SetupError> {
        let command = self.context.new_command(program).args(args).deadline(SYSTEMD_TIMEOUT).cancel(&self.cancel);
        command.run()?;
        Ok(())
    }

    /// Runs a package installer, without prompts and without service restarts.
    pub(super) fn run_installer(&self, program: &str, args: &[&str]) -> Result<(), CommandError> {
        // A killed dpkg leaves packages half installed.
        let command = self.context.new_command(program).args(args).deadline(INSTALL_TIMEOUT).outlive_parent();
        command.env("DEBIAN_FRONTEND", "noninteractive").env("NEEDRESTART_SUSPEND", "1").run().map(drop)
    }

    /// Returns a unit's properties; empty if systemd does not answer.
    pub(super) fn query_unit(&self, name: &str) -> UnitProperties {
        self.context.query_unit(name).unwrap_or_default()
    }

    /// Runs one check of `doctor`.
    pub(super) fn run_check(&self, check: &str) -> Finding {
        run_host_check(&self.context, check)
    }

    /// True if a check of `doctor` passes.
    pub(super) fn passes_check(&self, check: &str) -> bool {
        self.run_check(check).level == Level::Ok
    }

    /// True if a system file has this content, this mode and the right owner.
    pub(super) fn has_file(&self, path: &str, mode: u32, bytes: &[u8]) -> bool {
        let file = self.context.system_path(path);
        let is_right = fs::symlink_metadata(&file)
            .is_ok_and(|found| found.is_file() && found.mode() & 0o7777 == mode && Some(found.uid()) == own_uid().ok());
        is_right && atomic_file::read(&file, COMPARED_FILE_LIMIT).is_ok_and(|there| there.as_deref() == Some(bytes))
    }

    /// Writes a system file. Missing folders above it are created world-readable.
    pub(super) fn write_file(&self, path: &str, mode: u32, bytes: &[u8]) -> Result<(), SetupError> {
        let file = self.context.system_path(path);
        if let Some(folder) = file.parent().filter(|folder| !folder.is_dir()) {
            create_dir_with_mode(folder, 0o755)?;
        }
        Ok(atomic_file::write(&file, mode, bytes)?)
    }

    /// True if there is a folder with this mode that belongs to root.
    pub(super) fn has_folder(&self, path: &str, mode: u32) -> bool {
        fs::symlink_metadata(self.context.system_path(path))
            .is_ok_and(|found| found.is_dir() && found.mode() & 0o7777 == mode && Some(found.uid()) == own_uid().ok())
    }

    /// Creates a folder with this mode.
    pub(super) fn create_folder(&self, path: &str, mode: u32) -> Result<(), SetupError> {
        create_dir_with_mode(&self.context.system_path(path), mode)
    }

    /// Removes a system file, and the drop-in folder that it leaves empty.
    pub(super) fn remove_file(&self, path: &str) -> Result<(), SetupError> {
        let file = self.context.system_path(path);
        remove_if_present(&file).map_err(|why| SetupError::new(format_args!("cannot remove {path}: {why}")))?;
        // Other folders belong to the system: polkit stops watching a `rules.d` that was removed once.
        if let Some(folder) = file.parent().filter(|folder| folder.to_string_lossy().ends_with(".service.d")) {
            // Fails, as intended, if the folder is not empty.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    /// Reads a file named on the command line, or the configuration.
    pub(super) fn read_given_file(&self, file: &Path) -> Result<String, SetupError> {
        if let Ok(owner) = self.look_up_user() {
            refuse_owned_file(file, &owner).map_err(SetupError::new)?;
        }
        read_text_file(file).map_err(|why| SetupError::new(format_args!("cannot read {}: {why}", file.display())))
    }

    /// Marks the monitor for a restart. Written before its files change, so that a setup that is killed in between
    /// still restarts it on the next run.
    pub(super) fn mark_monitor_stale(&self) -> Result<(), SetupError> {
        if self.query_unit(MONITOR_UNIT).is_up() { self.write_file(STALE_MARKER, 0o600, b"") } else { Ok(()) }
    }

    /// True if the monitor must be restarted.
    pub(super) fn is_monitor_stale(&self) -> bool {
        self.context.system_path(STALE_MARKER).exists()
    }

    /// Clears the restart marker.
    pub(super) fn clear_stale_marker(&self) -> Result<(), SetupError> {
        self.remove_file(STALE_MARKER)
    }

    /// Locks out other setups until the file is dropped or this process ends.
    pub(super) fn acquire_lock(&self) -> Result<File, SetupError> {
        let locked = File::create(self.context.system_path(LOCK_FILE))
            .map_err(TryLockError::Error)
            .and_then(|file| file.try_lock().map(|()| file));
        locked.map_err(|why| match why {
            TryLockError::WouldBlock => {
                SetupError::with_remedy("another setup is running on this host", "wait until it has finished")
            }
            TryLockError::Error(why) => SetupError::new(format_args!("cannot lock {LOCK_FILE}: {why}")),
        })
    }
}

fn create_dir_with_mode(folder: &Path, mode: u32) -> Result<(), SetupError> {
    // The mode is set explicitly because root may have any umask.
    let made = fs::create_dir_all(folder).and_then(|()| fs::set_permissions(folder, Permissions::from_mode(mode)));
    made.map_err(|why| SetupError::new(format_args!("cannot create {}: {why}", folder.display())))
}

/// Polls a condition until it holds or the time limit passes.
pub(super) fn wait_until(limit: Duration, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() && start.elapsed() < limit {
        thread::sleep(Duration::from_millis(500));
    }
}
