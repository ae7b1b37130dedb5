//! Two hosts on one wire: the primary with OpenClaw, and the standby with OpenClaw and the program under test.
//!
//! Labs do not know of each other: every host lives in its own network namespace, so all labs use the same addresses
//! and may run side by side.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::host::Host;
use crate::observe::Monitor;
use crate::outage::{AFTER, INTERVAL, SLACK};
use crate::parts::{REPOSITORY, parts, script};
use crate::shell::{always, eventually, must, now, secs};
use crate::stub::Stub;

/// The primary's address.
pub(crate) const PRIMARY: &str = "10.77.0.1";
/// The standby's address.
pub(crate) const STANDBY: &str = "10.77.0.2";
/// The monitor's unit.
pub(crate) const MONITOR: &str = "openclaw-failover.service";
/// The gateway's unit, on either host.
pub(crate) const GATEWAY: &str = "openclaw.service";
/// The monitor's configuration.
pub(crate) const CONFIG: &str = "/etc/openclaw-failover/config.json";

/// The folder of a lab that both hosts see.
const SHARED: &str = "shared";

/// Two hosts, and the helper that removes them.
pub(crate) struct Lab {
    /// The host that everybody wants to run.
    pub(crate) primary: Host,
    /// The host that steps in.
    pub(crate) standby: Host,
    undo: Undo,
}

/// Removes a lab's folder, hosts and networks when dropped, and also if this process never comes to drop anything.
struct Undo {
    lab: PathBuf,
    helper: Child,
}

impl Lab {
    /// Both hosts run, OpenClaw serves on the primary, and the monitor watches it.
    pub(crate) fn new() -> Self {
        let lab = Self::boot();
        lab.primary.run(&format!("systemctl enable --quiet --now {GATEWAY}"));
        lab.wait_primary_serves();
        lab.watch();
        lab
    }

    /// As [`Lab::new`], with a stub in the place of the primary's OpenClaw.
    pub(crate) fn with_stub() -> (Self, Stub) {
        let lab = Self::boot();
        let stub = Stub::start(&lab.primary, &lab.undo.lab.join(SHARED));
        lab.watch();
        (lab, stub)
    }

    /// Both hosts run, and nothing of ours does.
    fn boot() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("ocf-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let dir = parts().labs.join(name);
        let shared = dir.join(SHARED);
        fs::create_dir_all(&shared).expect("a lab's folder can be made");
        let undo = Undo::new(&dir);
        let lab = Self {
            primary: Host::new(&dir, "primary", PRIMARY, &shared),
            standby: Host::new(&dir, "standby", STANDBY, &shared),
            undo,
        };
        lab.connect();
        lab.install_primary();
        lab.install_standby();
        thread::scope(|scope| {
            scope.spawn(|| lab.primary.power_on());
            lab.standby.power_on();
        });
        lab
    }

    /// Starts the monitor, and waits until it has seen the primary healthy.
    pub(crate) fn watch(&self) {
        self.standby.run(&format!("systemctl --quiet enable --now {MONITOR}"));
        self.monitor().wait_sees_healthy();
    }

    /// What the monitor reports.
    pub(crate) fn monitor(&self) -> Monitor<'_> {
        Monitor { host: &self.standby }
    }

    /// When the standby's gateway was started, in seconds since 1970, as its systemd remembers: nothing escapes it.
    pub(crate) fn starts(&self) -> Vec<f64> {
        let script = format!("journalctl --no-pager --output=short-unix _PID=1 --unit={GATEWAY} --grep='^Started '");
        let lines = self.standby.ask(&script).text;
        lines.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
    }

    /// Waits until the primary's gateway says to the standby that it has started.
    pub(crate) fn wait_primary_serves(&self) {
        let serves = || self.standby.sees_started(PRIMARY).then_some(());
        eventually("the primary's gateway has started", secs(180), serves);
    }

    /// Kills the primary's gateway and keeps its systemd from starting it again.
    pub(crate) fn kill_primary(&self) {
        self.primary.add_to_unit(GATEWAY, "[Service]\nRestart=no\n");
        self.primary.run(&format!("systemctl kill --kill-who=main --signal=KILL {GATEWAY}"));
    }

    /// Starts it again.
    pub(crate) fn start_primary(&self) {
        self.primary.run(&format!("systemctl start {GATEWAY}"));
    }

    /// Waits until the standby stands by, and checks all that [`Lab::only_started_in`] does.
    pub(crate) fn converges_to_standby(&self, began: f64, starts: usize) {
        let back = now();
        let converged = || self.monitor().role() == "standby" && self.standby.unit(GATEWAY).active == "inactive";
        eventually("the standby has stepped aside", secs(90), || converged().then_some(()));
        self.only_started_in(began, back, starts);
    }

    /// Checks the whole story of the standby's gateway: it was started `starts` times, each time in the one outage that
    /// `began` and whose end is past by the time `back`; it is down, the primary serves, and so it stays.
    pub(crate) fn only_started_in(&self, began: f64, back: f64, starts: usize) {
        let quiet = || self.standby.unit(GATEWAY).active == "inactive" && self.monitor().role() == "standby";
        always("the standby stands by", secs(5), quiet);
        assert!(self.standby.sees_started(PRIMARY), "the primary serves");
        let started = self.starts();
        assert_eq!(started.len(), starts, "starts of the standby's gateway: {started:?}");
        let earliest = began + AFTER - INTERVAL - SLACK;
        let allowed = |start: &f64| (earliest..back).contains(start);
        assert!(started.iter().all(allowed), "started at {started:?}, allowed from {earliest} to {back}");
    }

    fn connect(&self) {
        let (primary, standby) = (&self.primary.name, &self.standby.name);
        let wire = ["link", "add", "eth0", "netns", primary, "type", "veth", "peer", "name", "eth0", "netns", standby];
        must(Command::new("ip").args(wire));
        for host in [&self.primary, &self.standby] {
            let address = format!("{}/24", host.address);
            must(Command::new("ip").args(["-n", &host.name, "address", "add", &address, "dev", "eth0"]));
            must(Command::new("ip").args(["-n", &host.name, "link", "set", "lo", "up"]));
        }
    }

    fn install_primary(&self) {
        let host = &self.primary;
        host.install("/etc/systemd/system/openclaw.service", ours("files/primary/openclaw.service"));
        host.install("/home/openclaw/.openclaw/openclaw.json", ours("files/primary/openclaw.json"));
        host.install("/etc/openclaw/gateway.env", ours("files/primary/gateway.env"));
        host.prepare("chown -R openclaw: /home/openclaw; chmod 600 /etc/openclaw/gateway.env");
    }

    fn install_standby(&self) {
        let host = &self.standby;
        for unit in ["openclaw.service", "openclaw-failover.service", "openclaw-sync-pull.service"] {
            // Where a package puts them, so that an operator's /etc has the last word.
            host.install(&format!("/usr/lib/systemd/system/{unit}"), shipped(unit));
        }
        host.install("/etc/polkit-1/rules.d/50-openclaw-failover.rules", shipped("50-openclaw-failover.rules"));
        host.install("/usr/lib/sysusers.d/openclaw-failover.conf", shipped("openclaw-failover.conf"));
        host.install(
            "/etc/systemd/system/openclaw.service.d/openclaw.conf",
            ours("files/standby/openclaw.service.conf"),
        );
        host.install("/home/openclaw/.openclaw/openclaw.json", ours("files/standby/openclaw.json"));
        host.install("/etc/openclaw/gateway.env", ours("files/standby/gateway.env"));
        host.install(CONFIG, ours("files/standby/config.json"));
        host.install("/usr/local/bin/openclaw-failover", fs::read(&parts().binary).expect("the binary can be read"));
        host.prepare(
            "chmod 755 /usr/local/bin/openclaw-failover; chmod 600 /etc/openclaw/gateway.env; systemd-sysusers; \
             mkdir -m 700 /etc/openclaw-failover/credentials; chown -R openclaw: /home/openclaw",
        );
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for (host, unit) in [(&self.standby, MONITOR), (&self.standby, GATEWAY), (&self.primary, GATEWAY)] {
            eprintln!("--- {unit} of {}, its last words:\n{}", host.name, host.journal(unit, 40));
        }
    }
}

impl Undo {
    fn new(lab: &Path) -> Self {
        let helper = Command::new("sh")
            .arg(script("undo.sh"))
            .arg(lab)
            .stdin(Stdio::piped())
            // Away from the terminal's Ctrl-C, which ends the suite and leaves this one its work.
            .process_group(0)
            .spawn();
        Self { lab: lab.to_owned(), helper: helper.expect("sh can be run") }
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        drop(self.helper.stdin.take());
        let done = self.helper.wait();
        assert!(done.is_ok() && !self.lab.exists() || thread::panicking(), "{} is left behind", self.lab.display());
    }
}

/// A file of the suite.
fn ours(path: &str) -> Vec<u8> {
    read(&Path::new(REPOSITORY).join("tests/e2e").join(path))
}

/// A file that the program brings for its users.
fn shipped(name: &str) -> Vec<u8> {
    read(&Path::new(REPOSITORY).join("src/setup").join(name))
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}
