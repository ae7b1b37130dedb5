//! Two hosts on one switch: the primary with OpenClaw, and the standby with OpenClaw and the program under test. The
//! workspace's remote lies on the primary, or on a third host that has nothing but git and sshd. Or the third host is
//! another standby, behind the first.
//!
//! Labs do not know of each other: every host lives in its own network namespace, so all labs use the same addresses
//! and may run side by side.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{
    Child, Command, Stdio, {self},
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, thread};

use crate::host::Host;
use crate::install;
use crate::network::{
    PUBLIC, TAILNET, {self},
};
use crate::observe::Monitor;
use crate::outage::{AFTER, INTERVAL, SLACK};
use crate::parts::{bare, parts, script};
use crate::repository::{PULL, PUSH};
use crate::shell::{always, eventually, now, secs};
use crate::stub::Stub;

/// The primary's address.
pub(crate) const PRIMARY: &str = "10.77.0.1";
/// The standby's address.
pub(crate) const STANDBY: &str = "10.77.0.2";
/// The primary's address in the stand-in for a tailnet that it shares with a bare standby.
pub(crate) const TAILNET_PRIMARY: &str = "100.64.0.1";
/// The bare standby's address there.
pub(crate) const TAILNET_STANDBY: &str = "100.64.0.2";
/// The git host's address.
pub(crate) const GIT: &str = "10.77.0.3";
/// The address of the standby behind the standby.
pub(crate) const THIRD: &str = "10.77.0.4";
/// The monitor's unit.
pub(crate) const MONITOR: &str = "openclaw-failover.service";
/// The gateway's unit, on either host.
pub(crate) const GATEWAY: &str = "openclaw.service";
/// The monitor's configuration.
pub(crate) const CONFIG: &str = "/etc/openclaw-failover/config.json";

/// The folder of a lab that both hosts see.
const SHARED: &str = "shared";

/// The hosts, and the helper that removes them.
pub(crate) struct Lab {
    /// The host that everybody wants to run.
    pub(crate) primary: Host,
    /// The host that steps in.
    pub(crate) standby: Host,
    /// The host that has the workspace's remote, where that is not the primary.
    git: Option<Host>,
    /// The standby behind the standby.
    third: Option<Host>,
    undo: Undo,
}

/// Who else is in a lab.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nobody,
    GitHost,
    Third,
}

/// Removes a lab's folder, hosts and networks when dropped, and also if this process never comes to drop anything.
struct Undo {
    lab: PathBuf,
    helper: Child,
}

impl Lab {
    /// Both hosts run, OpenClaw serves on the primary, and the monitor watches it.
    pub(crate) fn new() -> Self {
        let lab = Self::boot(Beside::Nobody, false);
        lab.primary.run(&format!("systemctl enable --quiet --now {GATEWAY}"));
        lab.wait_primary_serves();
        lab.watch();
        lab
    }

    /// As [`Lab::new`], with a stub in the place of the primary's OpenClaw.
    pub(crate) fn with_stub() -> (Self, Stub) {
        Self::boot(Beside::Nobody, false).with_stubbed_primary()
    }

    /// As [`Lab::with_stub`], with the workspace's remote on a host of its own.
    pub(crate) fn with_git_host() -> (Self, Stub) {
        Self::boot(Beside::GitHost, false).with_stubbed_primary()
    }

    /// As [`Lab::new`], with another standby behind the first. The primary's gateway comes up with its host.
    pub(crate) fn with_third() -> Self {
        let lab = Self::boot(Beside::Third, false);
        lab.primary.run(&format!("systemctl enable --quiet --now {GATEWAY}"));
        lab.wait_primary_serves();
        lab.watch();
        lab.third().run(&format!("systemctl --quiet enable --now {MONITOR}"));
        Monitor { host: lab.third() }.wait_sees_healthy();
        lab
    }

    /// OpenClaw serves on the primary, and the standby is a bare host with nothing but ssh.
    pub(crate) fn with_bare_standby() -> Self {
        let lab = Self::boot(Beside::Nobody, true);
        lab.primary.run(&format!("systemctl enable --quiet --now {GATEWAY}"));
        lab.wait_primary_serves();
        lab
    }

    /// As [`Lab::with_bare_standby`], with a stub in the place of the primary's OpenClaw.
    pub(crate) fn with_bare_standby_and_stub() -> (Self, Stub) {
        let lab = Self::boot(Beside::Nobody, true);
        let stub = lab.start_stub();
        (lab, stub)
    }

    fn with_stubbed_primary(self) -> (Self, Stub) {
        let stub = self.start_stub();
        self.watch();
        (self, stub)
    }

    fn start_stub(&self) -> Stub {
        Stub::start(&self.primary, &self.undo.lab.join(SHARED))
    }

    /// All hosts run, and nothing of ours does.
    fn boot(beside: Beside, with_bare_standby: bool) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("ocf-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let dir = parts().labs.join(name);
        let shared = dir.join(SHARED);
        fs::create_dir_all(&shared).expect("a lab's folder can be made");
        let undo = Undo::new(&dir);
        let lab = Self {
            primary: Host::new(&dir, "primary", PRIMARY, &shared),
            standby: match with_bare_standby {
                true => Host::on(&bare(), &dir, "standby", STANDBY, &shared),
                false => Host::new(&dir, "standby", STANDBY, &shared),
            },
            git: (beside == Beside::GitHost).then(|| Host::new(&dir, "git", GIT, &shared)),
            third: (beside == Beside::Third).then(|| Host::new(&dir, "third", THIRD, &shared)),
            undo,
        };
        let public: Vec<_> = lab.hosts().into_iter().map(|host| (host, host.address)).collect();
        network::connect(&dir, &PUBLIC, &public);
        install::primary(&lab.primary);
        if with_bare_standby {
            let tailnet = [(&lab.primary, TAILNET_PRIMARY), (&lab.standby, TAILNET_STANDBY)];
            network::connect(&dir, &TAILNET, &tailnet);
            install::bare(&lab.standby);
        } else {
            install::standby(&lab.standby);
        }
        if let Some(third) = &lab.third {
            install::third(third);
        }
        if beside == Beside::GitHost {
            install::move_remote(&lab.primary, PRIMARY, GIT);
            install::move_remote(&lab.standby, PRIMARY, GIT);
        }
        thread::scope(|scope| {
            for host in lab.hosts() {
                scope.spawn(|| host.power_on());
            }
        });
        lab
    }

    fn hosts(&self) -> Vec<&Host> {
        [&self.primary, &self.standby].into_iter().chain(&self.git).chain(&self.third).collect()
    }

    /// The standby behind the standby.
    pub(crate) fn third(&self) -> &Host {
        self.third.as_ref().expect("this lab has a third host")
    }

    /// The host that has the workspace's remote.
    pub(crate) fn git(&self) -> &Host {
        self.git.as_ref().unwrap_or(&self.primary)
    }

    /// Starts the monitor, and waits until it has seen the primary healthy.
    pub(crate) fn watch(&self) {
        self.standby.run(&format!("systemctl --quiet enable --now {MONITOR}"));
        self.monitor().wait_sees_healthy();
    }

    /// Adds to the monitor's configuration while it runs: `text` is entries of JSON.
    pub(crate) fn configure(&self, text: &str) {
        self.reconfigure("{", &format!("{{ {text},"));
    }

    /// Changes the monitor's configuration while it runs.
    pub(crate) fn reconfigure(&self, from: &str, to: &str) {
        let config = self.standby.read(CONFIG).unwrap_or_default();
        assert!(config.contains(from), "{from} is not in {config}");
        self.standby.write(CONFIG, &config.replacen(from, to, 1));
        self.standby.run(&format!("systemctl reload {MONITOR}"));
    }

    /// What the monitor reports.
    pub(crate) fn monitor(&self) -> Monitor<'_> {
        Monitor { host: &self.standby }
    }

    /// When the standby's gateway was started, in seconds since 1970, as its systemd remembers: nothing escapes it.
    pub(crate) fn starts(&self) -> Vec<f64> {
        self.told("Started")
    }

    /// When the standby's systemd has said this word of the gateway.
    pub(crate) fn told(&self, word: &str) -> Vec<f64> {
        Self::told_on(&self.standby, word)
    }

    /// When the systemd of a host has said this word of its gateway.
    pub(crate) fn told_on(host: &Host, word: &str) -> Vec<f64> {
        let script = format!("journalctl --no-pager --output=short-unix _PID=1 --unit={GATEWAY} --grep='^{word} '");
        let lines = host.ask(&script).text;
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
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        let (standby, primary) = (&self.standby, &self.primary);
        for (host, unit) in [
            (standby, MONITOR),
            (standby, GATEWAY),
            (standby, PULL),
            (standby, PUSH),
            (primary, GATEWAY),
            (primary, PUSH),
        ]
        .into_iter()
        .chain(self.third.iter().flat_map(|third| [(third, MONITOR), (third, GATEWAY)]))
        {
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
