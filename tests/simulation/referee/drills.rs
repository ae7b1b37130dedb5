//! Rules of drills: a drill was requested, it ends, and it does not count as a failover.

use openclaw_failover::failover::{DrillOutcome, Failover, Machine};
use openclaw_failover::text::Time;

use super::{Referee, millis};
use crate::plan::MINUTE;

/// Time limit of the syncs: a pull that changes the work tree, a pull that runs when the drill is to push, and the
/// push.
const SYNC_TIME_LIMIT: u64 = 30 * MINUTE;

/// Drill in progress.
pub(super) struct Drill {
    began: u64,
    hold: u64,
    /// Last failover and counted promotions before the drill, which it must not change.
    untouched: (Option<Failover>, Vec<Time>),
}

impl Referee {
    pub(super) fn drill_began(&mut self, now: u64, machine: &Machine) {
        let Some(hold) = self.drill_asked.take() else {
            self.fail(now, machine, "a drill without a request");
        };
        if self.drill.is_some() {
            self.fail(now, machine, "a drill in a drill");
        }
        let memory = machine.persistent_state();
        let untouched = (memory.last_failover.clone(), memory.promotions.clone());
        self.drill = Some(Drill { began: now, hold: millis(hold), untouched });
    }

    pub(super) fn drill_ended(&mut self, now: u64, outcome: Option<DrillOutcome>, machine: &Machine) {
        self.drilled = now;
        let Some(drill) = self.drill.take() else {
            // A monitor that starts ends the drill of the one before it.
            if outcome == Some(DrillOutcome::Passed) {
                self.fail(now, machine, "the end of a drill that has not begun");
            }
            return;
        };
        let memory = machine.persistent_state();
        let is_drill =
            matches!(outcome, Some(DrillOutcome::Passed | DrillOutcome::Failed { .. } | DrillOutcome::Stopped));
        // A failover may begin at the same moment.
        let failover = memory.last_failover.clone().filter(|failover| failover.decided_at != Time::from_millis(now));
        let untouched = drill.untouched.0 == failover || failover.is_none();
        if is_drill && !(untouched && drill.untouched.1 == memory.promotions) {
            self.fail(now, machine, "a drill was taken for a failover");
        }
        if outcome == Some(DrillOutcome::Passed) && now < drill.began + drill.hold {
            self.fail(now, machine, "a drill that passed was shorter than its hold");
        }
    }

    /// Checks that the drill ends, however long its steps take.
    pub(super) fn check_drill(&self, now: u64, drill: &Drill, machine: &Machine) {
        let gateway = self.policy.sync_wait + self.policy.start_timeout + self.policy.stop_timeout;
        let bound = drill.began.max(self.settled) + drill.hold + millis(gateway) + SYNC_TIME_LIMIT;
        if now > bound {
            self.fail(now, machine, "a drill has no end");
        }
    }
}
