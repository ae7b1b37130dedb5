//! Reload of the configuration: the new one applies completely or not at all.

use std::sync::Arc;

use crate::config::{Config, WitnessConfig};
use crate::events::MonitorNotice;
use crate::failover::{InitialFacts, Policy, Role};
use crate::monitor::error::ReloadError;
use crate::monitor::messages::{LoadedConfig, MonitorMessage};
use crate::monitor::notifier::Notifier;
use crate::monitor::prober::Probers;
use crate::monitor::watchdog::Watchdog;
use crate::monitor::{Monitor, witness};
use crate::os::spawn;
use crate::records::trace::SegmentStart;

impl Monitor {
    /// Loads the configuration again, on a separate thread: the file may be slow, and the search for a witness runs a
    /// program.
    pub(super) fn start_reload(&mut self) {
        if std::mem::replace(&mut self.is_reloading, true) {
            return;
        }
        self.notify.send_reloading();
        let (source, message_sender) = (self.parts.source.clone(), self.message_sender.clone());
        let load = move || {
            let loaded = source.load().map_err(ReloadError::Config).map(|config| {
                let witnesses = witness::applicable_witnesses(&config);
                (Box::new(config), witnesses)
            });
            message_sender.send(MonitorMessage::ConfigLoaded(loaded));
        };
        if let Err(why) = spawn("reload", load) {
            self.finish_reload(Err(why.into()));
        }
    }

    pub(super) fn finish_reload(&mut self, loaded: LoadedConfig) {
        self.is_reloading = false;
        match loaded.and_then(|(config, witnesses)| self.reconfigure(*config, witnesses)) {
            Ok(()) => self.record_notice(&MonitorNotice::Reloaded),
            Err(why) => self.record_notice(&MonitorNotice::ReloadRefused { why: why.to_string() }),
        }
        self.readiness_schedule.make_due(self.clock.now());
        self.notify.send_ready();
    }

    fn reconfigure(&mut self, config: Config, witnesses: Vec<WitnessConfig>) -> Result<(), ReloadError> {
        if config.gateway.unit != self.parts.config.gateway.unit && self.machine.role() != &Role::Standby {
            return Err(ReloadError::UnitChange);
        }
        let policy = Policy::new(&config, !witnesses.is_empty());
        let backend = (self.parts.backend_factory)(&config);
        let (generation, clock, message_sender) = (self.generation + 1, self.clock, &self.message_sender);
        let probers = |targets| Probers::start(targets, &policy, generation, clock, message_sender);
        let missing =
            self.threads.reconfigure(&config, Arc::clone(&backend), &policy, witnesses, probers, message_sender)?;
        if (&config.notify, &config.heartbeat) != (&self.parts.config.notify, &self.parts.config.heartbeat) {
            self.notifier = Notifier::start(generation, &config, &self.parts.paths, &self.message_sender)?;
            self.conditions.clear_deliveries();
        }
        self.notifier.steady_hold_down = config.demote.after;
        self.generation = generation;
        self.backend = backend;
        let armed_flags = self.seen_healthy.armed_flags(&config.upstreams);
        let urls = |config: &Config| config.upstreams.iter().map(|upstream| upstream.urls.clone()).collect::<Vec<_>>();
        let same_upstreams = urls(&config) == urls(&self.parts.config);
        let begin = SegmentStart {
            at: self.clock.now(),
            config: config.clone(),
            has_witnesses: policy.needs_witness,
            start: InitialFacts { armed: armed_flags.clone(), ..InitialFacts::default() },
            same_upstreams: Some(same_upstreams),
        };
        self.begin_trace(begin);
        self.machine.reconfigure(policy, same_upstreams, &armed_flags);
        if !same_upstreams {
            self.upstreams = vec![None; config.upstreams.len()];
        }
        self.watchdog = Watchdog::new(self.clock.now());
        self.parts.config = config;
        for what in missing {
            self.record_notice(&MonitorNotice::CredentialMissing { what });
        }
        Ok(())
    }
}
