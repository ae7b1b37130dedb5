//! Timeline of the last 24 hours: `strip.json`, one cell per half hour.
//!
//! Kept apart from the history for two reasons: the status must show it to users who may not read the history, and a
//! monitor that was killed could not log that it stopped, so the file records when it was last running.

use std::path::Path;
use std::time::Duration;

use crate::os::atomic_file::{
    Error, {self},
};
use crate::os::load_or_quarantine::{Unreadable, load as load_file, parse};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::json_fields::{
    as_list, as_time, field, {self},
};
use crate::text::timestamp::distance;

/// Number of cells: half hours in a day.
pub const CELLS: usize = 48;

/// Length of one cell.
const CELL: Duration = Duration::from_secs(30 * 60);

/// Time without an update after which the monitor counts as down. Longer than the interval between two saves, so a
/// monitor that was killed and restarted at once leaves no gap.
const GAP: Duration = Duration::from_secs(10 * 60);

/// Limit on the size of `strip.json`, in bytes.
const MAX: usize = 16 * 1024;

/// State of a half hour. The greatest of several states wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// An upstream was up, and nothing unusual happened.
    Healthy,
    /// A hold was set.
    Held,
    /// No monitor ran, for the whole cell or for more than 10 minutes of it.
    MonitorDown,
    /// No upstream was up.
    Failing,
    /// This host served.
    Active,
}

/// Stable name of each cell.
const NAMES: [(Cell, &str); 5] = [
    (Cell::Healthy, "healthy"),
    (Cell::Held, "held"),
    (Cell::MonitorDown, "monitor_down"),
    (Cell::Failing, "failing"),
    (Cell::Active, "active"),
];

/// States of the last 24 hours. All times are wall clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    /// Index of the last cell, in half hours since 1970.
    last: u64,
    /// Time of the last update; zero if there was none.
    seen: Time,
    cells: [Cell; CELLS],
}

impl Default for Strip {
    fn default() -> Self {
        Self { last: CELLS as u64 - 1, seen: Time::default(), cells: [Cell::MonitorDown; CELLS] }
    }
}

impl Strip {
    /// Reads the file of the last monitor; an unreadable one is moved aside. `now` is the wall clock's.
    #[must_use]
    pub fn load(path: &Path, now: Time) -> (Self, Option<Unreadable>) {
        match load_file(path, MAX, now, "the timeline of the last 24 hours starts over", |node| Self::from_json(node)) {
            Ok(strip) => (strip.unwrap_or_default(), None),
            Err(unreadable) => (Self::default(), Some(unreadable)),
        }
    }

    /// Returns the last update in the file at `path` if the monitor that wrote it has stopped; `None` if it still runs,
    /// or if the file cannot be read.
    #[must_use]
    pub fn ended(path: &Path, now: Time) -> Option<Time> {
        let bytes = atomic_file::read(path, MAX).ok()??;
        let node = parse(&bytes).ok()?;
        let seen = Self::from_json(&node).ok()?.seen()?;
        (now.since(seen) >= GAP).then_some(seen)
    }

    /// Writes the file durably (fsync).
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let text = format!("{}\n", self.to_json());
        atomic_file::write(path, 0o640, text.as_bytes())
    }

    /// Returns the time of the last update; `None` if there was none.
    #[must_use]
    pub fn seen(&self) -> Option<Time> {
        (self.seen > Time::default()).then_some(self.seen)
    }

    /// Records the present state. Returns true if a cell has changed. After a gap, the cells at both of its ends are
    /// marked as monitor down.
    pub fn mark(&mut self, now: Time, cell: Cell) -> bool {
        let before = (self.last, self.cells);
        let is_gap = self.seen > Time::default() && now.since(self.seen) >= GAP;
        if is_gap {
            self.raise(Cell::MonitorDown);
        }
        let is_later = half_hour(now) > self.last;
        self.move_to(half_hour(now));
        match self.cells.last_mut() {
            Some(last) if is_later && !is_gap => *last = cell,
            _ => self.raise(cell),
        }
        self.seen = now;
        (self.last, self.cells) != before
    }

    /// Shifts all times after the wall clock was set from `from` to `to`. The cells keep their distance from the
    /// present.
    pub fn clock_was_set(&mut self, from: Time, to: Time) {
        let moved = distance(from, to);
        if self.seen > Time::default() {
            self.seen = Time::from_millis(self.seen.as_millis().saturating_add_signed(moved));
        }
        let half_hours = |time| i64::try_from(half_hour(time)).unwrap_or(i64::MAX);
        self.last = self.last.saturating_add_signed(half_hours(to).saturating_sub(half_hours(from)));
    }

    /// Returns the cells of the 24 hours that end with the half hour of `now`, oldest first.
    #[must_use]
    pub fn at(&self, now: Time) -> [Cell; CELLS] {
        let mut moved = self.clone();
        moved.move_to(half_hour(now));
        moved.cells
    }

    fn raise(&mut self, cell: Cell) {
        if let Some(last) = self.cells.last_mut() {
            *last = cell.max(*last);
        }
    }

    /// Makes `last` the last cell. It may be before the present one if the clock was set back. Unknown cells count as
    /// monitor down.
    fn move_to(&mut self, last: u64) {
        let before = self.last;
        let cell = |index: usize| {
            let ago = (CELLS - 1 - index) as u64;
            let behind = before.checked_sub(last.checked_sub(ago)?)?;
            self.cells.get((CELLS - 1).checked_sub(usize::try_from(behind).ok()?)?).copied()
        };
        self.cells = std::array::from_fn(|index| cell(index).unwrap_or(Cell::MonitorDown));
        self.last = last;
    }

    /// Returns the JSON form.
    pub(crate) fn to_json(&self) -> Value {
        let first = self.last.saturating_sub(CELLS as u64 - 1);
        let name = |cell: &Cell| NAMES.iter().find(|(known, _)| known == cell).map_or("", |(_, name)| name);
        Value::object([
            ("schema", json_fields::SCHEMA.into()),
            ("from", json_fields::time(Time::default() + CELL * u32::try_from(first).unwrap_or_default())),
            ("cell_seconds", json_fields::seconds(CELL)),
            ("seen_at", json_fields::time(self.seen)),
            ("cells", Value::array(self.cells.iter().map(name))),
        ])
    }

    /// Parses the JSON form.
    pub(crate) fn from_json(node: &Value) -> Result<Self, String> {
        json_fields::check_schema(node)?;
        let cells = as_list(field(node, "cells")?, "cells")?;
        let mut strip = Self {
            last: half_hour(as_time(field(node, "from")?, "from")?) + CELLS as u64 - 1,
            seen: as_time(field(node, "seen_at")?, "seen_at")?,
            ..Self::default()
        };
        for (cell, node) in strip.cells.iter_mut().zip(cells) {
            let known = NAMES.iter().find(|(_, name)| node.as_str() == Some(name));
            *cell = known.ok_or("`cells` has an unknown entry")?.0;
        }
        Ok(strip)
    }
}

fn half_hour(time: Time) -> u64 {
    time.as_millis() / (CELL.as_secs() * 1000)
}

#[cfg(test)]
mod tests {
    use super::Cell::{Active, Failing, Healthy, Held, MonitorDown};
    use super::*;
    use crate::text::json;

    /// Time `minutes` after a full hour.
    fn at(minutes: u64) -> Time {
        Time::from_millis(1_795_298_400_000 + minutes * 60_000)
    }

    /// Updates the timeline every minute.
    fn watched(strip: &mut Strip, from: u64, until: u64, cell: Cell) {
        (from..until).for_each(|minute| {
            strip.mark(at(minute), cell);
        });
    }

    fn end(strip: &Strip, now: u64) -> [Cell; 6] {
        *strip.at(at(now)).last_chunk().unwrap()
    }

    #[test]
    fn a_cell_shows_what_mattered_most_in_its_half_hour() {
        let mut strip = Strip::default();
        watched(&mut strip, 0, 40, Healthy);
        strip.mark(at(40), Failing);
        watched(&mut strip, 41, 60, Healthy);
        watched(&mut strip, 60, 65, Failing);
        watched(&mut strip, 65, 91, Active);
        watched(&mut strip, 91, 120, Healthy);
        watched(&mut strip, 120, 125, Held);
        assert_eq!(end(&strip, 125), [MonitorDown, Healthy, Failing, Active, Active, Held]);
        assert_eq!(strip.at(at(125))[..43], [MonitorDown; 43]);
    }

    #[test]
    fn a_gap_is_a_time_in_which_no_monitor_ran() {
        let mut strip = Strip::default();
        watched(&mut strip, 0, 50, Healthy);
        let mut strip = Strip::from_json(&json::parse(&strip.to_json().to_string()).unwrap()).unwrap();
        // A reader in the meantime sees the gap too.
        assert_eq!(end(&strip, 125), [MonitorDown, Healthy, Healthy, MonitorDown, MonitorDown, MonitorDown]);
        watched(&mut strip, 125, 160, Healthy);
        assert_eq!(end(&strip, 160), [Healthy, MonitorDown, MonitorDown, MonitorDown, MonitorDown, Healthy]);
        // A monitor that is back within 10 minutes leaves no gap; a longer gap inside one half hour is marked.
        strip.mark(at(168), Healthy);
        assert_eq!(end(&strip, 168)[5], Healthy);
        let mut strip = Strip::default();
        strip.mark(at(1), Active);
        strip.mark(at(31), Healthy);
        strip.mark(at(42), Healthy);
        assert_eq!(end(&strip, 42)[4..], [Active, MonitorDown]);
        strip.mark(at(43), Failing);
        assert_eq!(end(&strip, 43)[5], Failing);
    }

    #[test]
    fn a_clock_that_is_set_makes_nothing_up() {
        let mut strip = Strip::default();
        watched(&mut strip, 0, 300, Active);
        strip.mark(at(60), Healthy);
        assert_eq!(end(&strip, 60), [MonitorDown, MonitorDown, MonitorDown, Active, Active, Active]);
        strip.mark(at(10_000_000), Healthy);
        assert_eq!(end(&strip, 10_000_000), [MonitorDown; 6]);
        strip.mark(Time::default(), Healthy);
        strip.mark(Time::from_millis(u64::MAX), Held);
        assert_eq!(strip.at(at(0)), [MonitorDown; CELLS]);
    }

    #[test]
    fn it_survives_on_disk_and_nonsense_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strip.json");
        let mut strip = Strip::default();
        assert_eq!(Strip::load(&path, at(0)).0, strip);
        assert_eq!(strip.seen(), None);
        assert!(strip.mark(at(0), Healthy) && !strip.mark(at(1), Healthy) && strip.mark(at(2), Failing));
        strip.save(&path).unwrap();
        assert_eq!(Strip::load(&path, at(3)).0, strip);
        assert_eq!(strip.seen(), Some(at(2)));
        assert_eq!((Strip::ended(&path, at(11)), Strip::ended(&path, at(12))), (None, Some(at(2))));
        for bad in ["", "{}", r#"{"schema":1,"from":"2026-11-21T22:00:00Z","seen_at":"x","cells":["good"]}"#] {
            std::fs::write(&path, bad).unwrap();
            let (strip, unreadable) = Strip::load(&path, at(3));
            assert!(strip == Strip::default() && unreadable.is_some(), "{bad}");
        }
    }
}
