//! Updates of the timeline of the last 24 hours.

use std::time::Duration;

use crate::failover::Role;
use crate::monitor::Monitor;
use crate::monitor::recorder::Record;
use crate::records::timeline::TimelineCell;
use crate::text::Time;

/// Interval of writing an unchanged timeline. A monitor that is killed loses this much of it.
const SAVE_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Smallest jump that counts as a set wall clock. Smaller ones are adjustments.
const CLOCK_SET_THRESHOLD: Duration = Duration::from_secs(60);

impl Monitor {
    /// Marks the current state. Does nothing before the first probe has ended.
    pub(super) fn mark_timeline(&mut self, now: Time) {
        let Some(cell) = self.current_cell() else { return };
        let wall = self.clock.wall();
        if let Some(before) = self.timeline_wall.replace(wall) {
            let (from, to) = (before.to_wall_clock(now), wall.to_wall_clock(now));
            if from.since(to).max(to.since(from)) >= CLOCK_SET_THRESHOLD {
                self.timeline.shift_clock(from, to);
            }
        }
        let changed = self.timeline.record(wall.to_wall_clock(now), cell);
        let is_due = self.timeline_saved_at.is_none_or(|kept| now.since(kept) >= SAVE_INTERVAL);
        if changed || is_due {
            self.save_timeline(now);
        }
    }

    /// Passes the timeline to the recorder.
    pub(super) fn save_timeline(&mut self, now: Time) {
        if self.threads.recorder.enqueue(Record::Timeline(self.timeline.clone())) {
            self.timeline_saved_at = Some(now);
        }
    }

    fn current_cell(&self) -> Option<TimelineCell> {
        let lives = self.machine.upstreams().iter().any(|upstream| upstream.is_healthy());
        match self.machine.role() {
            Role::Active(_) | Role::Demoting(_) => Some(TimelineCell::Active),
            _ if self.machine.window().is_some() => Some(TimelineCell::UpstreamsDown),
            _ if self.machine.persistent_state().hold.is_some() => Some(TimelineCell::Held),
            _ => lives.then_some(TimelineCell::Healthy),
        }
    }
}
