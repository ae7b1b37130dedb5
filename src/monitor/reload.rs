//! Reload of the configuration: the new one applies completely or not at all.

use std::sync::Arc;

use crate::config::{Config, WitnessConfig};
use crate::events::MonitorNotice;
use crate::failover::{InitialFacts, Policy, Role};
use crate::monitor::messages::MonitorMessage;
use crate::monitor::notifier::Notifier;
use crate::monitor::prober::Probers;
use crate::monitor::watchdog::Watchdog;
use crate::monitor::{Monitor, MonitorError, witness};
use crate::os::spawn;
use crate::records::trace::SegmentStart;

/// Configuration that was loaded, and the witnesses that apply to it.
pub(super) type LoadedConfig = Result<(Box<Config>, Vec<WitnessConfig>), String>;

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
            let loaded = source.load().map_err(|problems| problems.to_string());
            message_sender.send(MonitorMessage::ConfigLoaded(loaded.map(|config| {
                let witnesses = witness::applicable_witnesses(&config);
                (Box::new(config), witnesses)
            })));
        };
        if let Err(why) = spawn("reload", load) {
            self.finish_reload(Err(format!("cannot start a thread: {why}")));
        }
    }

    pub(super) fn finish_reload(&mut self, loaded: LoadedConfig) {
        self.is_reloading = false;
        match loaded.and_then(|(config, witnesses)| self.reconfigure(*config, witnesses)) {
            Ok(()) => self.record_notice(&MonitorNotice::Reloaded),
            Err(why) => self.record_notice(&MonitorNotice::ReloadRefused { why }),
        }
        self.readiness_schedule.make_due(self.clock.now());
        self.notify.send_ready();
    }

    fn reconfigure(&mut self, config: Config, witnesses: Vec<WitnessConfig>) -> Result<(), String> {
        if config.gateway.unit != self.parts.config.gateway.unit && self.machine.role() != &Role::Standby {
            return Err("gateway.unit cannot change while this host is not in standby; demote first".to_owned());
        }
        let policy = Policy::new(&config, !witnesses.is_empty());
        let backend = (self.parts.backend_factory)(&config);
        let (generation, clock, message_sender) = (self.generation + 1, self.clock, &self.message_sender);
        let probers = |targets| Probers::start(targets, &policy, generation, clock, message_sender);
        let changed =
            self.threads.reconfigure(&config, Arc::clone(&backend), &policy, witnesses, probers, message_sender);
        let missing = changed.map_err(|why| why.to_string())?;
        if (&config.notify, &config.heartbeat) != (&self.parts.config.notify, &self.parts.config.heartbeat) {
            let notifier = Notifier::start(generation, &config, &self.parts.paths, &self.message_sender);
            self.notifier = notifier.map_err(|why| MonitorError::from(why).to_string())?;
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
