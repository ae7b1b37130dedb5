//! What the monitor drives on this host, and the way it does so in earnest: systemd.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::endpoint::Endpoint;
use crate::config::paths::Paths;
use crate::config::{Config, Source};
use crate::doctor::subprocess;
use crate::finding::Checked;
use crate::gateway_check::{
    Owner, {self},
};
use crate::os::systemd::{Systemctl, SystemdError, Unit};
use crate::os::{Cancel, listeners, takers};
use crate::probe::Lookup;
use crate::workspace::report::Pushed;
use crate::workspace::{
    Report, unit, {self},
};

/// The unit's own `TimeoutStartSec` is 30 s, and its wait for the tailnet lies within that.
const START: Duration = Duration::from_secs(45);

/// A connection within this host takes no longer.
const CONNECT: Duration = Duration::from_millis(500);

/// Reason for which an order was not carried out.
#[derive(Debug)]
pub(crate) struct OrderError {
    /// In words.
    pub(crate) why: String,
    /// True if systemd could not be asked; false if it refused the order, or failed at it.
    pub(crate) is_unreachable: bool,
}

impl OrderError {
    /// An order that was refused, or failed.
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_unreachable: false }
    }
}

impl From<SystemdError> for OrderError {
    fn from(error: SystemdError) -> Self {
        Self { why: error.to_string(), is_unreachable: error.is_unreachable() }
    }
}

/// Tells whose process holds a socket.
pub(crate) trait Identify {
    /// The name of the gateway's unit.
    fn gateway(&self) -> &str;
    /// Finds out whose the sockets of these numbers are, within a few seconds. It runs programs.
    fn identify(&self, inodes: &[u64]) -> Result<Vec<(u64, Owner)>, String>;
}

/// A gateway and a workspace of this host. The demo has others than systemd's.
pub(crate) trait Backend: Identify + Send + Sync {
    /// The state of the gateway's unit.
    fn show(&self) -> Result<Unit, String>;
    /// Starts it. `Ok`: systemd has taken it up; whether it stays is for [`show`](Self::show) to say.
    fn start(&self) -> Result<(), OrderError>;
    /// Has it stopped, without waiting for its drain.
    fn stop(&self) -> Result<(), OrderError>;
    /// Cuts its drain.
    fn kill(&self) -> Result<(), OrderError>;
    /// Describes how this run of the gateway's unit ended, with its last line where that may be read.
    fn exit(&self, unit: &Unit) -> Option<String>;
    /// Pulls the workspace and the secrets. When `cut` is cancelled, what still fetches is stopped.
    fn pull(&self, cut: &Cancel) -> Result<Report, String>;
    /// Sends back what this host has written. When `cut` is cancelled, what still sends is stopped.
    fn push(&self, cut: &Cancel) -> Result<Pushed, String>;
    /// Whether systemd would do what it is asked; changes nothing that runs.
    fn permitted(&self) -> Result<(), String>;
    /// Looks at what could keep this host from taking over, for a minute at most. It runs programs.
    fn examine(&self) -> Vec<Checked>;
}

/// The backend of a real host.
pub(crate) struct Systemd {
    systemctl: Systemctl,
    config: Config,
    source: Source,
    paths: Paths,
    sync: workspace::Paths,
    /// The gateway's host and port.
    endpoint: Option<Endpoint>,
    /// Looks its host up, where that is a name.
    lookup: Lookup,
}

impl Systemd {
    pub(crate) fn new(config: &Config, source: Source, paths: Paths, sync: workspace::Paths) -> Self {
        let endpoint = Endpoint::from_url(&config.gateway.url).ok();
        let (systemctl, lookup) = (Systemctl::default(), Lookup::default());
        Self { systemctl, config: config.clone(), source, paths, sync, endpoint, lookup }
    }

    fn unit(&self) -> &str {
        &self.config.gateway.unit
    }

    /// Something that already answers at the gateway's address while its unit is down would answer in its place.
    fn refuse_held_port(&self) -> Result<(), OrderError> {
        let Some(held) = self.held_address() else { return Ok(()) };
        if self.show().is_ok_and(|unit| unit.is_down()) {
            let (port, unit) = (held.port(), self.unit());
            let holder = self.name_holder(held).unwrap_or_else(|| "another process".to_owned());
            return Err(OrderError::refused(format!(
                "port {port} is held by {holder}, not by {unit}; find it with `ss -ltnp 'sport = :{port}'` and stop it"
            )));
        }
        Ok(())
    }

    /// An address of the gateway's at which something accepts connections.
    fn held_address(&self) -> Option<SocketAddr> {
        let address = self.endpoint.as_ref()?.address();
        // An IPv6 literal is written in brackets where a port follows.
        let addresses = self.lookup.addresses_within(&address.host.to_string(), address.port, CONNECT);
        addresses.into_iter().find(|address| TcpStream::connect_timeout(address, CONNECT).is_ok())
    }

    /// The process that holds an address, as far as the check can tell.
    fn name_holder(&self, address: SocketAddr) -> Option<String> {
        let listening = listeners(address.port()).ok()?;
        let inodes: Vec<u64> = takers(&listening, address).iter().map(|taker| taker.inode).collect();
        let owners = self.identify(&inodes).ok()?;
        owners.into_iter().find_map(|(inode, owner)| match owner {
            Owner::Other(holder) if inodes.contains(&inode) => Some(holder),
            _ => None,
        })
    }
}

impl Identify for Systemd {
    fn gateway(&self) -> &str {
        self.unit()
    }

    fn identify(&self, _inodes: &[u64]) -> Result<Vec<(u64, Owner)>, String> {
        let report = gateway_check::run(&self.systemctl, &gateway_check::folder(&self.paths))?;
        Ok(report.sockets.into_iter().map(|socket| (socket.inode, socket.owner)).collect())
    }
}

impl Backend for Systemd {
    fn show(&self) -> Result<Unit, String> {
        self.systemctl.show(self.unit()).map_err(|why| why.to_string())
    }

    fn start(&self) -> Result<(), OrderError> {
        self.refuse_held_port()?;
        if let Err(why) = self.systemctl.reset_failed(self.unit()) {
            log::debug!("{why}");
        }
        let failed = match self.systemctl.start(self.unit(), START, &Cancel::new()) {
            Ok(()) => return Ok(()),
            Err(error) => OrderError::from(error),
        };
        // systemd says that the start failed; the unit says of what.
        let ran = !failed.is_unreachable && failed.why.contains("Job for ");
        let unit = if ran { self.show().ok().filter(|unit| unit.result != "success") } else { None };
        let exit = unit.and_then(|unit| self.exit(&unit));
        Err(OrderError { why: exit.unwrap_or(failed.why), ..failed })
    }

    fn stop(&self) -> Result<(), OrderError> {
        Ok(self.systemctl.queue_stop(self.unit())?)
    }

    fn kill(&self) -> Result<(), OrderError> {
        Ok(self.systemctl.kill(self.unit())?)
    }

    fn exit(&self, unit: &Unit) -> Option<String> {
        self.systemctl.exit_with_last_line(self.unit(), unit)
    }

    fn pull(&self, cut: &Cancel) -> Result<Report, String> {
        let longest = unit::longest(&self.config.workspace, &self.config.secrets);
        unit::pull(&self.systemctl, longest, &self.sync, cut).map_err(|why| why.to_string())
    }

    fn push(&self, cut: &Cancel) -> Result<Pushed, String> {
        let longest = unit::longest_push(&self.config.workspace);
        unit::push(&self.systemctl, longest, &self.sync, cut).map_err(|why| why.to_string())
    }

    /// Forgetting an old failure is the one order that a gateway does not notice.
    fn permitted(&self) -> Result<(), String> {
        match self.systemctl.reset_failed(self.unit()) {
            Err(error) if error.is_unreachable() => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    fn examine(&self) -> Vec<Checked> {
        subprocess::ask(&self.source, &self.paths)
    }
}
