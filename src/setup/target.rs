//! Target of a setup: the host, the options, and the operations on the host.

use std::env;
use std::fmt::Display;
use std::fs::{
    File, Permissions, TryLockError, {self},
};
use std::io::{
    ErrorKind, {self},
};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::doctor::{Unit, World, look_at, read, refuse};
use crate::finding::{Finding, Level};
use crate::os::{Cancel, CommandError, Owner, atomic_file};
use crate::setup::service::MONITOR;

/// Time limit of a command that runs as the agent's user.
const AGENT: Duration = Duration::from_secs(60);

/// Time limit of a systemd job. A gateway drains for more than five minutes.
pub(super) const SYSTEMD: Duration = Duration::from_secs(400);

/// Time limit of a download and installation.
pub(super) const INSTALL: Duration = Duration::from_secs(60 * 60);

/// `PATH` of root's programs.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Size limit of a compared file, in bytes.
const LONGEST: usize = 256 * 1024 * 1024;

/// Marker: the running monitor is older than its program or files, and must be restarted. A reboot restarts it and
/// empties this folder.
const STALE: &str = "/run/openclaw-failover-setup.stale";

/// Lock file, held while a host is changed.
const LOCK: &str = "/run/openclaw-failover-setup.lock";

/// Adds the missing lines of `$1` to the file `$2`, through a copy, so that a full disk loses no existing line. `grep`
/// exits with 1 if there is nothing to add, and with more on errors.
const MERGE: &str = "mkdir -p \"${2%/*}\"; touch \"$2\"\n\
    { sed '$a\\' \"$2\"; printf '%s\\n' \"$1\" | grep -vxFf \"$2\" || [ $? = 1 ]; } >\"$2.new\"; mv \"$2.new\" \"$2\"";

/// Succeeds if the file `$2` has all the lines of `$1`.
const MERGED: &str = "[ -f \"$2\" ] && ! printf '%s\\n' \"$1\" | grep -qvxFf \"$2\"";

/// Options of a setup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Configuration file to install.
    pub config: Option<PathBuf>,
    /// File with host keys, in ssh's format.
    pub known_hosts: Option<PathBuf>,
    /// True to let the agent's user become root.
    pub sudo: bool,
    /// True to run Tailscale's installer.
    pub install_tailscale: bool,
    /// True to run OpenClaw's installer.
    pub install_openclaw: bool,
    /// Channel of the standby.
    pub channel: Option<String>,
    /// Ids of the users who may write there.
    pub allow: Vec<String>,
    /// Model of the agent.
    pub model: Option<String>,
    /// File with the channel's token.
    pub token_file: Option<PathBuf>,
    /// The agent's user on a primary.
    pub user: Option<String>,
    /// The standby's public key, for a primary.
    pub standby_key: Option<String>,
}

/// Host to be set up, with its options.
pub struct Site {
    /// The host.
    pub world: World,
    /// Options.
    pub wishes: Wishes,
    /// True if missing inputs can be asked for at a terminal.
    pub can_ask: bool,
    /// The channel's token, if it was typed.
    pub token: Option<String>,
    /// Host keys that were confirmed at the terminal.
    pub host_keys: Option<String>,
    /// Cancels the running step.
    pub cancel: Cancel,
    /// File of this program.
    pub program: PathBuf,
}

impl Site {
    /// Returns this host as a target.
    #[must_use]
    pub fn here(mut world: World, wishes: Wishes, can_ask: bool) -> Self {
        // After `su` the PATH lacks these folders, and it may contain one below the agent's home.
        world.programs.get_or_insert_with(|| PATH.into());
        let program = PathBuf::from("/proc/self/exe");
        Self { world, wishes, can_ask, token: None, host_keys: None, cancel: Cancel::new(), program }
    }

    /// Checks the requirements of a setup.
    ///
    /// # Errors
    /// When the process is not root, or the host does not run Debian or Ubuntu with systemd.
    pub fn require(&self) -> Result<(), String> {
        if self.uid() != 0 && self.world.root == Path::new("/") {
            return Err("only root can set up this host; run the command with sudo".into());
        }
        if self.world.ask("apt-get", &["--version"]).is_err() {
            return Err("not a Debian or Ubuntu host: apt-get not found; see the README for other systems".into());
        }
        if !self.world.path("/run/systemd/system").is_dir() {
            return Err("systemd is not running".into());
        }
        Ok(())
    }

    /// Returns the name of the agent's user.
    pub(super) fn user(&self) -> &str {
        self.wishes.user.as_deref().unwrap_or("openclaw")
    }

    /// Looks up the agent's user.
    pub(super) fn owner(&self) -> Result<Owner, String> {
        Owner::find(self.world.command("getent"), self.user())
    }

    /// Runs a shell script as the agent's user, in its home, and returns its output. It must succeed.
    pub(super) fn agent(&self, script: &str, args: &[&str]) -> Result<String, String> {
        self.agent_within(AGENT, script, args)
    }

    /// Runs such a script with another time limit.
    pub(super) fn agent_within(&self, deadline: Duration, script: &str, args: &[&str]) -> Result<String, String> {
        let words = self.owner()?.become_it();
        let script = format!("umask 077; cd; {script}");
        let command = self.world.command("setsid").args(words).args(["sh", "-euc", &script, "sh"]).args(args);
        let said = command.deadline(deadline).cancel(&self.cancel).run();
        said.map(|said| said.stdout).map_err(|why| why.reason())
    }

    /// True if a shell script of the agent's user succeeds.
    pub(super) fn agent_sees(&self, script: &str, args: &[&str]) -> bool {
        self.agent(script, args).is_ok()
    }

    /// Adds lines to a file below the agent's home, as its user.
    pub(super) fn merge(&self, lines: &str, file: &str) -> Result<(), String> {
        self.agent(MERGE, &[lines, file]).map(drop)
    }

    /// True if a file below the agent's home has these lines.
    pub(super) fn is_merged(&self, lines: &str, file: &str) -> bool {
        lines.is_empty() || self.agent_sees(MERGED, &[lines, file])
    }

    /// Runs a program that must succeed.
    pub(super) fn run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let command = self.world.command(program).args(args).deadline(SYSTEMD).cancel(&self.cancel);
        command.run().map(drop).map_err(|why| why.to_string())
    }

    /// Runs a package installer, without prompts and without service restarts.
    pub(super) fn install(&self, program: &str, args: &[&str]) -> Result<(), CommandError> {
        // A killed dpkg leaves packages half installed.
        let command = self.world.command(program).args(args).deadline(INSTALL).finish_alone();
        command.env("DEBIAN_FRONTEND", "noninteractive").env("NEEDRESTART_SUSPEND", "1").run().map(drop)
    }

    /// Returns a unit's properties; empty if systemd does not answer.
    pub(super) fn unit(&self, name: &str) -> Unit {
        self.world.unit(name).unwrap_or_default()
    }

    /// Runs one check of `doctor`.
    pub(super) fn judge(&self, check: &str) -> Finding {
        look_at(&self.world, check)
    }

    /// True if a check of `doctor` passes.
    pub(super) fn is_well(&self, check: &str) -> bool {
        self.judge(check).level == Level::Ok
    }

    /// True if a system file has this content, this mode and the right owner.
    pub(super) fn has(&self, path: &str, mode: u32, bytes: &[u8]) -> bool {
        let file = self.world.path(path);
        let is_right = fs::symlink_metadata(&file)
            .is_ok_and(|found| found.is_file() && found.mode() & 0o7777 == mode && found.uid() == self.uid());
        is_right && atomic_file::read(&file, LONGEST).is_ok_and(|there| there.as_deref() == Some(bytes))
    }

    /// Writes a system file. Missing folders above it are created world-readable.
    pub(super) fn put(&self, path: &str, mode: u32, bytes: &[u8]) -> Result<(), String> {
        let file = self.world.path(path);
        if let Some(folder) = file.parent().filter(|folder| !folder.is_dir()) {
            create(folder, 0o755)?;
        }
        atomic_file::write(&file, mode, bytes).map_err(|why| why.to_string())
    }

    /// True if there is a folder with this mode that belongs to root.
    pub(super) fn has_folder(&self, path: &str, mode: u32) -> bool {
        fs::symlink_metadata(self.world.path(path))
            .is_ok_and(|found| found.is_dir() && found.mode() & 0o7777 == mode && found.uid() == self.uid())
    }

    /// Creates a folder with this mode.
    pub(super) fn folder(&self, path: &str, mode: u32) -> Result<(), String> {
        create(&self.world.path(path), mode)
    }

    /// Removes a system file, and the drop-in folder that it leaves empty.
    pub(super) fn remove(&self, path: &str) -> Result<(), String> {
        let file = self.world.path(path);
        match fs::remove_file(&file) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(format!("cannot remove {path}: {why}")),
            _ => {}
        }
        // Other folders belong to the system: polkit stops watching a `rules.d` that was removed once.
        if let Some(folder) = file.parent().filter(|folder| folder.to_string_lossy().ends_with(".service.d")) {
            // Fails, as intended, if the folder is not empty.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    /// Reads a file named on the command line, or the configuration.
    pub(super) fn given(&self, file: &Path) -> Result<String, String> {
        if let Ok(owner) = self.owner() {
            refuse(file, &owner)?;
        }
        read(file).map_err(|why| format!("cannot read {}: {why}", file.display()))
    }

    /// Marks the monitor for a restart. Written before its files change, so that a setup that is killed in between
    /// still restarts it on the next run.
    pub(super) fn outdate_monitor(&self) -> Result<(), String> {
        if self.unit(MONITOR).is_up() { self.put(STALE, 0o600, b"") } else { Ok(()) }
    }

    /// True if the monitor must be restarted.
    pub(super) fn is_outdated(&self) -> bool {
        self.world.path(STALE).exists()
    }

    /// Clears the restart marker.
    pub(super) fn is_anew(&self) -> Result<(), String> {
        self.remove(STALE)
    }

    /// Locks out other setups until the file is dropped or this process ends.
    pub(super) fn lock(&self) -> Result<File, String> {
        let failed = |why: &dyn Display| format!("cannot lock {LOCK}: {why}");
        let file = File::create(self.world.path(LOCK)).map_err(|why: io::Error| failed(&why))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                Err("another setup is running on this host; wait until it has finished".into())
            }
            Err(TryLockError::Error(why)) => Err(failed(&why)),
        }
    }

    fn uid(&self) -> u32 {
        fs::metadata("/proc/self").map_or(u32::MAX, |own| own.uid())
    }

    /// Returns an environment variable of this process, if it is not empty.
    pub(super) fn variable(name: &str) -> Option<String> {
        env::var(name).ok().filter(|value| !value.is_empty())
    }
}

fn create(folder: &Path, mode: u32) -> Result<(), String> {
    // The mode is set explicitly because root may have any umask.
    let made = fs::create_dir_all(folder).and_then(|()| fs::set_permissions(folder, Permissions::from_mode(mode)));
    made.map_err(|why| format!("cannot create {}: {why}", folder.display()))
}
