//! A year in little room: what is long past is thinned, so that a noisy week never pushes out the rest of the year.
//!
//! When the file of the recent past is full, it goes into the older one. Whatever does not fit there is given up in the
//! order of its worth: first what is no transition, such as that a pull has moved the workspace; then windows that ended
//! before a promotion; at last all else. Among equals the noisiest days lose, and nothing is taken from a day that needs
//! no more than its share. What was left out of a day is counted there, so that sums stay right.

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

/// How many days are kept.
const DAYS: u64 = 366;

/// The room that is kept free for what is said of days of which something was left out.
const COUNTS: u64 = DAYS * 400;

const DAY: u64 = 24 * 60 * 60 * 1000;

/// What is no transition: it tells how a transition went, or what somebody had to see to at that time.
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

/// The event under which the history tells what was left out of a day.
pub(super) const LEFT_OUT: &str = "left_out";

/// So many bytes of each worth, the greatest first.
type Sizes = [u64; 3];

/// Takes the recent past into the older file, and removes its own.
pub(super) fn thin(path: &Path) -> Result<(), Error> {
    let failed = |why| Error::Write { path: path.to_owned(), why };
    // A crash between the two last steps below: all is there already.
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

/// Whether the older file ends as the recent one does.
fn is_taken(path: &Path) -> Result<bool, Error> {
    let last = |file: &Path| -> Result<Option<Line>, Error> {
        Ok(open(file)?.into_iter().flatten().filter(|line| *line != Line::Unreadable).last())
    };
    let recent = last(path)?;
    Ok(recent.is_some() && recent == last(&older(path))?)
}

/// What of an entry decides whether there is room for it.
struct Seen {
    stamp: Moment,
    rank: Option<usize>,
    length: u64,
}

/// All entries, oldest first.
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

/// The day of each entry, counted from the last one: a wall clock that was wrong is no reason to forget the others.
fn days(seen: &[Seen]) -> Vec<u64> {
    let stamps: Vec<_> = seen.iter().map(|entry| entry.stamp).collect();
    let Some(last) = stamps.last().copied() else { return Vec::new() };
    timeline::place(&stamps, last, timeline::LONGEST_KEPT).into_iter().map(|time| time.as_millis() / DAY).collect()
}

/// What each day may keep of each worth.
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

/// The most that each day may have of one worth, so that all days together find room.
fn level(days: &BTreeMap<u64, Sizes>, rank: usize, room: u64) -> u64 {
    let fits = |most: u64| days.values().map(|sizes| sizes[rank].min(most)).sum::<u64>() <= room;
    let (mut low, mut high) = (0, room);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    low
}

/// Writes what there is room for. The last entry is written in any case, and last: by that it is seen that all was taken.
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

/// What entries are worth, by what came before them.
#[derive(Default)]
struct Worth {
    promotes: bool,
}

impl Worth {
    /// 0, 1 or 2, the greatest first; `None` for what only counts others.
    fn of(&mut self, entry: &Node) -> Option<usize> {
        match text(entry, "event") {
            LEFT_OUT => None,
            "promoting" => {
                self.promotes = true;
                Some(0)
            }
            // It says by itself how long it was.
            "window_closed" => Some(usize::from(!std::mem::take(&mut self.promotes))),
            "window_opened" => Some(1),
            event if PASSING.contains(&event) => Some(2),
            _ => Some(0),
        }
    }
}

/// What was left out of a day.
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
            "{entries} more entries of this day are not kept, windows that closed among them: {windows}; they were too \
             many for a year to have room"
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

/// Its line's, in bytes.
fn length(entry: &Node) -> u64 {
    entry.to_string().len() as u64 + 1
}
