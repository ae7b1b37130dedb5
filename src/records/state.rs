//! Persistent state of the failover machine: `state.json`.
//!
//! Times are wall-clock labels. The file also records when it was written, by both clocks, so the next monitor knows
//! the age of each time even if the wall clock was set. The core treats a time in the future as now.

use std::path::Path;

use crate::events::codec;
use crate::failover::Memory;
use crate::os::atomic_file::{
    Error, {self},
};
use crate::os::boot_time::{BootTime, Moment};
use crate::os::clock::Wall;
use crate::os::load_or_quarantine::{Unreadable, load as load_file};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::json_fields::{
    as_list, as_time, field, newer, optional, {self},
};
use crate::text::timestamp::distance;

/// Limit on the size of `state.json`, in bytes. The monitor writes less than 3 KiB.
const MAX: usize = 64 * 1024;

/// Key of the operator's reason for the hold.
const REASON: &str = "hold_reason";

/// Key of the time at which the file was written.
const SAVED: &str = "saved_at";

/// Reads the state that the last monitor saved, and the operator's reason for the hold. `now` is the wall clock's.
///
/// A missing file gives an empty memory. An unreadable one does too; it is moved aside, and the caller must report it.
#[must_use]
pub fn load(path: &Path, now: Time) -> (Memory, Option<String>, Option<Unreadable>) {
    let so = "the saved state is lost, including any hold and the length of the hold-down";
    // Older monitors did not write it.
    let reason = |node: &Value| node.get(REASON).and_then(|reason| reason.as_str()).map(str::to_owned);
    let now_by_both = Moment { label: now, boot: BootTime::now() };
    match load_file(path, MAX, now, so, |node| Ok((aged(understand(node)?, node, now_by_both), reason(node)))) {
        Ok(found) => {
            let (memory, reason) = found.unwrap_or_default();
            (memory, reason, None)
        }
        Err(unreadable) => (Memory::default(), None, Some(unreadable)),
    }
}

/// Moves the times of `memory` to the reader's clock: each keeps its real distance from `now`. Within one boot that
/// distance is measured. Across boots it comes from the labels and is never negative: a hold ends no later than it
/// would have without the reboot, and a clock that starts in 1970 prolongs nothing.
fn aged(mut memory: Memory, state: &Value, now: Moment) -> Memory {
    let Some(saved) = newer(state, SAVED, as_time).ok().flatten() else { return memory };
    let saved = Moment { label: saved, boot: BootTime::read(state) };
    let passed = i64::try_from(now.since(saved).as_millis()).unwrap_or(i64::MAX);
    let moved = distance(saved.label, now.label).saturating_sub(passed);
    memory.map_times(|at| Time::from_millis(at.as_millis().saturating_add_signed(moved)));
    memory
}

/// Writes the state and the operator's reason for the hold, durably (fsync).
///
/// # Errors
/// Returns an error if the file cannot be written; the previous file is then intact.
pub fn save(path: &Path, memory: &Memory, reason: Option<&str>, wall: Wall) -> Result<(), Error> {
    let saved = wall.moment();
    let boot = saved.boot.map(BootTime::fields).into_iter().flatten();
    let stamp = [(REASON, reason.into()), (SAVED, json_fields::time(saved.label))];
    let mut text = Value::object(entries(memory, wall).into_iter().chain(stamp).chain(boot)).pretty();
    text.push('\n');
    atomic_file::write(path, 0o640, text.as_bytes())
}

pub(super) fn to_json(memory: &Memory, wall: Wall) -> Value {
    Value::object(entries(memory, wall))
}

fn entries(memory: &Memory, wall: Wall) -> [(&'static str, Value); 9] {
    let time = |time| json_fields::time(wall.at(time));
    let hold = memory.hold.map(|hold| codec::hold_to_json(codec::hold_at_wall(hold, wall)));
    let failover = memory.failover.as_ref().map(|it| codec::failover_to_json(&codec::failover_at_wall(it, wall)));
    [
        ("schema", json_fields::SCHEMA.into()),
        ("hold", hold.into()),
        ("promotions", Value::array(memory.promotions.iter().copied().map(time))),
        ("unreturned", memory.unreturned.into()),
        ("failover", failover.into()),
        ("demoting", memory.demoting.map(codec::reason_to_json).into()),
        ("killed_at", memory.killed.map(time).into()),
        ("drill", memory.drill.as_ref().map(|it| codec::drill_to_json(&codec::drill_at_wall(it, wall))).into()),
        ("drilled_at", memory.drilled.map(time).into()),
    ]
}

pub(super) fn understand(state: &Value) -> Result<Memory, String> {
    json_fields::check_schema(state)?;
    let promotions = as_list(field(state, "promotions")?, "promotions")?;
    Ok(Memory {
        hold: optional(state, "hold", |node, _| codec::hold(node))?,
        promotions: promotions.iter().map(|node| as_time(node, "promotions")).collect::<Result<_, _>>()?,
        unreturned: field(state, "unreturned")?.as_bool().ok_or("`unreturned` is neither true nor false")?,
        failover: optional(state, "failover", |node, _| codec::failover(node))?,
        // Older monitors did not write it.
        demoting: newer(state, "demoting", |node, _| codec::reason(node))?,
        killed: optional(state, "killed_at", as_time)?,
        // Versions before drills existed did not write it.
        drill: newer(state, "drill", |node, _| codec::drill(node))?,
        drilled: newer(state, "drilled_at", as_time)?,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::failover::{Cause, Drill, DrillStep, Failover, Hold, HoldKind, Outcome, Reason};

    const NOW: Time = Time::from_millis(1_795_300_227_123);

    fn at(seconds: u64) -> Time {
        Time::from_millis(1_795_300_000_000 + seconds * 1000)
    }

    fn full() -> Memory {
        Memory {
            hold: Some(Hold { kind: HoldKind::Paused, since: at(1), until: Some(at(7200)) }),
            promotions: (10..42).map(at).collect(),
            unreturned: true,
            failover: Some(Failover {
                cause: Cause::Operator,
                life: at(2),
                decided: at(32),
                started: Some(at(36)),
                answered: Some(at(46)),
                ended: None,
            }),
            demoting: Some(Reason::Ready { upstream: 1 }),
            killed: Some(at(50)),
            drill: Some(Drill {
                began: at(60),
                step: DrillStep::Stop,
                since: at(80),
                took: [Some(Duration::from_millis(1500)), Some(Duration::ZERO), None, None, None, None],
                outcome: Some(Outcome::Failed { step: DrillStep::Verify }),
                ended: None,
            }),
            drilled: Some(at(55)),
        }
    }

    /// Loads this text as `state.json`. Returns the memory, and true if the file was moved aside.
    fn found(text: &[u8]) -> (Memory, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        fs::write(&path, text).unwrap();
        let (memory, _, unreadable) = load(&path, NOW);
        if let Some(unreadable) = &unreadable {
            let aside = folder.path().join("state.json.unreadable-1795300227");
            assert_eq!(unreadable.aside.as_ref().unwrap(), &aside);
            assert_eq!(fs::read(&aside).unwrap(), text);
            assert_eq!(memory, Memory::default());
        }
        assert_eq!(path.exists(), unreadable.is_none());
        (memory, unreadable.is_some())
    }

    fn written(memory: &Memory) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        save(&path, memory, None, Wall::default()).unwrap();
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn what_is_remembered_reads_back() {
        for memory in [Memory::default(), full()] {
            let text = written(&memory);
            assert!(text.len() < 3 * 1024, "{}", text.len());
            assert_eq!(found(text.as_bytes()), (memory, false));
        }
    }

    #[test]
    fn the_reason_of_a_hold_is_kept_beside_it_and_an_older_monitor_gave_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        save(&path, &full(), Some("a new kernel"), Wall::default()).unwrap();
        assert_eq!(load(&path, NOW).1.as_deref(), Some("a new kernel"));
        let older: String = fs::read_to_string(&path).unwrap().replace("\"hold_reason\"", "\"of_later\"");
        fs::write(&path, older).unwrap();
        let (memory, reason, unreadable) = load(&path, NOW);
        assert!(memory == full() && reason.is_none() && unreadable.is_none());
    }

    #[test]
    fn a_torn_file_is_set_aside_wherever_it_is_torn() {
        let text = written(&full());
        let whole = text.trim_end().len();
        for cut in 0..whole {
            assert!(found(&text.as_bytes()[..cut]).1, "torn at byte {cut} of {whole}");
        }
        assert!(!found(&text.as_bytes()[..whole]).1);
    }

    #[test]
    fn a_file_of_zeros_or_of_somebody_else_is_set_aside() {
        let memory = written(&full());
        let too_long = format!("{memory}{}", " ".repeat(MAX));
        for foreign in [
            "\0".repeat(500).as_bytes(),
            b"\xff\xfe",
            b"{}",
            b"[]",
            b"null",
            b"{\"schema\":1}",
            memory.replace("\"schema\": 1", "\"schema\": 2").as_bytes(),
            memory.replace("paused", "pawsed").as_bytes(),
            memory.replace("\"verify\"", "\"verily\"").as_bytes(),
            memory.replace("operator", "operatic").as_bytes(),
            memory.replace("true", "1").as_bytes(),
            memory.replace("2026", "26").as_bytes(),
            memory.replace("\"unreturned\"", "\"returned\"").as_bytes(),
            too_long.as_bytes(),
        ] {
            assert!(found(foreign).1, "{}", String::from_utf8_lossy(foreign));
        }
    }

    #[test]
    fn a_field_that_a_newer_version_added_is_no_reason_to_forget() {
        let text = written(&full()).replacen('{', "{\"outbox\": [{\"id\": 1}],", 1);
        assert_eq!(found(text.as_bytes()), (full(), false));
    }

    #[test]
    fn what_a_version_without_drills_has_written_is_understood() {
        let memory = Memory { drill: None, drilled: None, ..full() };
        let text = written(&memory).replace(",\n  \"drill\": null,\n  \"drilled_at\": null", "");
        assert!(!text.contains("drill"), "{text}");
        assert_eq!(found(text.as_bytes()), (memory, false));
    }

    #[test]
    fn times_follow_the_wall_clock_and_keep_their_age_when_it_was_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let memory = Memory { killed: Some(at(100)), ..Memory::default() };
        save(&path, &memory, None, Wall::new(at(200), at(3800))).unwrap();
        assert_eq!(load(&path, at(3800)).0.killed, Some(at(3700)));
        assert_eq!(load(&path, at(0)).0.killed, Some(at(0) - Duration::from_secs(100)));
    }

    #[test]
    fn without_a_file_there_is_nothing_to_remember_and_nothing_to_report() {
        let folder = tempfile::tempdir().unwrap();
        let (memory, _, unreadable) = load(&folder.path().join("state.json"), NOW);
        assert_eq!(memory, Memory::default());
        assert!(unreadable.is_none());
        assert!(save(&folder.path().join("missing/state.json"), &memory, None, Wall::default()).is_err());
    }
}
