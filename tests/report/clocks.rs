//! Wall clocks that are wrong, or are set while a monitor runs. They label entries but measure nothing.

use std::path::Path;
use std::time::Duration;

use openclaw_failover::events::{HistoryEntry, MonitorNotice};
use openclaw_failover::failover::{Hold, HoldKind, MachineNotice, PersistentState};
use openclaw_failover::os::boot_time::BootTime;
use openclaw_failover::os::clock::WallClockOffset;
use openclaw_failover::records::history::{HistoryFormat, HistoryLine, append_entry, read, render_history};
use openclaw_failover::records::state;
use openclaw_failover::records::timeline::{Timeline, TimelineCell};
use openclaw_failover::status::Status;
use openclaw_failover::text::Time;

use super::{at, config, needs};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// Monitor that started `uptime` ago in this boot, with a wall clock that is `ahead` seconds off.
struct Clock {
    uptime: u64,
    now: Time,
    boot: BootTime,
}

impl Clock {
    /// Returns `None` if the kernel has no boot id, or this host is up for less than that.
    fn running_for(uptime: u64) -> Option<Self> {
        let boot = BootTime::now()?;
        let is_up = boot.since(BootTime::now()?.with_uptime(Duration::ZERO))? > Duration::from_secs(uptime);
        is_up.then(|| Self { uptime, now: openclaw_failover::os::clock::read_wall_clock(), boot })
    }

    /// Wall clock that is `ahead` seconds off, `second` seconds after the monitor's start.
    fn off_by(&self, second: u64, ahead: i64) -> (Time, WallClockOffset) {
        let machine = self.now - Duration::from_secs(self.uptime) + Duration::from_secs(second);
        let label = Time::from_millis(machine.as_millis().saturating_add_signed(ahead * 1000));
        (machine, WallClockOffset::new(machine, label).with_boot_time(self.now, Some(self.boot)))
    }

    fn log_at(&self, path: &Path, second: u64, ahead: i64, note: &MachineNotice) {
        let (machine, wall) = self.off_by(second, ahead);
        append_entry(
            path,
            &HistoryEntry::from_machine_notice(note, machine, wall, &config(&[("primary", &["http://a:1"])])),
        )
        .unwrap();
    }

    fn log_start(&self, path: &Path, ahead: i64) {
        let (machine, wall) = self.off_by(0, ahead);
        let started =
            MonitorNotice::Started { version: "1".to_owned(), upstreams: vec!["primary".to_owned()], seen: None };
        append_entry(path, &HistoryEntry::from_monitor_notice(&started, machine, wall)).unwrap();
    }
}

fn failure() -> MachineNotice {
    MachineNotice::WindowOpened { upstream: 0, failure: openclaw_failover::probe::ProbeFailure::Refused }
}

fn back(lasted: u64) -> MachineNotice {
    MachineNotice::WindowClosed { upstream: 0, lasted: Duration::from_secs(lasted) }
}

fn summary(path: &Path, since: Option<Duration>, now: Time) -> String {
    render_history(path, since, HistoryFormat { json: false, summary: true }, now).unwrap().text
}

#[test]
fn a_clock_that_was_years_or_days_off_for_a_while_adds_nothing_to_the_summary() {
    let Some(clock) = Clock::running_for(60) else {
        return needs::report_skipped(module_path!(), "a host that tells the time since its boot");
    };
    for off in [10 * YEAR as i64, 3 * DAY as i64, -3 * DAY as i64, -(HOUR as i64), -(50 * YEAR as i64)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        clock.log_start(&path, 0);
        clock.log_at(&path, 10, off, &failure());
        clock.log_at(&path, 20, off, &back(12));
        clock.log_at(&path, 30, 0, &failure());
        clock.log_at(&path, 40, 0, &back(12));
        let text = summary(&path, None, clock.now);
        assert!(text.contains("watched for 1 m"), "{off}: {text}");
        assert!(text.contains("down for 24 s"), "{off}: {text}");
        // A summary of the last two minutes covers all of it.
        let shown = render_history(&path, Some(Duration::from_secs(120)), HistoryFormat::default(), clock.now).unwrap();
        assert_eq!(shown.text.lines().count(), 5, "{off}: {}", shown.text);
    }
}

#[test]
fn a_clock_that_is_still_years_off_adds_nothing_either() {
    let Some(clock) = Clock::running_for(60) else {
        return needs::report_skipped(module_path!(), "a host that tells the time since its boot");
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    clock.log_start(&path, 0);
    let text = summary(&path, None, clock.now + Duration::from_secs(10 * YEAR));
    assert!(text.contains("watched for 1 m"), "{text}");
}

#[test]
fn unmeasured_labels_add_no_years() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let config = config(&[("primary", &["http://a:1"])]);
    // Written by an older version: two entries ten years ahead, then back.
    for (second, note) in [(0, failure()), (10 * YEAR, back(5)), (10 * YEAR + 60, failure()), (180, back(60))] {
        append_entry(&path, &HistoryEntry::from_machine_notice(&note, at(second), WallClockOffset::default(), &config))
            .unwrap();
    }
    let text = summary(&path, None, at(240));
    assert!(text.contains("watched for 4 m"), "{text}");
}

#[test]
fn a_full_history_forgets_nothing_because_the_clock_is_years_ahead() {
    let Some(clock) = Clock::running_for(60) else {
        return needs::report_skipped(module_path!(), "a host that tells the time since its boot");
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    clock.log_at(&path, 0, 0, &MachineNotice::Isolated);
    let mut text = std::fs::read_to_string(&path).unwrap();
    let (machine, wall) = clock.off_by(10, 10 * YEAR as i64);
    let entry = HistoryEntry::from_machine_notice(
        &MachineNotice::Reconnected,
        machine,
        wall,
        &config(&[("primary", &["http://a:1"])]),
    );
    text.push_str(&format!("{}\n", entry.to_json()).repeat(9000));
    std::fs::write(&path, text).unwrap();
    clock.log_at(&path, 20, 10 * YEAR as i64, &MachineNotice::GatewayDown);
    assert!(folder.path().join("history.1.jsonl").exists(), "it was full");
    let first = read(&path).unwrap().next();
    let Some(HistoryLine::Entry(first)) = first else { return assert_eq!(first, None, "the first entry is gone") };
    assert_eq!(first.get("event").unwrap().as_str(), Some("isolated"));
}

#[test]
fn the_age_of_a_status_is_measured() {
    let Some(boot) = BootTime::now() else {
        return needs::report_skipped(module_path!(), "a host that tells the time since its boot");
    };
    let status = Status { updated_at: at(0), boot: Some(boot), interval: Duration::from_secs(10), ..Status::default() };
    for now in [at(3 * DAY), at(10 * YEAR), at(0) - Duration::from_secs(3 * DAY), Time::from_millis(1000)] {
        assert!(status.is_fresh(now) && status.age(now) < Duration::from_secs(10));
        assert!(!status.render(now, false).contains("monitor not running"));
    }
    let of_other_boot = Status { boot: Some(BootTime::new(1, Duration::ZERO)), ..status };
    assert!(!of_other_boot.is_fresh(at(3 * DAY)));
}

#[test]
fn a_hold_ends_on_time_when_the_clock_is_set() {
    let Some(clock) = Clock::running_for(60) else {
        return needs::report_skipped(module_path!(), "a host that tells the time since its boot");
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    // A hold of 100 s was set 50 s ago by a clock that was right; now the clock is off.
    let (machine, wall) = clock.off_by(10, 0);
    let until = Some(machine + Duration::from_secs(100));
    let memory = PersistentState {
        hold: Some(Hold { kind: HoldKind::Paused, since: machine, until, reason: None }),
        ..PersistentState::default()
    };
    state::save(&path, &memory, wall).unwrap();
    for now in [clock.now, clock.now + Duration::from_secs(3 * DAY), Time::from_millis(5000)] {
        let hold = state::load(&path, now).0.hold.unwrap();
        let left = hold.until.unwrap().since(now).as_secs();
        assert!((45..=50).contains(&left), "{left} s are left at {now}");
    }
    // After a reboot into 1970 it lasts no longer than it had left.
    let text = std::fs::read_to_string(&path).unwrap();
    let other = text.replace("\"boot\": \"", "\"boot\": \"0").replacen("\"up_seconds\"", "\"of_later\"", 1);
    std::fs::write(&path, other).unwrap();
    let hold = state::load(&path, Time::from_millis(5000)).0.hold.unwrap();
    assert_eq!(hold.until.unwrap().since(Time::from_millis(5000)), Duration::from_secs(100));
}

#[test]
fn the_timeline_follows_a_clock_that_is_set() {
    let mut strip = Timeline::default();
    for minute in 0..240 {
        strip.record(at(minute * 60), TimelineCell::Healthy);
    }
    let seen =
        |strip: &Timeline, now| strip.cells_until(now).iter().filter(|cell| **cell == TimelineCell::Healthy).count();
    assert_eq!(seen(&strip, at(240 * 60)), 8);
    for off in [3 * DAY, 10 * YEAR] {
        let mut strip = strip.clone();
        let now = at(240 * 60 + off);
        strip.shift_clock(at(240 * 60), now);
        strip.record(now, TimelineCell::Healthy);
        assert_eq!(seen(&strip, now), 9, "no gap, and nothing is lost");
        strip.shift_clock(now, at(240 * 60));
        strip.record(at(240 * 60), TimelineCell::Healthy);
        assert_eq!(seen(&strip, at(240 * 60)), 9);
    }
}
