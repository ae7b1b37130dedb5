//! The part of the configuration that decisions rest on.

use std::time::Duration;

use crate::config::Config;

/// Every number a decision rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How many upstreams there are, at least one.
    pub upstreams: usize,
    /// From one probe's start to the next while healthy.
    pub interval: Duration,
    /// The same after a failure.
    pub retry_interval: Duration,
    /// The deadline of one probe.
    pub timeout: Duration,
    /// How long no upstream may have shown life.
    pub promote_after: Duration,
    /// How many verdicts in a row must have failed.
    pub failures: u32,
    /// Added to `promote_after` while the upstream looks as if it were restarting.
    pub restart_grace: Duration,
    /// How long a promotion waits for a pull that still runs.
    pub sync_wait: Duration,
    /// Whether a witness must be reached before a promotion.
    pub witnessed: bool,
    /// The shortest hold-down.
    pub demote_after: Duration,
    /// The longest hold-down.
    pub demote_max_after: Duration,
    /// Automatic promotions within this time of each other double the hold-down.
    pub flap_window: Duration,
    /// How long the gateway may take to its first answer before somebody is told.
    pub start_timeout: Duration,
    /// How long the gateway may drain.
    pub stop_timeout: Duration,
    /// How often a standby pulls.
    pub refresh: Duration,
}

impl Policy {
    /// Reads the policy out of a configuration; `witnessed` is whether the witnesses that were found to apply are any.
    #[must_use]
    pub fn new(config: &Config, witnessed: bool) -> Self {
        Self {
            upstreams: config.upstreams.len(),
            interval: config.probe.interval,
            retry_interval: config.probe.retry_interval,
            timeout: config.probe.timeout,
            promote_after: config.promote.after,
            failures: config.promote.failures,
            restart_grace: config.promote.restart_grace,
            sync_wait: config.promote.sync_wait,
            witnessed,
            demote_after: config.demote.after,
            demote_max_after: config.demote.max_after,
            flap_window: config.demote.flap_window,
            start_timeout: config.gateway.start_timeout,
            stop_timeout: config.gateway.stop_timeout,
            refresh: config.workspace.refresh,
        }
    }

    /// The most that the time between two consecutive verdicts may count for: a monitor that was stalled or suspended
    /// cannot count its own sleep.
    #[must_use]
    pub fn longest_step(&self) -> Duration {
        self.interval + self.timeout
    }

    /// The most time that two consecutive verdicts prove an outage for: after a failure the next probe begins sooner.
    #[must_use]
    pub(super) fn longest_retry_step(&self) -> Duration {
        self.retry_interval.min(self.interval) + self.timeout
    }
}
