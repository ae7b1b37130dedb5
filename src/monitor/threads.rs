//! Threads of the monitor, and the channels to them.

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
    /// Starts all threads. Also returns a sentence for each missing credential.
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

    /// Applies another configuration; steps that can fail come first. Returns a sentence for each missing credential.
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

    /// Starts a witness query. The machine requests only one at a time.
    pub(super) fn ask_witnesses(&self) {
        if self.witness.try_send(()).is_err() {
            log::debug!("a witness query is running already");
        }
    }

    fn to_gateway(&self, task: gateway::Task) {
        if self.gateway.try_send(task).is_err() {
            log::error!("the gateway thread does not respond: the watchdog will restart the monitor");
        }
    }
}

/// Returns the time limit of a witness query. The answer must be in before the next probe.
fn asking_time(policy: &Policy) -> Duration {
    policy.retry_interval.min(policy.timeout)
}

/// Returns the upstreams to probe, and a sentence for each missing token. An upstream without its token is probed too;
/// only the state of its channels stays unknown.
fn targets(config: &Config) -> Result<(Vec<Target>, Vec<String>), Error> {
    let mut missing = Vec::new();
    let mut target = |upstream: &Upstream| {
        let vault = Vault::from_env();
        let token = upstream.credential.as_deref().and_then(|name| match vault.read(name) {
            Ok(token) => Some(token),
            Err(why) => {
                missing.push(format!(
                    "cannot read the token {name} of {} ({why}), so the state of its channels is unknown; put the \
                     token into /etc/openclaw-failover/credentials/{name} and restart openclaw-failover.service",
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
    // A URL that can be probed always has a port.
    let port = Endpoint::from_url(&config.gateway.url).map_or(DEFAULT_PORT, |endpoint| endpoint.address().port);
    Ok(Driven { backend, target, port, timeout: config.probe.timeout })
}
