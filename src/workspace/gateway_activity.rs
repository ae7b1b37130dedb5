//! State of the gateway, as far as a sync takes account of it.

use std::time::Duration;

/// Permission to update the files of the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutMode {
    /// Fetch, and update the files.
    UpdateFiles,
    /// Fetch only, because an agent may be using the files.
    FetchOnly,
}

/// State of the gateway; decides when a lock counts as stale. Other processes may write in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GatewayActivity {
    /// The gateway is down.
    Down,
    /// The gateway runs.
    Running,
}

impl GatewayActivity {
    /// Returns the age from which a ref's lock is stale. git holds one for milliseconds.
    pub(super) fn stale_ref_lock_age(self) -> Duration {
        match self {
            Self::Down => Duration::from_millis(500),
            Self::Running => Duration::from_secs(2),
        }
    }

    /// Returns the age from which the index lock is stale. git holds it while a person writes a commit message.
    pub(super) fn stale_index_lock_age(self) -> Duration {
        match self {
            Self::Down => Duration::ZERO,
            Self::Running => Duration::from_secs(60 * 60),
        }
    }
}
