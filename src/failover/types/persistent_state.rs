//! State that survives a restart of the monitor. The role is not part of it: it follows from the gateway's unit.

use std::time::Duration;

use crate::failover::types::drill::Drill;
use crate::failover::types::hold::Hold;
use crate::failover::types::role::{Cause, DemotionReason};
use crate::text::timestamp::Time;

/// Limit of stored promotions. Fewer within one flap window already give the longest hold-down.
const MAX_STORED_PROMOTIONS: usize = 32;

/// State of the machine across restarts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PersistentState {
    /// Override of an operator.
    pub hold: Option<Hold>,
    /// Times at which automatic promotions answered, oldest first, within the flap window.
    pub promotions: Vec<Time>,
    /// True if the workspace may have local changes that are not at the git remote.
    pub has_unpushed_changes: bool,
    /// Last failover, complete or not.
    pub last_failover: Option<Failover>,
    /// Reason of the demotion in progress.
    pub demotion_reason: Option<DemotionReason>,
    /// Time at which the monitor last caused an unclean exit of the gateway.
    pub killed_at: Option<Time>,
    /// Last drill.
    pub last_drill: Option<Drill>,
    /// Time of the last drill that passed.
    pub drill_passed_at: Option<Time>,
}

/// Record of one failover.
#[derive(Clone, Debug, PartialEq)]
pub struct Failover {
    /// Cause of the failover.
    pub cause: Cause,
    /// Last time before it at which an upstream was healthy.
    pub last_healthy_at: Time,
    /// Time of the decision.
    pub decided_at: Time,
    /// Time of the gateway's first start.
    pub started_at: Option<Time>,
    /// Time of the gateway's first confirmed answer.
    pub answered_at: Option<Time>,
    /// Time at which the gateway was down again.
    pub ended_at: Option<Time>,
}

impl PersistentState {
    /// Replaces times in the future by `now`: the clock may have jumped back between two runs.
    pub(in crate::failover) fn clamp_times(&mut self, now: Time) {
        let until = self.hold.as_ref().and_then(|hold| hold.until);
        self.map_times(|at| at.min(now));
        if let Some(hold) = &mut self.hold {
            hold.until = until;
        }
        self.promotions.sort_unstable();
    }

    /// Maps every time, as from one clock to another.
    pub fn map_times(&mut self, map: impl Fn(Time) -> Time) {
        let change = |at: &mut Time| *at = map(*at);
        if let Some(hold) = &mut self.hold {
            change(&mut hold.since);
            hold.until.iter_mut().for_each(change);
        }
        self.promotions.iter_mut().for_each(change);
        self.killed_at.iter_mut().for_each(change);
        self.drill_passed_at.iter_mut().for_each(change);
        if let Some(drill) = &mut self.last_drill {
            change(&mut drill.began_at);
            change(&mut drill.step_since);
            drill.ended_at.iter_mut().for_each(change);
        }
        if let Some(failover) = &mut self.last_failover {
            change(&mut failover.last_healthy_at);
            change(&mut failover.decided_at);
            [&mut failover.started_at, &mut failover.answered_at, &mut failover.ended_at]
                .into_iter()
                .for_each(|at| at.iter_mut().for_each(change));
        }
    }

    /// Records an automatic promotion that answered.
    pub(in crate::failover) fn record_promotion(&mut self, now: Time, flap_window: Duration) {
        self.promotions.push(now);
        self.promotions.retain(|&at| now.since(at) < flap_window);
        let excess = self.promotions.len().saturating_sub(MAX_STORED_PROMOTIONS);
        self.promotions.drain(..excess);
    }

    /// Returns the number of automatic promotions within the flap window that ends with the last one, at least 1.
    pub(in crate::failover) fn flap_count(&self, flap_window: Duration) -> u32 {
        let Some(&last) = self.promotions.last() else { return 1 };
        let recent = self.promotions.iter().filter(|&&at| last.since(at) < flap_window).count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    /// Returns the failover in progress, if there is one.
    pub(in crate::failover) fn current_failover(&mut self) -> Option<&mut Failover> {
        self.last_failover.as_mut().filter(|failover| failover.ended_at.is_none())
    }

    /// Returns the drill in progress, if there is one.
    pub(in crate::failover) fn current_drill(&mut self) -> Option<&mut Drill> {
        self.last_drill.as_mut().filter(|drill| drill.ended_at.is_none())
    }
}
