//! Drill, a rehearsed failover: its progress, the duration of each step, and its outcome.
//!
//! The roles do the work by their usual rules and report to this record. A drill is stored separately from failovers
//! and does not lengthen the hold-down.

use std::time::Duration;

use crate::failover::action::{Note, Refusal};
use crate::failover::machine::Machine;
use crate::failover::role::{Cause, Reason, Role};
use crate::text::timestamp::Time;

/// Steps of a drill, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DrillStep {
    /// The workspace is pulled.
    Pull,
    /// The gateway is started.
    Start,
    /// The gateway has not answered yet.
    Verify,
    /// The gateway stays up for the requested time.
    Hold,
    /// The gateway is stopped, and drains.
    Stop,
    /// The local changes are pushed.
    Return,
}

impl DrillStep {
    /// Every step, in order.
    pub const ALL: [Self; 6] = [Self::Pull, Self::Start, Self::Verify, Self::Hold, Self::Stop, Self::Return];

    /// Returns the stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Start => "start",
            Self::Verify => "verify",
            Self::Hold => "hold",
            Self::Stop => "stop",
            Self::Return => "return",
        }
    }
}

/// Outcome of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every step succeeded.
    Passed,
    /// A step failed.
    Failed {
        /// First step that failed.
        step: DrillStep,
    },
    /// Every upstream went down, which made it a real outage.
    Overtaken,
    /// An operator promoted this host.
    Promoted,
    /// An operator ended it early.
    Stopped,
    /// The monitor was restarted, or the gateway was started or stopped from outside this program.
    Interrupted,
}

/// Record of one drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// Time of the request.
    pub began: Time,
    /// Current step, or the last one.
    pub step: DrillStep,
    /// Start time of that step.
    pub since: Time,
    /// Duration of each step, in the order of [`DrillStep::ALL`]; `None` for a step that has not ended.
    pub took: [Option<Duration>; 6],
    /// Outcome. While the drill runs, it is set as soon as the drill cannot pass any more.
    pub outcome: Option<Outcome>,
    /// End time.
    pub ended: Option<Time>,
}

impl Drill {
    fn new(now: Time) -> Self {
        Self { began: now, step: DrillStep::Pull, since: now, took: [None; 6], outcome: None, ended: None }
    }

    /// Returns the duration of each finished step.
    pub fn steps(&self) -> impl Iterator<Item = (DrillStep, Duration)> {
        DrillStep::ALL.into_iter().zip(self.took).filter_map(|(step, took)| Some((step, took?)))
    }

    fn finish_step(&mut self, now: Time) {
        if let Some(took) = self.took.get_mut(self.step as usize) {
            *took = Some(now.since(self.since));
        }
    }
}

impl Machine {
    /// Begins a drill, or refuses it with a reason.
    pub(super) fn drill(&mut self, hold: Duration, degraded: bool) {
        let why = if self.memory.drilling().is_some() {
            Refusal::UnderWay
        } else if self.role != Role::Standby {
            Refusal::NotStandby
        } else if self.memory.hold.is_some() {
            Refusal::Held
        } else if !self.upstreams.iter().any(crate::failover::upstream::Upstream::is_healthy) {
            Refusal::PrimaryDown
        } else if degraded {
            Refusal::Degraded
        } else {
            self.memory.drill = Some(Drill::new(self.now));
            return self.promote(Cause::Drill { hold });
        };
        self.say(Note::DrillRefused { why });
    }

    /// Moves a running drill on to this step.
    pub(super) fn drill_is_at(&mut self, step: DrillStep) {
        let now = self.now;
        if let Some(drill) = self.memory.drilling().filter(|drill| drill.step < step) {
            drill.finish_step(now);
            (drill.step, drill.since) = (step, now);
        }
    }

    /// Sets the outcome of a running drill, unless it is set already.
    pub(super) fn drill_will_end(&mut self, outcome: Outcome) {
        if let Some(drill) = self.memory.drilling() {
            drill.outcome.get_or_insert(outcome);
        }
    }

    /// Fails a running drill at its current step.
    pub(super) fn drill_fails(&mut self) {
        if let Some(step) = self.memory.drilling().map(|drill| drill.step) {
            self.drill_will_end(Outcome::Failed { step });
        }
    }

    /// Ends a running drill, with this outcome unless one is set already.
    pub(super) fn end_drill(&mut self, outcome: Outcome) {
        self.drill_will_end(outcome);
        let now = self.now;
        let Some(drill) = self.memory.drilling() else { return };
        drill.finish_step(now);
        drill.ended = Some(now);
        let drill = drill.clone();
        if drill.outcome == Some(Outcome::Passed) {
            self.memory.drilled = Some(now);
        }
        self.say(Note::DrillEnded { drill });
    }

    /// Ends a running drill because a real promotion with this cause replaces it.
    pub(super) fn end_drill_for(&mut self, cause: Cause) {
        self.end_drill(if cause == Cause::Operator { Outcome::Promoted } else { Outcome::Overtaken });
    }

    /// Fails a running drill and stops its gateway.
    pub(super) fn fail_drill(&mut self) {
        self.drill_fails();
        self.begin_demoting(Reason::DrillOver);
    }

    /// Continues a running drill after its gateway went down: a drill without failure so far pushes the local changes.
    pub(super) fn drill_stopped(&mut self, reason: Reason) {
        match self.memory.drilling() {
            Some(Drill { outcome: None, .. }) if reason == Reason::DrillOver => {
                self.drill_is_at(DrillStep::Return);
                self.push_soon();
            }
            _ => self.end_drill(Outcome::Interrupted),
        }
    }

    /// Ends a running drill after its push.
    pub(super) fn drill_returned(&mut self, returned: bool) {
        if self.role == Role::Standby && self.memory.drilling().is_some() {
            let unless_returned = match self.window.opened {
                Some(_) => Outcome::Overtaken,
                None => Outcome::Failed { step: DrillStep::Return },
            };
            self.end_drill(if returned { Outcome::Passed } else { unless_returned });
        }
    }

    /// Ends a drill during which the primary fails. A gateway that was started stays up, under the rules of a failover.
    pub(super) fn overtake_drill(&mut self) {
        if self.drilled_cause().is_none() {
            return;
        }
        if self.is_before_start() && self.in_flight.is_none() {
            self.abort(crate::failover::action::Abort::DrillOvertaken);
        } else {
            self.drill_becomes(Cause::Found);
        }
    }

    /// Turns a drill into a promotion by an operator.
    pub(super) fn drill_ends_promoted(&mut self) {
        self.drill_becomes(Cause::Operator);
    }

    /// Converts a drill into a failover with this cause.
    fn drill_becomes(&mut self, cause: Cause) {
        let now = self.now;
        let is_started = !self.is_before_start();
        if let Some(role_cause) = self.drilled_cause() {
            *role_cause = cause;
        }
        let answered = matches!(self.role, Role::Active(_)).then_some(now);
        let failover = self.begin_failover(cause);
        (failover.started, failover.answered) = (is_started.then_some(now), answered);
        self.end_drill_for(cause);
    }

    /// Returns the cause of the current role if it is a drill.
    fn drilled_cause(&mut self) -> Option<&mut Cause> {
        let cause = match &mut self.role {
            Role::Promoting(promoting) => &mut promoting.cause,
            Role::Active(active) => &mut active.cause,
            Role::Standby | Role::Demoting(_) => return None,
        };
        matches!(cause, Cause::Drill { .. }).then_some(cause)
    }
}
