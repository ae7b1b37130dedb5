//! Health of the monitor itself: systemd's watchdog is notified only while the threads do their work.

use std::time::Duration;

use crate::config::Config;
use crate::os::sd_notify::{SdNotify, watchdog_interval};
use crate::text::Time;

/// Time limit of a unit action, longer than any action takes, even if systemd does not answer.
const UNIT_ACTION_TIMEOUT: Duration = Duration::from_secs(120);

/// Allowance for delays on a busy host.
const BUSY_HOST_ALLOWANCE: Duration = Duration::from_secs(30);

/// Latest signs of progress of the other threads, and of the notifications.
pub(super) struct Watchdog {
    probed_at: Time,
    action_began_at: Option<Time>,
    notified_at: Option<Time>,
    interval: Option<Duration>,
}

impl Watchdog {
    pub(super) fn new(now: Time) -> Self {
        Self { probed_at: now, action_began_at: None, notified_at: None, interval: watchdog_interval() }
    }

    pub(super) fn record_probe(&mut self, at: Time) {
        self.probed_at = at;
    }

    pub(super) fn begin_unit_action(&mut self, at: Time) {
        self.action_began_at = Some(at);
    }

    pub(super) fn end_unit_action(&mut self) {
        self.action_began_at = None;
    }

    /// True if probes keep ending and no unit action hangs.
    pub(super) fn is_healthy(&self, now: Time, config: &Config) -> bool {
        let max_probe_gap = (config.probe.interval + config.probe.timeout) * 2 + BUSY_HOST_ALLOWANCE;
        let is_action_hanging = self.action_began_at.is_some_and(|at| now.since(at) > UNIT_ACTION_TIMEOUT);
        now.since(self.probed_at) <= max_probe_gap && !is_action_hanging
    }

    /// Returns the time of the next notification; `None` without a watchdog.
    pub(super) fn notification_due_at(&self) -> Option<Time> {
        self.interval.map(|interval| self.notified_at.map_or(Time::default(), |at| at + interval / 2))
    }

    /// Notifies systemd's watchdog if that is due.
    pub(super) fn notify_if_due(&mut self, now: Time, notify: &SdNotify) {
        if self.notification_due_at().is_some_and(|at| now >= at) {
            notify.send_watchdog();
            self.notified_at = Some(now);
        }
    }
}
