//! Roles of this host, each with its own deadlines.

use std::time::Duration;

use crate::failover::types::event::InvocationId;
use crate::text::named_enum::named_enum;
use crate::text::timestamp::Time;

/// Role of this host.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// The upstream serves; this host probes it.
    Standby,
    /// This host is taking over.
    Promoting(Promoting),
    /// This host serves.
    Active(Active),
    /// This host stops serving.
    Demoting(Demoting),
}

named_enum! {
    /// Roles, without their state.
    pub enum RoleKind of Role {
        Standby = "standby",
        Promoting = "promoting",
        Active = "active",
        Demoting = "demoting",
    }
}

/// Cause of a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Every upstream was down.
    Outage,
    /// A chronic partial outage: the upstreams kept failing and coming back.
    Flapping,
    /// An operator requested it.
    Operator,
    /// A drill.
    Drill {
        /// Time to stay active.
        hold: Duration,
    },
    /// The gateway was found running.
    Found,
}

named_enum! {
    /// Causes of a promotion, without their data.
    pub enum CauseKind of Cause {
        Outage = "outage",
        Flapping = "flapping",
        Operator = "operator",
        Drill = "drill",
        Found = "found",
    }
}

impl Cause {
    /// True if the machine decided by itself to fail over.
    pub fn is_automatic(self) -> bool {
        matches!(self, Self::Outage | Self::Flapping)
    }
}

/// State of a promotion.
#[derive(Clone, Debug, PartialEq)]
pub struct Promoting {
    /// Cause of the promotion.
    pub cause: Cause,
    /// Time of the decision.
    pub since: Time,
    /// Number of the start attempt, from 0; the timeout doubles with each.
    pub attempt: u32,
    /// Current step.
    pub step: PromotionStep,
}

/// Steps of a promotion.
#[derive(Clone, Debug, PartialEq)]
pub enum PromotionStep {
    /// Waiting for a running pull.
    Sync {
        /// End of the wait.
        until: Time,
        /// True if the pull was asked to stop.
        cut: bool,
    },
    /// Waiting to start the gateway.
    Start {
        /// Earliest time of the start.
        at: Time,
    },
    /// Waiting for the started gateway to answer.
    Verify(Verification),
    /// Stopping a gateway that gave no answer, or in whose place another process answers, to start it again.
    Clear {
        /// Time of the next stop request.
        at: Time,
        /// Earliest time of the next start.
        start_at: Time,
    },
}

named_enum! {
    /// Steps of a promotion, without their data.
    pub enum PromotionStepKind of PromotionStep {
        Sync = "sync",
        Start = "start",
        Verify = "verify",
        Clear = "clear",
    }
}

/// Verification of a gateway that was started.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// Time of the start. Gaps between polls are excluded, here and below.
    pub since: Time,
    /// Time of the last answer of any kind; initially `since`.
    pub last_answer_at: Time,
    /// Time after which the failure is announced. After twice that time without any answer the gateway is restarted.
    pub timeout: Duration,
    /// True if the failure was announced.
    pub is_announced: bool,
    /// Invocation before the start, whose answers do not count.
    pub previous_invocation: Option<InvocationId>,
    /// Invocation that has answered once.
    pub answered_invocation: Option<InvocationId>,
}

/// State of a host whose gateway serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    /// Cause of the promotion.
    pub cause: Cause,
    /// Time of the first answer.
    pub since: Time,
    /// Time of the last answer. Gaps between polls are excluded.
    pub last_answer_at: Time,
    /// Number of the start attempt, from 0.
    pub attempt: u32,
    /// True if the gateway was found down and this was announced.
    pub is_down: bool,
}

/// Reason of a demotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemotionReason {
    /// This upstream has been ready for the hold-down.
    Ready {
        /// Index of the upstream.
        upstream: usize,
    },
    /// An operator requested it.
    Operator,
    /// The drill is over.
    DrillOver,
    /// The gateway was stopped from outside this program.
    Found,
}

named_enum! {
    /// Reasons of a demotion, without their data.
    pub enum DemotionReasonKind of DemotionReason {
        Ready = "ready",
        Operator = "operator",
        DrillOver = "drill_over",
        Found = "found",
    }
}

/// State of a demotion.
#[derive(Clone, Debug, PartialEq)]
pub struct Demoting {
    /// Reason of the demotion.
    pub reason: DemotionReason,
    /// Time of the decision.
    pub since: Time,
    /// Time of the gateway's first answer, if it ever answered.
    pub active_since: Option<Time>,
    /// Time of the next stop request.
    pub stop_at: Time,
    /// Number of stop requests so far.
    pub attempt: u32,
    /// True if it was announced that the stop hangs.
    pub is_hang_announced: bool,
    /// Set if a promotion is due again: the time at which the drain is cut short, and the cause of the promotion.
    pub cut: Option<(Time, Cause)>,
}
