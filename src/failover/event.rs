//! What the machine can be told.

use std::time::Duration;

use crate::failover::hold::HoldKind;
use crate::probe::Verdict;
use crate::text::timestamp::Time;

/// One fact, in the order in which it became known.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A probe of this upstream ended.
    Probed {
        /// Its index in the configuration.
        upstream: usize,
        /// What the probe found.
        verdict: Verdict,
    },
    /// The witnesses were asked and at least one answered, or none did.
    Witnessed {
        /// Whether one answered.
        alive: bool,
    },
    /// Somebody looked at this host's gateway.
    Observed(Observation),
    /// The order that was in flight ended. `Ok` means that systemd took it, not that it had its effect.
    Ordered(Result<(), String>),
    /// The pull that was running ended, well or badly: a stale workspace beats no gateway.
    Pulled {
        /// Whether it found something that the remote does not have yet.
        unreturned: bool,
    },
    /// The push that was running ended.
    Pushed {
        /// Whether the remote now has everything.
        returned: bool,
    },
    /// An operator's word.
    Command(Command),
    /// Time has passed.
    Tick,
}

/// What an operator can ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Set a hold in place of any other.
    Hold {
        /// Which.
        kind: HoldKind,
        /// When it ends by itself; `None`: never.
        until: Option<Time>,
    },
    /// End the hold.
    Resume,
    /// Rehearse a failover, staying active for so long.
    Drill {
        /// How long to stay active once the gateway has answered.
        hold: Duration,
        /// Something beyond the machine's own knowledge stands in the way of a failover, and the operator has not said
        /// that it is to be rehearsed all the same.
        degraded: bool,
    },
}

/// One look at this host's gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What systemd says of its unit; `None` when it was not asked or did not answer.
    pub unit: Option<Unit>,
    /// What its URL answered; `None` when only systemd was asked.
    pub verdict: Option<Verdict>,
    /// Whether every channel it spoke of is working.
    pub channels_well: bool,
    /// The process that gave the answer.
    pub answerer: Answerer,
}

/// The process that answers on the gateway's port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answerer {
    /// None is known: nothing listens, or it has still to be established.
    #[default]
    Pending,
    /// A process of the gateway's unit.
    Unit,
    /// Another one, in a sentence that names it.
    Other(String),
    /// Not to be established, and why.
    Unverified(String),
}

/// What systemd says of the gateway's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its state.
    pub state: UnitState,
    /// Which start of the unit this is; `None` before the first.
    pub invocation: Option<Invocation>,
    /// Its main process; `None` when there is none.
    pub main_pid: Option<u32>,
}

/// `InvocationID` of systemd.exec(5): a new one at every start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Invocation(pub u128);

/// `ActiveState` of systemd(1), reduced to what decisions need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitState {
    /// `active` or `reloading`.
    Active,
    /// `activating`: also while systemd waits to restart it.
    Activating,
    /// `deactivating`: it drains.
    Deactivating,
    /// `inactive`, `failed`, or no such unit.
    Down,
}
