//! Wall clocks that are wrong, or are set while a monitor runs: they label what was written, and nothing else.

use std::path::Path;
use std::time::Duration;

use openclaw_failover::failover::{Hold, HoldKind, Memory, Note, Time};
use openclaw_failover::report::boot_time::BootTime;
use openclaw_failover::report::clock::Wall;
use openclaw_failover::report::entry::{Entry, MonitorNote};
use openclaw_failover::report::history::{Form, Line, append, command, read};
use openclaw_failover::report::state;
use openclaw_failover::report::status::Status;
use openclaw_failover::report::strip::{Cell, Strip};

use super::{at, config, needs};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// A monitor that started `uptime` ago in this boot, and whose wall clock is `ahead` seconds off the present one.
struct Clock {
    uptime: u64,
    now: Time,
    boot: BootTime,
}

impl Clock {
    /// `None` where the kernel tells no boot, or this host is up for less than that.
    fn running_for(uptime: u64) -> Option<Self> {
        let boot = BootTime::now()?;
        let is_up = boot.since(BootTime::now()?.of_same_boot(Duration::ZERO))? > Duration::from_secs(uptime);
        is_up.then(|| Self { uptime, now: openclaw_failover::report::clock::wall_clock(), boot })
    }

    /// The wall clock as it is `ahead` seconds off, so many seconds after the monitor's start.
    fn off_by(&self, second: u64, ahead: i64) -> (Time, Wall) {
        let machine = self.now - Duration::from_secs(self.uptime) + Duration::from_secs(second);
        let label = Time::from_millis(machine.as_millis().saturating_add_signed(ahead * 1000));
        (machine, Wall::new(machine, label).with_boot(self.now, Some(self.boot)))
    }

    fn tells(&self, path: &Path, second: u64, ahead: i64, note: &Note) {
        let (machine, wall) = self.off_by(second, ahead);
        append(path, &Entry::of_machine(note, machine, wall, &config(&[("primary", &["http://a:1"])]))).unwrap();
    }

    fn starts(&self, path: &Path, ahead: i64) {
        let (machine, wall) = self.off_by(0, ahead);
        let started =
            MonitorNote::Started { version: "1".to_owned(), upstreams: vec!["primary".to_owned()], seen: None };
        append(path, &Entry::of_monitor(&started, machine, wall)).unwrap();
    }
}

fn failure() -> Note {
    Note::WindowOpened { upstream: 0, failure: openclaw_failover::probe::Failure::Refused }
}

fn back(lasted: u64) -> Note {
    Note::WindowClosed { upstream: 0, lasted: Duration::from_secs(lasted) }
}

fn summary(path: &Path, since: Option<Duration>, now: Time) -> String {
    command(path, since, Form { json: false, summary: true }, now).unwrap().text
}

#[test]
fn a_clock_that_was_years_or_days_off_for_a_while_adds_nothing_to_the_summary() {
    let Some(clock) = Clock::running_for(60) else {
        return needs::skip(module_path!(), "a host that tells the time since its boot");
    };
    for off in [10 * YEAR as i64, 3 * DAY as i64, -3 * DAY as i64, -(HOUR as i64), -(50 * YEAR as i64)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        clock.starts(&path, 0);
        clock.tells(&path, 10, off, &failure());
        clock.tells(&path, 20, off, &back(12));
        clock.tells(&path, 30, 0, &failure());
        clock.tells(&path, 40, 0, &back(12));
        let text = summary(&path, None, clock.now);
        assert!(text.contains("watched for 1 m"), "{off}: {text}");
        assert!(text.contains("down for 24 s"), "{off}: {text}");
        // What is asked for of the last two minutes is all of it.
        let shown = command(&path, Some(Duration::from_secs(120)), Form::default(), clock.now).unwrap();
        assert_eq!(shown.text.lines().count(), 5, "{off}: {}", shown.text);
    }
}

#[test]
fn a_clock_that_is_still_years_off_adds_nothing_either() {
    let Some(clock) = Clock::running_for(60) else {
        return needs::skip(module_path!(), "a host that tells the time since its boot");
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    clock.starts(&path, 0);
    let text = summary(&path, None, clock.now + Duration::from_secs(10 * YEAR));
    assert!(text.contains("watched for 1 m"), "{text}");
}

#[test]
fn labels_without_a_measured_time_make_up_no_years() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    let config = config(&[("primary", &["http://a:1"])]);
    // As an older version has written them: ten years ahead for two entries, and back.
    for (second, note) in [(0, failure()), (10 * YEAR, back(5)), (10 * YEAR + 60, failure()), (180, back(60))] {
        append(&path, &Entry::of_machine(&note, at(second), Wall::default(), &config)).unwrap();
    }
    let text = summary(&path, None, at(240));
    assert!(text.contains("watched for 4 m"), "{text}");
}

#[test]
fn a_full_history_forgets_nothing_because_the_clock_is_years_ahead() {
    let Some(clock) = Clock::running_for(60) else {
        return needs::skip(module_path!(), "a host that tells the time since its boot");
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl");
    clock.tells(&path, 0, 0, &Note::Isolated);
    let mut text = std::fs::read_to_string(&path).unwrap();
    let (machine, wall) = clock.off_by(10, 10 * YEAR as i64);
    let entry = Entry::of_machine(&Note::Reconnected, machine, wall, &config(&[("primary", &["http://a:1"])]));
    text.push_str(&format!("{}\n", entry.to_json()).repeat(9000));
    std::fs::write(&path, text).unwrap();
    clock.tells(&path, 20, 10 * YEAR as i64, &Note::WentDown);
    assert!(folder.path().join("history.1.jsonl").exists(), "it was full");
    let first = read(&path).unwrap().next();
    let Some(Line::Entry(first)) = first else { return assert_eq!(first, None, "the first entry is gone") };
    assert_eq!(first.get("event").unwrap().as_str(), Some("isolated"));
}

#[test]
fn a_status_is_as_old_as_it_is_and_not_as_the_wall_clock_says() {
    let Some(boot) = BootTime::now() else {
        return needs::skip(module_path!(), "a host that tells the time since its boot");
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
fn a_hold_ends_when_its_time_has_passed_whatever_became_of_the_clock() {
    let Some(clock) = Clock::running_for(60) else {
        return needs::skip(module_path!(), "a host that tells the time since its boot");
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    // Set 50 s ago for 100 s, by a clock that was right; it is 50 s later, and the clock is off.
    let (machine, wall) = clock.off_by(10, 0);
    let until = Some(machine + Duration::from_secs(100));
    let memory = Memory { hold: Some(Hold { kind: HoldKind::Paused, since: machine, until }), ..Memory::default() };
    state::save(&path, &memory, None, wall).unwrap();
    for now in [clock.now, clock.now + Duration::from_secs(3 * DAY), Time::from_millis(5000)] {
        let hold = state::load(&path, now).0.hold.unwrap();
        let left = hold.until.unwrap().since(now).as_secs();
        assert!((45..=50).contains(&left), "{left} s are left at {now}");
    }
    // After a reboot into 1970 it lasts for no longer than it had left.
    let text = std::fs::read_to_string(&path).unwrap();
    let other = text.replace("\"boot\": \"", "\"boot\": \"0").replacen("\"up_seconds\"", "\"of_later\"", 1);
    std::fs::write(&path, other).unwrap();
    let hold = state::load(&path, Time::from_millis(5000)).0.hold.unwrap();
    assert_eq!(hold.until.unwrap().since(Time::from_millis(5000)), Duration::from_secs(100));
}

#[test]
fn a_day_at_a_glance_follows_a_clock_that_is_set() {
    let mut strip = Strip::default();
    for minute in 0..240 {
        strip.mark(at(minute * 60), Cell::Healthy);
    }
    let seen = |strip: &Strip, now| strip.at(now).iter().filter(|cell| **cell == Cell::Healthy).count();
    assert_eq!(seen(&strip, at(240 * 60)), 8);
    for off in [3 * DAY, 10 * YEAR] {
        let mut strip = strip.clone();
        let now = at(240 * 60 + off);
        strip.clock_was_set(at(240 * 60), now);
        strip.mark(now, Cell::Healthy);
        assert_eq!(seen(&strip, now), 9, "no gap, and nothing is lost");
        strip.clock_was_set(now, at(240 * 60));
        strip.mark(at(240 * 60), Cell::Healthy);
        assert_eq!(seen(&strip, at(240 * 60)), 9);
    }
}
