//! Hold: an override of an operator.

use std::time::Duration;

use crate::text::named_enum::named_enum;
use crate::text::timestamp::Time;

/// Override set by an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Kind of the hold.
    pub kind: HoldKind,
    /// Start time.
    pub since: Time,
    /// Expiry; `None`: never.
    pub until: Option<Time>,
    /// Operator's reason.
    pub reason: Option<String>,
}

named_enum! {
    /// Kinds of holds.
    pub enum HoldKind {
        /// The gateway is kept up.
        Promoted = "promoted",
        /// The gateway is kept down.
        Standby = "standby",
        /// The gateway is neither started nor stopped.
        Paused = "paused",
    }
}

/// Interval of the reminder about a hold that is still set.
pub(in crate::failover) const HOLD_REMINDER_INTERVAL: Duration = Duration::from_secs(24 * 3600);

impl Hold {
    /// Returns the time of the last reminder by a previous monitor, if the hold is old enough.
    pub(in crate::failover) fn last_reminder_at(&self, now: Time) -> Option<Time> {
        let days = now.since(self.since).as_secs() / HOLD_REMINDER_INTERVAL.as_secs();
        (days > 0).then(|| self.since + HOLD_REMINDER_INTERVAL * u32::try_from(days).unwrap_or(u32::MAX))
    }
}
