//! Timeline of the last 24 hours: `timeline.json`, one cell per half hour.
//!
//! Kept apart from the history for two reasons: the status must show it to users who may not read the history, and a
//! monitor that was killed could not log that it stopped, so the file records when it was last running.

use std::path::Path;
use std::time::Duration;

use crate::os::atomic_file::{self, FileError};
use crate::os::load_or_quarantine::{UnreadableFile, load_or_quarantine as load_file, parse_record};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::json_fields::{self, JsonField, RecordError, read_field};
use crate::text::named_enum::named_enum;
use crate::text::timestamp::millis_between;

/// Number of cells: half hours in a day.
pub const CELL_COUNT: usize = 48;

/// Length of one cell.
const CELL_DURATION: Duration = Duration::from_secs(30 * 60);

/// Time without an update after which the monitor counts as down. Longer than the interval between two saves, so a
/// monitor that was killed and restarted at once leaves no gap.
const MONITOR_DOWN_AFTER: Duration = Duration::from_secs(10 * 60);

/// Limit on the size of `timeline.json`, in bytes.
const MAX_TIMELINE_BYTES: usize = 16 * 1024;

named_enum! {
    /// State of a half hour. The greatest of several states wins.
    #[derive(PartialOrd, Ord)]
    pub enum TimelineCell {
        /// An upstream was up, and nothing unusual happened.
        Healthy = "healthy",
        /// A hold was set.
        Held = "held",
        /// No monitor ran, for the whole cell or for more than 10 minutes of it.
        MonitorDown = "monitor_down",
        /// No upstream was up.
        UpstreamsDown = "failing",
        /// This host served.
        Active = "active",
    }
}

/// States of the last 24 hours. All times are wall clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Index of the last cell, in half hours since 1970.
    last_half_hour: u64,
    /// Time of the last update; zero if there was none.
    updated_at: Time,
    cells: [TimelineCell; CELL_COUNT],
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            last_half_hour: CELL_COUNT as u64 - 1,
            updated_at: Time::default(),
            cells: [TimelineCell::MonitorDown; CELL_COUNT],
        }
    }
}

impl Timeline {
    /// Reads the file of the last monitor; an unreadable one is moved aside. `now` is the wall clock's.
    pub fn load(path: &Path, now: Time) -> (Self, Option<UnreadableFile>) {
        match load_file(path, MAX_TIMELINE_BYTES, now, "the timeline of the last 24 hours starts over", |node| {
            Self::from_json(node)
        }) {
            Ok(timeline) => (timeline.unwrap_or_default(), None),
            Err(unreadable) => (Self::default(), Some(unreadable)),
        }
    }

    /// Returns the last update in the file at `path` if the monitor that wrote it has stopped; `None` if it still runs,
    /// or if the file cannot be read.
    pub fn stopped_at(path: &Path, now: Time) -> Option<Time> {
        let bytes = atomic_file::read(path, MAX_TIMELINE_BYTES).ok()??;
        let node = parse_record(&bytes).ok()?;
        let seen = Self::from_json(&node).ok()?.last_update()?;
        (now.since(seen) >= MONITOR_DOWN_AFTER).then_some(seen)
    }

    /// Writes the file durably (fsync).
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        let text = format!("{}\n", self.to_json());
        atomic_file::write(path, 0o640, text.as_bytes())
    }

    /// Returns the time of the last update; `None` if there was none.
    pub fn last_update(&self) -> Option<Time> {
        (self.updated_at > Time::default()).then_some(self.updated_at)
    }

    /// Records the present state. Returns true if a cell has changed. After a gap, the cells at both of its ends are
    /// marked as monitor down.
    pub fn record(&mut self, now: Time, cell: TimelineCell) -> bool {
        let before = (self.last_half_hour, self.cells);
        let is_gap = self.updated_at > Time::default() && now.since(self.updated_at) >= MONITOR_DOWN_AFTER;
        if is_gap {
            self.raise_last_cell(TimelineCell::MonitorDown);
        }
        let is_later = half_hour_index(now) > self.last_half_hour;
        self.end_at(half_hour_index(now));
        match self.cells.last_mut() {
            Some(last) if is_later && !is_gap => *last = cell,
            _ => self.raise_last_cell(cell),
        }
        self.updated_at = now;
        (self.last_half_hour, self.cells) != before
    }

    /// Shifts all times after the wall clock was set from `from` to `to`. The cells keep their distance from the
    /// present.
    pub fn shift_clock(&mut self, from: Time, to: Time) {
        let moved = millis_between(from, to);
        if self.updated_at > Time::default() {
            self.updated_at = Time::from_millis(self.updated_at.as_millis().saturating_add_signed(moved));
        }
        let half_hours = |time| i64::try_from(half_hour_index(time)).unwrap_or(i64::MAX);
        self.last_half_hour =
            self.last_half_hour.saturating_add_signed(half_hours(to).saturating_sub(half_hours(from)));
    }

    /// Returns the cells of the 24 hours that end with the half hour of `now`, oldest first.
    pub fn cells_until(&self, now: Time) -> [TimelineCell; CELL_COUNT] {
        let mut moved = self.clone();
        moved.end_at(half_hour_index(now));
        moved.cells
    }

    fn raise_last_cell(&mut self, cell: TimelineCell) {
        if let Some(last) = self.cells.last_mut() {
            *last = cell.max(*last);
        }
    }

    /// Makes `last` the last cell. It may be before the present one if the clock was set back. Unknown cells count as
    /// monitor down.
    fn end_at(&mut self, last: u64) {
        let before = self.last_half_hour;
        let cell = |index: usize| {
            let ago = (CELL_COUNT - 1 - index) as u64;
            let behind = before.checked_sub(last.checked_sub(ago)?)?;
            self.cells.get((CELL_COUNT - 1).checked_sub(usize::try_from(behind).ok()?)?).copied()
        };
        self.cells = std::array::from_fn(|index| cell(index).unwrap_or(TimelineCell::MonitorDown));
        self.last_half_hour = last;
    }
}

impl JsonField for Timeline {
    fn to_json(&self) -> Value {
        let first = self.last_half_hour.saturating_sub(CELL_COUNT as u64 - 1);
        let from = Time::default() + CELL_DURATION * u32::try_from(first).unwrap_or_default();
        Value::from_entries([
            ("schema", json_fields::SCHEMA_VERSION.into()),
            ("from", from.to_json()),
            ("cell_seconds", CELL_DURATION.to_json()),
            ("seen_at", self.updated_at.to_json()),
            ("cells", Value::from_items(self.cells.map(TimelineCell::name))),
        ])
    }

    fn from_json(node: &Value) -> Result<Self, RecordError> {
        json_fields::check_schema(node)?;
        let mut timeline = Self {
            last_half_hour: half_hour_index(read_field(node, "from")?) + CELL_COUNT as u64 - 1,
            updated_at: read_field(node, "seen_at")?,
            ..Self::default()
        };
        let cells: Vec<TimelineCell> = read_field(node, "cells")?;
        timeline.cells.iter_mut().zip(cells).for_each(|(cell, known)| *cell = known);
        Ok(timeline)
    }
}

fn half_hour_index(time: Time) -> u64 {
    time.as_millis() / (CELL_DURATION.as_secs() * 1000)
}

#[cfg(test)]
mod tests {
    use super::TimelineCell::{Active, Healthy, Held, MonitorDown, UpstreamsDown};
    use super::*;
    use crate::text::json;

    /// Time `minutes` after a full hour.
    fn at(minutes: u64) -> Time {
        Time::from_millis(1_795_298_400_000 + minutes * 60_000)
    }

    /// Updates the timeline every minute.
    fn record_minutes(timeline: &mut Timeline, from: u64, until: u64, cell: TimelineCell) {
        (from..until).for_each(|minute| {
            timeline.record(at(minute), cell);
        });
    }

    fn last_cells(timeline: &Timeline, now: u64) -> [TimelineCell; 6] {
        *timeline.cells_until(at(now)).last_chunk().unwrap()
    }

    #[test]
    fn a_cell_shows_the_most_important_state() {
        let mut timeline = Timeline::default();
        record_minutes(&mut timeline, 0, 40, Healthy);
        timeline.record(at(40), UpstreamsDown);
        record_minutes(&mut timeline, 41, 60, Healthy);
        record_minutes(&mut timeline, 60, 65, UpstreamsDown);
        record_minutes(&mut timeline, 65, 91, Active);
        record_minutes(&mut timeline, 91, 120, Healthy);
        record_minutes(&mut timeline, 120, 125, Held);
        assert_eq!(last_cells(&timeline, 125), [MonitorDown, Healthy, UpstreamsDown, Active, Active, Held]);
        assert_eq!(timeline.cells_until(at(125))[..43], [MonitorDown; 43]);
    }

    #[test]
    fn a_gap_is_marked_as_monitor_down() {
        let mut timeline = Timeline::default();
        record_minutes(&mut timeline, 0, 50, Healthy);
        let mut timeline = Timeline::from_json(&json::parse(&timeline.to_json().to_string()).unwrap()).unwrap();
        // A reader in the meantime sees the gap too.
        assert_eq!(last_cells(&timeline, 125), [MonitorDown, Healthy, Healthy, MonitorDown, MonitorDown, MonitorDown]);
        record_minutes(&mut timeline, 125, 160, Healthy);
        assert_eq!(last_cells(&timeline, 160), [Healthy, MonitorDown, MonitorDown, MonitorDown, MonitorDown, Healthy]);
        // A monitor that is back within 10 minutes leaves no gap; a longer gap inside one half hour is marked.
        timeline.record(at(168), Healthy);
        assert_eq!(last_cells(&timeline, 168)[5], Healthy);
        let mut timeline = Timeline::default();
        timeline.record(at(1), Active);
        timeline.record(at(31), Healthy);
        timeline.record(at(42), Healthy);
        assert_eq!(last_cells(&timeline, 42)[4..], [Active, MonitorDown]);
        timeline.record(at(43), UpstreamsDown);
        assert_eq!(last_cells(&timeline, 43)[5], UpstreamsDown);
    }

    #[test]
    fn setting_the_clock_adds_no_cells() {
        let mut timeline = Timeline::default();
        record_minutes(&mut timeline, 0, 300, Active);
        timeline.record(at(60), Healthy);
        assert_eq!(last_cells(&timeline, 60), [MonitorDown, MonitorDown, MonitorDown, Active, Active, Active]);
        timeline.record(at(10_000_000), Healthy);
        assert_eq!(last_cells(&timeline, 10_000_000), [MonitorDown; 6]);
        timeline.record(Time::default(), Healthy);
        timeline.record(Time::from_millis(u64::MAX), Held);
        assert_eq!(timeline.cells_until(at(0)), [MonitorDown; CELL_COUNT]);
    }

    #[test]
    fn saves_and_loads_and_moves_invalid_files_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("timeline.json");
        let mut timeline = Timeline::default();
        assert_eq!(Timeline::load(&path, at(0)).0, timeline);
        assert_eq!(timeline.last_update(), None);
        assert!(
            timeline.record(at(0), Healthy)
                && !timeline.record(at(1), Healthy)
                && timeline.record(at(2), UpstreamsDown)
        );
        timeline.save(&path).unwrap();
        assert_eq!(Timeline::load(&path, at(3)).0, timeline);
        assert_eq!(timeline.last_update(), Some(at(2)));
        assert_eq!((Timeline::stopped_at(&path, at(11)), Timeline::stopped_at(&path, at(12))), (None, Some(at(2))));
        for bad in ["", "{}", r#"{"schema":1,"from":"2026-11-21T22:00:00Z","seen_at":"x","cells":["good"]}"#] {
            std::fs::write(&path, bad).unwrap();
            let (timeline, unreadable) = Timeline::load(&path, at(3));
            assert!(timeline == Timeline::default() && unreadable.is_some(), "{bad}");
        }
    }
}
