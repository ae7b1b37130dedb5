//! Short constructors of the machine's events.

use std::time::Duration;

use openclaw_failover::failover::{
    Answerer, Event, HoldKind, InvocationId, Observation, ObservedUnit, OperatorCommand, UnitActionError, UnitState,
};
use openclaw_failover::probe::{ProbeFailure, Verdict};

use crate::night::time;

const READY: Verdict = Verdict::Healthy { ready: true };

fn probed(verdict: Verdict) -> Event {
    Event::Probed { upstream: 0, verdict }
}

pub fn healthy() -> Event {
    probed(READY)
}

/// Healthy, but the crash-loop breaker has muted its channels.
pub fn muted() -> Event {
    probed(Verdict::Healthy { ready: false })
}

pub fn fails(failure: ProbeFailure) -> Event {
    probed(Verdict::Failing(failure))
}

pub fn refused() -> Event {
    fails(ProbeFailure::Refused)
}

pub fn silent() -> Event {
    fails(ProbeFailure::ResponseTimeout)
}

pub fn starting() -> Event {
    fails(ProbeFailure::Starting)
}

/// Moves a verdict to the second upstream.
pub fn second(event: Event) -> Event {
    match event {
        Event::Probed { verdict, .. } => Event::Probed { upstream: 1, verdict },
        other => other,
    }
}

pub fn witness(alive: bool) -> Event {
    Event::WitnessesAnswered { alive }
}

pub fn pulled() -> Event {
    Event::Pulled { unpushed: false }
}

pub fn pushed(returned: bool) -> Event {
    Event::Pushed { returned }
}

pub fn tick() -> Event {
    Event::Tick
}

/// systemd accepted the order in flight.
pub fn done() -> Event {
    Event::UnitActionEnded(Ok(()))
}

pub fn failed(why: &str) -> Event {
    Event::UnitActionEnded(Err(UnitActionError::refused(why)))
}

/// Poll of the local gateway: state of its unit, number of its start, and the answer at its URL.
pub fn look(state: UnitState, invocation: u128, verdict: Verdict) -> Event {
    let main_pid = (state != UnitState::Down).then_some(4242);
    let unit = Some(ObservedUnit { state, invocation: Some(InvocationId(invocation)), main_pid });
    let answerer = if state == UnitState::Down { Answerer::Pending } else { Answerer::Unit };
    Event::Observed(Observation { unit, verdict: Some(verdict), are_channels_healthy: true, answerer })
}

/// Sets the answering process of a poll.
pub fn answered_by(answerer: Answerer, event: Event) -> Event {
    match event {
        Event::Observed(seen) => Event::Observed(Observation { answerer, ..seen }),
        other => other,
    }
}

/// Marks the answering process of a poll as not identified yet.
pub fn unproved(event: Event) -> Event {
    answered_by(Answerer::Pending, event)
}

/// Makes another process the answering one of a poll.
pub fn foreign(event: Event) -> Event {
    answered_by(Answerer::Other("port 1 is held by python3, not by openclaw.service".to_owned()), event)
}

/// Marks the answering process of a poll as impossible to identify.
pub fn unverified(event: Event) -> Event {
    answered_by(Answerer::Unverified("polkit refuses".to_owned()), event)
}

/// Returns the unit of a poll.
pub fn unit(look: &Event) -> Option<ObservedUnit> {
    match look {
        Event::Observed(seen) => seen.unit,
        _ => None,
    }
}

/// Unit down; its last invocation, if any, was the first one.
pub fn down() -> Event {
    gone(1)
}

/// Unit down after this start.
pub fn gone(invocation: u128) -> Event {
    look(UnitState::Down, invocation, Verdict::Failing(ProbeFailure::Refused))
}

/// Unit up, gateway healthy.
pub fn up(invocation: u128) -> Event {
    look(UnitState::Active, invocation, READY)
}

/// Unit up, gateway reports `starting`.
pub fn boots(invocation: u128) -> Event {
    look(UnitState::Active, invocation, Verdict::Failing(ProbeFailure::Starting))
}

/// Unit up, gateway gives no answer.
pub fn mute(invocation: u128) -> Event {
    look(UnitState::Active, invocation, Verdict::Failing(ProbeFailure::Refused))
}

/// Unit stopping.
pub fn drains(invocation: u128) -> Event {
    look(UnitState::Deactivating, invocation, Verdict::Failing(ProbeFailure::Draining))
}

/// Removes the unit from a poll: only the URL was probed.
pub fn answers() -> Event {
    let answerer = Answerer::Unit;
    Event::Observed(Observation { unit: None, verdict: Some(READY), are_channels_healthy: true, answerer })
}

/// Adds a broken channel to a poll.
pub fn channel_broken(event: Event) -> Event {
    match event {
        Event::Observed(seen) => Event::Observed(Observation { are_channels_healthy: false, ..seen }),
        other => other,
    }
}

fn hold(kind: HoldKind) -> Event {
    Event::Command(OperatorCommand::Hold { kind, until: None, reason: None })
}

/// Command `promote`.
pub fn promote() -> Event {
    hold(HoldKind::Promoted)
}

/// Command `demote --for ever`.
pub fn demote() -> Event {
    hold(HoldKind::Standby)
}

/// Command `pause --for ever`.
pub fn pause() -> Event {
    hold(HoldKind::Paused)
}

/// Sets the expiry of a hold to this second.
pub fn until(at: f64, event: Event) -> Event {
    match event {
        Event::Command(OperatorCommand::Hold { kind, .. }) => {
            Event::Command(OperatorCommand::Hold { kind, until: Some(time(at)), reason: None })
        }
        other => other,
    }
}

pub fn resume() -> Event {
    Event::Command(OperatorCommand::Resume)
}

/// Command `drill --hold` with this many seconds.
pub fn drill(hold: u64) -> Event {
    Event::Command(OperatorCommand::Drill { hold: Duration::from_secs(hold), degraded: false })
}

/// Command `drill` while a known problem could block a failover.
pub fn drill_degraded() -> Event {
    Event::Command(OperatorCommand::Drill { hold: Duration::ZERO, degraded: true })
}
