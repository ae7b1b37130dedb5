//! Threads of the monitor, and the channels to them.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use crate::config::endpoint::{DEFAULT_GATEWAY_PORT, Endpoint};
use crate::config::paths::Paths;
use crate::config::{Config, UpstreamConfig, WitnessConfig};
use crate::failover::{Policy, PollMode, UnitAction};
use crate::monitor::backend::Backend;
use crate::monitor::clock::Clock;
use crate::monitor::error::MonitorError;
use crate::monitor::gateway::{self, GatewayDriver};
use crate::monitor::messages::MessageSender;
use crate::monitor::prober::Probers;
use crate::monitor::recorder::Recorder;
use crate::monitor::sync::SyncActuator;
use crate::monitor::witness;
use crate::notify::CredentialStore;
use crate::probe::ProbeTarget;

pub(super) struct Threads {
    probers: Probers,
    gateway: SyncSender<gateway::GatewayTask>,
    pub(super) sync: SyncActuator,
    witness: SyncSender<()>,
    pub(super) recorder: Recorder,
}

impl Threads {
    /// Starts all threads. Also returns a sentence for each missing credential.
    pub(super) fn start(
        config: &Config,
        paths: &Paths,
        backend: Arc<dyn Backend>,
        policy: &Policy,
        witnesses: Vec<WitnessConfig>,
        clock: Clock,
        message_sender: &MessageSender,
    ) -> Result<(Self, Vec<String>), MonitorError> {
        let (targets, missing) = probe_targets(config)?;
        let driver = gateway_driver(config, Arc::clone(&backend))?;
        let threads = Self {
            recorder: Recorder::start(paths.clone(), message_sender.clone())?,
            gateway: gateway::start_actuator(driver, message_sender.clone())?,
            sync: SyncActuator::start(backend, message_sender.clone())?,
            witness: witness::start_witness_thread(witnesses, witness_timeout(policy), message_sender.clone())?,
            probers: Probers::start(targets, policy, 0, clock, message_sender)?,
        };
        Ok((threads, missing))
    }

    /// Applies another configuration; steps that can fail come first. Returns a sentence for each missing credential.
    pub(super) fn reconfigure(
        &mut self,
        config: &Config,
        backend: Arc<dyn Backend>,
        policy: &Policy,
        witnesses: Vec<WitnessConfig>,
        probers: impl FnOnce(Vec<ProbeTarget>) -> std::io::Result<Probers>,
        message_sender: &MessageSender,
    ) -> Result<Vec<String>, MonitorError> {
        let (targets, missing) = probe_targets(config)?;
        let driver = gateway_driver(config, Arc::clone(&backend))?;
        let witness = witness::start_witness_thread(witnesses, witness_timeout(policy), message_sender.clone())?;
        self.probers = probers(targets)?;
        self.witness = witness;
        self.sync.set_backend(backend);
        self.send_to_gateway(gateway::GatewayTask::Reconfigure(driver));
        Ok(missing)
    }

    pub(super) fn request_unit_action(&self, action: UnitAction) {
        self.send_to_gateway(gateway::GatewayTask::UnitAction(action));
    }

    pub(super) fn set_poll_mode(&self, mode: PollMode) {
        self.send_to_gateway(gateway::GatewayTask::SetPollMode(mode));
    }

    /// Starts a witness query. The machine requests only one at a time.
    pub(super) fn query_witnesses(&self) {
        if self.witness.try_send(()).is_err() {
            log::debug!("a witness query is running already");
        }
    }

    fn send_to_gateway(&self, task: gateway::GatewayTask) {
        if self.gateway.try_send(task).is_err() {
            log::error!("the gateway thread does not respond: the watchdog will restart the monitor");
        }
    }
}

/// Returns the time limit of a witness query. The answer must be in before the next probe.
fn witness_timeout(policy: &Policy) -> Duration {
    policy.retry_interval.min(policy.timeout)
}

/// Returns the upstreams to probe, and a sentence for each missing token. An upstream without its token is probed too;
/// only the state of its channels stays unknown.
fn probe_targets(config: &Config) -> Result<(Vec<ProbeTarget>, Vec<String>), MonitorError> {
    let mut missing = Vec::new();
    let mut target = |upstream: &UpstreamConfig| {
        let credentials = CredentialStore::from_env();
        let token = upstream.credential.as_deref().and_then(|name| match credentials.read_text(name) {
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
        Ok(ProbeTarget::for_upstream(upstream, token)?)
    };
    let targets = config.upstreams.iter().map(&mut target).collect::<Result<_, MonitorError>>()?;
    Ok((targets, missing))
}

fn gateway_driver(config: &Config, backend: Arc<dyn Backend>) -> Result<GatewayDriver, MonitorError> {
    let target = ProbeTarget::for_local_gateway(&config.gateway.url, config.gateway.ca_file.as_deref())?;
    // A URL that can be probed always has a port.
    let port = Endpoint::from_url(&config.gateway.url).map_or(DEFAULT_GATEWAY_PORT, |endpoint| endpoint.address().port);
    Ok(GatewayDriver { backend, target, port, timeout: config.probe.timeout })
}
