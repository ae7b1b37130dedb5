//! A rehearsed failover: how far it is, what each of its steps took, and how it ends.
//!
//! The roles do the work, by their ordinary rules, and tell this record of it. A drill is no failover: it is remembered
//! apart from those, and counts towards no hold-down.

use std::time::Duration;

use crate::failover::action::{Note, Refusal};
use crate::failover::machine::Machine;
use crate::failover::role::{Cause, Reason, Role};
use crate::text::timestamp::Time;

/// The steps of a drill, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DrillStep {
    /// The workspace is pulled.
    Pull,
    /// The gateway is started.
    Start,
    /// It has yet to answer.
    Verify,
    /// It stays up.
    Hold,
    /// It is stopped, and drains.
    Stop,
    /// What it has written is pushed.
    Return,
}

impl DrillStep {
    /// Every step, in its order.
    pub const ALL: [Self; 6] = [Self::Pull, Self::Start, Self::Verify, Self::Hold, Self::Stop, Self::Return];

    /// Its stable name.
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

/// How a drill ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Each step did what it should.
    Passed,
    /// This one did not.
    Failed {
        /// The first that did not.
        step: DrillStep,
    },
    /// No upstream showed life any more: from there on it was no rehearsal.
    Overtaken,
    /// An operator kept the gateway up.
    Promoted,
    /// An operator ended it early.
    Stopped,
    /// The monitor was restarted, or somebody else started or stopped the gateway.
    Interrupted,
}

/// One drill, as far as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// When it was asked for.
    pub began: Time,
    /// The step that it is in, or was in last.
    pub step: DrillStep,
    /// Since when.
    pub since: Time,
    /// How long each step took, in the order of [`DrillStep::ALL`]; `None` for one that has not ended.
    pub took: [Option<Duration>; 6],
    /// How it ends. While it goes on: that it does not pass, as soon as that is known.
    pub outcome: Option<Outcome>,
    /// When it was over.
    pub ended: Option<Time>,
}

impl Drill {
    fn new(now: Time) -> Self {
        Self { began: now, step: DrillStep::Pull, since: now, took: [None; 6], outcome: None, ended: None }
    }

    /// What each step took that has ended.
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
    /// Begins a drill, or says why not.
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

    /// The drill, if one is under way, has come to this step.
    pub(super) fn drill_is_at(&mut self, step: DrillStep) {
        let now = self.now;
        if let Some(drill) = self.memory.drilling().filter(|drill| drill.step < step) {
            drill.finish_step(now);
            (drill.step, drill.since) = (step, now);
        }
    }

    /// The drill, if one is under way, will end so, unless it is known already how it ends.
    pub(super) fn drill_will_end(&mut self, outcome: Outcome) {
        if let Some(drill) = self.memory.drilling() {
            drill.outcome.get_or_insert(outcome);
        }
    }

    /// The step that the drill is in does not do what it should.
    pub(super) fn drill_fails(&mut self) {
        if let Some(step) = self.memory.drilling().map(|drill| drill.step) {
            self.drill_will_end(Outcome::Failed { step });
        }
    }

    /// The drill, if one is under way, is over.
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

    /// The drill, if one is under way, is over because this host is to serve.
    pub(super) fn end_drill_for(&mut self, cause: Cause) {
        self.end_drill(if cause == Cause::Operator { Outcome::Promoted } else { Outcome::Overtaken });
    }

    /// The gateway of a drill is not what it should be: it is stopped.
    pub(super) fn fail_drill(&mut self) {
        self.drill_fails();
        self.begin_demoting(Reason::DrillOver);
    }

    /// The gateway of a drill is down. What has gone well so far still has to be brought back.
    pub(super) fn drill_stopped(&mut self, reason: Reason) {
        match self.memory.drilling() {
            Some(Drill { outcome: None, .. }) if reason == Reason::DrillOver => {
                self.drill_is_at(DrillStep::Return);
                self.push_soon();
            }
            _ => self.end_drill(Outcome::Interrupted),
        }
    }

    /// A push has ended, as the last step of a drill.
    pub(super) fn drill_returned(&mut self, returned: bool) {
        if self.role == Role::Standby && self.memory.drilling().is_some() {
            let unless_returned = match self.window.opened {
                Some(_) => Outcome::Overtaken,
                None => Outcome::Failed { step: DrillStep::Return },
            };
            self.end_drill(if returned { Outcome::Passed } else { unless_returned });
        }
    }

    /// The primary fails during a drill: what has not been started is left, what runs stays up under the ordinary rules.
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

    /// An operator wants the gateway of a drill to stay up.
    pub(super) fn drill_ends_promoted(&mut self) {
        self.drill_becomes(Cause::Operator);
    }

    /// The gateway of a drill runs for another cause from now on: this host serves in earnest.
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

    /// The cause of a role that this host has for a drill.
    fn drilled_cause(&mut self) -> Option<&mut Cause> {
        let cause = match &mut self.role {
            Role::Promoting(promoting) => &mut promoting.cause,
            Role::Active(active) => &mut active.cause,
            Role::Standby | Role::Demoting(_) => return None,
        };
        matches!(cause, Cause::Drill { .. }).then_some(cause)
    }
}
