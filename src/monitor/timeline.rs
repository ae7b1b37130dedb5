//! Updates of the timeline of the last 24 hours.

use std::time::Duration;

use crate::failover::Role;
use crate::monitor::Monitor;
use crate::monitor::recorder::Record;
use crate::records::timeline::Cell;
use crate::text::Time;

/// Interval of writing an unchanged timeline. A monitor that is killed loses this much of it.
const KEEP: Duration = Duration::from_secs(5 * 60);

/// Smallest jump that counts as a set wall clock. Smaller ones are adjustments.
const CLOCK_SET: Duration = Duration::from_secs(60);

impl Monitor {
    /// Marks the current state. Does nothing before the first probe has ended.
    pub(super) fn mark(&mut self, now: Time) {
        let Some(cell) = self.cell() else { return };
        let wall = self.clock.wall();
        if let Some(before) = self.strip_wall.replace(wall) {
            let (from, to) = (before.at(now), wall.at(now));
            if from.since(to).max(to.since(from)) >= CLOCK_SET {
                self.strip.clock_was_set(from, to);
            }
        }
        let changed = self.strip.mark(wall.at(now), cell);
        let is_due = self.strip_kept.is_none_or(|kept| now.since(kept) >= KEEP);
        if changed || is_due {
            self.keep_strip(now);
        }
    }

    /// Passes the timeline to the recorder.
    pub(super) fn keep_strip(&mut self, now: Time) {
        if self.workers.recorder.take(Record::Strip(self.strip.clone())) {
            self.strip_kept = Some(now);
        }
    }

    fn cell(&self) -> Option<Cell> {
        let lives = self.machine.upstreams().iter().any(|upstream| upstream.is_healthy());
        match self.machine.role() {
            Role::Active(_) | Role::Demoting(_) => Some(Cell::Active),
            _ if self.machine.window().is_some() => Some(Cell::Failing),
            _ if self.machine.memory().hold.is_some() => Some(Cell::Held),
            _ => lives.then_some(Cell::Healthy),
        }
    }
}
