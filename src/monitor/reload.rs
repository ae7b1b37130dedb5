//! Reload of the configuration: the new one applies completely or not at all.

use std::sync::Arc;

use crate::config::{Config, Witness};
use crate::events::MonitorNote;
use crate::failover::{Policy, Role, Start};
use crate::monitor::messages::Fact;
use crate::monitor::notifier::Notifier;
use crate::monitor::prober::Probers;
use crate::monitor::watchdog::Pulse;
use crate::monitor::{Error, Monitor, witness};
use crate::os::spawn;
use crate::records::trace::Begin;

/// Configuration that was loaded, and the witnesses that apply to it.
pub(super) type Loaded = Result<(Box<Config>, Vec<Witness>), String>;

impl Monitor {
    /// Loads the configuration again, on a separate thread: the file may be slow, and the search for a witness runs a
    /// program.
    pub(super) fn reload(&mut self) {
        if std::mem::replace(&mut self.reloading, true) {
            return;
        }
        self.notify.reloading();
        let (source, outlet) = (self.parts.source.clone(), self.outlet.clone());
        let load = move || {
            let loaded = source.load().map_err(|problems| problems.to_string());
            outlet.send(Fact::Loaded(loaded.map(|config| {
                let witnesses = witness::of(&config);
                (Box::new(config), witnesses)
            })));
        };
        if let Err(why) = spawn("reload", load) {
            self.loaded(Err(format!("cannot start a thread: {why}")));
        }
    }

    pub(super) fn loaded(&mut self, loaded: Loaded) {
        self.reloading = false;
        match loaded.and_then(|(config, witnesses)| self.reconfigure(*config, witnesses)) {
            Ok(()) => self.tell(&MonitorNote::Reloaded),
            Err(why) => self.tell(&MonitorNote::ReloadRefused { why }),
        }
        self.lookout.hurry(self.clock.now());
        self.notify.ready();
    }

    fn reconfigure(&mut self, config: Config, witnesses: Vec<Witness>) -> Result<(), String> {
        if config.gateway.unit != self.parts.config.gateway.unit && self.machine.role() != &Role::Standby {
            return Err("gateway.unit cannot change while this host is not in standby; demote first".to_owned());
        }
        let policy = Policy::new(&config, !witnesses.is_empty());
        let backend = (self.parts.backend)(&config);
        let (generation, clock, outlet) = (self.generation + 1, self.clock, &self.outlet);
        let probers = |targets| Probers::start(targets, &policy, generation, clock, outlet);
        let changed = self.workers.reconfigure(&config, Arc::clone(&backend), &policy, witnesses, probers, outlet);
        let missing = changed.map_err(|why| why.to_string())?;
        if (&config.notify, &config.heartbeat) != (&self.parts.config.notify, &self.parts.config.heartbeat) {
            let notifier = Notifier::start(generation, &config, &self.parts.paths, &self.outlet);
            self.notifier = notifier.map_err(|why| Error::from(why).to_string())?;
            self.conditions.forget_notified();
        }
        self.notifier.steady = config.demote.after;
        self.generation = generation;
        self.backend = backend;
        let armed = self.armed.knows_each(&config.upstreams);
        let urls = |config: &Config| config.upstreams.iter().map(|upstream| upstream.urls.clone()).collect::<Vec<_>>();
        let same_upstreams = urls(&config) == urls(&self.parts.config);
        let begin = Begin {
            at: self.clock.now(),
            config: config.clone(),
            witnessed: policy.witnessed,
            start: Start { armed: armed.clone(), ..Start::default() },
            same_upstreams: Some(same_upstreams),
        };
        self.trace_begin(begin);
        self.machine.reconfigure(policy, same_upstreams, &armed);
        if !same_upstreams {
            self.upstreams = vec![None; config.upstreams.len()];
        }
        self.pulse = Pulse::new(self.clock.now());
        self.parts.config = config;
        for what in missing {
            self.tell(&MonitorNote::Missing { what });
        }
        Ok(())
    }
}
