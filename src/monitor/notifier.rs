//! Notifications: one delivery thread per webhook, and the heartbeat.

use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use crate::config::Config;
use crate::config::paths::Paths;
use crate::events::Entry;
use crate::monitor::messages::{Fact, Outlet};
use crate::notify::{Courier, Heartbeat, Message, Pace, Sieve, Told, Vault, Way};
use crate::status::metrics::Sent;

pub(super) struct Notifier {
    /// Serial number that tells the results of these delivery threads from late results of earlier ones.
    pub(super) serial: u64,
    couriers: Vec<Courier>,
    heartbeat: Option<Heartbeat>,
    sieve: Sieve,
    host: String,
    /// Hold-down of an upstream that does not flap.
    pub(super) steady: Duration,
}

impl Notifier {
    pub(super) fn start(serial: u64, config: &Config, paths: &Paths, outlet: &Outlet) -> io::Result<Self> {
        let (host, vault) = (host_name(), Vault::from_env());
        let told = |who: &str| -> Told {
            let (who, outlet) = (who.to_owned(), outlet.clone());
            Box::new(move |result| {
                outlet.send(Fact::Notified { serial, who: who.clone(), result });
            })
        };
        let mut couriers = Vec::new();
        for webhook in &config.notify {
            let way = Way {
                webhook: webhook.clone(),
                vault: vault.clone(),
                host: host.clone(),
                history: paths.history(),
                mark: paths.notified(&webhook.credential),
                pace: Pace::default(),
            };
            couriers.push(Courier::start(way, told(&webhook.credential))?);
        }
        let heartbeat = match &config.heartbeat {
            Some(beat) => Some(Heartbeat::start(beat.clone(), vault, told(&beat.credential))?),
            None => None,
        };
        Ok(Self { serial, couriers, heartbeat, sieve: Sieve::default(), host, steady: config.demote.after })
    }

    /// Passes an entry to the delivery threads. Never blocks.
    pub(super) fn take(&mut self, entry: &Entry) {
        if self.couriers.is_empty() {
            return;
        }
        let message = Message::of(&entry.to_json(), &self.host, self.steady);
        if let Some(message) = message.filter(|message| self.sieve.lets_through(message)) {
            let message = Arc::new(message);
            self.couriers.iter().for_each(|courier| courier.take(&message));
        }
    }

    /// Returns the delivery counts of each webhook.
    pub(super) fn sent(&self) -> Vec<Sent> {
        self.couriers.iter().map(Courier::sent).collect()
    }

    /// Signals the heartbeat that the monitor works and this host can take over.
    pub(super) fn is_well(&self) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.is_well();
        }
    }
}

/// Returns the name of this host. /etc/hostname comes first, because the monitor's sandbox hides /proc/sys.
pub(crate) fn host_name() -> String {
    let read = |path| fs::read_to_string(path).ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    read("/etc/hostname").or_else(|| read("/proc/sys/kernel/hostname")).unwrap_or_else(|| "the standby".to_owned())
}
