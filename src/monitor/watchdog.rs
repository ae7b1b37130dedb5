//! Health of the monitor itself: systemd's watchdog is notified only while the threads do their work.

use std::time::Duration;

use crate::config::Config;
use crate::os::sd_notify::{Notify, watchdog_interval};
use crate::text::Time;

/// Time limit of an order, longer than any order takes, even if systemd does not answer.
const LONGEST_ORDER: Duration = Duration::from_secs(120);

/// Allowance for delays on a busy host.
const SLACK: Duration = Duration::from_secs(30);

/// Latest signs of progress of the other threads, and of the notifications.
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

    /// True if probes keep ending and no order hangs.
    pub(super) fn is_well(&self, now: Time, config: &Config) -> bool {
        let patience = (config.probe.interval + config.probe.timeout) * 2 + SLACK;
        let order_hangs = self.ordered.is_some_and(|at| now.since(at) > LONGEST_ORDER);
        now.since(self.probed) <= patience && !order_hangs
    }

    /// Notifies systemd's watchdog if that is due.
    pub(super) fn feed(&mut self, now: Time, notify: &Notify) {
        if let Some(every) = self.every
            && self.fed.is_none_or(|fed| now.since(fed) >= every / 2)
        {
            notify.watchdog();
            self.fed = Some(now);
        }
    }
}
