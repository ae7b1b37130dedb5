//! What the checks look at: a configuration, a host, and who is looking.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use crate::config::paths::Paths;
use crate::config::{Config, Source};
use crate::doctor::systemd::Unit;
use crate::doctor::untrusted_file::{read, read_given, refuse};
use crate::finding::{Checked, Finding, remedy};
use crate::os::clock::wall_clock;
use crate::os::{Command, CommandError, Owner, atomic_file};
use crate::status::Status;
use crate::text::Time;
use crate::workspace;
use crate::workspace::unit::PULL;

/// How long a program of this host may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The longest `status.json`, in bytes.
const STATUS: usize = 256 * 1024;

/// Whose work the workspace is where no unit says so.
pub const DEFAULT_USER: &str = "openclaw";

/// Who is looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// root, who sees the host, and sends the owner to look at what is the agent's.
    Root,
    /// The workspace's owner, who sees what is the agent's.
    Owner,
    /// Anybody else, such as the monitor.
    Other,
}

/// What the checks look at.
pub struct World {
    /// The configuration.
    pub config: Config,
    /// Where it came from.
    pub source: Source,
    /// Where the monitor and the syncs keep their files.
    pub paths: Paths,
    /// Who is looking.
    pub identity: Identity,
    /// To whom the workspace belongs; or why that is not known.
    pub owner: Result<Owner, String>,
    /// The text of the primary's `openclaw.json`, where it was given.
    pub primary: Option<String>,
    /// True if this process sees of the home what a sync unit sees.
    pub is_sandboxed: bool,
    /// The wall clock.
    pub now: Time,
    /// Below which the system's files lie: `/`.
    pub root: PathBuf,
    /// Where programs are looked for, instead of in `PATH`.
    pub programs: Option<OsString>,
    /// What systemd has said of units since the last look began.
    units: RefCell<Vec<(String, Result<Unit, String>)>>,
}

impl World {
    /// This host as it is.
    #[must_use]
    pub fn here(config: Config, source: Source, paths: Paths) -> Self {
        let mut world = Self::of(config, source, paths, Identity::Other, PathBuf::from("/"), None);
        world.identity = match (own_user(), &world.owner) {
            (Some(0), _) => Identity::Root,
            (Some(uid), Ok(owner)) if uid == owner.uid => Identity::Owner,
            _ => Identity::Other,
        };
        world
    }

    /// This host as the workspace's owner sees it, who is this process: nobody is asked who that is.
    #[must_use]
    pub fn own(config: Config, source: Source, paths: Paths) -> Self {
        let mut world = Self::blank(config, source, paths, Identity::Owner, PathBuf::from("/"), None);
        let own = fs::metadata("/proc/self");
        if let (Ok(own), Some(home)) = (own, env::var_os("HOME")) {
            let name = env::var("USER").unwrap_or_else(|_| DEFAULT_USER.to_owned());
            world.owner = Ok(Owner { name, uid: own.uid(), gid: own.gid(), home: home.into() });
        }
        world
    }

    /// A host whose files lie below `root` and whose programs are found in `programs`.
    #[must_use]
    pub fn of(
        config: Config,
        source: Source,
        paths: Paths,
        identity: Identity,
        root: PathBuf,
        programs: Option<OsString>,
    ) -> Self {
        let mut world = Self::blank(config, source, paths, identity, root, programs);
        world.owner = find_owner(world.programs.as_deref());
        world
    }

    fn blank(
        config: Config,
        source: Source,
        paths: Paths,
        identity: Identity,
        root: PathBuf,
        programs: Option<OsString>,
    ) -> Self {
        Self {
            config,
            source,
            paths,
            identity,
            owner: Err("nobody knows whose the workspace is".to_owned()),
            primary: None,
            is_sandboxed: false,
            now: wall_clock(),
            root,
            programs,
            units: RefCell::default(),
        }
    }

    /// Reads the primary's `openclaw.json`, of which `-` means standard input. It holds the primary's tokens, so it is
    /// not handed to the agent's user; and root reads nothing that is the agent's.
    ///
    /// # Errors
    /// When it cannot be read, or is the agent's.
    pub fn read_primary(&mut self, file: &Path) -> Result<(), String> {
        let failed = |why: &str| format!("cannot read {}: {why}", file.display());
        if let (Identity::Root, Ok(owner)) = (self.identity, &self.owner) {
            refuse(file, owner)?;
        }
        self.primary = Some(read_given(file).map_err(|why| failed(&why))?);
        Ok(())
    }

    /// A program of this host.
    pub(crate) fn command(&self, program: &str) -> Command {
        command(program, self.programs.as_deref())
    }

    /// What a program of this host says.
    pub(crate) fn ask(&self, program: &str, args: &[&str]) -> Result<String, CommandError> {
        self.command(program).args(args).run().map(|output| output.stdout)
    }

    /// A unit as systemd knows it.
    pub(crate) fn unit(&self, name: &str) -> Result<Unit, String> {
        Unit::ask(self.command("systemctl"), name)
    }

    /// Lets a look begin: what was seen in the one before is forgotten.
    pub(super) fn begin(&self) {
        self.units.borrow_mut().clear();
    }

    /// A unit as systemd knew it when this look came by it first: many checks need the same few.
    pub(super) fn known(&self, name: &str) -> Result<Unit, String> {
        if let Some((_, unit)) = self.units.borrow().iter().find(|(known, _)| known == name) {
            return unit.clone();
        }
        let unit = self.unit(name);
        self.units.borrow_mut().push((name.to_owned(), unit.clone()));
        unit
    }

    /// The gateway's unit.
    pub(super) fn gateway(&self) -> Result<Unit, String> {
        self.known(&self.config.gateway.unit)
    }

    /// Whether a path lies below a home, where an agent may do as it likes.
    pub(super) fn is_in_home(&self, path: &Path) -> bool {
        let own = self.owner.as_ref().is_ok_and(|owner| path.starts_with(&owner.home));
        own || ["/home", "/root"].iter().any(|homes| path.starts_with(homes))
    }

    /// Whether a path that is not there may be there all the same: in a sandbox what leads to the few folders of a home
    /// that are shown is systemd's, and says nothing of what else is in the real one.
    pub(super) fn is_hidden(&self, path: &Path) -> bool {
        let Ok(owner) = &self.owner else { return true };
        let nearest = path.ancestors().find_map(|above| above.metadata().ok());
        self.is_in_home(path) && nearest.is_none_or(|nearest| nearest.uid() != owner.uid)
    }

    /// A path of the system.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A file of the system's, as text; `None` if it cannot be read.
    pub(crate) fn file(&self, path: &str) -> Option<String> {
        read(&self.path(path)).ok()
    }

    /// What the monitor says; `None` where it has said nothing that makes sense.
    pub(crate) fn status(&self) -> Option<Status> {
        let bytes = atomic_file::read(&self.paths.status(), STATUS).ok().flatten()?;
        Status::from_json(&bytes).ok()
    }

    /// Whether this host serves now, so that what a standby must not do may be right.
    pub(super) fn serves(&self) -> bool {
        let role = self.status().filter(|status| status.is_fresh(self.now)).map(|status| status.role.name);
        role.is_some_and(|role| role != "standby")
    }

    /// Where the syncs keep their reports.
    pub(crate) fn sync_paths(&self) -> workspace::Paths {
        workspace::Paths { state: self.paths.sync_dir.clone(), ..workspace::Paths::default() }
    }

    /// The port at which this host's gateway should answer.
    pub(crate) fn port(&self) -> u16 {
        remedy::port(&self.config)
    }

    /// What is shown of a check.
    pub(super) fn show(&self, checked: &Checked) -> Finding {
        let user = self.owner.as_ref().map_or(DEFAULT_USER, |owner| &owner.name);
        checked.finding_below(&self.root, &self.config, &self.source, user)
    }
}

/// The user under whom a unit runs the sync, as systemd says: what lies below the home cannot be asked, for there an
/// agent decides whose it is.
pub(super) fn find_owner(programs: Option<&OsStr>) -> Result<Owner, String> {
    let unit = Unit::ask(command("systemctl", programs), PULL).ok();
    let user = unit.as_ref().map(|unit| unit.value("User")).filter(|user| !user.is_empty()).unwrap_or(DEFAULT_USER);
    Owner::find(command("getent", programs), user)
}

/// A program, found in these folders or where everybody finds it.
pub(super) fn command(program: &str, programs: Option<&OsStr>) -> Command {
    let command = Command::new(program).dir("/").deadline(ANSWER);
    match programs {
        Some(path) => command.env("PATH", path),
        None => command,
    }
}

pub(super) fn own_user() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|own| own.uid())
}
