//! What the machine can ask for.

use std::time::Duration;

use crate::failover::availability::Availability;
use crate::failover::drill::Drill;
use crate::failover::hold::{Hold, HoldKind};
use crate::failover::role::{Cause, Reason};
use crate::probe::{Failure, Verdict};
use crate::text::timestamp::Time;

/// One thing to do. Actions are carried out in the order given, and none of them blocks the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Do this to the gateway's unit, then answer with [`Event::Ordered`](crate::failover::Event::Ordered).
    Order(Order),
    /// From now on look at the gateway in this way.
    Look(Look),
    /// Start a pull, then answer with [`Event::Pulled`](crate::failover::Event::Pulled).
    Pull,
    /// Stop the pull or the push that runs, unless it already moves the tree.
    CutSync,
    /// Start a push, then answer with [`Event::Pushed`](crate::failover::Event::Pushed).
    Push,
    /// Ask the witnesses, then answer with [`Event::Witnessed`](crate::failover::Event::Witnessed).
    AskWitnesses,
    /// Tell people.
    Say(Note),
}

/// What can be done to the gateway's unit. At most one is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `reset-failed`, whose failure does not matter, then `start`.
    Start,
    /// `stop`, without waiting for the drain.
    Stop,
    /// `kill` with SIGKILL: the drain is cut.
    Kill,
}

/// How closely to look at the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It should be down: systemd is asked when it answers all the same.
    ForDown,
    /// It should be up: systemd is asked when it does not answer.
    ForUp,
    /// It is changing: ask systemd too, about once a second.
    Closely,
}

/// One thing people should know. Transitions are never said twice; conditions are said when they begin.
#[expect(missing_docs, reason = "each variant says what its fields are by their names")]
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// This upstream was seen healthy for the first time: from now on its death counts.
    Armed { upstream: usize },
    /// No upstream shows life any more.
    WindowOpened { upstream: usize, failure: Failure },
    /// An upstream shows life again.
    WindowClosed { upstream: usize, lasted: Duration },
    /// The upstreams keep failing and coming back, although no window reaches `promote.after`.
    Flapping { recent: Availability },
    /// They are steady again.
    Steady { recent: Availability },
    /// A promotion was decided. For an outage: how long nobody has shown life, and when somebody last did.
    Promoting { cause: Cause, window: Duration, failures: u32, life: Time },
    /// It was called off before the gateway was started.
    Aborted { why: Abort },
    /// The gateway answers.
    Promoted { cause: Cause, took: Duration, hold_down: Duration },
    /// A gateway that this monitor did not start, or does not remember starting, is up.
    Adopted { cause: Cause },
    /// systemd did not start it, or it did not stay. A drill's is not tried again.
    StartFailed { why: String, retry_in: Option<Duration> },
    /// Started, and silent beyond its patience.
    NotAnswering { waited: Duration },
    /// It is stopped because it has been silent for twice its patience.
    StoppingSilent { waited: Duration },
    /// The gateway is up, and at least one of its channels is not.
    ChannelsBroken,
    /// All its channels work again.
    ChannelsWell,
    /// The gateway was found down while active.
    WentDown,
    /// A gateway that had served before serves again.
    ServesAgain,
    /// The gateway is being stopped.
    Demoting { reason: Reason },
    /// Its drain will be cut, because a promotion is due again.
    DrainCut { after: Duration },
    /// systemd did not stop it.
    StopFailed { why: String, retry_in: Duration },
    /// It still drains after `gateway.stop_timeout`.
    StopHangs { waited: Duration },
    /// The gateway is down and the upstream serves.
    Demoted { reason: Reason, active_for: Option<Duration> },
    /// Something else answers on the gateway's port.
    PortHeld { verdict: Verdict },
    /// The port is free again, or the gateway's own.
    PortFree,
    /// The unit runs, and a process that is not of it answers on its port.
    ForeignAnswer { why: String },
    /// The gateway answers, and it could not be established that it is the unit's process that does.
    AnswerUnverified { why: String },
    /// The unit's process was found to be the one that answers.
    AnswerVerified,
    /// The window is due and no witness answers: it is this host that is cut off.
    Isolated,
    /// A witness or an upstream answers again.
    Reconnected,
    /// Everything fails, and no upstream was ever seen healthy from here.
    NeverSeenHealthy,
    /// A promotion is due and a hold forbids it.
    HeldBack { kind: HoldKind },
    /// An operator set a hold.
    HoldSet { hold: Hold },
    /// A hold ended, by time or by a person.
    HoldEnded { kind: HoldKind, by_time: bool },
    /// A hold has stood for a day, or another day.
    HoldStands { hold: Hold },
    /// A drill was asked for and cannot be held now.
    DrillRefused { why: Refusal },
    /// A drill is over.
    DrillEnded { drill: Drill },
}

/// Why a promotion was called off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// An upstream is healthy again.
    Healthy,
    /// An operator's hold.
    Held(HoldKind),
    /// The primary failed before the drill had started anything.
    DrillOvertaken,
    /// The drill's one start failed.
    DrillFailed,
}

/// Why a drill is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// This host is not in standby.
    NotStandby,
    /// No upstream is healthy: this would not be a rehearsal.
    PrimaryDown,
    /// A hold stands.
    Held,
    /// A drill is under way.
    UnderWay,
    /// Something that is known stands in the way of a failover.
    Degraded,
}
