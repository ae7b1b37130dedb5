//! Host of the suite: a container with systemd, a network address and a disk.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use crate::parts::{parts, script_path};
use crate::shell::{CommandResult, run_checked, run_unchecked, secs, wait_until};

/// Port of every gateway of the suite.
pub(crate) const GATEWAY_PORT: u16 = 18789;

/// Host that can be booted, queried and unplugged.
pub(crate) struct Host {
    /// Name, unique on this machine.
    pub(crate) name: String,
    /// Address on the lab's network.
    pub(crate) address: &'static str,
    dir: PathBuf,
    shared: PathBuf,
    container: Mutex<Option<Child>>,
}

/// State of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnitStatus {
    /// Active state: `active`, `inactive`, `activating`, `deactivating`, `failed`.
    pub(crate) active: String,
    /// Main process, 0 if there is none.
    pub(crate) main_pid: u32,
    /// Invocation id, different for every start.
    pub(crate) invocation: String,
}

/// HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatewayReply {
    /// Status code.
    pub(crate) status: u16,
    /// Body.
    pub(crate) body: String,
}

impl GatewayReply {
    /// True if a gateway reports that it is started.
    pub(crate) fn is_started(&self) -> bool {
        self.status == 200 && self.body.contains(r#""status":"started""#)
    }
}

impl Host {
    /// Creates the host's disk as an overlay of the common root file system. The host sees `shared` as `/opt/shared`.
    pub(crate) fn new(lab: &Path, role: &str, address: &'static str, shared: &Path) -> Self {
        Self::on_rootfs(&parts().rootfs, lab, role, address, shared)
    }

    /// Creates the host's disk as an overlay of another root file system.
    pub(crate) fn on_rootfs(rootfs: &Path, lab: &Path, role: &str, address: &'static str, shared: &Path) -> Self {
        let dir = lab.join(role);
        for folder in ["layer", "work", "root"] {
            fs::create_dir_all(dir.join(folder)).expect("a host's folder can be made");
        }
        let lab_name = lab.file_name().expect("a lab has a name").to_string_lossy();
        let host = Self {
            name: format!("{lab_name}-{role}"),
            address,
            dir,
            shared: shared.to_owned(),
            container: Mutex::new(None),
        };
        let layers = format!(
            "lowerdir={},upperdir={},workdir={}",
            rootfs.display(),
            host.dir.join("layer").display(),
            host.dir.join("work").display()
        );
        run_checked(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &layers]).arg(host.disk_path()));
        run_checked(Command::new("ip").args(["netns", "add", &host.name]));
        host.install("/etc/hostname", format!("{role}\n"));
        host
    }

    /// Returns the path of the host's disk, valid while the host is off.
    pub(crate) fn disk_path(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Writes a world-readable file to the host's disk.
    pub(crate) fn install(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.disk_path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
        fs::write(&path, content).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a file's mode can be set");
    }

    /// Runs a shell script on the host's disk while the host is off.
    pub(crate) fn run_while_off(&self, script: &str) {
        let mut command = Command::new("chroot");
        run_checked(with_host_environment(&mut command).arg(self.disk_path()).args(["sh", "-euc", script]));
    }

    /// Boots the host and waits until it is up.
    pub(crate) fn power_on(&self) {
        self.set_link_state("up");
        let console = OpenOptions::new().create(true).append(true).open(self.dir.join("console.log"));
        let console = console.expect("a console can be logged");
        let child = Command::new("sh")
            .arg(script_path("boot.sh"))
            .args([&self.name, &self.disk_path().display().to_string()])
            .args([&parts().openclaw, &self.shared])
            .stdin(Stdio::null())
            .stdout(console.try_clone().expect("a file can be shared"))
            .stderr(console)
            // In another session, so that Ctrl-C does not end it: the lab's helper removes the host.
            .process_group(0)
            .spawn();
        *self.container.lock().unwrap() = Some(child.expect("sh can be run"));
        self.wait_booted();
    }

    /// Reboots the host cleanly.
    pub(crate) fn reboot(&self) {
        self.run("systemctl reboot");
        // nspawn ends at a reboot, so start the host again.
        let down = || self.container.lock().unwrap().as_mut()?.try_wait().expect("a child can be waited for");
        wait_until(&format!("{} is down", self.name), secs(60), down);
        self.power_on();
    }

    fn wait_booted(&self) {
        let booted = || {
            let state = self.run_unchecked("systemctl is-system-running").text;
            ["running", "degraded"].contains(&state.trim()).then_some(())
        };
        wait_until(&format!("{} has booted, see its console.log", self.name), secs(60), booted);
    }

    /// Unplugs the host: all its processes and its network end at once.
    pub(crate) fn power_off(&self) {
        // Stopped first, so that no process records the loss of the network. Killed last, so that no peer is told.
        self.run("kill -STOP -- -1");
        self.set_link_state("down");
        let init = self.init_pid().expect("only a running host can be switched off");
        run_checked(Command::new("kill").args(["-KILL", &init.to_string()]));
        if let Some(mut child) = self.container.lock().unwrap().take() {
            child.wait().expect("a child can be waited for");
        }
    }

    fn set_link_state(&self, state: &str) {
        run_checked(Command::new("ip").args(["-n", &self.name, "link", "set", "eth0", state]));
    }

    /// Returns the process id of the host's init on this machine.
    pub(crate) fn init_pid(&self) -> Option<u32> {
        let container = self.container.lock().unwrap().as_ref()?.id();
        let children = fs::read_to_string(format!("/proc/{container}/task/{container}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    /// Runs a shell script as root on the running host. The script must succeed.
    pub(crate) fn run(&self, script: &str) -> String {
        let answer = self.run_unchecked(script);
        assert!(answer.ok, "{}: {script}: failed:\n{}", self.name, answer.text);
        answer.text
    }

    /// Runs a shell script as root on the running host.
    pub(crate) fn run_unchecked(&self, script: &str) -> CommandResult {
        match self.command(script) {
            Some(mut command) => run_unchecked(&mut command),
            None => CommandResult { ok: false, text: format!("{} is off", self.name) },
        }
    }

    fn command(&self, script: &str) -> Option<Command> {
        let init = self.init_pid()?;
        let mut command = Command::new("nsenter");
        with_host_environment(&mut command).args(["--all", "--target", &init.to_string(), "bash", "-euc", script]);
        Some(command)
    }

    /// Adds a rule for incoming packets to the host's packet filter.
    pub(crate) fn add_filter_rule(&self, rule: &str) {
        self.run(&format!(
            "nft 'add table inet fault; add chain inet fault input {{ type filter hook input priority 0; }}; \
             add rule inet fault input {rule}'"
        ));
    }

    /// Removes the rules of [`Host::add_filter_rule`].
    pub(crate) fn remove_filter_rules(&self) {
        self.run("nft delete table inet fault");
    }

    /// Adds a drop-in to a unit until the host is switched off.
    pub(crate) fn add_to_unit(&self, unit: &str, text: &str) {
        self.run(&format!(
            "mkdir -p /run/systemd/system/{unit}.d; printf %s {} > /run/systemd/system/{unit}.d/added.conf; \
             systemctl daemon-reload",
            shell_quote(text)
        ));
    }

    /// Reads a file of the running host without running anything there. `None` if it does not exist or the host is off.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let path = format!("/proc/{}/root{path}", self.init_pid()?);
        fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Replaces the content of a file of the running host.
    pub(crate) fn write(&self, path: &str, content: &str) {
        self.run(&format!("printf %s {} > {path}", shell_quote(content)));
    }

    /// Returns the process id on this machine for a process of the host.
    pub(crate) fn outer_pid(&self, process: u32) -> u32 {
        let own = fs::metadata(format!("/proc/{}/ns/pid", self.init_pid().expect("the host is running")));
        let space = own.expect("a process has a namespace").ino();
        let numbers = |status: String| {
            let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.to_owned();
            let mut numbers = line.split_whitespace().map(str::to_owned);
            Some((numbers.next()?, numbers.next_back()?))
        };
        let here = fs::read_dir("/proc").expect("processes can be listed").flatten().find_map(|entry| {
            let same = fs::metadata(entry.path().join("ns/pid")).is_ok_and(|found| found.ino() == space);
            let (outer, inner) = numbers(fs::read_to_string(entry.path().join("status")).ok()?)?;
            (same && inner == process.to_string()).then(|| outer.parse().ok())?
        });
        here.unwrap_or_else(|| panic!("{} has no process {process}", self.name))
    }

    /// Reads the state of a unit.
    pub(crate) fn unit(&self, name: &str) -> UnitStatus {
        let text = self.run(&format!("systemctl show {name} --property=ActiveState,MainPID,InvocationID"));
        let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
        UnitStatus {
            active: field("ActiveState="),
            main_pid: field("MainPID=").parse().unwrap_or(0),
            invocation: field("InvocationID="),
        }
    }

    /// Sends one GET request from this host.
    pub(crate) fn http_get(&self, address: &str, path: &str) -> Option<GatewayReply> {
        let script = format!(
            "exec 3<>/dev/tcp/{address}/{GATEWAY_PORT}; \
             printf 'GET {path} HTTP/1.1\\r\\nHost: {address}\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3"
        );
        let text = self.run_unchecked(&format!("timeout 2 bash -euc {}", shell_quote(&script))).text;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        Some(GatewayReply { status, body: body.to_owned() })
    }

    /// True if the gateway at `address` reports to this host that it is started.
    pub(crate) fn sees_started(&self, address: &str) -> bool {
        self.http_get(address, "/startupz").is_some_and(|reply| reply.is_started())
    }

    /// Returns the last log lines of a unit.
    pub(crate) fn journal(&self, unit: &str, lines: usize) -> String {
        self.run_unchecked(&format!("journalctl --no-pager --output=short-unix --lines={lines} --unit={unit}")).text
    }
}

/// Gives a command the environment of a host instead of that of the developer's machine.
fn with_host_environment(command: &mut Command) -> &mut Command {
    command.env_clear().envs([
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LANG", "C.UTF-8"),
    ])
}

/// Quotes a word for a shell script.
pub(crate) fn shell_quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
