//! Host of the suite: a container with systemd, a network address and a disk.

use std::fs::{
    OpenOptions, Permissions, {self},
};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use crate::parts::{parts, script};
use crate::shell::{Answer, ask, eventually, must, secs};

/// Port of every gateway of the suite.
pub(crate) const PORT: u16 = 18789;

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
pub(crate) struct Unit {
    /// Active state: `active`, `inactive`, `activating`, `deactivating`, `failed`.
    pub(crate) active: String,
    /// Main process, 0 if there is none.
    pub(crate) main_pid: u32,
    /// Invocation id, different for every start.
    pub(crate) invocation: String,
}

/// HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Status code.
    pub(crate) status: u16,
    /// Body.
    pub(crate) body: String,
}

impl Reply {
    /// True if a gateway reports that it is started.
    pub(crate) fn started(&self) -> bool {
        self.status == 200 && self.body.contains(r#""status":"started""#)
    }
}

impl Host {
    /// Creates the host's disk as an overlay of the common root file system. The host sees `shared` as `/opt/shared`.
    pub(crate) fn new(lab: &Path, role: &str, address: &'static str, shared: &Path) -> Self {
        Self::on(&parts().rootfs, lab, role, address, shared)
    }

    /// Creates the host's disk as an overlay of another root file system.
    pub(crate) fn on(rootfs: &Path, lab: &Path, role: &str, address: &'static str, shared: &Path) -> Self {
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
        must(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &layers]).arg(host.root()));
        must(Command::new("ip").args(["netns", "add", &host.name]));
        host.install("/etc/hostname", format!("{role}\n"));
        host
    }

    /// Returns the path of the host's disk, valid while the host is off.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Writes a world-readable file to the host's disk.
    pub(crate) fn install(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
        fs::write(&path, content).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a file's mode can be set");
    }

    /// Runs a shell script on the host's disk while the host is off.
    pub(crate) fn prepare(&self, script: &str) {
        let mut command = Command::new("chroot");
        must(clean(&mut command).arg(self.root()).args(["sh", "-euc", script]));
    }

    /// Boots the host and waits until it is up.
    pub(crate) fn power_on(&self) {
        self.wire("up");
        let console = OpenOptions::new().create(true).append(true).open(self.dir.join("console.log"));
        let console = console.expect("a console can be logged");
        let child = Command::new("sh")
            .arg(script("boot.sh"))
            .args([&self.name, &self.root().display().to_string()])
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
        eventually(&format!("{} is down", self.name), secs(60), down);
        self.power_on();
    }

    fn wait_booted(&self) {
        let booted = || {
            let state = self.ask("systemctl is-system-running").text;
            ["running", "degraded"].contains(&state.trim()).then_some(())
        };
        eventually(&format!("{} has booted, see its console.log", self.name), secs(60), booted);
    }

    /// Unplugs the host: all its processes and its network end at once.
    pub(crate) fn power_off(&self) {
        self.wire("down");
        let init = self.init().expect("only a running host can be switched off");
        must(Command::new("kill").args(["-KILL", &init.to_string()]));
        if let Some(mut child) = self.container.lock().unwrap().take() {
            child.wait().expect("a child can be waited for");
        }
    }

    fn wire(&self, state: &str) {
        must(Command::new("ip").args(["-n", &self.name, "link", "set", "eth0", state]));
    }

    /// Returns the process id of the host's init on this machine.
    pub(crate) fn init(&self) -> Option<u32> {
        let container = self.container.lock().unwrap().as_ref()?.id();
        let children = fs::read_to_string(format!("/proc/{container}/task/{container}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    /// Runs a shell script as root on the running host. The script must succeed.
    pub(crate) fn run(&self, script: &str) -> String {
        let answer = self.ask(script);
        assert!(answer.ok, "{}: {script}: failed:\n{}", self.name, answer.text);
        answer.text
    }

    /// Runs a shell script as root on the running host.
    pub(crate) fn ask(&self, script: &str) -> Answer {
        match self.command(script) {
            Some(mut command) => ask(&mut command),
            None => Answer { ok: false, text: format!("{} is off", self.name) },
        }
    }

    fn command(&self, script: &str) -> Option<Command> {
        let init = self.init()?;
        let mut command = Command::new("nsenter");
        clean(&mut command).args(["--all", "--target", &init.to_string(), "bash", "-euc", script]);
        Some(command)
    }

    /// Adds a rule for incoming packets to the host's packet filter.
    pub(crate) fn filter(&self, rule: &str) {
        self.run(&format!(
            "nft 'add table inet fault; add chain inet fault input {{ type filter hook input priority 0; }}; \
             add rule inet fault input {rule}'"
        ));
    }

    /// Removes the rules of [`Host::filter`].
    pub(crate) fn unfilter(&self) {
        self.run("nft delete table inet fault");
    }

    /// Adds a drop-in to a unit until the host is switched off.
    pub(crate) fn add_to_unit(&self, unit: &str, text: &str) {
        self.run(&format!(
            "mkdir -p /run/systemd/system/{unit}.d; printf %s {} > /run/systemd/system/{unit}.d/added.conf; \
             systemctl daemon-reload",
            quoted(text)
        ));
    }

    /// Reads a file of the running host without running anything there. `None` if it does not exist or the host is off.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let path = format!("/proc/{}/root{path}", self.init()?);
        fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Replaces the content of a file of the running host.
    pub(crate) fn write(&self, path: &str, content: &str) {
        self.run(&format!("printf %s {} > {path}", quoted(content)));
    }

    /// Returns the process id on this machine for a process of the host.
    pub(crate) fn outside(&self, process: u32) -> u32 {
        let own = fs::metadata(format!("/proc/{}/ns/pid", self.init().expect("the host is running")));
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
    pub(crate) fn unit(&self, name: &str) -> Unit {
        let text = self.run(&format!("systemctl show {name} --property=ActiveState,MainPID,InvocationID"));
        let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
        Unit {
            active: field("ActiveState="),
            main_pid: field("MainPID=").parse().unwrap_or(0),
            invocation: field("InvocationID="),
        }
    }

    /// Sends one GET request from this host.
    pub(crate) fn get(&self, address: &str, path: &str) -> Option<Reply> {
        let script = format!(
            "exec 3<>/dev/tcp/{address}/{PORT}; \
             printf 'GET {path} HTTP/1.1\\r\\nHost: {address}\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3"
        );
        let text = self.ask(&format!("timeout 2 bash -euc {}", quoted(&script))).text;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        Some(Reply { status, body: body.to_owned() })
    }

    /// True if the gateway at `address` reports to this host that it is started.
    pub(crate) fn sees_started(&self, address: &str) -> bool {
        self.get(address, "/startupz").is_some_and(|reply| reply.started())
    }

    /// Returns the last log lines of a unit.
    pub(crate) fn journal(&self, unit: &str, lines: usize) -> String {
        self.ask(&format!("journalctl --no-pager --output=short-unix --lines={lines} --unit={unit}")).text
    }
}

/// Gives a command the environment of a host instead of that of the developer's machine.
fn clean(command: &mut Command) -> &mut Command {
    command.env_clear().envs([
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LANG", "C.UTF-8"),
    ])
}

/// Quotes a word for a shell script.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
