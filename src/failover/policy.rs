//! Policy: the part of the configuration that the decisions depend on.

use std::time::Duration;

use crate::config::Config;

/// Parameters of the decisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Number of upstreams, at least one.
    pub upstreams: usize,
    /// Time from the start of one probe to the next while the upstream is healthy.
    pub interval: Duration,
    /// Time from the start of one probe to the next after a failure.
    pub retry_interval: Duration,
    /// Time limit of one probe.
    pub timeout: Duration,
    /// Length of an outage that makes a promotion due.
    pub promote_after: Duration,
    /// Number of failed verdicts in a row that a promotion needs.
    pub failures: u32,
    /// Extra time on top of `promote_after` while the upstream seems to restart.
    pub restart_grace: Duration,
    /// Time limit of a promotion's wait for the running pull.
    pub sync_wait: Duration,
    /// True if a promotion needs the answer of a witness.
    pub needs_witness: bool,
    /// Shortest hold-down.
    pub demote_after: Duration,
    /// Longest hold-down.
    pub demote_max_after: Duration,
    /// Period within which each further automatic promotion doubles the hold-down.
    pub flap_window: Duration,
    /// Time limit of the gateway's first answer, after which the failure is announced.
    pub start_timeout: Duration,
    /// Time limit of the gateway's drain.
    pub stop_timeout: Duration,
    /// Interval of the pulls in standby.
    pub pull_interval: Duration,
}

impl Policy {
    /// Reads the policy from a configuration; `has_witnesses` is true if any witness applies.
    pub fn new(config: &Config, has_witnesses: bool) -> Self {
        Self {
            upstreams: config.upstreams.len(),
            interval: config.probe.interval,
            retry_interval: config.probe.retry_interval,
            timeout: config.probe.timeout,
            promote_after: config.promote.after,
            failures: config.promote.failures,
            restart_grace: config.promote.restart_grace,
            sync_wait: config.promote.sync_wait,
            needs_witness: has_witnesses,
            demote_after: config.demote.after,
            demote_max_after: config.demote.max_after,
            flap_window: config.demote.flap_window,
            start_timeout: config.gateway.start_timeout,
            stop_timeout: config.gateway.stop_timeout,
            pull_interval: config.workspace.refresh,
        }
    }

    /// Returns the limit up to which the time between two verdicts counts, so that a stall or suspension of the monitor
    /// itself does not count.
    pub fn max_counted_gap(&self) -> Duration {
        self.interval + self.timeout
    }

    /// Returns the same limit after a failure, when the next probe begins sooner.
    pub(super) fn max_counted_retry_gap(&self) -> Duration {
        self.retry_interval.min(self.interval) + self.timeout
    }
}

/// Returns the pause after this many failed attempts: 5 s, doubled each time, up to 5 minutes.
pub(super) fn retry_backoff(failed: u32) -> Duration {
    Duration::from_secs(5u64.saturating_mul(1 << failed.min(6)).min(300))
}
