//! What the monitor drives on this host, and the way it does so in earnest: systemd.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::endpoint::Endpoint;
use crate::config::{Config, Secret, Workspace};
use crate::host::systemd::{Systemctl, Unit, Why};
use crate::host::{Cancel, Command};
use crate::sync::report::Pushed;
use crate::sync::{self, Report, unit};

/// The unit's own `TimeoutStartSec` is 30 s, and its wait for the tailnet lies within that.
const START: Duration = Duration::from_secs(45);

/// A connection within this host takes no longer.
const CONNECT: Duration = Duration::from_millis(500);

/// A gateway and a workspace of this host. The demo has others than systemd's.
pub(crate) trait Backend: Send + Sync {
    /// The state of the gateway's unit.
    fn show(&self) -> Result<Unit, String>;
    /// Starts it. `Ok`: systemd has taken it up; whether it stays is for [`show`](Self::show) to say.
    fn start(&self) -> Result<(), String>;
    /// Has it stopped, without waiting for its drain.
    fn stop(&self) -> Result<(), String>;
    /// Cuts its drain.
    fn kill(&self) -> Result<(), String>;
    /// Pulls the workspace and the secrets. When `cut` is cancelled, what still fetches is stopped.
    fn pull(&self, cut: &Cancel) -> Result<Report, String>;
    /// Sends back what this host has written. When `cut` is cancelled, what still sends is stopped.
    fn push(&self, cut: &Cancel) -> Result<Pushed, String>;
    /// Whether systemd would do what it is asked; changes nothing that runs.
    fn permitted(&self) -> Result<(), String>;
    /// What of all this could not work as things are, in words.
    fn missing(&self) -> Vec<String>;
}

/// The backend of a real host.
pub(crate) struct Systemd {
    systemctl: Systemctl,
    unit: String,
    /// Where it answers; `None` where that is a name, which is not looked up in the hurry of a start.
    address: Option<SocketAddr>,
    workspace: Workspace,
    secrets: Vec<Secret>,
    keep_queue: bool,
    paths: sync::Paths,
}

impl Systemd {
    pub(crate) fn new(config: &Config, paths: sync::Paths) -> Self {
        let endpoint = Endpoint::from_url(&config.gateway.url).ok();
        Self {
            systemctl: Systemctl::default(),
            unit: config.gateway.unit.clone(),
            address: endpoint.and_then(|endpoint| endpoint.address().socket()),
            workspace: config.workspace.clone(),
            secrets: config.secrets.clone(),
            keep_queue: config.gateway.keep_queue,
            paths,
        }
    }

    /// Something that already answers at the gateway's address while its unit is down would answer in its place.
    fn refuse_held_port(&self) -> Result<(), String> {
        let Some(address) = self.address else { return Ok(()) };
        let held = TcpStream::connect_timeout(&address, CONNECT).is_ok();
        if held && self.show().is_ok_and(|unit| unit.is_down()) {
            return Err(format!(
                "{address} is held by a process that is not of {}; find it with `ss -ltnp 'sport = :{}'` and stop it",
                self.unit,
                address.port()
            ));
        }
        Ok(())
    }
}

impl Backend for Systemd {
    fn show(&self) -> Result<Unit, String> {
        self.systemctl.show(&self.unit).map_err(|why| why.to_string())
    }

    fn start(&self) -> Result<(), String> {
        self.refuse_held_port()?;
        if let Err(why) = self.systemctl.reset_failed(&self.unit) {
            log::debug!("{why}");
        }
        self.systemctl.start(&self.unit, START, &Cancel::new()).map_err(|why| why.to_string())
    }

    fn stop(&self) -> Result<(), String> {
        self.systemctl.queue_stop(&self.unit).map_err(|why| why.to_string())
    }

    fn kill(&self) -> Result<(), String> {
        self.systemctl.kill(&self.unit).map_err(|why| why.to_string())
    }

    fn pull(&self, cut: &Cancel) -> Result<Report, String> {
        let longest = unit::longest(&self.workspace, &self.secrets);
        unit::pull(&self.systemctl, longest, &self.paths, cut).map_err(|why| why.to_string())
    }

    fn push(&self, cut: &Cancel) -> Result<Pushed, String> {
        let longest = unit::longest_push(&self.workspace);
        unit::push(&self.systemctl, longest, &self.paths, cut).map_err(|why| why.to_string())
    }

    /// Forgetting an old failure is the one order that a gateway does not notice.
    fn permitted(&self) -> Result<(), String> {
        match self.systemctl.reset_failed(&self.unit) {
            Err(error) if !matches!(error.why, Why::Said(_)) => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        match self.systemctl.show(&self.unit) {
            Ok(unit) => missing.extend(unit.obstacle(&self.unit)),
            Err(why) => missing.push(why.to_string()),
        }
        for sync in [unit::PULL, unit::PUSH] {
            // When systemd does not answer, that has just been said.
            if let Ok(shown) = self.systemctl.show(sync) {
                missing.extend(shown.obstacle(sync));
            }
        }
        let rsync = (!self.secrets.is_empty()).then_some("rsync");
        let sqlite = (!self.keep_queue).then_some("sqlite3");
        for program in [Some("git"), rsync, sqlite].into_iter().flatten() {
            if let Err(why) = Command::new(program).arg("--version").run() {
                missing.push(why.to_string());
            }
        }
        missing
    }
}
