//! Backend: access to the gateway and the workspace of this host. The real one uses systemd.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::endpoint::Endpoint;
use crate::config::paths::Paths;
use crate::config::{Config, ConfigSource};
use crate::doctor::subprocess;
use crate::failover::{InvocationId, ObservedUnit, UnitActionError, UnitState};
use crate::finding::CheckOutcome;
use crate::gateway_check::{self, GatewayCheckError, SocketOwner};
use crate::os::systemd::{Active, Systemctl, SystemdError, Unit};
use crate::os::{Cancel, accepting_sockets, listening_sockets};
use crate::probe::HostResolver;
use crate::workspace::report::PushReport;
use crate::workspace::unit::{self, SyncUnitError};
use crate::workspace::{self, PullReport};

/// Time limit of a start. The unit's `TimeoutStartSec` is 30 s, including its wait for the tailnet.
const START_TIMEOUT: Duration = Duration::from_secs(45);

/// Time limit of a connection within this host.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

impl From<SystemdError> for UnitActionError {
    fn from(error: SystemdError) -> Self {
        Self { why: error.to_string(), is_unreachable: error.is_unreachable() }
    }
}

/// Identification of the processes that hold sockets.
pub(crate) trait FindSocketOwners {
    /// Returns the name of the gateway's unit.
    fn gateway_unit(&self) -> &str;
    /// Finds the owners of sockets by inode number. Runs programs, for a few seconds at most.
    fn find_socket_owners(&self, inodes: &[u64]) -> Result<Vec<(u64, SocketOwner)>, GatewayCheckError>;
}

/// Gateway and workspace of this host. The demo implements it without systemd.
pub(crate) trait Backend: FindSocketOwners + Send + Sync {
    /// Returns the state of the gateway's unit.
    fn show(&self) -> Result<Unit, SystemdError>;
    /// Starts the unit. `Ok` means that systemd started it; [`show`](Self::show) tells whether it stays up.
    fn start(&self) -> Result<(), UnitActionError>;
    /// Requests the stop of the unit, without waiting for the drain.
    fn stop(&self) -> Result<(), UnitActionError>;
    /// Kills the unit, which cuts the drain short.
    fn kill(&self) -> Result<(), UnitActionError>;
    /// Describes the exit of this run of the unit, with its last log line if that is readable.
    fn describe_exit(&self, unit: &Unit) -> Option<String>;
    /// Pulls the workspace and the secrets. Cancelling `cut` stops a fetch, not a checkout.
    fn pull(&self, cut: &Cancel) -> Result<PullReport, SyncUnitError>;
    /// Pushes the local changes. Cancelling `cut` stops it.
    fn push(&self, cut: &Cancel) -> Result<PushReport, SyncUnitError>;
    /// Checks that systemd accepts requests, without changing anything that runs.
    fn check_permission(&self) -> Result<(), SystemdError>;
    /// Runs the checks of what could block a failover, for a minute at most. Runs programs.
    fn run_readiness_checks(&self) -> Vec<CheckOutcome>;
}

/// Backend of a real host.
pub(crate) struct SystemdBackend {
    systemctl: Systemctl,
    config: Config,
    source: ConfigSource,
    paths: Paths,
    sync: workspace::SyncPaths,
    /// Address of the gateway.
    endpoint: Option<Endpoint>,
    /// Resolver of the gateway's host name.
    lookup: HostResolver,
}

impl SystemdBackend {
    pub(crate) fn new(config: &Config, source: ConfigSource, paths: Paths, sync: workspace::SyncPaths) -> Self {
        let endpoint = Endpoint::from_url(&config.gateway.url).ok();
        let (systemctl, lookup) = (Systemctl::default(), HostResolver::default());
        Self { systemctl, config: config.clone(), source, paths, sync, endpoint, lookup }
    }

    fn unit(&self) -> &str {
        &self.config.gateway.unit
    }

    /// Refuses a start while the unit is down and another process answers at the gateway's address.
    fn refuse_held_port(&self) -> Result<(), UnitActionError> {
        let Some(held) = self.find_held_address() else { return Ok(()) };
        if self.show().is_ok_and(|unit| unit.is_stopped()) {
            let (port, unit) = (held.port(), self.unit());
            let holder = self.find_port_holder(held).unwrap_or_else(|| "another process".to_owned());
            return Err(UnitActionError::refused(format!(
                "port {port} is held by {holder}, not by {unit}; find it with `ss -ltnp 'sport = :{port}'` and stop it"
            )));
        }
        Ok(())
    }

    /// Returns an address of the gateway that accepts connections.
    fn find_held_address(&self) -> Option<SocketAddr> {
        let address = self.endpoint.as_ref()?.address();
        // An IPv6 literal has brackets in front of a port.
        let addresses = self.lookup.addresses_within(&address.host.to_string(), address.port, CONNECT_TIMEOUT);
        addresses.into_iter().find(|address| TcpStream::connect_timeout(address, CONNECT_TIMEOUT).is_ok())
    }

    /// Returns the process that holds an address, if the check finds it.
    fn find_port_holder(&self, address: SocketAddr) -> Option<String> {
        let listening = listening_sockets(address.port()).ok()?;
        let inodes: Vec<u64> = accepting_sockets(&listening, address).iter().map(|taker| taker.inode).collect();
        let owners = self.find_socket_owners(&inodes).ok()?;
        owners.into_iter().find_map(|(inode, owner)| match owner {
            SocketOwner::OtherProcess(holder) if inodes.contains(&inode) => Some(holder),
            _ => None,
        })
    }
}

impl FindSocketOwners for SystemdBackend {
    fn gateway_unit(&self) -> &str {
        self.unit()
    }

    fn find_socket_owners(&self, _inodes: &[u64]) -> Result<Vec<(u64, SocketOwner)>, GatewayCheckError> {
        let report = gateway_check::run_check_unit(&self.systemctl, &gateway_check::report_folder(&self.paths))?;
        Ok(report.sockets.into_iter().map(|socket| (socket.inode, socket.owner)).collect())
    }
}

impl Backend for SystemdBackend {
    fn show(&self) -> Result<Unit, SystemdError> {
        self.systemctl.show(self.unit())
    }

    fn start(&self) -> Result<(), UnitActionError> {
        self.refuse_held_port()?;
        if let Err(why) = self.systemctl.reset_failed(self.unit()) {
            log::debug!("{why}");
        }
        let failed = match self.systemctl.start(self.unit(), START_TIMEOUT, &Cancel::new()) {
            Ok(()) => return Ok(()),
            Err(error) => UnitActionError::from(error),
        };
        // systemd reports that the start failed; the unit has the cause.
        let ran = !failed.is_unreachable && failed.why.contains("Job for ");
        let unit = if ran { self.show().ok().filter(|unit| unit.result != "success") } else { None };
        let exit = unit.and_then(|unit| self.describe_exit(&unit));
        Err(UnitActionError { why: exit.unwrap_or(failed.why), ..failed })
    }

    fn stop(&self) -> Result<(), UnitActionError> {
        Ok(self.systemctl.queue_stop(self.unit())?)
    }

    fn kill(&self) -> Result<(), UnitActionError> {
        Ok(self.systemctl.kill(self.unit())?)
    }

    fn describe_exit(&self, unit: &Unit) -> Option<String> {
        self.systemctl.describe_exit_with_log(self.unit(), unit)
    }

    fn pull(&self, cut: &Cancel) -> Result<PullReport, SyncUnitError> {
        let longest = unit::pull_time_limit(&self.config.workspace, &self.config.secrets);
        unit::run_pull_unit(&self.systemctl, longest, &self.sync, cut)
    }

    fn push(&self, cut: &Cancel) -> Result<PushReport, SyncUnitError> {
        let longest = unit::push_time_limit(&self.config.workspace);
        unit::run_push_unit(&self.systemctl, longest, &self.sync, cut)
    }

    /// Uses `reset-failed`, the only request that does not affect a running gateway.
    fn check_permission(&self) -> Result<(), SystemdError> {
        match self.systemctl.reset_failed(self.unit()) {
            Err(error) if error.is_unreachable() => Err(error),
            _ => Ok(()),
        }
    }

    fn run_readiness_checks(&self) -> Vec<CheckOutcome> {
        subprocess::run_child(&self.source, &self.paths)
    }
}

/// Reduces the state of a unit to what the machine needs.
pub(super) fn to_observed_unit(unit: &Unit) -> ObservedUnit {
    let state = match unit.active_state {
        Active::Active => UnitState::Active,
        Active::Activating => UnitState::Activating,
        Active::Deactivating => UnitState::Deactivating,
        Active::Inactive | Active::Failed => UnitState::Down,
    };
    let invocation = unit.invocation_id.as_deref().and_then(|id| u128::from_str_radix(id, 16).ok());
    ObservedUnit { state, invocation: invocation.map(InvocationId), main_pid: unit.main_pid }
}
