//! The host that is set up: what was asked for, and the few ways in which things are done there.

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

/// How long a command of the agent's user may take.
const AGENT: Duration = Duration::from_secs(60);

/// How long systemd may take; a gateway drains for more than five minutes.
pub(super) const SYSTEMD: Duration = Duration::from_secs(400);

/// How long something may take that is downloaded.
pub(super) const INSTALL: Duration = Duration::from_secs(60 * 60);

/// Where root's programs are.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The longest file that is compared, in bytes.
const LONGEST: usize = 256 * 1024 * 1024;

/// Says that the running monitor is older than something that it works with. A reboot starts it anew anyway, and empties
/// this folder.
const STALE: &str = "/run/openclaw-failover-setup.stale";

/// Held while a host is changed.
const LOCK: &str = "/run/openclaw-failover-setup.lock";

/// Adds the lines of `$1` that it does not have to the file `$2`. A full disk must not cost those that are there: `grep`
/// ends with 1 where nothing is to be added, and with more where it has failed.
const MERGE: &str = "mkdir -p \"${2%/*}\"; touch \"$2\"\n\
    { sed '$a\\' \"$2\"; printf '%s\\n' \"$1\" | grep -vxFf \"$2\" || [ $? = 1 ]; } >\"$2.new\"; mv \"$2.new\" \"$2\"";

/// Whether the file `$2` has all the lines of `$1`.
const MERGED: &str = "[ -f \"$2\" ] && ! printf '%s\\n' \"$1\" | grep -qvxFf \"$2\"";

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The configuration that is to be this host's.
    pub config: Option<PathBuf>,
    /// Host keys, in ssh's own format.
    pub known_hosts: Option<PathBuf>,
    /// The agent's user may become root.
    pub sudo: bool,
    /// Tailscale is to be installed, by its own script.
    pub install_tailscale: bool,
    /// OpenClaw is to be installed, by its own script.
    pub install_openclaw: bool,
    /// The standby's own channel.
    pub channel: Option<String>,
    /// Who may write there.
    pub allow: Vec<String>,
    /// The model.
    pub model: Option<String>,
    /// The file that holds the channel's token.
    pub token_file: Option<PathBuf>,
    /// The agent's user on a primary.
    pub user: Option<String>,
    /// The standby's public key, for a primary.
    pub standby_key: Option<String>,
}

/// A host, and what is to become of it.
pub struct Site {
    /// The host.
    pub world: World,
    /// What was asked for.
    pub wishes: Wishes,
    /// Whether somebody at a terminal answers for what was not said.
    pub can_ask: bool,
    /// The channel's token, where it was typed.
    pub token: Option<String>,
    /// The keys of other hosts that somebody has vouched for.
    pub host_keys: Option<String>,
    /// Ends what is being done.
    pub cancel: Cancel,
    /// This program's own file.
    pub program: PathBuf,
}

impl Site {
    /// This host.
    #[must_use]
    pub fn here(mut world: World, wishes: Wishes, can_ask: bool) -> Self {
        // Whoever became root by `su` has a PATH without these, and a PATH may lead below the agent's home.
        world.programs.get_or_insert_with(|| PATH.into());
        let program = PathBuf::from("/proc/self/exe");
        Self { world, wishes, can_ask, token: None, host_keys: None, cancel: Cancel::new(), program }
    }

    /// Whether this can be set up at all.
    ///
    /// # Errors
    /// Says what it is not: root, Debian, systemd.
    pub fn require(&self) -> Result<(), String> {
        if self.uid() != 0 && self.world.root == Path::new("/") {
            return Err("only root can change this host; run it with sudo".into());
        }
        if self.world.ask("apt-get", &["--version"]).is_err() {
            return Err("this is no Debian or Ubuntu: there is no apt-get; see the README for other systems".into());
        }
        if !self.world.path("/run/systemd/system").is_dir() {
            return Err("systemd does not run here".into());
        }
        Ok(())
    }

    /// The name of the agent's user.
    pub(super) fn user(&self) -> &str {
        self.wishes.user.as_deref().unwrap_or("openclaw")
    }

    /// The agent's user.
    pub(super) fn owner(&self) -> Result<Owner, String> {
        Owner::find(self.world.command("getent"), self.user())
    }

    /// What a shell script says when the agent's user runs it, in its home. It must succeed.
    pub(super) fn agent(&self, script: &str, args: &[&str]) -> Result<String, String> {
        self.agent_within(AGENT, script, args)
    }

    /// The same, with another deadline.
    pub(super) fn agent_within(&self, deadline: Duration, script: &str, args: &[&str]) -> Result<String, String> {
        let words = self.owner()?.become_it();
        let script = format!("umask 077; cd; {script}");
        let command = self.world.command("setsid").args(words).args(["sh", "-euc", &script, "sh"]).args(args);
        let said = command.deadline(deadline).cancel(&self.cancel).run();
        said.map(|said| said.stdout).map_err(|why| why.reason())
    }

    /// Whether a shell script of the agent's user succeeds.
    pub(super) fn agent_sees(&self, script: &str, args: &[&str]) -> bool {
        self.agent(script, args).is_ok()
    }

    /// Adds lines to a file below the agent's home, as its user.
    pub(super) fn merge(&self, lines: &str, file: &str) -> Result<(), String> {
        self.agent(MERGE, &[lines, file]).map(drop)
    }

    /// Whether that file has these lines.
    pub(super) fn is_merged(&self, lines: &str, file: &str) -> bool {
        lines.is_empty() || self.agent_sees(MERGED, &[lines, file])
    }

    /// Runs a program that must succeed.
    pub(super) fn run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let command = self.world.command(program).args(args).deadline(SYSTEMD).cancel(&self.cancel);
        command.run().map(drop).map_err(|why| why.to_string())
    }

    /// Runs what installs packages: it asks nothing, and restarts nothing of its own accord.
    pub(super) fn install(&self, program: &str, args: &[&str]) -> Result<(), CommandError> {
        // A dpkg that is cut off leaves packages half installed.
        let command = self.world.command(program).args(args).deadline(INSTALL).finish_alone();
        command.env("DEBIAN_FRONTEND", "noninteractive").env("NEEDRESTART_SUSPEND", "1").run().map(drop)
    }

    /// A unit, as systemd knows it.
    pub(super) fn unit(&self, name: &str) -> Unit {
        self.world.unit(name).unwrap_or_default()
    }

    /// What a check of `doctor` has found.
    pub(super) fn judge(&self, check: &str) -> Finding {
        look_at(&self.world, check)
    }

    /// Whether a check of `doctor` finds nothing wrong.
    pub(super) fn is_well(&self, check: &str) -> bool {
        self.judge(check).level == Level::Ok
    }

    /// Whether a file of the system's is as it should be: content, mode and owner.
    pub(super) fn has(&self, path: &str, mode: u32, bytes: &[u8]) -> bool {
        let file = self.world.path(path);
        let is_right = fs::symlink_metadata(&file)
            .is_ok_and(|found| found.is_file() && found.mode() & 0o7777 == mode && found.uid() == self.uid());
        is_right && atomic_file::read(&file, LONGEST).is_ok_and(|there| there.as_deref() == Some(bytes))
    }

    /// Makes it so; the folders above it are everybody's to read.
    pub(super) fn put(&self, path: &str, mode: u32, bytes: &[u8]) -> Result<(), String> {
        let file = self.world.path(path);
        if let Some(folder) = file.parent().filter(|folder| !folder.is_dir()) {
            create(folder, 0o755)?;
        }
        atomic_file::write(&file, mode, bytes).map_err(|why| why.to_string())
    }

    /// Whether there is a folder with these rights, which is root's.
    pub(super) fn has_folder(&self, path: &str, mode: u32) -> bool {
        fs::symlink_metadata(self.world.path(path))
            .is_ok_and(|found| found.is_dir() && found.mode() & 0o7777 == mode && found.uid() == self.uid())
    }

    /// Makes a folder with these rights, which is root's.
    pub(super) fn folder(&self, path: &str, mode: u32) -> Result<(), String> {
        create(&self.world.path(path), mode)
    }

    /// Removes a file of the system's, and the folder that only it was in if that is a unit's.
    pub(super) fn remove(&self, path: &str) -> Result<(), String> {
        let file = self.world.path(path);
        match fs::remove_file(&file) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(format!("cannot remove {path}: {why}")),
            _ => {}
        }
        // Others of that kind are the system's: polkit never looks again into a `rules.d` that was gone once.
        if let Some(folder) = file.parent().filter(|folder| folder.to_string_lossy().ends_with(".service.d")) {
            // It stays if it holds anything else.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    /// A file that was named on the command line, or the configuration.
    pub(super) fn given(&self, file: &Path) -> Result<String, String> {
        if let Ok(owner) = self.owner() {
            refuse(file, &owner)?;
        }
        read(file).map_err(|why| format!("cannot read {}: {why}", file.display()))
    }

    /// Remembers that the monitor has to be started anew. Said before what it works with is changed, so that a setup that
    /// is killed in between knows it the next time.
    pub(super) fn outdate_monitor(&self) -> Result<(), String> {
        if self.unit(MONITOR).is_up() { self.put(STALE, 0o600, b"") } else { Ok(()) }
    }

    /// Whether it has to be.
    pub(super) fn is_outdated(&self) -> bool {
        self.world.path(STALE).exists()
    }

    /// Forgets that.
    pub(super) fn is_anew(&self) -> Result<(), String> {
        self.remove(STALE)
    }

    /// Keeps other setups out until it is dropped, or this process is no more.
    pub(super) fn lock(&self) -> Result<File, String> {
        let failed = |why: &dyn Display| format!("cannot lock {LOCK}: {why}");
        let file = File::create(self.world.path(LOCK)).map_err(|why: io::Error| failed(&why))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err("another setup is at work on this host; wait for its end".into()),
            Err(TryLockError::Error(why)) => Err(failed(&why)),
        }
    }

    fn uid(&self) -> u32 {
        fs::metadata("/proc/self").map_or(u32::MAX, |own| own.uid())
    }

    /// A variable of this process.
    pub(super) fn variable(name: &str) -> Option<String> {
        env::var(name).ok().filter(|value| !value.is_empty())
    }
}

fn create(folder: &Path, mode: u32) -> Result<(), String> {
    // Said outright, because root may have any umask.
    let made = fs::create_dir_all(folder).and_then(|()| fs::set_permissions(folder, Permissions::from_mode(mode)));
    made.map_err(|why| format!("cannot create {}: {why}", folder.display()))
}
