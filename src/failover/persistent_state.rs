//! What must survive a restart of the monitor. The role does not: it is read off the gateway.

use std::time::Duration;

use crate::failover::drill::Drill;
use crate::failover::hold::Hold;
use crate::failover::role::{Cause, Reason};
use crate::text::timestamp::Time;

/// More promotions than this within one flap window change no hold-down: it is at its longest long before.
const PROMOTIONS: usize = 32;

/// Everything the machine remembers across restarts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The operator's override.
    pub hold: Option<Hold>,
    /// When automatic promotions answered, oldest first; only the recent ones matter.
    pub promotions: Vec<Time>,
    /// Whether the workspace may hold something that the remote does not have.
    pub unreturned: bool,
    /// The last time this host took over, or tried to.
    pub failover: Option<Failover>,
    /// Reason of the demotion that this monitor has begun and not seen the end of.
    pub demoting: Option<Reason>,
    /// When the monitor last caused an unclean exit of the gateway.
    pub killed: Option<Time>,
    /// The last drill.
    pub drill: Option<Drill>,
    /// When a drill last passed.
    pub drilled: Option<Time>,
}

/// One failover, as far as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Failover {
    /// Why.
    pub cause: Cause,
    /// The last proof of an upstream's life before it.
    pub life: Time,
    /// When it was decided.
    pub decided: Time,
    /// When the gateway was first started.
    pub started: Option<Time>,
    /// When the gateway answered.
    pub answered: Option<Time>,
    /// When the gateway was down again.
    pub ended: Option<Time>,
}

impl Memory {
    /// Clock jumps between two runs must not make a past event lie ahead: a time in the future counts as now.
    pub(super) fn clamp(&mut self, now: Time) {
        let until = self.hold.and_then(|hold| hold.until);
        self.map_times(|at| at.min(now));
        if let Some(hold) = &mut self.hold {
            hold.until = until;
        }
        self.promotions.sort_unstable();
    }

    /// Replaces every time in it, as when the clock that they were written by is another one now.
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

    /// Notes an automatic promotion that answered.
    pub(super) fn promoted(&mut self, now: Time, flap_window: Duration) {
        self.promotions.push(now);
        self.promotions.retain(|&at| now.since(at) < flap_window);
        let excess = self.promotions.len().saturating_sub(PROMOTIONS);
        self.promotions.drain(..excess);
    }

    /// How many automatic promotions answered within the flap window up to and including the last one, at least 1.
    pub(super) fn flaps(&self, flap_window: Duration) -> u32 {
        let Some(&last) = self.promotions.last() else { return 1 };
        let recent = self.promotions.iter().filter(|&&at| last.since(at) < flap_window).count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    /// The failover that is still under way, if one is.
    pub(super) fn underway(&mut self) -> Option<&mut Failover> {
        self.failover.as_mut().filter(|failover| failover.ended.is_none())
    }

    /// The drill that is under way, if one is.
    pub(super) fn drilling(&mut self) -> Option<&mut Drill> {
        self.drill.as_mut().filter(|drill| drill.ended.is_none())
    }
}
