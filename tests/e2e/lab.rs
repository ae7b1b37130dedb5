//! Lab: two hosts on one switch, the primary with OpenClaw, and the standby with OpenClaw and the program under test.
//! The workspace's remote is on the primary, or on a third host with only git and sshd. Or the third host is a second
//! standby, behind the first.
//!
//! Labs are independent: every host has a separate network namespace, so all labs use the same addresses and can run in
//! parallel.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, thread};

use crate::host::Host;
use crate::install;
use crate::network::{self, PUBLIC, TAILNET};
use crate::observe::Monitor;
use crate::outage::{LOAD_TOLERANCE, PROBE_INTERVAL, PROMOTE_AFTER};
use crate::parts::{bare_rootfs, parts, script_path};
use crate::repository::{PULL_UNIT, PUSH_UNIT};
use crate::shell::{check_throughout, secs, unix_now, wait_until};
use crate::stub::Stub;

/// Address of the primary.
pub(crate) const PRIMARY: &str = "10.77.0.1";
/// Address of the standby.
pub(crate) const STANDBY: &str = "10.77.0.2";
/// Address of the primary in the simulated tailnet that it shares with a bare standby.
pub(crate) const TAILNET_PRIMARY: &str = "100.64.0.1";
/// Address of the bare standby in the simulated tailnet.
pub(crate) const TAILNET_STANDBY: &str = "100.64.0.2";
/// Address of the git host.
pub(crate) const GIT: &str = "10.77.0.3";
/// Address of the second standby.
pub(crate) const THIRD: &str = "10.77.0.4";
/// Unit of the monitor.
pub(crate) const MONITOR: &str = "openclaw-failover.service";
/// Unit of the gateway, on all hosts.
pub(crate) const GATEWAY: &str = "openclaw.service";
/// Configuration of the monitor.
pub(crate) const CONFIG: &str = "/etc/openclaw-failover/config.json";

/// Shared directory of a lab.
const SHARED: &str = "shared";

/// Hosts, and the helper that removes them.
pub(crate) struct Lab {
    /// Primary.
    pub(crate) primary: Host,
    /// Standby.
    pub(crate) standby: Host,
    /// Host of the workspace's remote, if that is not the primary.
    git: Option<Host>,
    /// Second standby, behind the first.
    third: Option<Host>,
    undo: LabCleanup,
}

/// Third host of a lab.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ThirdHost {
    Nobody,
    GitHost,
    Third,
}

/// Helper that removes a lab's directory, hosts and networks when dropped, or when this process dies.
struct LabCleanup {
    lab: PathBuf,
    helper: Child,
}

impl Lab {
    /// Boots both hosts, with OpenClaw on the primary and the monitor on the standby.
    pub(crate) fn new() -> Self {
        let lab = Self::boot(ThirdHost::Nobody, false);
        lab.primary.run(&format!("systemctl enable --quiet --now {GATEWAY}"));
        lab.wait_primary_serves();
        lab.start_monitor();
        lab
    }

    /// Creates the lab as [`Lab::new`], with a stub instead of the primary's OpenClaw.
    pub(crate) fn with_stub() -> (Self, Stub) {
        Self::boot(ThirdHost::Nobody, false).with_stubbed_primary()
    }

    /// Creates the lab as [`Lab::with_stub`], with the workspace's remote on a third host.
    pub(crate) fn with_git_host() -> (Self, Stub) {
        Self::boot(ThirdHost::GitHost, false).with_stubbed_primary()
    }

    /// Creates the lab as [`Lab::new`], with a second standby behind the first. The primary's gateway starts at boot.
    pub(crate) fn with_third() -> Self {
        let lab = Self::boot(ThirdHost::Third, false);
        lab.primary.run(&format!("systemctl enable --quiet --now {GATEWAY}"));
        lab.wait_primary_serves();
        lab.start_monitor();
        lab.third().run(&format!("systemctl --quiet enable --now {MONITOR}"));
        Monitor { host: lab.third() }.wait_sees_healthy();
        lab
    }

    /// Boots a primary with OpenClaw, and a bare host with only ssh as the future standby.
    pub(crate) fn with_bare_standby() -> Self {
        let lab = Self::boot(ThirdHost::Nobody, true);
        lab.primary.run(&format!("systemctl enable --quiet --now {GATEWAY}"));
        lab.wait_primary_serves();
        lab
    }

    /// Creates the lab as [`Lab::with_bare_standby`], with a stub instead of the primary's OpenClaw.
    pub(crate) fn with_bare_standby_and_stub() -> (Self, Stub) {
        let lab = Self::boot(ThirdHost::Nobody, true);
        let stub = lab.start_stub();
        (lab, stub)
    }

    fn with_stubbed_primary(self) -> (Self, Stub) {
        let stub = self.start_stub();
        self.start_monitor();
        (self, stub)
    }

    fn start_stub(&self) -> Stub {
        Stub::start(&self.primary, &self.undo.lab.join(SHARED))
    }

    /// Boots all hosts without starting anything on them.
    fn boot(beside: ThirdHost, with_bare_standby: bool) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("ocf-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let dir = parts().labs.join(name);
        let shared = dir.join(SHARED);
        fs::create_dir_all(&shared).expect("a lab's folder can be made");
        let undo = LabCleanup::new(&dir);
        let lab = Self {
            primary: Host::new(&dir, "primary", PRIMARY, &shared),
            standby: match with_bare_standby {
                true => Host::on_rootfs(&bare_rootfs(), &dir, "standby", STANDBY, &shared),
                false => Host::new(&dir, "standby", STANDBY, &shared),
            },
            git: (beside == ThirdHost::GitHost).then(|| Host::new(&dir, "git", GIT, &shared)),
            third: (beside == ThirdHost::Third).then(|| Host::new(&dir, "third", THIRD, &shared)),
            undo,
        };
        let public: Vec<_> = lab.hosts().into_iter().map(|host| (host, host.address)).collect();
        network::connect(&dir, &PUBLIC, &public);
        install::install_primary(&lab.primary);
        if with_bare_standby {
            let tailnet = [(&lab.primary, TAILNET_PRIMARY), (&lab.standby, TAILNET_STANDBY)];
            network::connect(&dir, &TAILNET, &tailnet);
            install::install_bare(&lab.standby);
        } else {
            install::install_standby(&lab.standby);
        }
        if let Some(third) = &lab.third {
            install::install_third(third);
        }
        if beside == ThirdHost::GitHost {
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

    /// Returns the second standby.
    pub(crate) fn third(&self) -> &Host {
        self.third.as_ref().expect("this lab has a third host")
    }

    /// Returns the host of the workspace's remote.
    pub(crate) fn git(&self) -> &Host {
        self.git.as_ref().unwrap_or(&self.primary)
    }

    /// Starts the monitor, and waits until it has seen the primary healthy.
    pub(crate) fn start_monitor(&self) {
        self.standby.run(&format!("systemctl --quiet enable --now {MONITOR}"));
        self.monitor().wait_sees_healthy();
    }

    /// Adds JSON entries to the monitor's configuration while it runs.
    pub(crate) fn add_to_config(&self, text: &str) {
        self.change_config("{", &format!("{{ {text},"));
    }

    /// Changes the monitor's configuration while it runs.
    pub(crate) fn change_config(&self, from: &str, to: &str) {
        let config = self.standby.read(CONFIG).unwrap_or_default();
        assert!(config.contains(from), "{from} is not in {config}");
        self.standby.write(CONFIG, &config.replacen(from, to, 1));
        self.standby.run(&format!("systemctl reload {MONITOR}"));
    }

    /// Returns the reports of the monitor.
    pub(crate) fn monitor(&self) -> Monitor<'_> {
        Monitor { host: &self.standby }
    }

    /// Returns when the standby's gateway was started, in seconds since 1970, from systemd's journal, which lists every
    /// start.
    pub(crate) fn gateway_starts(&self) -> Vec<f64> {
        self.journal_times("Started")
    }

    /// Returns when the standby's systemd logged this message about the gateway.
    pub(crate) fn journal_times(&self, word: &str) -> Vec<f64> {
        Self::journal_times_on(&self.standby, word)
    }

    /// Returns when a host's systemd logged this message about the gateway.
    pub(crate) fn journal_times_on(host: &Host, word: &str) -> Vec<f64> {
        let script = format!("journalctl --no-pager --output=short-unix _PID=1 --unit={GATEWAY} --grep='^{word} '");
        let lines = host.run_unchecked(&script).text;
        lines.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
    }

    /// Waits until the standby sees the primary's gateway started.
    pub(crate) fn wait_primary_serves(&self) {
        let serves = || self.standby.sees_started(PRIMARY).then_some(());
        wait_until("the primary's gateway has started", secs(180), serves);
    }

    /// Kills the primary's gateway and keeps systemd from restarting it.
    pub(crate) fn kill_primary(&self) {
        self.primary.add_to_unit(GATEWAY, "[Service]\nRestart=no\n");
        self.primary.run(&format!("systemctl kill --kill-who=main --signal=KILL {GATEWAY}"));
    }

    /// Starts the primary's gateway again.
    pub(crate) fn start_primary(&self) {
        self.primary.run(&format!("systemctl start {GATEWAY}"));
    }

    /// Waits until the standby's gateway is down, and checks as [`Lab::check_starts`].
    pub(crate) fn check_returns_to_standby(&self, began: f64, starts: usize) {
        let back = unix_now();
        let converged = || self.monitor().role() == "standby" && self.standby.unit(GATEWAY).active == "inactive";
        wait_until("the standby is in standby", secs(90), || converged().then_some(()));
        self.check_starts(began, back, starts);
    }

    /// Checks all starts of the standby's gateway: `starts` in number, all in the outage from `began` to `back`. Checks
    /// that it is down now, that the primary serves, and that this stays so.
    pub(crate) fn check_starts(&self, began: f64, back: f64, starts: usize) {
        let quiet = || self.standby.unit(GATEWAY).active == "inactive" && self.monitor().role() == "standby";
        check_throughout("the standby stays in standby", secs(5), quiet);
        assert!(self.standby.sees_started(PRIMARY), "the primary serves");
        let started = self.gateway_starts();
        assert_eq!(started.len(), starts, "starts of the standby's gateway: {started:?}");
        let earliest = began + PROMOTE_AFTER - PROBE_INTERVAL - LOAD_TOLERANCE;
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
            (standby, PULL_UNIT),
            (standby, PUSH_UNIT),
            (primary, GATEWAY),
            (primary, PUSH_UNIT),
        ]
        .into_iter()
        .chain(self.third.iter().flat_map(|third| [(third, MONITOR), (third, GATEWAY)]))
        {
            eprintln!("--- {unit} of {}, its last words:\n{}", host.name, host.journal(unit, 40));
        }
    }
}

impl LabCleanup {
    fn new(lab: &Path) -> Self {
        let helper = Command::new("sh")
            .arg(script_path("undo.sh"))
            .arg(lab)
            .stdin(Stdio::piped())
            // In another session: Ctrl-C ends the suite, and this process must clean up.
            .process_group(0)
            .spawn();
        Self { lab: lab.to_owned(), helper: helper.expect("sh can be run") }
    }
}

impl Drop for LabCleanup {
    fn drop(&mut self) {
        drop(self.helper.stdin.take());
        let done = self.helper.wait();
        assert!(done.is_ok() && !self.lab.exists() || thread::panicking(), "{} is left behind", self.lab.display());
    }
}
