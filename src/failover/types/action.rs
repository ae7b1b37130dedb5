//! Actions that the machine requests, and the notices that it issues.

use std::fmt;
use std::time::Duration;

use crate::failover::availability::Availability;
use crate::failover::types::drill::Drill;
use crate::failover::types::hold::{Hold, HoldKind};
use crate::failover::types::role::{Cause, DemotionReason};
use crate::probe::{ProbeFailure, Verdict};
use crate::text::timestamp::Time;

/// Request to the monitor. Actions are carried out in the given order, and none of them blocks the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Start, stop or kill the gateway's unit. An event reports the result.
    UnitAction(UnitAction),
    /// Poll the gateway in this mode from now on.
    SetPollMode(PollMode),
    /// Start a pull. An event reports its end.
    Pull,
    /// Stop the running pull or push, unless a pull is already changing the work tree.
    StopSync,
    /// Start a push. An event reports its end.
    Push,
    /// Query the witnesses. An event reports the answer.
    QueryWitnesses,
    /// Issue a notice to people.
    Announce(MachineNotice),
}

/// Request to systemd about the gateway's unit. At most one is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitAction {
    /// `reset-failed`, whose failure is ignored, then `start`.
    Start,
    /// `stop`, without waiting for the drain.
    Stop,
    /// `kill` with SIGKILL, which cuts the drain short.
    Kill,
}

/// Mode of polling the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollMode {
    /// The gateway should be down: query systemd only if it answers.
    ExpectDown,
    /// The gateway should be up: query systemd only if it does not answer.
    ExpectUp,
    /// The gateway is changing state: query systemd each time, about twice a second.
    Transition,
}

/// Notice to people. Each transition is announced once; each condition is announced when it begins.
#[expect(missing_docs, reason = "the names of the fields are enough")]
#[derive(Clone, Debug, PartialEq)]
pub enum MachineNotice {
    /// This upstream was seen healthy for the first time: failover is armed for it.
    Armed { upstream: usize },
    /// Every upstream fails: an outage begins.
    WindowOpened { upstream: usize, failure: ProbeFailure },
    /// An upstream is healthy again.
    WindowClosed { upstream: usize, lasted: Duration },
    /// The upstreams keep failing and coming back, although no single outage reaches `promote.after`.
    Flapping { recent: Availability },
    /// The upstreams are steady again.
    Steady { recent: Availability },
    /// A promotion was decided. `window` is the length of the outage.
    Promoting { cause: Cause, window: Duration, failures: u32, last_healthy_at: Time, waits_for_pull: bool },
    /// The promotion was cancelled before the gateway was started.
    Aborted { why: CancelReason },
    /// The gateway answers.
    Promoted { cause: Cause, took: Duration, hold_down: Duration },
    /// A gateway that this monitor did not start, or does not remember starting, is up.
    Adopted { cause: Cause },
    /// The gateway failed to start, or exited. A drill does not retry.
    StartFailed { why: StartFailure, retry_in: Option<Duration> },
    /// The gateway was started and has not become healthy in time.
    NotAnswering { waited: Duration },
    /// The gateway gave no answer for twice its timeout and is being stopped.
    StoppingSilent { waited: Duration },
    /// The gateway is up, but at least one of its channels is not.
    ChannelsBroken,
    /// All channels of the gateway work again.
    ChannelsRecovered,
    /// The gateway went down while this host was active.
    GatewayDown,
    /// The gateway is healthy again, within the same failover.
    ServesAgain,
    /// The gateway is being stopped.
    Demoting { reason: DemotionReason },
    /// The drain will be cut short, because a promotion is due again.
    DrainCut { after: Duration },
    /// systemd failed to stop the gateway.
    StopFailed { why: String, retry_in: Duration },
    /// The gateway still drains after `gateway.stop_timeout`.
    StopHangs { waited: Duration },
    /// The gateway is down and this host is in standby.
    Demoted { reason: DemotionReason, active_for: Option<Duration> },
    /// Another process answers on the gateway's port while the unit is down.
    PortHeld { verdict: Verdict },
    /// The port is free again, or held by the gateway itself.
    PortFree,
    /// The unit is up, but a process outside it answers on the port.
    ForeignAnswer { why: String },
    /// The gateway answers, but the process behind the answer could not be identified.
    AnswerUnverified { why: String },
    /// The answering process was identified as the unit's.
    AnswerVerified,
    /// A promotion is due but no witness answers: this host may be cut off.
    Isolated,
    /// A witness or an upstream answers again.
    Reconnected,
    /// Every upstream fails, and none was ever seen healthy from here.
    NeverSeenHealthy,
    /// A promotion is due but a hold forbids it.
    HeldBack { hold: Hold },
    /// An operator set a hold.
    HoldSet { hold: Hold },
    /// A hold expired or was ended by an operator.
    HoldEnded { kind: HoldKind, by_time: bool },
    /// A hold has been set for another whole day.
    HoldStands { hold: Hold },
    /// A requested drill cannot run now.
    DrillRefused { why: DrillRefusal },
    /// A drill ended.
    DrillEnded { drill: Drill },
}

/// Reason of a failed start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartFailure {
    /// The unit is down again. The monitor knows the exit code, which the machine does not.
    ProcessExited,
    /// systemd refused the request, another process answers, or the process exited in this way.
    Described(String),
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProcessExited => "its process exited",
            Self::Described(why) => why,
        })
    }
}

/// Reason for cancelling a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// An upstream is healthy again.
    Healthy,
    /// An operator set this hold.
    Held(HoldKind),
    /// The primary failed before the drill started the gateway.
    DrillOvertaken,
    /// The single start attempt of a drill failed.
    DrillFailed,
}

/// Reason for refusing a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillRefusal {
    /// This host is not in standby.
    NotStandby,
    /// No upstream is healthy, so this would be a real failover.
    PrimaryDown,
    /// A hold is set.
    Held,
    /// Another drill is running.
    UnderWay,
    /// A known problem could block a failover.
    Degraded,
}
