//! Drill, a rehearsed failover: its progress, the duration of each step, and its outcome.
//!
//! The roles do the work by their usual rules and report to this record. A drill is stored separately from failovers
//! and does not lengthen the hold-down.

use std::time::Duration;

use crate::failover::machine::Machine;
use crate::failover::types::action::{DrillRefusal, MachineNotice};
use crate::failover::types::drill::{Drill, DrillOutcome, DrillStep};
use crate::failover::types::role::{Cause, DemotionReason, Role};
use crate::failover::upstream::UpstreamState;

impl Machine {
    /// Begins a drill, or refuses it with a reason.
    pub(super) fn begin_drill(&mut self, hold: Duration, degraded: bool) {
        let why = if self.persistent_state.current_drill().is_some() {
            DrillRefusal::UnderWay
        } else if self.role != Role::Standby {
            DrillRefusal::NotStandby
        } else if self.persistent_state.hold.is_some() {
            DrillRefusal::Held
        } else if !self.upstreams.iter().any(UpstreamState::is_healthy) {
            DrillRefusal::PrimaryDown
        } else if degraded {
            DrillRefusal::Degraded
        } else {
            self.persistent_state.last_drill = Some(Drill::new(self.now));
            return self.promote(Cause::Drill { hold });
        };
        self.announce(MachineNotice::DrillRefused { why });
    }

    /// Moves a running drill on to this step.
    pub(super) fn advance_drill(&mut self, step: DrillStep) {
        let now = self.now;
        if let Some(drill) = self.persistent_state.current_drill().filter(|drill| drill.step < step) {
            drill.finish_step(now);
            (drill.step, drill.step_since) = (step, now);
        }
    }

    /// Sets the outcome of a running drill, unless it is set already.
    pub(super) fn set_drill_outcome(&mut self, outcome: DrillOutcome) {
        if let Some(drill) = self.persistent_state.current_drill() {
            drill.outcome.get_or_insert(outcome);
        }
    }

    /// Fails a running drill at its current step.
    pub(super) fn mark_drill_failed(&mut self) {
        if let Some(step) = self.persistent_state.current_drill().map(|drill| drill.step) {
            self.set_drill_outcome(DrillOutcome::Failed { step });
        }
    }

    /// Ends a running drill, with this outcome unless one is set already.
    pub(super) fn end_drill(&mut self, outcome: DrillOutcome) {
        self.set_drill_outcome(outcome);
        let now = self.now;
        let Some(drill) = self.persistent_state.current_drill() else { return };
        drill.finish_step(now);
        drill.ended_at = Some(now);
        let drill = drill.clone();
        if drill.outcome == Some(DrillOutcome::Passed) {
            self.persistent_state.drill_passed_at = Some(now);
        }
        self.announce(MachineNotice::DrillEnded { drill });
    }

    /// Ends a running drill because a real promotion with this cause replaces it.
    pub(super) fn end_drill_for(&mut self, cause: Cause) {
        self.end_drill(if cause == Cause::Operator { DrillOutcome::Promoted } else { DrillOutcome::Overtaken });
    }

    /// Fails a running drill and stops its gateway.
    pub(super) fn fail_drill(&mut self) {
        self.mark_drill_failed();
        self.begin_demotion(DemotionReason::DrillOver);
    }

    /// Continues a running drill after its gateway went down: a drill without failure so far pushes the local changes.
    pub(super) fn finish_drill_stop(&mut self, reason: DemotionReason) {
        match self.persistent_state.current_drill() {
            Some(Drill { outcome: None, .. }) if reason == DemotionReason::DrillOver => {
                self.advance_drill(DrillStep::Return);
                self.schedule_push();
            }
            _ => self.end_drill(DrillOutcome::Interrupted),
        }
    }

    /// Ends a running drill after its push.
    pub(super) fn finish_drill_push(&mut self, returned: bool) {
        if self.role == Role::Standby && self.persistent_state.current_drill().is_some() {
            let unless_returned = match self.window.opened_at {
                Some(_) => DrillOutcome::Overtaken,
                None => DrillOutcome::Failed { step: DrillStep::Return },
            };
            self.end_drill(if returned { DrillOutcome::Passed } else { unless_returned });
        }
    }

    /// Ends a drill during which the primary fails. A gateway that was started stays up, under the rules of a failover.
    pub(super) fn overtake_drill(&mut self) {
        if self.drill_cause().is_none() {
            return;
        }
        if self.is_before_start() && self.action_in_flight.is_none() {
            self.cancel_promotion(crate::failover::types::action::CancelReason::DrillOvertaken);
        } else {
            self.convert_drill(Cause::Found);
        }
    }

    /// Turns a drill into a promotion by an operator.
    pub(super) fn promote_drill(&mut self) {
        self.convert_drill(Cause::Operator);
    }

    /// Converts a drill into a failover with this cause.
    fn convert_drill(&mut self, cause: Cause) {
        let now = self.now;
        let is_started = !self.is_before_start();
        if let Some(role_cause) = self.drill_cause() {
            *role_cause = cause;
        }
        let answered = matches!(self.role, Role::Active(_)).then_some(now);
        let failover = self.begin_failover(cause);
        (failover.started_at, failover.answered_at) = (is_started.then_some(now), answered);
        self.end_drill_for(cause);
    }

    /// Returns the cause of the current role if it is a drill.
    fn drill_cause(&mut self) -> Option<&mut Cause> {
        let cause = match &mut self.role {
            Role::Promoting(promoting) => &mut promoting.cause,
            Role::Active(active) => &mut active.cause,
            Role::Standby | Role::Demoting(_) => return None,
        };
        matches!(cause, Cause::Drill { .. }).then_some(cause)
    }
}
