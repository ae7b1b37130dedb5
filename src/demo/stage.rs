//! The demo's stage: a folder with a git remote and two workspaces, and gateways as child processes.

use std::env;
use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::check::{self, Owner};
use crate::config::{self, Config, Workspace};
use crate::doctor::Checked;
use crate::host::systemd::{Active, Load, Unit};
use crate::host::{Cancel, Command};
use crate::monitor::{Backend, Identify, OrderError};
use crate::sync::report::Pushed;
use crate::sync::{self, Queue, Reach, Report, Role};

/// Where the primary's push keeps its report.
pub(super) const PRIMARY_SYNC: &str = "sync-primary";

/// A folder that goes when it is dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn create() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("openclaw-failover-demo-{}", process::id()));
        // A folder that is there already belongs to somebody else.
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(why) = fs::remove_dir_all(&self.0) {
            log::error!("cannot remove {}: {why}", self.0.display());
        }
    }
}

/// A free address on loopback.
pub(super) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A stub gateway: this program again.
pub(super) struct Gateway {
    address: SocketAddr,
    child: Option<Child>,
    starts: u128,
}

impl Gateway {
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
        // Its first byte says that it listens.
        stdout.map_or(Ok(()), |mut stdout| stdout.read_exact(&mut [0; 1]))
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn pid(&mut self) -> Option<u32> {
        let child = self.child.as_mut()?;
        matches!(child.try_wait(), Ok(None)).then(|| child.id())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The standby's own gateway and workspace, without systemd.
pub(super) struct Local {
    gateway: Mutex<Gateway>,
    workspace: Workspace,
    sync: sync::Paths,
}

impl Local {
    pub(super) fn new(config: &Config, address: SocketAddr, sync: sync::Paths) -> Self {
        Self { gateway: Mutex::new(Gateway::new(address)), workspace: config.workspace.clone(), sync }
    }

    fn child(&self) -> MutexGuard<'_, Gateway> {
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identify for Local {
    fn gateway(&self) -> &str {
        "the demo's gateway"
    }

    fn identify(&self, inodes: &[u64]) -> Result<Vec<(u64, Owner)>, String> {
        let held = self.child().pid().map(check::sockets_of).unwrap_or_default();
        let other = || Owner::Other("another process".to_owned());
        let owner = |inode: &u64| if held.contains(inode) { Owner::Unit } else { other() };
        Ok(inodes.iter().map(|inode| (*inode, owner(inode))).collect())
    }
}

impl Backend for Local {
    fn show(&self) -> Result<Unit, String> {
        let mut gateway = self.child();
        let main_pid = gateway.pid();
        Ok(Unit {
            load: Load::Loaded,
            active: if main_pid.is_some() { Active::Active } else { Active::Inactive },
            sub: String::new(),
            result: "success".to_owned(),
            main_pid,
            invocation: (gateway.starts > 0).then(|| format!("{:032x}", gateway.starts)),
            file: String::new(),
            end: None,
            was_skipped: false,
            control_group: None,
        })
    }

    fn start(&self) -> Result<(), OrderError> {
        self.child().start().map_err(|why| OrderError::refused(why.to_string()))
    }

    fn stop(&self) -> Result<(), OrderError> {
        self.child().kill();
        Ok(())
    }

    fn kill(&self) -> Result<(), OrderError> {
        self.stop()
    }

    fn exit(&self, _: &Unit) -> Option<String> {
        None
    }

    fn pull(&self, cut: &Cancel) -> Result<Report, String> {
        Ok(sync::pull(&self.workspace, &[], &self.sync, &|| Reach::Move, cut, &Vec::new))
    }

    fn push(&self, cut: &Cancel) -> Result<Pushed, String> {
        let role = Role::Standby { reach: &|| Reach::Move, queue: &|| Queue::Keep };
        Ok(sync::push(&self.workspace, &self.sync, role, cut))
    }

    fn permitted(&self) -> Result<(), String> {
        Ok(())
    }

    fn examine(&self) -> Vec<Checked> {
        Vec::new()
    }
}

/// Makes a bare remote and two clones of it, the primary's and the standby's.
pub(super) fn make_repositories(folder: &Folder) -> Result<(), String> {
    let (remote, primary, standby) = (folder.join("remote.git"), folder.join("primary"), folder.join("standby"));
    git(&folder.0, &["init", "--quiet", "--bare", "--initial-branch=main", &text(&remote)])?;
    git(&folder.0, &["clone", "--quiet", &text(&remote), &text(&primary)])?;
    write_note(folder, "The primary's first note.")?;
    git(&folder.0, &["clone", "--quiet", &text(&remote), &text(&standby)])
}

/// The primary's agent writes a note and its push timer pushes it.
pub(super) fn write_note(folder: &Folder, note: &str) -> Result<(), String> {
    let primary = folder.join("primary");
    fs::write(primary.join("notes.md"), note).map_err(|why| format!("cannot write a note: {why}"))?;
    git(&primary, &["checkout", "--quiet", "-B", "main"])?;
    git(&primary, &["add", "notes.md"])?;
    git(&primary, &["commit", "--quiet", "--message", "A note"])?;
    git(&primary, &["push", "--quiet", "origin", "main"])
}

/// What the primary's push timer does.
pub(super) fn push_primary(folder: &Folder) -> Result<(), String> {
    let text = format!(r#"{{ "workspace": {{ "path": "{}" }} }}"#, folder.join("primary").display());
    let workspace =
        config::parse_primary(&text, "the demo's configuration").map_err(|problems| problems.to_string())?;
    let paths = sync::Paths { state: folder.join(PRIMARY_SYNC), ..sync::Paths::default() };
    let pushed = sync::push(&workspace, &paths, Role::Primary, &Cancel::new());
    if pushed.is_ok() {
        Ok(())
    } else {
        Err(format!("the primary's push: {}: {}", pushed.outcome.words(), pushed.said))
    }
}

fn git(folder: &Path, args: &[&str]) -> Result<(), String> {
    let who = ["-c", "user.name=demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"];
    let command = Command::new("git").args(who).args(args).dir(folder).env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").run().map(drop).map_err(|why| why.to_string())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
