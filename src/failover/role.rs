//! The roles: each owns its own deadlines.

use std::time::Duration;

use crate::failover::event::Invocation;
use crate::text::timestamp::Time;

/// What this host is to its user at this moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// The upstream serves; this host watches.
    Standby,
    /// This host is taking over.
    Promoting(Promoting),
    /// This host serves.
    Active(Active),
    /// This host steps aside.
    Demoting(Demoting),
}

/// Why the gateway of this host runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No upstream showed life.
    Outage,
    /// A chronic partial outage: the upstreams kept failing and coming back.
    Flapping,
    /// An operator said so.
    Operator,
    /// A rehearsal, staying active for so long.
    Drill {
        /// How long.
        hold: Duration,
    },
    /// It was found running.
    Found,
}

impl Cause {
    /// True if the machine decided by itself to fail over.
    #[must_use]
    pub fn is_automatic(self) -> bool {
        matches!(self, Self::Outage | Self::Flapping)
    }
}

/// On the way up.
#[derive(Clone, Debug, PartialEq)]
pub struct Promoting {
    /// Why.
    pub cause: Cause,
    /// When it was decided.
    pub since: Time,
    /// Which start of the gateway this is, from 0; the patience doubles with each.
    pub attempt: u32,
    /// How far it is.
    pub step: Step,
}

/// The steps of a promotion.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A pull still runs.
    Sync {
        /// The promotion waits for it until then.
        until: Time,
        /// It was asked to stop.
        cut: bool,
    },
    /// The gateway is to be started.
    Start {
        /// Not before then.
        at: Time,
    },
    /// The gateway was started.
    Verify(Verify),
    /// The gateway stayed silent, or another process answers in its place: it is being stopped, to be started again.
    Clear {
        /// When to ask for the stop (again).
        at: Time,
        /// The earliest time of the next start.
        start_at: Time,
    },
}

/// A gateway that was started and has yet to prove itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Verify {
    /// When its start succeeded; time in which nobody looked is left out, here and below.
    pub since: Time,
    /// When it last answered anything at all; first, `since`.
    pub heard: Time,
    /// How long it may be silent before somebody is told; twice that, and it is started again.
    pub patience: Duration,
    /// Whether somebody was told.
    pub told: bool,
    /// The invocation before the start: an answer from it proves nothing.
    pub before: Option<Invocation>,
    /// The invocation that has answered once.
    pub answered: Option<Invocation>,
}

/// Up, and answering.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    /// Why it runs.
    pub cause: Cause,
    /// Since when it has answered.
    pub since: Time,
    /// When it last answered; time in which nobody looked is left out.
    pub heard: Time,
    /// Which start of the gateway this is, from 0.
    pub attempt: u32,
    /// Whether it was found down, and somebody was told.
    pub down: bool,
}

/// Why this host steps aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// This upstream has been ready for the hold-down.
    Ready {
        /// Its index.
        upstream: usize,
    },
    /// An operator said so.
    Operator,
    /// The drill is over.
    DrillOver,
    /// Somebody else stopped the gateway.
    Found,
}

/// On the way down.
#[derive(Clone, Debug, PartialEq)]
pub struct Demoting {
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Time,
    /// Since when the gateway had answered, if it ever did.
    pub active_since: Option<Time>,
    /// When to ask for the stop (again).
    pub stop_at: Time,
    /// How often the stop was asked for.
    pub attempt: u32,
    /// Whether somebody was told that it hangs.
    pub told: bool,
    /// A promotion is due again: the drain is cut then, and the gateway started again for this cause.
    pub cut: Option<(Time, Cause)>,
}
