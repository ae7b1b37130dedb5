//! The monitor's threads, and the ways to them.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use crate::config::endpoint::{DEFAULT_PORT, Endpoint};
use crate::config::{Config, Upstream, Witness};
use crate::failover::{Look, Order, Policy};
use crate::monitor::backend::Backend;
use crate::monitor::clock::Clock;
use crate::monitor::gateway::{
    Driven, {self},
};
use crate::monitor::messages::Outlet;
use crate::monitor::prober::Probers;
use crate::monitor::recorder::Recorder;
use crate::monitor::sync::Sync;
use crate::monitor::{Error, Parts, witness};
use crate::notify::Vault;
use crate::probe::Target;

pub(super) struct Workers {
    probers: Probers,
    gateway: SyncSender<gateway::Task>,
    pub(super) sync: Sync,
    witness: SyncSender<()>,
    pub(super) recorder: Recorder,
}

impl Workers {
    /// Starts all threads. Answers what is missing beside, in words.
    pub(super) fn start(
        parts: &Parts,
        backend: Arc<dyn Backend>,
        policy: &Policy,
        witnesses: Vec<Witness>,
        clock: Clock,
        outlet: &Outlet,
    ) -> Result<(Self, Vec<String>), Error> {
        let (targets, missing) = targets(&parts.config)?;
        let driven = driven(&parts.config, Arc::clone(&backend))?;
        let workers = Self {
            recorder: Recorder::start(parts.paths.clone(), outlet.clone())?,
            gateway: gateway::start(driven, outlet.clone())?,
            sync: Sync::start(backend, outlet.clone())?,
            witness: witness::start(witnesses, asking_time(policy), outlet.clone())?,
            probers: Probers::start(targets, policy, 0, clock, outlet)?,
        };
        Ok((workers, missing))
    }

    /// Goes over to another configuration; what can fail comes first. Answers what is missing, in words.
    pub(super) fn reconfigure(
        &mut self,
        config: &Config,
        backend: Arc<dyn Backend>,
        policy: &Policy,
        witnesses: Vec<Witness>,
        probers: impl FnOnce(Vec<Target>) -> std::io::Result<Probers>,
        outlet: &Outlet,
    ) -> Result<Vec<String>, Error> {
        let (targets, missing) = targets(config)?;
        let driven = driven(config, Arc::clone(&backend))?;
        let witness = witness::start(witnesses, asking_time(policy), outlet.clone())?;
        self.probers = probers(targets)?;
        self.witness = witness;
        self.sync.drive(backend);
        self.to_gateway(gateway::Task::Drive(driven));
        Ok(missing)
    }

    pub(super) fn order(&self, order: Order) {
        self.to_gateway(gateway::Task::Order(order));
    }

    pub(super) fn look(&self, look: Look) {
        self.to_gateway(gateway::Task::Look(look));
    }

    /// One ask at a time: while one is under way the machine does not want another.
    pub(super) fn ask_witnesses(&self) {
        if self.witness.try_send(()).is_err() {
            log::debug!("the witnesses are being asked already");
        }
    }

    fn to_gateway(&self, task: gateway::Task) {
        if self.gateway.try_send(task).is_err() {
            log::error!("the gateway actuator does not take orders; the watchdog will restart the monitor");
        }
    }
}

/// A witness that takes longer than a retry is no witness for this one.
fn asking_time(policy: &Policy) -> Duration {
    policy.retry_interval.min(policy.timeout)
}

/// The upstreams to probe, and what is missing for it. Without its token an upstream is probed all the same: its channels
/// stay unknown, and its death does not.
fn targets(config: &Config) -> Result<(Vec<Target>, Vec<String>), Error> {
    let mut missing = Vec::new();
    let mut target = |upstream: &Upstream| {
        let vault = Vault::from_env();
        let token = upstream.credential.as_deref().and_then(|name| match vault.read(name) {
            Ok(token) => Some(token),
            Err(why) => {
                missing.push(format!(
                    "the token {name} of {} cannot be read ({why}), so its channels are not known; put it into \
                     /etc/openclaw-failover/credentials/{name} and restart openclaw-failover.service",
                    upstream.name
                ));
                None
            }
        });
        Ok(Target::upstream(upstream, token)?)
    };
    let targets = config.upstreams.iter().map(&mut target).collect::<Result<_, Error>>()?;
    Ok((targets, missing))
}

fn driven(config: &Config, backend: Arc<dyn Backend>) -> Result<Driven, Error> {
    let target = Target::local(&config.gateway.url, config.gateway.ca_file.as_deref())?;
    // A URL that can be probed has a port.
    let port = Endpoint::from_url(&config.gateway.url).map_or(DEFAULT_PORT, |endpoint| endpoint.address().port);
    Ok(Driven { backend, target, port, timeout: config.probe.timeout })
}
