//! What a machine can be told at night, in a word each.

use std::time::Duration;

use openclaw_failover::failover::{Answerer, Command, Event, HoldKind, Invocation, Observation, Unit, UnitState};
use openclaw_failover::probe::{Failure, Verdict};

use crate::night::time;

const READY: Verdict = Verdict::Healthy { ready: true };

fn probed(verdict: Verdict) -> Event {
    Event::Probed { upstream: 0, verdict }
}

pub fn healthy() -> Event {
    probed(READY)
}

/// Alive, and the crash-loop breaker has muted its channels.
pub fn muted() -> Event {
    probed(Verdict::Healthy { ready: false })
}

pub fn fails(failure: Failure) -> Event {
    probed(Verdict::Failing(failure))
}

pub fn refused() -> Event {
    fails(Failure::Refused)
}

pub fn silent() -> Event {
    fails(Failure::ResponseTimeout)
}

pub fn starting() -> Event {
    fails(Failure::Starting)
}

/// The same verdict, but of the second upstream.
pub fn second(event: Event) -> Event {
    match event {
        Event::Probed { verdict, .. } => Event::Probed { upstream: 1, verdict },
        other => other,
    }
}

pub fn witness(alive: bool) -> Event {
    Event::Witnessed { alive }
}

pub fn pulled() -> Event {
    Event::Pulled { unreturned: false }
}

pub fn pushed(returned: bool) -> Event {
    Event::Pushed { returned }
}

pub fn tick() -> Event {
    Event::Tick
}

/// systemd took the order that was in flight.
pub fn done() -> Event {
    Event::Ordered(Ok(()))
}

pub fn failed(why: &str) -> Event {
    Event::Ordered(Err(why.to_owned()))
}

/// One look at this host's gateway: its unit, which start of it this is, and its URL's answer.
pub fn look(state: UnitState, invocation: u128, verdict: Verdict) -> Event {
    let main_pid = (state != UnitState::Down).then_some(4242);
    let unit = Some(Unit { state, invocation: Some(Invocation(invocation)), main_pid });
    let answerer = if state == UnitState::Down { Answerer::Pending } else { Answerer::Unit };
    Event::Observed(Observation { unit, verdict: Some(verdict), channels_well: true, answerer })
}

/// The same look, with this answerer.
pub fn answered_by(answerer: Answerer, event: Event) -> Event {
    match event {
        Event::Observed(seen) => Event::Observed(Observation { answerer, ..seen }),
        other => other,
    }
}

/// The same look, at which it has still to be established who answers.
pub fn unproved(event: Event) -> Event {
    answered_by(Answerer::Pending, event)
}

/// The same look, but another process answers.
pub fn foreign(event: Event) -> Event {
    answered_by(Answerer::Other("port 1 is held by python3, not by openclaw.service".to_owned()), event)
}

/// The same look, and it cannot be established who answers.
pub fn unverified(event: Event) -> Event {
    answered_by(Answerer::Unverified("polkit refuses".to_owned()), event)
}

/// What systemd said in this look.
pub fn unit(look: &Event) -> Option<Unit> {
    match look {
        Event::Observed(seen) => seen.unit,
        _ => None,
    }
}

/// The unit is down; its last invocation, if any, was the first one.
pub fn down() -> Event {
    gone(1)
}

/// The unit is down after its so-and-so-many-th start.
pub fn gone(invocation: u128) -> Event {
    look(UnitState::Down, invocation, Verdict::Failing(Failure::Refused))
}

/// Up and answering.
pub fn up(invocation: u128) -> Event {
    look(UnitState::Active, invocation, READY)
}

/// Up, and says that it is starting.
pub fn boots(invocation: u128) -> Event {
    look(UnitState::Active, invocation, Verdict::Failing(Failure::Starting))
}

/// Up, and no word from it.
pub fn mute(invocation: u128) -> Event {
    look(UnitState::Active, invocation, Verdict::Failing(Failure::Refused))
}

/// Stopping.
pub fn drains(invocation: u128) -> Event {
    look(UnitState::Deactivating, invocation, Verdict::Failing(Failure::Draining))
}

/// The URL alone answered; systemd was not asked.
pub fn answers() -> Event {
    let answerer = Answerer::Unit;
    Event::Observed(Observation { unit: None, verdict: Some(READY), channels_well: true, answerer })
}

/// The same look, with a channel that does not work.
pub fn channel_broken(event: Event) -> Event {
    match event {
        Event::Observed(seen) => Event::Observed(Observation { channels_well: false, ..seen }),
        other => other,
    }
}

fn hold(kind: HoldKind) -> Event {
    Event::Command(Command::Hold { kind, until: None })
}

/// The operator says `promote`.
pub fn promote() -> Event {
    hold(HoldKind::Promoted)
}

/// The operator says `demote --for ever`.
pub fn demote() -> Event {
    hold(HoldKind::Standby)
}

/// The operator says `pause --for ever`.
pub fn pause() -> Event {
    hold(HoldKind::Paused)
}

/// The same hold, but ending by itself at this second.
pub fn until(at: f64, event: Event) -> Event {
    match event {
        Event::Command(Command::Hold { kind, .. }) => Event::Command(Command::Hold { kind, until: Some(time(at)) }),
        other => other,
    }
}

pub fn resume() -> Event {
    Event::Command(Command::Resume)
}

/// The operator says `drill --hold` so many seconds.
pub fn drill(hold: u64) -> Event {
    Event::Command(Command::Drill { hold: Duration::from_secs(hold), degraded: false })
}

/// The same, and something stands in the way of a failover.
pub fn drill_degraded() -> Event {
    Event::Command(Command::Drill { hold: Duration::ZERO, degraded: true })
}
