//! Whether the monitor itself is well: systemd's watchdog is fed only while its threads do their work.

use std::time::Duration;

use crate::config::Config;
use crate::os::sd_notify::{Notify, watchdog_interval};
use crate::text::Time;

/// No order takes longer, even one that systemd never answers.
const LONGEST_ORDER: Duration = Duration::from_secs(120);

/// What a busy host may add to any time.
const SLACK: Duration = Duration::from_secs(30);

/// The last signs of life of the other threads.
pub(super) struct Pulse {
    probed: Time,
    ordered: Option<Time>,
    fed: Option<Time>,
    every: Option<Duration>,
}

impl Pulse {
    pub(super) fn new(now: Time) -> Self {
        Self { probed: now, ordered: None, fed: None, every: watchdog_interval() }
    }

    pub(super) fn probed(&mut self, at: Time) {
        self.probed = at;
    }

    pub(super) fn order_began(&mut self, at: Time) {
        self.ordered = Some(at);
    }

    pub(super) fn order_ended(&mut self) {
        self.ordered = None;
    }

    /// Whether probes come in and orders come to an end.
    pub(super) fn is_well(&self, now: Time, config: &Config) -> bool {
        let patience = (config.probe.interval + config.probe.timeout) * 2 + SLACK;
        let order_hangs = self.ordered.is_some_and(|at| now.since(at) > LONGEST_ORDER);
        now.since(self.probed) <= patience && !order_hangs
    }

    /// Gives systemd its sign of life when the next one is due.
    pub(super) fn feed(&mut self, now: Time, notify: &Notify) {
        if let Some(every) = self.every
            && self.fed.is_none_or(|fed| now.since(fed) >= every / 2)
        {
            notify.watchdog();
            self.fed = Some(now);
        }
    }
}
