//! Events: the inputs of the machine.

use std::time::Duration;

use crate::failover::types::hold::HoldKind;
use crate::probe::Verdict;
use crate::text::named_enum::named_enum;
use crate::text::timestamp::Time;

/// Input of the machine. Events arrive in the order in which their facts became known.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A probe of an upstream ended.
    Probed {
        /// Index in the configuration.
        upstream: usize,
        /// Result of the probe.
        verdict: Verdict,
    },
    /// The witnesses were queried.
    WitnessesAnswered {
        /// True if at least one answered.
        alive: bool,
    },
    /// The local gateway was polled.
    Observed(Observation),
    /// The unit action in flight ended. `Ok` means that systemd accepted it, not that it took effect.
    UnitActionEnded(Result<(), UnitActionError>),
    /// The running pull ended. Its failure does not matter here: a stale workspace is better than no gateway.
    Pulled {
        /// True if it found local changes that are not at the git remote.
        unpushed: bool,
    },
    /// The running push ended.
    Pushed {
        /// True if the git remote now has every local change.
        returned: bool,
    },
    /// An operator's command.
    Command(OperatorCommand),
    /// Time has passed.
    Tick,
}

/// Error of a request to systemd about the gateway's unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitActionError {
    /// Description for people.
    pub why: String,
    /// True if systemd did not respond; false if it refused the request or failed at it. The machine retries alike.
    pub is_unreachable: bool,
}

impl UnitActionError {
    /// Creates the error of a request that was refused or failed.
    pub fn refused(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_unreachable: false }
    }
}

/// Command of an operator.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorCommand {
    /// Set a hold, replacing any other.
    Hold {
        /// Kind of the hold.
        kind: HoldKind,
        /// Expiry; `None`: never.
        until: Option<Time>,
        /// Operator's reason.
        reason: Option<String>,
    },
    /// End the hold.
    Resume,
    /// Rehearse a failover.
    Drill {
        /// Time to stay active once the gateway has answered.
        hold: Duration,
        /// True if the monitor knows of a problem that could block a failover, and the operator gave no `--force`.
        degraded: bool,
    },
}

/// Result of polling the local gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// State of the unit; `None` if systemd was not queried or did not answer.
    pub unit: Option<ObservedUnit>,
    /// Result of probing the URL; `None` if only systemd was queried.
    pub verdict: Option<Verdict>,
    /// True if every reported channel works.
    pub are_channels_healthy: bool,
    /// Process that gave the answer.
    pub answerer: Answerer,
}

/// Process that answers on the gateway's port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answerer {
    /// Unknown: nothing listens, or the check is not done yet.
    #[default]
    Pending,
    /// A process of the gateway's unit.
    Unit,
    /// A process outside the unit, described in a sentence.
    Other(String),
    /// Unknown because the check failed, with the reason.
    Unverified(String),
}

/// The gateway's unit, as systemd reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedUnit {
    /// State of the unit.
    pub state: UnitState,
    /// Current start of the unit; `None` before the first.
    pub invocation: Option<InvocationId>,
    /// Main process; `None` if there is none.
    pub main_pid: Option<u32>,
}

/// `InvocationID` of systemd.exec(5), which differs for every start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvocationId(pub u128);

named_enum! {
    /// `ActiveState` of systemd(1), reduced to the cases that matter here.
    pub enum UnitState {
        /// `active` or `reloading`.
        Active = "active",
        /// `activating`, also while systemd waits for an automatic restart.
        Activating = "activating",
        /// `deactivating`: the gateway drains.
        Deactivating = "deactivating",
        /// `inactive`, `failed`, or no such unit.
        Down = "down",
    }
}
