//! Context of the checks: a configuration, a host, and the user who runs them.

use std::cell::RefCell;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::config::paths::Paths;
use crate::config::{Config, ConfigSource};
use crate::doctor::agent_user::{DEFAULT_USER, find_agent_user, new_command};
use crate::doctor::untrusted_file::{GivenFileError, read_given_file, read_text_file, refuse_owned_file};
use crate::failover::RoleKind;
use crate::finding::{CheckOutcome, Finding, remedy};
use crate::os::clock::read_wall_clock;
use crate::os::systemd::{QueryError, UnitProperties};
use crate::os::{ChildCommand, CommandError, Owner, OwnerError, own_uid};
use crate::status::Status;
use crate::text::Time;
use crate::workspace;

/// User who runs the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// root, which sees the host and starts a child for what belongs to the agent.
    Root,
    /// The workspace's owner, which sees what belongs to the agent.
    Owner,
    /// Any other user, such as the monitor's.
    Other,
}

/// Context of the checks.
pub struct HostContext {
    /// The configuration.
    pub config: Config,
    /// Source of the configuration.
    pub source: ConfigSource,
    /// Folders of the monitor's and the syncs' files.
    pub paths: Paths,
    /// User who runs the checks.
    pub identity: Identity,
    /// Owner of the workspace, or the reason why it is unknown.
    pub owner: Result<Owner, OwnerError>,
    /// Text of the primary's `openclaw.json`, if it was given.
    pub primary_config: Option<String>,
    /// True if this process sees the home as a sync unit does.
    pub is_sandboxed: bool,
    /// The wall clock.
    pub now: Time,
    /// Root of the system's files: `/`.
    pub system_root: PathBuf,
    /// Folders to find programs in, in place of `PATH`.
    pub program_path: Option<OsString>,
    /// Cache of the units that this run has asked systemd for.
    unit_cache: RefCell<Vec<(String, Result<UnitProperties, QueryError>)>>,
}

impl HostContext {
    /// Returns this host's context.
    pub fn for_this_host(config: Config, source: ConfigSource, paths: Paths) -> Self {
        let mut context = Self::with_unknown_owner(config, source, paths);
        context.owner = find_agent_user(None);
        context.identity = match (own_uid(), &context.owner) {
            (Ok(0), _) => Identity::Root,
            (Ok(uid), Ok(owner)) if uid == owner.uid => Identity::Owner,
            _ => Identity::Other,
        };
        context
    }

    /// Returns this host's context for a process of the workspace's owner, without asking systemd who that is.
    pub fn for_owner(config: Config, source: ConfigSource, paths: Paths) -> Self {
        let mut context = Self { identity: Identity::Owner, ..Self::with_unknown_owner(config, source, paths) };
        let own = fs::metadata("/proc/self");
        if let (Ok(own), Some(home)) = (own, env::var_os("HOME")) {
            let name = env::var("USER").unwrap_or_else(|_| DEFAULT_USER.to_owned());
            context.owner = Ok(Owner { name, uid: own.uid(), gid: own.gid(), home: home.into() });
        }
        context
    }

    /// Returns the context of a host whose files are below `system_root` and whose programs are in `program_path`.
    pub fn with_root(
        config: Config,
        source: ConfigSource,
        paths: Paths,
        identity: Identity,
        system_root: PathBuf,
        program_path: Option<OsString>,
    ) -> Self {
        let owner = find_agent_user(program_path.as_deref());
        Self { identity, owner, system_root, program_path, ..Self::with_unknown_owner(config, source, paths) }
    }

    fn with_unknown_owner(config: Config, source: ConfigSource, paths: Paths) -> Self {
        Self {
            config,
            source,
            paths,
            identity: Identity::Other,
            owner: Err(OwnerError::Unknown),
            primary_config: None,
            is_sandboxed: false,
            now: read_wall_clock(),
            system_root: PathBuf::from("/"),
            program_path: None,
            unit_cache: RefCell::default(),
        }
    }

    /// Reads the primary's `openclaw.json`; `-` is standard input. It holds the primary's tokens, so it is not passed
    /// to the agent's user; and root reads no file of the agent's.
    ///
    /// # Errors
    /// When the file cannot be read, or belongs to the agent.
    pub fn read_primary_config(&mut self, file: &Path) -> Result<(), GivenFileError> {
        if let (Identity::Root, Ok(owner)) = (self.identity, &self.owner) {
            refuse_owned_file(file, owner)?;
        }
        self.primary_config = Some(read_given_file(file)?);
        Ok(())
    }

    /// Returns a command that runs a program of this host.
    pub(crate) fn new_command(&self, program: &str) -> ChildCommand {
        new_command(program, self.program_path.as_deref())
    }

    /// Runs a program of this host and returns its output.
    pub(crate) fn run_program(&self, program: &str, args: &[&str]) -> Result<String, CommandError> {
        self.new_command(program).args(args).run().map(|output| output.stdout)
    }

    /// Asks systemd for a unit.
    pub(crate) fn query_unit(&self, name: &str) -> Result<UnitProperties, QueryError> {
        UnitProperties::query(self.new_command("systemctl"), name)
    }

    /// Starts a new run of checks: clears the cached units.
    pub(super) fn clear_unit_cache(&self) {
        self.unit_cache.borrow_mut().clear();
    }

    /// Returns a unit from the cache of this run, or asks systemd: many checks need the same few units.
    pub(super) fn cached_unit(&self, name: &str) -> Result<UnitProperties, QueryError> {
        if let Some((_, unit)) = self.unit_cache.borrow().iter().find(|(known, _)| known == name) {
            return unit.clone();
        }
        let unit = self.query_unit(name);
        self.unit_cache.borrow_mut().push((name.to_owned(), unit.clone()));
        unit
    }

    /// Returns the gateway's unit.
    pub(super) fn gateway_unit(&self) -> Result<UnitProperties, QueryError> {
        self.cached_unit(&self.config.gateway.unit)
    }

    /// True if a path is below a home, where an agent may write.
    pub(super) fn is_in_home(&self, path: &Path) -> bool {
        let own = self.owner.as_ref().is_ok_and(|owner| path.starts_with(&owner.home));
        own || ["/home", "/root"].iter().any(|homes| path.starts_with(homes))
    }

    /// True if a missing path may exist outside of this sandbox: a sandbox shows few folders of a home, and the folders
    /// that lead to them belong to systemd, not to the owner.
    pub(super) fn is_hidden(&self, path: &Path) -> bool {
        let Ok(owner) = &self.owner else { return true };
        let nearest = path.ancestors().find_map(|above| above.metadata().ok());
        self.is_in_home(path) && nearest.is_none_or(|nearest| nearest.uid() != owner.uid)
    }

    /// Returns a path of the system.
    pub(crate) fn system_path(&self, path: &str) -> PathBuf {
        self.system_root.join(path.trim_start_matches('/'))
    }

    /// Reads a system file as text; `None` if it cannot be read.
    pub(crate) fn read_system_file(&self, path: &str) -> Option<String> {
        read_text_file(&self.system_path(path)).ok()
    }

    /// Reads the monitor's status; `None` if there is no valid one.
    pub(crate) fn read_status(&self) -> Option<Status> {
        Status::load(&self.paths.status_file()).ok()
    }

    /// True if this host serves now, which excuses some failures of a standby.
    pub(super) fn is_serving(&self) -> bool {
        let role = self.read_status().filter(|status| status.is_fresh(self.now)).map(|status| status.role.kind);
        role.is_some_and(|role| role != RoleKind::Standby)
    }

    /// Returns the folders of the syncs' reports.
    pub(crate) fn sync_paths(&self) -> workspace::SyncPaths {
        workspace::SyncPaths { state_folder: self.paths.sync_dir.clone(), ..workspace::SyncPaths::default() }
    }

    /// Returns the configured port of this host's gateway.
    pub(crate) fn gateway_port(&self) -> u16 {
        remedy::gateway_port(&self.config)
    }

    /// Fills in the remedy of a checked result.
    pub(super) fn to_finding(&self, checked: &CheckOutcome) -> Finding {
        let user = self.owner.as_ref().map_or(DEFAULT_USER, |owner| &owner.name);
        checked.to_finding_below(&self.system_root, &self.config, &self.source, user)
    }
}
