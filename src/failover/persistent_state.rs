//! State that survives a restart of the monitor. The role is not part of it: it follows from the gateway's unit.

use std::time::Duration;

use crate::failover::drill::Drill;
use crate::failover::hold::Hold;
use crate::failover::role::{Cause, Reason};
use crate::text::timestamp::Time;

/// Limit of stored promotions. Fewer within one flap window already give the longest hold-down.
const PROMOTIONS: usize = 32;

/// State of the machine across restarts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Override of an operator.
    pub hold: Option<Hold>,
    /// Times at which automatic promotions answered, oldest first, within the flap window.
    pub promotions: Vec<Time>,
    /// True if the workspace may have local changes that are not at the git remote.
    pub unreturned: bool,
    /// Last failover, complete or not.
    pub failover: Option<Failover>,
    /// Reason of the demotion in progress.
    pub demoting: Option<Reason>,
    /// Time at which the monitor last caused an unclean exit of the gateway.
    pub killed: Option<Time>,
    /// Last drill.
    pub drill: Option<Drill>,
    /// Time of the last drill that passed.
    pub drilled: Option<Time>,
}

/// Record of one failover.
#[derive(Clone, Debug, PartialEq)]
pub struct Failover {
    /// Cause of the failover.
    pub cause: Cause,
    /// Last time before it at which an upstream was healthy.
    pub life: Time,
    /// Time of the decision.
    pub decided: Time,
    /// Time of the gateway's first start.
    pub started: Option<Time>,
    /// Time of the gateway's first confirmed answer.
    pub answered: Option<Time>,
    /// Time at which the gateway was down again.
    pub ended: Option<Time>,
}

impl Memory {
    /// Replaces times in the future by `now`: the clock may have jumped back between two runs.
    pub(super) fn clamp(&mut self, now: Time) {
        let until = self.hold.and_then(|hold| hold.until);
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
        self.killed.iter_mut().for_each(change);
        self.drilled.iter_mut().for_each(change);
        if let Some(drill) = &mut self.drill {
            change(&mut drill.began);
            change(&mut drill.since);
            drill.ended.iter_mut().for_each(change);
        }
        if let Some(failover) = &mut self.failover {
            change(&mut failover.life);
            change(&mut failover.decided);
            [&mut failover.started, &mut failover.answered, &mut failover.ended]
                .into_iter()
                .for_each(|at| at.iter_mut().for_each(change));
        }
    }

    /// Records an automatic promotion that answered.
    pub(super) fn promoted(&mut self, now: Time, flap_window: Duration) {
        self.promotions.push(now);
        self.promotions.retain(|&at| now.since(at) < flap_window);
        let excess = self.promotions.len().saturating_sub(PROMOTIONS);
        self.promotions.drain(..excess);
    }

    /// Returns the number of automatic promotions within the flap window that ends with the last one, at least 1.
    pub(super) fn flaps(&self, flap_window: Duration) -> u32 {
        let Some(&last) = self.promotions.last() else { return 1 };
        let recent = self.promotions.iter().filter(|&&at| last.since(at) < flap_window).count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    /// Returns the failover in progress, if there is one.
    pub(super) fn underway(&mut self) -> Option<&mut Failover> {
        self.failover.as_mut().filter(|failover| failover.ended.is_none())
    }

    /// Returns the drill in progress, if there is one.
    pub(super) fn drilling(&mut self) -> Option<&mut Drill> {
        self.drill.as_mut().filter(|drill| drill.ended.is_none())
    }
}
