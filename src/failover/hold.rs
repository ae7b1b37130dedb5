//! Holds: an operator's override of the automatic decisions.

use crate::failover::machine::Machine;
use crate::failover::types::action::{CancelReason, MachineNotice};
use crate::failover::types::drill::{DrillOutcome, DrillStep};
use crate::failover::types::event::OperatorCommand;
use crate::failover::types::hold::{HOLD_REMINDER_INTERVAL, Hold, HoldKind};
use crate::failover::types::role::{Cause, DemotionReason, Promoting, PromotionStep, Role};
use crate::text::timestamp::Time;

impl Machine {
    /// Executes an operator's command.
    pub(super) fn execute_command(&mut self, command: OperatorCommand) {
        match command {
            OperatorCommand::Hold { kind, until, reason } => {
                self.set_hold(Hold { kind, since: self.now, until, reason });
            }
            OperatorCommand::Resume => self.end_hold(false),
            OperatorCommand::Drill { hold, degraded } => self.begin_drill(hold, degraded),
        }
    }

    fn set_hold(&mut self, hold: Hold) {
        let kind = hold.kind;
        self.persistent_state.hold = Some(hold.clone());
        self.announced.hold_reminded_at = None;
        self.announce(MachineNotice::HoldSet { hold });
        if kind != HoldKind::Promoted
            && self.persistent_state.current_drill().is_some_and(|drill| drill.step < DrillStep::Stop)
        {
            self.set_drill_outcome(DrillOutcome::Stopped);
        }
        let (cause, began) = match &self.role {
            Role::Promoting(promoting) => (promoting.cause, !matches!(promoting.step, PromotionStep::Sync { .. })),
            Role::Active(active) => (active.cause, true),
            Role::Standby | Role::Demoting(_) => return,
        };
        match (kind, cause) {
            (HoldKind::Promoted, Cause::Drill { .. }) => self.promote_drill(),
            (HoldKind::Paused, Cause::Drill { .. }) if began => self.begin_demotion(DemotionReason::DrillOver),
            _ => {}
        }
    }

    fn end_hold(&mut self, by_time: bool) {
        if let Some(hold) = self.persistent_state.hold.take() {
            self.announce(MachineNotice::HoldEnded { kind: hold.kind, by_time });
            self.cancel_drain_cut(Cause::Operator);
        }
    }

    pub(super) fn expire_hold(&mut self) {
        let until = self.persistent_state.hold.as_ref().and_then(|hold| hold.until);
        if until.is_some_and(|until| self.now >= until) {
            self.end_hold(true);
        }
    }

    /// Moves the role towards the state that the hold demands.
    pub(super) fn apply_hold(&mut self) {
        let Some(kind) = self.hold_kind() else { return };
        match (kind, &mut self.role) {
            (HoldKind::Promoted, Role::Standby) => self.promote(Cause::Operator),
            (HoldKind::Promoted, Role::Demoting(demoting)) if demoting.cut.is_none() => {
                self.cut_drain(Cause::Operator);
            }
            (
                HoldKind::Standby | HoldKind::Paused,
                Role::Promoting(Promoting { step: PromotionStep::Sync { .. }, .. }),
            ) => {
                self.cancel_promotion(CancelReason::Held(kind));
            }
            (HoldKind::Standby, Role::Promoting(Promoting { step: PromotionStep::Start { .. }, .. }))
                if self.action_in_flight.is_none() =>
            {
                self.cancel_promotion(CancelReason::Held(kind));
            }
            (HoldKind::Standby, Role::Promoting(_) | Role::Active(_)) => self.begin_demotion(DemotionReason::Operator),
            (HoldKind::Standby | HoldKind::Paused, Role::Demoting(demoting)) => demoting.cut = None,
            _ => {}
        }
    }

    pub(super) fn remind_of_hold(&mut self) {
        if self.next_hold_reminder_at().is_some_and(|at| self.now >= at)
            && let Some(hold) = self.persistent_state.hold.clone()
        {
            self.announced.hold_reminded_at = Some(self.now);
            self.announce(MachineNotice::HoldStands { hold });
        }
    }

    pub(super) fn next_hold_reminder_at(&self) -> Option<Time> {
        let hold = self.persistent_state.hold.as_ref()?;
        Some(self.announced.hold_reminded_at.unwrap_or(hold.since) + HOLD_REMINDER_INTERVAL)
    }
}
