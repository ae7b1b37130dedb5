//! Retention of the history for a year in bounded space: a noisy week must not push out the rest of the year.
//!
//! A full recent file is merged into the older one. What does not fit is dropped by priority: first entries that are no
//! transitions, such as a pull; then outages that ended before a promotion; then the rest. Within a priority, the
//! noisiest days lose most, and a day that needs no more than its share loses nothing. A `left_out` entry counts what
//! was dropped from a day, so that sums stay right.

use std::collections::BTreeMap;
use std::fs::{
    File, {self},
};
use std::io::{
    BufWriter, Write, {self},
};
use std::path::Path;

use crate::os::atomic_file::{Error, sync_folder};
use crate::os::boot_time::Moment;
use crate::records::history::{Line, OLDER, moment, older, open, read, timeline};
use crate::text::json::{Node, Value};
use crate::text::{Time, json_fields};

/// Retention, in days.
const DAYS: u64 = 366;

/// Space reserved for the `left_out` entries, in bytes.
const COUNTS: u64 = DAYS * 400;

const DAY: u64 = 24 * 60 * 60 * 1000;

/// Events that are no transitions: details of a transition, or conditions that needed attention.
const PASSING: [&str; 13] = [
    "pulled",
    "pull_failed",
    "workspace",
    "returned",
    "push_failed",
    "put_away",
    "not_ready",
    "ready",
    "upstream_channels",
    "notify_failed",
    "notify_well",
    "reload_refused",
    "reloaded",
];

/// Event that counts the dropped entries of a day.
pub(super) const LEFT_OUT: &str = "left_out";

/// Sizes in bytes by priority, highest first.
type Sizes = [u64; 3];

/// Merges the recent file into the older one, thinned, and removes the recent file.
pub(super) fn thin(path: &Path) -> Result<(), Error> {
    let failed = |why| Error::Write { path: path.to_owned(), why };
    // After a crash between the last two steps below, the merge is already done.
    if !is_taken(path)? {
        let new = path.with_extension("1.new");
        let file = File::create(&new).map_err(failed)?;
        let mut out = BufWriter::new(file);
        let seen = seen(path)?;
        let days = days(&seen);
        copy(path, &days, &mut room(&seen, &days), &mut out)?.map_err(failed)?;
        let file = out.into_inner().map_err(|why| failed(why.into_error()))?;
        file.sync_all().and_then(|()| fs::rename(&new, older(path))).map_err(failed)?;
    }
    fs::remove_file(path).and_then(|()| sync_folder(path)).map_err(failed)
}

/// True if both files end with the same entry: the merge is already done.
fn is_taken(path: &Path) -> Result<bool, Error> {
    let last = |file: &Path| -> Result<Option<Line>, Error> {
        Ok(open(file)?.into_iter().flatten().filter(|line| *line != Line::Unreadable).last())
    };
    let recent = last(path)?;
    Ok(recent.is_some() && recent == last(&older(path))?)
}

/// Data of an entry that decides whether it is kept.
struct Seen {
    stamp: Moment,
    rank: Option<usize>,
    length: u64,
}

/// Returns all entries, oldest first.
fn seen(path: &Path) -> Result<Vec<Seen>, Error> {
    let mut worth = Worth::default();
    let seen = |line| match line {
        Line::Entry(entry) => {
            Some(Seen { stamp: timeline::stamp(&entry), rank: worth.of(&entry), length: length(&entry) })
        }
        Line::Unreadable => None,
    };
    Ok(read(path)?.filter_map(seen).collect())
}

/// Returns the day of each entry, measured back from the last one. A wall clock that was wrong drops no entries.
fn days(seen: &[Seen]) -> Vec<u64> {
    let stamps: Vec<_> = seen.iter().map(|entry| entry.stamp).collect();
    let Some(last) = stamps.last().copied() else { return Vec::new() };
    timeline::place(&stamps, last, timeline::LONGEST_KEPT).into_iter().map(|time| time.as_millis() / DAY).collect()
}

/// Returns the space that each day may use, by priority.
fn room(seen: &[Seen], of: &[u64]) -> BTreeMap<u64, Sizes> {
    let mut days: BTreeMap<u64, Sizes> = BTreeMap::new();
    for (entry, day) in seen.iter().zip(of) {
        if let Some(rank) = entry.rank {
            days.entry(*day).or_default()[rank] += entry.length;
        }
    }
    let latest = of.last().copied().unwrap_or_default();
    days.retain(|day, _| latest.saturating_sub(*day) < DAYS);
    let mut left = OLDER - COUNTS;
    for rank in 0..3 {
        let most = level(&days, rank, left);
        for sizes in days.values_mut() {
            sizes[rank] = sizes[rank].min(most);
            left = left.saturating_sub(sizes[rank]);
        }
    }
    days
}

/// Returns the largest share per day of one priority with which all days fit into `room`.
fn level(days: &BTreeMap<u64, Sizes>, rank: usize, room: u64) -> u64 {
    let fits = |most: u64| days.values().map(|sizes| sizes[rank].min(most)).sum::<u64>() <= room;
    let (mut low, mut high) = (0, room);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    low
}

/// Writes the entries that fit. The last entry is always written, and last: it marks a finished merge.
fn copy(
    path: &Path,
    days: &[u64],
    room: &mut BTreeMap<u64, Sizes>,
    out: &mut impl Write,
) -> Result<io::Result<()>, Error> {
    let entries = read(path)?.filter_map(|line| match line {
        Line::Entry(entry) => Some(entry),
        Line::Unreadable => None,
    });
    let mut entries = entries.zip(days.iter().copied()).peekable();
    let (mut worth, mut left_out) = (Worth::default(), LeftOut::default());
    let mut write = || -> io::Result<()> {
        while let Some((entry, day)) = entries.next() {
            let (rank, is_last) = (worth.of(&entry), entries.peek().is_none());
            if !room.contains_key(&day) && !is_last {
                continue;
            }
            if is_last || day != left_out.day {
                left_out.tell(out)?;
                left_out = LeftOut { day, ..LeftOut::default() };
            }
            left_out.at = moment(&entry);
            let room = rank.and_then(|rank| room.get_mut(&day)?.get_mut(rank));
            match room.and_then(|room| Some((room.checked_sub(length(&entry))?, room))) {
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
struct Worth {
    promotes: bool,
}

impl Worth {
    /// Returns 0 (kept longest), 1 or 2; `None` for an entry that counts dropped ones.
    fn of(&mut self, entry: &Node) -> Option<usize> {
        match text(entry, "event") {
            LEFT_OUT => None,
            "promoting" => {
                self.promotes = true;
                Some(0)
            }
            // The entry itself has the outage's length.
            "window_closed" => Some(usize::from(!std::mem::take(&mut self.promotes))),
            "window_opened" => Some(1),
            event if PASSING.contains(&event) => Some(2),
            _ => Some(0),
        }
    }
}

/// Dropped entries of a day.
#[derive(Default)]
struct LeftOut {
    day: u64,
    at: Time,
    entries: u64,
    windows: u64,
    down: f64,
}

impl LeftOut {
    fn add(&mut self, entry: &Node, rank: Option<usize>) {
        let number = |key| entry.get(key).and_then(|it| it.as_f64()).filter(|it| *it >= 0.0).unwrap_or_default();
        if rank.is_none() {
            self.entries += number("entries") as u64;
            self.windows += number("windows") as u64;
            self.down += number("down_seconds");
            return;
        }
        self.entries += 1;
        if text(entry, "event") == "window_closed" {
            self.windows += 1;
            self.down += number("lasted_seconds");
        }
    }

    fn tell(&self, out: &mut impl Write) -> io::Result<()> {
        let (entries, windows) = (self.entries, self.windows);
        if entries == 0 {
            return Ok(());
        }
        let text = format!(
            "{entries} more entries of this day were dropped to keep a year of history; closed outage windows among \
             them: {windows}"
        );
        let entry = Value::object([
            ("at", json_fields::time(self.at)),
            ("event", LEFT_OUT.into()),
            ("severity", "notice".into()),
            ("entries", entries.into()),
            ("windows", windows.into()),
            ("down_seconds", Value::Float(self.down)),
            ("text", text.into()),
        ]);
        writeln!(out, "{entry}")
    }
}

fn text<'a>(entry: &'a Node, key: &str) -> &'a str {
    entry.get(key).and_then(|it| it.as_str()).unwrap_or_default()
}

/// Returns the length of the entry's line, in bytes.
fn length(entry: &Node) -> u64 {
    entry.to_string().len() as u64 + 1
}
