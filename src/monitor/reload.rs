//! Another configuration: in force wholly, or not at all.

use crate::config::Config;
use crate::failover::{Policy, Role};
use crate::report::entry::MonitorNote;

use super::prober::Probers;
use super::pulse::Pulse;
use super::{Monitor, witness};

impl Monitor {
    pub(super) fn reload(&mut self) {
        self.notify.reloading();
        let loaded = self.parts.source.load().map_err(|problems| problems.to_string());
        let result = loaded.and_then(|config| self.reconfigure(config));
        match result {
            Ok(()) => self.tell(&MonitorNote::Reloaded),
            Err(why) => self.tell(&MonitorNote::ReloadRefused { why }),
        }
        self.notify.ready();
    }

    fn reconfigure(&mut self, config: Config) -> Result<(), String> {
        if config.gateway.unit != self.parts.config.gateway.unit && self.machine.role() != &Role::Standby {
            return Err("gateway.unit cannot change while this host's gateway is up; demote first".to_owned());
        }
        let witnesses = witness::of(&config);
        let policy = Policy::new(&config, !witnesses.is_empty());
        let backend = (self.parts.backend)(&config);
        let (generation, clock, outlet) = (self.generation + 1, self.clock, &self.outlet);
        let probers = |targets| Probers::start(targets, &policy, generation, clock, outlet);
        let changed = self.workers.reconfigure(&config, backend, &policy, witnesses, probers, outlet);
        changed.map_err(|why| why.to_string())?;
        self.generation = generation;
        let armed: Vec<bool> = config.upstreams.iter().map(|upstream| self.armed.knows(&upstream.urls)).collect();
        self.machine.reconfigure(policy, &armed);
        self.upstreams = vec![None; config.upstreams.len()];
        self.pulse = Pulse::new(self.clock.now());
        self.parts.config = config;
        Ok(())
    }
}
