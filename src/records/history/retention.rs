//! Retention of the history for a year in bounded space: a noisy week must not push out the rest of the year.
//!
//! A full recent file is merged into the older one. What does not fit is dropped by priority: first entries that are no
//! transitions, such as a pull; then outages that ended before a promotion; then the rest. Within a priority, the
//! noisiest days lose most, and a day that needs no more than its share loses nothing. A `left_out` entry counts what
//! was dropped from a day, so that sums stay right.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::events::{EventKind, Severity};
use crate::os::atomic_file::{FileError, sync_directory};
use crate::os::clock::Moment;
use crate::records::history::entry_times;
use crate::records::history::lines::{
    HistoryLine, OLDER_MAX_BYTES, entry_event, entry_time, older_path, open_lines, read,
};
use crate::text::json::{Node, Value};
use crate::text::{Time, json_fields};

/// Retention, in days.
const RETENTION_DAYS: u64 = 366;

/// Space reserved for the `left_out` entries, in bytes.
const LEFT_OUT_RESERVE_BYTES: u64 = RETENTION_DAYS * 400;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Sizes in bytes by priority, highest first.
type BytesByPriority = [u64; 3];

/// Merges the recent file into the older one, thinned, and removes the recent file.
pub(super) fn merge_recent(path: &Path) -> Result<(), FileError> {
    let failed = |why| FileError::Write { path: path.to_owned(), why };
    // After a crash between the last two steps below, the merge is already done.
    if !is_merged(path)? {
        let new = path.with_extension("1.new");
        let file = File::create(&new).map_err(failed)?;
        let mut out = BufWriter::new(file);
        let infos = entry_infos(path)?;
        let days = entry_days(&infos);
        write_kept_entries(path, &days, &mut daily_budgets(&infos, &days), &mut out)?.map_err(failed)?;
        let file = out.into_inner().map_err(|why| failed(why.into_error()))?;
        file.sync_all().and_then(|()| fs::rename(&new, older_path(path))).map_err(failed)?;
    }
    fs::remove_file(path).and_then(|()| sync_directory(path)).map_err(failed)
}

/// True if both files end with the same entry: the merge is already done.
fn is_merged(path: &Path) -> Result<bool, FileError> {
    let last = |file: &Path| -> Result<Option<HistoryLine>, FileError> {
        Ok(open_lines(file)?.into_iter().flatten().filter(|line| *line != HistoryLine::Unreadable).last())
    };
    let recent = last(path)?;
    Ok(recent.is_some() && recent == last(&older_path(path))?)
}

/// Data of an entry that decides whether it is kept.
struct EntryInfo {
    moment: Moment,
    priority: Option<usize>,
    bytes: u64,
}

/// Returns all entries, oldest first.
fn entry_infos(path: &Path) -> Result<Vec<EntryInfo>, FileError> {
    let mut priorities = EntryPriority::default();
    let seen = |line| match line {
        HistoryLine::Entry(entry) => Some(EntryInfo {
            moment: entry_times::entry_moment(&entry),
            priority: priorities.rank(&entry),
            bytes: line_bytes(&entry),
        }),
        HistoryLine::Unreadable => None,
    };
    Ok(read(path)?.filter_map(seen).collect())
}

/// Returns the day of each entry, measured back from the last one. A wall clock that was wrong drops no entries.
fn entry_days(infos: &[EntryInfo]) -> Vec<u64> {
    let stamps: Vec<_> = infos.iter().map(|entry| entry.moment).collect();
    let Some(last) = stamps.last().copied() else { return Vec::new() };
    entry_times::estimate_times(&stamps, last, entry_times::MAX_UNMEASURED_GAP_KEPT)
        .into_iter()
        .map(|time| time.as_millis() / DAY_MS)
        .collect()
}

/// Returns the space that each day may use, by priority.
fn daily_budgets(infos: &[EntryInfo], day_of_entry: &[u64]) -> BTreeMap<u64, BytesByPriority> {
    let mut days: BTreeMap<u64, BytesByPriority> = BTreeMap::new();
    for (entry, day) in infos.iter().zip(day_of_entry) {
        if let Some(rank) = entry.priority {
            days.entry(*day).or_default()[rank] += entry.bytes;
        }
    }
    let latest = day_of_entry.last().copied().unwrap_or_default();
    days.retain(|day, _| latest.saturating_sub(*day) < RETENTION_DAYS);
    let mut left = OLDER_MAX_BYTES - LEFT_OUT_RESERVE_BYTES;
    for rank in 0..3 {
        let most = largest_share(&days, rank, left);
        for sizes in days.values_mut() {
            sizes[rank] = sizes[rank].min(most);
            left = left.saturating_sub(sizes[rank]);
        }
    }
    days
}

/// Returns the largest share per day of one priority with which all days fit into `space`.
fn largest_share(days: &BTreeMap<u64, BytesByPriority>, rank: usize, space: u64) -> u64 {
    let fits = |most: u64| days.values().map(|sizes| sizes[rank].min(most)).sum::<u64>() <= space;
    let (mut low, mut high) = (0, space);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    low
}

/// Writes the entries that fit. The last entry is always written, and last: it marks a finished merge.
fn write_kept_entries(
    path: &Path,
    days: &[u64],
    room: &mut BTreeMap<u64, BytesByPriority>,
    out: &mut impl Write,
) -> Result<io::Result<()>, FileError> {
    let entries = read(path)?.filter_map(|line| match line {
        HistoryLine::Entry(entry) => Some(entry),
        HistoryLine::Unreadable => None,
    });
    let mut entries = entries.zip(days.iter().copied()).peekable();
    let (mut priorities, mut left_out) = (EntryPriority::default(), DroppedCounts::default());
    let mut write = || -> io::Result<()> {
        while let Some((entry, day)) = entries.next() {
            let (rank, is_last) = (priorities.rank(&entry), entries.peek().is_none());
            if !room.contains_key(&day) && !is_last {
                continue;
            }
            if is_last || day != left_out.day {
                left_out.write_entry(out)?;
                left_out = DroppedCounts { day, ..DroppedCounts::default() };
            }
            left_out.at = entry_time(&entry);
            let room = rank.and_then(|rank| room.get_mut(&day)?.get_mut(rank));
            match room.and_then(|room| Some((room.checked_sub(line_bytes(&entry))?, room))) {
                Some((rest, room)) => *room = rest,
                None if is_last => {}
                None => {
                    left_out.add(&entry, rank);
                    continue;
                }
            }
            writeln!(out, "{entry}")?;
        }
        out.flush()
    };
    Ok(write())
}

/// Priorities of entries; they depend on the entries before.
#[derive(Default)]
struct EntryPriority {
    has_failover: bool,
}

impl EntryPriority {
    /// Returns 0 (kept longest), 1 or 2; `None` for an entry that counts dropped ones.
    fn rank(&mut self, entry: &Node) -> Option<usize> {
        match entry_event(entry) {
            Some(EventKind::LeftOut) => None,
            Some(EventKind::Promoting) => {
                self.has_failover = true;
                Some(0)
            }
            // The entry itself has the outage's length.
            Some(EventKind::WindowClosed) => Some(usize::from(!std::mem::take(&mut self.has_failover))),
            Some(EventKind::WindowOpened) => Some(1),
            // Details of a transition, and conditions that needed attention.
            Some(
                EventKind::Pulled
                | EventKind::PullFailed
                | EventKind::StartWorkspace
                | EventKind::Pushed
                | EventKind::PushFailed
                | EventKind::WorkArchived
                | EventKind::NotReady
                | EventKind::Ready
                | EventKind::UpstreamChannels
                | EventKind::NotifyFailed
                | EventKind::NotifyRecovered
                | EventKind::ReloadRefused
                | EventKind::Reloaded,
            ) => Some(2),
            _ => Some(0),
        }
    }
}

/// Dropped entries of a day.
#[derive(Default)]
struct DroppedCounts {
    day: u64,
    at: Time,
    entries: u64,
    windows: u64,
    down: f64,
}

impl DroppedCounts {
    fn add(&mut self, entry: &Node, rank: Option<usize>) {
        let number = |key| entry.get(key).and_then(|it| it.as_f64()).filter(|it| *it >= 0.0).unwrap_or_default();
        if rank.is_none() {
            self.entries += number("entries") as u64;
            self.windows += number("windows") as u64;
            self.down += number("down_seconds");
            return;
        }
        self.entries += 1;
        if entry_event(entry) == Some(EventKind::WindowClosed) {
            self.windows += 1;
            self.down += number("lasted_seconds");
        }
    }

    fn write_entry(&self, out: &mut impl Write) -> io::Result<()> {
        let (entries, windows) = (self.entries, self.windows);
        if entries == 0 {
            return Ok(());
        }
        let text = format!(
            "{entries} more entries of this day were dropped to keep a year of history; closed outage windows among \
             them: {windows}"
        );
        let entry = Value::from_entries([
            ("at", json_fields::time_to_json(self.at)),
            ("event", EventKind::LeftOut.name().into()),
            ("severity", Severity::Notice.name().into()),
            ("entries", entries.into()),
            ("windows", windows.into()),
            ("down_seconds", Value::Float(self.down)),
            ("text", text.into()),
        ]);
        writeln!(out, "{entry}")
    }
}

/// Returns the length of the entry's line, in bytes.
fn line_bytes(entry: &Node) -> u64 {
    entry.to_string().len() as u64 + 1
}
