//! The monitor's threads, and the ways to them.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::backend::Backend;
use super::clock::Clock;
use super::gateway::{self, Driven};
use super::inbox::Outlet;
use super::prober::Probers;
use super::recorder::Recorder;
use super::sync::Sync;
use super::{Error, Parts, witness};
use crate::config::{Config, Upstream, Witness};
use crate::failover::{Look, Order, Policy};
use crate::probe::Target;

/// No gateway token is longer, in bytes.
const TOKEN: u64 = 4096;

pub(super) struct Workers {
    probers: Probers,
    gateway: SyncSender<gateway::Task>,
    pub(super) sync: Sync,
    witness: SyncSender<()>,
    pub(super) recorder: Recorder,
}

impl Workers {
    pub(super) fn start(
        parts: &Parts,
        backend: Arc<dyn Backend>,
        policy: &Policy,
        witnesses: Vec<Witness>,
        clock: Clock,
        outlet: &Outlet,
    ) -> Result<Self, Error> {
        let targets = targets(&parts.config)?;
        let driven = driven(&parts.config, Arc::clone(&backend))?;
        Ok(Self {
            recorder: Recorder::start(parts.paths.clone(), outlet.clone())?,
            gateway: gateway::start(driven, outlet.clone())?,
            sync: Sync::start(backend, outlet.clone())?,
            witness: witness::start(witnesses, asking_time(policy), outlet.clone())?,
            probers: Probers::start(targets, policy, 0, clock, outlet)?,
        })
    }

    /// Goes over to another configuration; what can fail comes first.
    pub(super) fn reconfigure(
        &mut self,
        config: &Config,
        backend: Arc<dyn Backend>,
        policy: &Policy,
        witnesses: Vec<Witness>,
        probers: impl FnOnce(Vec<Target>) -> std::io::Result<Probers>,
        outlet: &Outlet,
    ) -> Result<(), Error> {
        let targets = targets(config)?;
        let driven = driven(config, Arc::clone(&backend))?;
        let witness = witness::start(witnesses, asking_time(policy), outlet.clone())?;
        self.probers = probers(targets)?;
        self.witness = witness;
        self.sync.drive(backend);
        self.to_gateway(gateway::Task::Drive(driven));
        Ok(())
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

fn targets(config: &Config) -> Result<Vec<Target>, Error> {
    let target = |upstream: &Upstream| {
        let token = upstream.credential.as_deref().map(token).transpose()?;
        Ok(Target::upstream(upstream, token)?)
    };
    config.upstreams.iter().map(target).collect()
}

fn driven(config: &Config, backend: Arc<dyn Backend>) -> Result<Driven, Error> {
    let target = Target::local(&config.gateway.url)?;
    Ok(Driven { backend, target, interval: config.probe.interval, timeout: config.probe.timeout })
}

/// Reads a token that `LoadCredential=notify:FOLDER` has put where systemd.exec(5) says.
fn token(name: &str) -> Result<String, Error> {
    let fail = |why: &str| Error::Credential { name: name.to_owned(), why: why.to_owned() };
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| fail("the monitor was not given any"))?;
    let path = PathBuf::from(folder).join(format!("notify_{name}"));
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(TOKEN).read_to_string(&mut text));
    read.map_err(|why| fail(&why.to_string()))?;
    match text.trim() {
        "" => Err(fail("it is empty")),
        token => Ok(token.to_owned()),
    }
}
