//! State of the pulls and pushes.

use std::time::Duration;

use crate::text::timestamp::Time;

/// Shortest interval of the later pulls of an outage.
pub(in crate::failover) const MIN_PULL_INTERVAL: Duration = Duration::from_secs(60);

/// Schedule of pulls and pushes of the workspace.
#[derive(Clone, Debug, Default)]
pub(in crate::failover) struct SyncSchedule {
    pub(in crate::failover) running: Option<SyncJob>,
    /// True if a pull is to start as soon as the running push has ended.
    pub(in crate::failover) is_pull_queued: bool,
    pub(in crate::failover) pull_started_at: Option<Time>,
    pub(in crate::failover) push_at: Time,
    pub(in crate::failover) failed_pushes: u32,
}

/// Sync operation; there is one at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::failover) enum SyncJob {
    Pull,
    Push { cut: bool },
}

impl SyncSchedule {
    pub(in crate::failover) fn is_syncing(&self) -> bool {
        self.running.is_some()
    }

    pub(in crate::failover) fn is_pushing(&self) -> bool {
        matches!(self.running, Some(SyncJob::Push { .. }))
    }
}
