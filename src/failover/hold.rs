//! An operator's override.

use std::time::Duration;

use crate::failover::action::{Abort, Note};
use crate::failover::drill::{DrillStep, Outcome};
use crate::failover::event::Command;
use crate::failover::machine::Machine;
use crate::failover::role::{Cause, Promoting, Reason, Role, Step};
use crate::text::timestamp::Time;

/// What an operator wants, whatever the machine would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What.
    pub kind: HoldKind,
    /// Since when.
    pub since: Time,
    /// When it ends by itself; `None`: never.
    pub until: Option<Time>,
}

/// The three holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldKind {
    /// This host's gateway is to be up.
    Promoted,
    /// This host's gateway is to be down.
    Standby,
    /// Nothing is to be done to it.
    Paused,
}

/// A hold that has stood for so long is announced, and again after as long.
const STANDS: Duration = Duration::from_secs(24 * 3600);

impl Hold {
    /// When a monitor before this one has announced it last, as far as it stood long enough.
    pub(super) fn announced(&self, now: Time) -> Option<Time> {
        let days = now.since(self.since).as_secs() / STANDS.as_secs();
        (days > 0).then(|| self.since + STANDS * u32::try_from(days).unwrap_or(u32::MAX))
    }
}

impl Machine {
    /// Takes in an operator's word.
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

    /// Brings the role towards what the hold wants, whatever set it and whenever.
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
