//! What the checks look at: a configuration, a host, and who is looking.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::systemd::Unit;
use crate::config::endpoint::Endpoint;
use crate::config::{Config, Source};
use crate::failover::Time;
use crate::host::{Command, CommandError, Owner};
use crate::report::clock::wall_clock;
use crate::report::durable;
use crate::report::paths::Paths;
use crate::report::status::Status;
use crate::sync;
use crate::sync::unit::PULL;

/// How long a program of this host may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The longest file that is read, in bytes.
const FILE: u64 = 1024 * 1024;

/// The longest `status.json`, in bytes.
const STATUS: usize = 256 * 1024;

/// Whose work the workspace is where no unit says so.
const DEFAULT_USER: &str = "openclaw";

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
    /// The wall clock.
    pub now: Time,
    /// Below which the system's files lie: `/`.
    pub root: PathBuf,
    /// Where programs are looked for, instead of in `PATH`.
    pub programs: Option<OsString>,
}

impl World {
    /// This host as it is.
    #[must_use]
    pub fn here(config: Config, source: Source, paths: Paths) -> Self {
        let mut world = Self::of(config, source, paths, Identity::Other, PathBuf::from("/"), None);
        let own = fs::metadata("/proc/self").map(|own| own.uid());
        world.identity = match (own, &world.owner) {
            (Ok(0), _) => Identity::Root,
            (Ok(uid), Ok(owner)) if uid == owner.uid => Identity::Owner,
            _ => Identity::Other,
        };
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
        let owner = Err(String::new());
        let mut world =
            Self { config, source, paths, identity, owner, primary: None, now: wall_clock(), root, programs };
        world.owner = world.find_owner();
        world
    }

    /// Reads the primary's `openclaw.json`, of which `-` means standard input. It holds the primary's tokens, so it is
    /// not handed to the agent's user; and root reads nothing that is the agent's.
    ///
    /// # Errors
    /// When it cannot be read, or is the agent's.
    pub fn read_primary(&mut self, file: &Path) -> Result<(), String> {
        let failed = |why: &str| format!("cannot read {}: {why}", file.display());
        let path = if file == Path::new("-") { Path::new("/dev/stdin") } else { file };
        if let (Identity::Root, Ok(owner)) = (self.identity, &self.owner)
            && is_of(file, owner)
        {
            return Err(failed(&format!("it is {}'s; root reads a copy of its own, below /root", owner.name)));
        }
        self.primary = Some(text(path).map_err(|why| failed(&why))?);
        Ok(())
    }

    /// The user under whom a unit runs the sync, as systemd says: what lies below the home cannot be asked, for there an
    /// agent decides whose it is.
    fn find_owner(&self) -> Result<Owner, String> {
        let user = self.unit(PULL).ok().map(|unit| unit.value("User").to_owned());
        let user = user.filter(|user| !user.is_empty()).unwrap_or_else(|| DEFAULT_USER.to_owned());
        Owner::find(self.command("getent"), &user)
    }

    /// A program of this host.
    pub(crate) fn command(&self, program: &str) -> Command {
        let command = Command::new(program).dir("/").deadline(ANSWER);
        match &self.programs {
            Some(path) => command.env("PATH", path),
            None => command,
        }
    }

    /// What a program of this host says.
    pub(crate) fn ask(&self, program: &str, args: &[&str]) -> Result<String, CommandError> {
        self.command(program).args(args).run().map(|output| output.stdout)
    }

    /// A unit as systemd knows it.
    pub(crate) fn unit(&self, name: &str) -> Result<Unit, String> {
        Unit::ask(self.command("systemctl"), name)
    }

    /// The gateway's unit.
    pub(super) fn gateway(&self) -> Result<Unit, String> {
        self.unit(&self.config.gateway.unit)
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
        let bytes = durable::read(&self.paths.status(), STATUS).ok().flatten()?;
        Status::from_json(&bytes).ok()
    }

    /// Whether this host serves now, so that what a standby must not do may be right.
    pub(super) fn serves(&self) -> bool {
        let role = self.status().filter(|status| status.is_fresh(self.now)).map(|status| status.role.name);
        role.is_some_and(|role| role != "standby")
    }

    /// Where the syncs keep their reports.
    pub(crate) fn sync_paths(&self) -> sync::Paths {
        sync::Paths { state: self.paths.sync_dir.clone(), ..sync::Paths::default() }
    }

    /// The port at which this host's gateway should answer.
    pub(crate) fn port(&self) -> u16 {
        Endpoint::from_url(&self.config.gateway.url).map_or(0, |endpoint| endpoint.address().port)
    }

    /// A fix with its names filled in.
    pub(super) fn fill(&self, fix: &str) -> String {
        let config = match &self.source {
            Source::File(path) => path.display().to_string(),
            Source::Environment(_) => "/etc/openclaw-failover/environment".to_owned(),
        };
        let workspace = &self.config.workspace;
        let names = [
            ("{unit}", self.config.gateway.unit.clone()),
            ("{user}", self.owner.as_ref().map_or(DEFAULT_USER, |owner| &owner.name).to_owned()),
            ("{port}", self.port().to_string()),
            ("{config}", config),
            ("{workspace}", workspace.path.display().to_string()),
            ("{remote}", workspace.remote.clone()),
            ("{branch}", workspace.branch.clone()),
        ];
        names.iter().fold(fix.to_owned(), |filled, (name, value)| filled.replace(name, value))
    }
}

/// Whether a file is its, or lies below its home, where it may be anything the next moment.
pub(crate) fn is_of(file: &Path, owner: &Owner) -> bool {
    let real = file.canonicalize().unwrap_or_default();
    let is_below = file.starts_with(&owner.home) || real.starts_with(&owner.home);
    is_below || real.metadata().is_ok_and(|found| found.uid() == owner.uid)
}

/// A regular file as text, if it is not too long.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    // Opening a pipe would wait for its other end.
    let found = fs::metadata(path).map_err(|why| why.to_string())?;
    if !found.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    text(path)
}

fn text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(FILE + 1).read_to_string(&mut text)) {
        Ok(length) if length as u64 > FILE => Err(format!("it is longer than {FILE} bytes")),
        Ok(_) => Ok(text),
        Err(why) => Err(why.to_string()),
    }
}
