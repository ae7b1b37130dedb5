//! Holds: an operator's override of the automatic decisions.

use std::time::Duration;

use crate::failover::action::{Abort, Note};
use crate::failover::drill::{DrillStep, Outcome};
use crate::failover::event::Command;
use crate::failover::machine::Machine;
use crate::failover::role::{Cause, Promoting, Reason, Role, Step};
use crate::text::timestamp::Time;

/// Override set by an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Kind of the hold.
    pub kind: HoldKind,
    /// Start time.
    pub since: Time,
    /// Expiry; `None`: never.
    pub until: Option<Time>,
}

/// Kinds of holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldKind {
    /// The gateway is kept up.
    Promoted,
    /// The gateway is kept down.
    Standby,
    /// The gateway is neither started nor stopped.
    Paused,
}

/// Interval of the reminder about a hold that is still set.
const STANDS: Duration = Duration::from_secs(24 * 3600);

impl Hold {
    /// Returns the time of the last reminder by a previous monitor, if the hold is old enough.
    pub(super) fn announced(&self, now: Time) -> Option<Time> {
        let days = now.since(self.since).as_secs() / STANDS.as_secs();
        (days > 0).then(|| self.since + STANDS * u32::try_from(days).unwrap_or(u32::MAX))
    }
}

impl Machine {
    /// Executes an operator's command.
    pub(super) fn commanded(&mut self, command: &Command) {
        match *command {
            Command::Hold { kind, until } => self.set_hold(Hold { kind, since: self.now, until }),
            Command::Resume => self.end_hold(false),
            Command::Drill { hold, degraded } => self.drill(hold, degraded),
        }
    }

    fn set_hold(&mut self, hold: Hold) {
        self.memory.hold = Some(hold);
        self.told.hold_stands = None;
        self.say(Note::HoldSet { hold });
        if hold.kind != HoldKind::Promoted && self.memory.drilling().is_some_and(|drill| drill.step < DrillStep::Stop) {
            self.drill_will_end(Outcome::Stopped);
        }
        let (cause, began) = match &self.role {
            Role::Promoting(promoting) => (promoting.cause, !matches!(promoting.step, Step::Sync { .. })),
            Role::Active(active) => (active.cause, true),
            Role::Standby | Role::Demoting(_) => return,
        };
        match (hold.kind, cause) {
            (HoldKind::Promoted, Cause::Drill { .. }) => self.drill_ends_promoted(),
            (HoldKind::Paused, Cause::Drill { .. }) if began => self.begin_demoting(Reason::DrillOver),
            _ => {}
        }
    }

    fn end_hold(&mut self, by_time: bool) {
        if let Some(hold) = self.memory.hold.take() {
            self.say(Note::HoldEnded { kind: hold.kind, by_time });
            self.call_off_cut(Cause::Operator);
        }
    }

    pub(super) fn expire_hold(&mut self) {
        let until = self.memory.hold.and_then(|hold| hold.until);
        if until.is_some_and(|until| self.now >= until) {
            self.end_hold(true);
        }
    }

    /// Moves the role towards the state that the hold demands.
    pub(super) fn obey_hold(&mut self) {
        let Some(kind) = self.hold_kind() else { return };
        match (kind, &mut self.role) {
            (HoldKind::Promoted, Role::Standby) => self.promote(Cause::Operator),
            (HoldKind::Promoted, Role::Demoting(demoting)) if demoting.cut.is_none() => {
                self.cut_drain(Cause::Operator);
            }
            (HoldKind::Standby | HoldKind::Paused, Role::Promoting(Promoting { step: Step::Sync { .. }, .. })) => {
                self.abort(Abort::Held(kind));
            }
            (HoldKind::Standby, Role::Promoting(Promoting { step: Step::Start { .. }, .. }))
                if self.in_flight.is_none() =>
            {
                self.abort(Abort::Held(kind));
            }
            (HoldKind::Standby, Role::Promoting(_) | Role::Active(_)) => self.begin_demoting(Reason::Operator),
            (HoldKind::Standby | HoldKind::Paused, Role::Demoting(demoting)) => demoting.cut = None,
            _ => {}
        }
    }

    pub(super) fn announce_hold(&mut self) {
        if self.next_announcement().is_some_and(|at| self.now >= at)
            && let Some(hold) = self.memory.hold
        {
            self.told.hold_stands = Some(self.now);
            self.say(Note::HoldStands { hold });
        }
    }

    pub(super) fn next_announcement(&self) -> Option<Time> {
        let hold = self.memory.hold?;
        Some(self.told.hold_stands.unwrap_or(hold.since) + STANDS)
    }
}
