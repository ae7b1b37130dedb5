//! Environment of the demo: a folder with a git remote and two workspaces, and gateways as child processes.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs};

use crate::config::{self, Config, WorkspaceConfig};
use crate::demo::error::DemoError;
use crate::failover::UnitActionError;
use crate::finding::CheckOutcome;
use crate::gateway_check::{self, GatewayCheckError, SocketOwner};
use crate::monitor::{Backend, FindSocketOwners};
use crate::os::systemd::{Active, Load, SystemdError, Unit};
use crate::os::{Cancel, ChildCommand};
use crate::workspace::report::PushReport;
use crate::workspace::unit::SyncUnitError;
use crate::workspace::{self, CheckoutMode, PullReport, SessionHandling, SyncRole};

/// Folder of the primary's push report.
pub(super) const PRIMARY_SYNC_FOLDER: &str = "sync-primary";

/// Temporary folder, removed on drop.
pub(super) struct TempFolder(PathBuf);

impl TempFolder {
    pub(super) fn create() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("openclaw-failover-demo-{}", process::id()));
        // An existing folder belongs to another process.
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        if let Err(why) = fs::remove_dir_all(&self.0) {
            log::error!("cannot remove {}: {why}", self.0.display());
        }
    }
}

/// Returns a free address on loopback.
pub(super) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Stub gateway: a child process of this program.
pub(super) struct StubGateway {
    address: SocketAddr,
    child: Option<Child>,
    starts: u128,
}

impl StubGateway {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, child: None, starts: 0 }
    }

    pub(super) fn start(&mut self) -> io::Result<()> {
        self.kill();
        let mut command = process::Command::new(env::current_exe()?);
        command.args(["demo", "--stub-gateway", &self.address.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take();
        self.child = Some(child);
        self.starts += 1;
        // Its first byte reports that it listens.
        stdout.map_or(Ok(()), |mut stdout| stdout.read_exact(&mut [0; 1]))
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The process may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn pid(&mut self) -> Option<u32> {
        let child = self.child.as_mut()?;
        matches!(child.try_wait(), Ok(None)).then(|| child.id())
    }
}

impl Drop for StubGateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The standby's gateway and workspace, without systemd.
pub(super) struct LocalBackend {
    gateway: Mutex<StubGateway>,
    workspace: WorkspaceConfig,
    sync: workspace::SyncPaths,
}

impl LocalBackend {
    pub(super) fn new(config: &Config, address: SocketAddr, sync: workspace::SyncPaths) -> Self {
        Self { gateway: Mutex::new(StubGateway::new(address)), workspace: config.workspace.clone(), sync }
    }

    fn lock_gateway(&self) -> MutexGuard<'_, StubGateway> {
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FindSocketOwners for LocalBackend {
    fn gateway_unit(&self) -> &str {
        "the demo's gateway"
    }

    fn find_socket_owners(&self, inodes: &[u64]) -> Result<Vec<(u64, SocketOwner)>, GatewayCheckError> {
        let held = self.lock_gateway().pid().map(gateway_check::sockets_of).unwrap_or_default();
        let other = || SocketOwner::OtherProcess("another process".to_owned());
        let owner = |inode: &u64| if held.contains(inode) { SocketOwner::GatewayUnit } else { other() };
        Ok(inodes.iter().map(|inode| (*inode, owner(inode))).collect())
    }
}

impl Backend for LocalBackend {
    fn show(&self) -> Result<Unit, SystemdError> {
        let mut gateway = self.lock_gateway();
        let main_pid = gateway.pid();
        Ok(Unit {
            load_state: Load::Loaded,
            active_state: if main_pid.is_some() { Active::Active } else { Active::Inactive },
            sub_state: String::new(),
            result: "success".to_owned(),
            main_pid,
            invocation_id: (gateway.starts > 0).then(|| format!("{:032x}", gateway.starts)),
            unit_file_state: String::new(),
            end: None,
            was_skipped: false,
            control_group: None,
        })
    }

    fn start(&self) -> Result<(), UnitActionError> {
        self.lock_gateway().start().map_err(|why| UnitActionError::refused(why.to_string()))
    }

    fn stop(&self) -> Result<(), UnitActionError> {
        self.lock_gateway().kill();
        Ok(())
    }

    fn kill(&self) -> Result<(), UnitActionError> {
        self.stop()
    }

    fn describe_exit(&self, _: &Unit) -> Option<String> {
        None
    }

    fn pull(&self, cut: &Cancel) -> Result<PullReport, SyncUnitError> {
        Ok(workspace::pull(&self.workspace, &[], &self.sync, &|| CheckoutMode::UpdateFiles, cut, &Vec::new))
    }

    fn push(&self, cut: &Cancel) -> Result<PushReport, SyncUnitError> {
        let role = SyncRole::Standby { reach: &|| CheckoutMode::UpdateFiles, queue: &|| SessionHandling::Resume };
        Ok(workspace::push(&self.workspace, &self.sync, role, cut))
    }

    fn check_permission(&self) -> Result<(), SystemdError> {
        Ok(())
    }

    fn run_readiness_checks(&self) -> Vec<CheckOutcome> {
        Vec::new()
    }
}

/// Creates a bare remote and two clones of it, the primary's and the standby's.
pub(super) fn make_repositories(folder: &TempFolder) -> Result<(), DemoError> {
    let (remote, primary, standby) = (folder.join("remote.git"), folder.join("primary"), folder.join("standby"));
    run_git(&folder.0, &["init", "--quiet", "--bare", "--initial-branch=main", &path_text(&remote)])?;
    run_git(&folder.0, &["clone", "--quiet", &path_text(&remote), &path_text(&primary)])?;
    write_note(folder, "The primary's first note.")?;
    run_git(&folder.0, &["clone", "--quiet", &path_text(&remote), &path_text(&standby)])
}

/// Writes a note as the primary's agent and pushes it as its timer does.
pub(super) fn write_note(folder: &TempFolder, note: &str) -> Result<(), DemoError> {
    let primary = folder.join("primary");
    fs::write(primary.join("notes.md"), note).map_err(|why| DemoError::System("write a note", why))?;
    run_git(&primary, &["checkout", "--quiet", "-B", "main"])?;
    run_git(&primary, &["add", "notes.md"])?;
    run_git(&primary, &["commit", "--quiet", "--message", "A note"])?;
    run_git(&primary, &["push", "--quiet", "origin", "main"])
}

/// Pushes the primary's workspace as its timer does.
pub(super) fn push_primary(folder: &TempFolder) -> Result<(), DemoError> {
    let text = format!(r#"{{ "workspace": {{ "path": "{}" }} }}"#, folder.join("primary").display());
    let workspace = config::parse_primary(&text, "the demo's configuration").map_err(DemoError::Config)?;
    let paths =
        workspace::SyncPaths { state_folder: folder.join(PRIMARY_SYNC_FOLDER), ..workspace::SyncPaths::default() };
    let pushed = workspace::push(&workspace, &paths, SyncRole::Primary, &Cancel::new());
    if pushed.is_ok() {
        Ok(())
    } else {
        Err(DemoError::Push(format!("{}: {}", pushed.outcome.description(), pushed.details)))
    }
}

fn run_git(folder: &Path, args: &[&str]) -> Result<(), DemoError> {
    let who = ["-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"];
    let command = ChildCommand::new("git").args(who).args(args).dir(folder).env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").run().map(drop).map_err(DemoError::Git)
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}
