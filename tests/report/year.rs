//! Retention: a year of history in 4 MiB, however noisy.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use openclaw_failover::events::{HistoryEntry, MonitorNotice};
use openclaw_failover::failover::{Cause, DemotionReason, MachineNotice};
use openclaw_failover::os::clock::WallClockOffset;
use openclaw_failover::probe::ProbeFailure;
use openclaw_failover::records::history::{HistoryFormat, HistoryLine, append_entry, read, render_history};
use openclaw_failover::records::timeline::{Timeline, TimelineCell};
use openclaw_failover::text::json::Node;
use openclaw_failover::workspace::summary::PullSummary;

use super::{at, entry};

const MEBIBYTE: u64 = 1024 * 1024;
const DAY: u64 = 24 * 3600;

/// Days from one night of outages to the next.
const OUTAGES: u64 = 5;

/// Writes like the monitor, but syncs to disk only when the file is full.
struct Writer<'a> {
    path: &'a Path,
    file: Option<File>,
    length: u64,
    longest: u64,
}

impl Writer<'_> {
    fn write(&mut self, entry: &HistoryEntry) {
        let line = format!("{}\n", entry.to_json());
        self.length += line.len() as u64;
        if self.length > MEBIBYTE {
            self.file = None;
            self.longest = self.longest.max(size(self.path));
            append_entry(self.path, entry).unwrap();
            self.longest = self.longest.max(size(self.path));
            self.length = line.len() as u64;
            return;
        }
        let open = || File::options().append(true).create(true).open(self.path).unwrap();
        self.file.get_or_insert_with(open).write_all(line.as_bytes()).unwrap();
    }

    fn note(&mut self, note: &MachineNotice, seconds: u64) {
        self.write(&entry(note, seconds));
    }

    /// Logs the pulls of a day on which the primary pushed.
    fn pulls(&mut self, day: u64) {
        for pull in 0..60 {
            let seconds = day * DAY + 8 * 3600 + pull * 300;
            let pulled = PullSummary {
                outcome: "moved".to_owned(),
                commit: Some(format!("{seconds:040x}")),
                committed_at: Some(at(seconds - 60)),
                ended_at: at(seconds),
                last_complete_at: Some(at(seconds)),
                ..PullSummary::default()
            };
            self.write(&HistoryEntry::from_monitor_notice(
                &MonitorNotice::PullChanged(pulled),
                at(seconds),
                WallClockOffset::default(),
            ));
        }
    }

    fn blip(&mut self, seconds: u64) {
        self.note(&MachineNotice::WindowOpened { upstream: 0, failure: ProbeFailure::Refused }, seconds);
        self.note(&MachineNotice::WindowClosed { upstream: 0, lasted: Duration::from_secs(12) }, seconds + 12);
    }

    fn outage(&mut self, seconds: u64) {
        let (cause, lasted) = (Cause::Outage, Duration::from_secs(600));
        self.note(&MachineNotice::WindowOpened { upstream: 0, failure: ProbeFailure::ConnectTimeout }, seconds + 5);
        let window = Duration::from_secs(30);
        self.note(
            &MachineNotice::Promoting {
                cause,
                window,
                failures: 6,
                last_healthy_at: at(seconds),
                waits_for_pull: true,
            },
            seconds + 30,
        );
        self.note(&MachineNotice::Promoted { cause, took: Duration::from_secs(10), hold_down: window }, seconds + 40);
        self.note(&MachineNotice::WindowClosed { upstream: 0, lasted }, seconds + 600);
        let reason = DemotionReason::Ready { upstream: 0 };
        self.note(&MachineNotice::Demoting { reason }, seconds + 630);
        self.note(&MachineNotice::Demoted { reason, active_for: Some(lasted) }, seconds + 640);
    }
}

fn size(path: &Path) -> u64 {
    let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    length(path) + length(&path.with_extension("1.jsonl"))
}

/// Writes a year of 365 days, some of them noisy. Returns the entries in the files at its end.
fn write_year(path: &Path, blips: u64, noisy: impl Fn(u64) -> bool) -> Vec<Node> {
    let mut writer = Writer { path, file: None, length: 0, longest: 0 };
    let started =
        MonitorNotice::Started { version: "0.1.0".to_owned(), upstreams: vec!["primary".to_owned()], seen: None };
    writer.write(&HistoryEntry::from_monitor_notice(&started, at(0), WallClockOffset::default()));
    for day in 0..365 {
        let midnight = day * DAY;
        if day % OUTAGES == 0 {
            writer.outage(midnight + 100);
        }
        writer.blip(midnight + 2 * 3600);
        if noisy(day) {
            // Down and up every 30 s, and six outages long enough for a failover.
            (0..blips).for_each(|blip| writer.blip(midnight + 3 * 3600 + blip * 30));
            (0..6).for_each(|outage| writer.outage(midnight + 20 * 3600 + outage * 1000));
        }
        writer.pulls(day);
    }
    assert!(writer.longest.max(size(path)) <= 4 * MEBIBYTE, "{} bytes", writer.longest);
    let entries = read(path).unwrap().map(|line| match line {
        HistoryLine::Entry(entry) => Some(entry),
        HistoryLine::Unreadable => None,
    });
    entries.collect::<Option<_>>().unwrap()
}

fn count(entries: &[Node], event: &str) -> usize {
    entries.iter().filter(|entry| entry.get("event").unwrap().as_str() == Some(event)).count()
}

/// Returns the summary of all entries.
fn summary(path: &Path) -> Node {
    let form = HistoryFormat { json: true, summary: true };
    openclaw_failover::text::json::parse(&render_history(path, None, form, at(365 * DAY)).unwrap().text).unwrap()
}

fn number(node: &Node, key: &str) -> f64 {
    node.get(key).unwrap().as_f64().unwrap()
}

#[test]
fn keeps_every_transition_of_an_ordinary_year() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let entries = write_year(&path, 0, |_| false);
    let outages = 365_usize.div_ceil(OUTAGES as usize);
    for event in ["promoting", "promoted", "demoting", "demoted"] {
        assert_eq!(count(&entries, event), outages, "{event}");
    }
    assert_eq!(count(&entries, "window_closed"), 365 + outages);
    // Entries that are no transitions may use the space that is left.
    assert!(count(&entries, "pulled") > 1000);
    let sorted = entries.is_sorted_by_key(|entry| entry.get("at").unwrap().as_str().unwrap().to_owned());
    assert!(sorted, "the oldest comes first");
}

#[test]
fn a_noisy_week_does_not_push_out_the_year() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let is_noisy = |day| (180..187).contains(&day) || (340..347).contains(&day);
    let entries = write_year(&path, 2000, is_noisy);
    let outages = 365_usize.div_ceil(OUTAGES as usize) + 14 * 6;
    for event in ["promoting", "promoted", "demoting", "demoted"] {
        assert_eq!(count(&entries, event), outages, "{event}");
    }
    let summary = summary(&path);
    assert_eq!(number(&summary, "outages") as usize, outages);
    // A dropped entry is counted.
    let passed = number(summary.get("ended_before_promotion").unwrap(), "count");
    let more = number(&summary, "ended_before_promotion_not_kept");
    assert_eq!(passed + more, f64::from(365 + 14 * 2000));
    assert!(more > 1000.0);
    let down = outages as f64 * 600.0 + (passed + more) * 12.0;
    assert!((number(&summary, "primary_down_seconds") - down).abs() < 1.0, "{down}");
}

#[test]
fn keeps_as_much_of_a_noisy_year_as_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let entries = write_year(&path, 100, |_| true);
    let days: std::collections::BTreeSet<_> =
        entries.iter().map(|entry| entry.get("at").unwrap().as_str().unwrap()[..10].to_owned()).collect();
    assert!(days.len() >= 365, "{} days", days.len());
    assert!(count(&entries, "promoted") >= 365);
    let passed = number(summary(&path).get("ended_before_promotion").unwrap(), "count");
    let more = number(&summary(&path), "ended_before_promotion_not_kept");
    assert!(passed + more >= f64::from(365 * 101), "{passed} and {more}");
}

#[test]
fn a_killed_monitor_counts_until_its_last_update() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    append_entry(&path, &entry(&MachineNotice::Armed { upstream: 0 }, 0)).unwrap();
    let watched = || number(&summary(&path), "watched_seconds") as u64;
    assert_eq!(watched(), 365 * DAY);
    let mut strip = Timeline::default();
    strip.record(at(9 * DAY), TimelineCell::Healthy);
    strip.save(&folder.path().join("timeline.json")).unwrap();
    assert_eq!(watched(), 9 * DAY);
}

#[test]
fn a_crash_while_merging_duplicates_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let filler = "{\"at\":\"2026-11-21T22:00:00.000Z\",\"event\":\"demoted\",\"text\":\"\"}\n";
    let lines = MEBIBYTE as usize / filler.len();
    let full = filler.repeat(lines - 1) + &format!("{}\n", entry(&MachineNotice::Isolated, 10).to_json());
    for _ in 0..2 {
        // The second time as if the monitor was killed just before it removed the full file.
        fs::write(&path, &full).unwrap();
        append_entry(&path, &entry(&MachineNotice::GatewayDown, 20)).unwrap();
        assert_eq!(read(&path).unwrap().count(), lines + 1);
    }
}

#[test]
fn drops_entries_older_than_a_year() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let mut writer = Writer { path: &path, file: None, length: 0, longest: 0 };
    writer.outage(0);
    // Without a measurement, a gap between entries counts for at most a hundred days.
    for day in [90, 180, 270, 360].into_iter().chain(400..450) {
        writer.pulls(day);
    }
    let entries: Vec<_> = read(&path).unwrap().collect();
    assert!(matches!(&entries[0], HistoryLine::Entry(first) if first.get("event").unwrap().as_str() == Some("pulled")));
}
