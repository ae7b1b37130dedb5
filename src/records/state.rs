//! Persistent state of the failover machine: `state.json`.
//!
//! Times are wall-clock labels. The file also records when it was written, by both clocks, so the next monitor knows
//! the age of each time even if the wall clock was set. The core treats a time in the future as now.

use std::path::Path;

use crate::failover::PersistentState;
use crate::os::atomic_file::{self, FileError};
use crate::os::boot_time::BootTime;
use crate::os::clock::{Moment, WallClockOffset};
use crate::os::load_or_quarantine::{UnreadableFile, load_or_quarantine as load_file};
use crate::text::Time;
use crate::text::json::Value;
use crate::text::json_fields::{JsonField, read_field, read_optional};
use crate::text::timestamp::millis_between;

/// Limit on the size of `state.json`, in bytes. The monitor writes less than 3 KiB.
const MAX_STATE_BYTES: usize = 64 * 1024;

/// Key of the hold.
const HOLD_KEY: &str = "hold";

/// Key of the time at which the file was written.
const SAVED_AT_KEY: &str = "saved_at";

/// Reads the state that the last monitor saved. `now` is the wall clock's.
///
/// A missing file gives an empty state. An unreadable one is moved aside, and the caller must report it. Its hold
/// counts if that is readable, as in a file of another version: no upgrade may let a paused standby fail over.
pub fn load(path: &Path, now: Time) -> (PersistentState, Option<UnreadableFile>) {
    let consequence = "the saved state is lost, including any hold and the length of the hold-down";
    let now_by_both = Moment { wall_time: now, boot_time: BootTime::now() };
    let mut salvaged = PersistentState::default();
    match load_file(path, MAX_STATE_BYTES, now, consequence, |node| {
        let hold = read_optional(node, HOLD_KEY).unwrap_or_default();
        salvaged = rebase_times(PersistentState { hold, ..PersistentState::default() }, node, now_by_both);
        Ok(rebase_times(PersistentState::from_json(node)?, node, now_by_both))
    }) {
        Ok(found) => (found.unwrap_or_default(), None),
        Err(mut unreadable) => {
            if salvaged.hold.is_some() {
                unreadable.consequence =
                    "its hold stays in force; the rest is lost, including the length of the hold-down";
            }
            (salvaged, Some(unreadable))
        }
    }
}

/// Moves the times of the state to the reader's clock: each keeps its real distance from `now`. Within one boot that
/// distance is measured. Across boots it comes from the labels and is never negative: a hold ends no later than it
/// would have without the reboot, and a clock that starts in 1970 prolongs nothing.
fn rebase_times(mut persistent_state: PersistentState, state: &Value, now: Moment) -> PersistentState {
    let Ok(wall_time) = read_field(state, SAVED_AT_KEY) else { return persistent_state };
    let saved = Moment { wall_time, boot_time: BootTime::read(state) };
    let passed = i64::try_from(now.since(saved).as_millis()).unwrap_or(i64::MAX);
    let moved = millis_between(saved.wall_time, now.wall_time).saturating_sub(passed);
    persistent_state.map_times(|at| Time::from_millis(at.as_millis().saturating_add_signed(moved)));
    persistent_state
}

/// Writes the state, durably (fsync).
///
/// # Errors
/// Returns an error if the file cannot be written; the previous file is then intact.
pub fn save(path: &Path, persistent_state: &PersistentState, wall: WallClockOffset) -> Result<(), FileError> {
    let saved = wall.read_moment();
    let mut state = persistent_state.clone();
    state.map_times(|at| wall.to_wall_clock(at));
    let state = state
        .to_json()
        .with_entries([(SAVED_AT_KEY, saved.wall_time.to_json())])
        .with_entries(saved.boot_time.map(BootTime::to_fields).into_iter().flatten());
    atomic_file::write(path, 0o640, format!("{}\n", state.to_pretty()).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::failover::{Cause, DemotionReason, Drill, DrillOutcome, DrillStep, Failover, Hold, HoldKind};

    const NOW: Time = Time::from_millis(1_795_300_227_123);

    fn at(seconds: u64) -> Time {
        Time::from_millis(1_795_300_000_000 + seconds * 1000)
    }

    fn full_memory() -> PersistentState {
        PersistentState {
            hold: Some(Hold { kind: HoldKind::Paused, since: at(1), until: Some(at(7200)), reason: None }),
            promotions: (10..42).map(at).collect(),
            has_unpushed_changes: true,
            last_failover: Some(Failover {
                cause: Cause::Operator,
                last_healthy_at: at(2),
                decided_at: at(32),
                started_at: Some(at(36)),
                answered_at: Some(at(46)),
                ended_at: None,
            }),
            demotion_reason: Some(DemotionReason::Ready { upstream: 1 }),
            killed_at: Some(at(50)),
            last_drill: Some(Drill {
                began_at: at(60),
                step: DrillStep::Stop,
                step_since: at(80),
                step_durations: [Some(Duration::from_millis(1500)), Some(Duration::ZERO), None, None, None, None],
                outcome: Some(DrillOutcome::Failed { step: DrillStep::Verify }),
                ended_at: None,
            }),
            drill_passed_at: Some(at(55)),
        }
    }

    /// Loads this text as `state.json`. Returns the state, and true if the file was moved aside.
    fn load_text(text: &[u8]) -> (PersistentState, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        fs::write(&path, text).unwrap();
        let (persistent_state, unreadable) = load(&path, NOW);
        if let Some(unreadable) = &unreadable {
            let aside = folder.path().join("state.json.unreadable-1795300227");
            assert_eq!(unreadable.quarantined.as_ref().unwrap(), &aside);
            assert_eq!(fs::read(&aside).unwrap(), text);
            let without_hold = PersistentState { hold: None, ..persistent_state.clone() };
            assert_eq!(without_hold, PersistentState::default());
        }
        assert_eq!(path.exists(), unreadable.is_none());
        (persistent_state, unreadable.is_some())
    }

    fn save_to_text(persistent_state: &PersistentState) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        save(&path, persistent_state, WallClockOffset::default()).unwrap();
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn saved_state_reads_back() {
        for persistent_state in [PersistentState::default(), full_memory()] {
            let text = save_to_text(&persistent_state);
            assert!(text.len() < 3 * 1024, "{}", text.len());
            assert_eq!(load_text(text.as_bytes()), (persistent_state, false));
        }
    }

    #[test]
    fn saves_the_hold_reason_and_reads_files_without_one() {
        let with_reason = |reason: Option<&str>| {
            let reason = reason.map(str::to_owned);
            PersistentState { hold: full_memory().hold.map(|hold| Hold { reason, ..hold }), ..full_memory() }
        };
        let text = save_to_text(&with_reason(Some("a new kernel")));
        assert_eq!(load_text(text.as_bytes()), (with_reason(Some("a new kernel")), false));
        let older = text.replace("\"reason\": \"a new kernel\"", "\"of_later\": 1");
        assert_eq!(load_text(older.as_bytes()), (with_reason(None), false));
    }

    #[test]
    fn moves_a_truncated_file_aside() {
        let text = save_to_text(&full_memory());
        let whole = text.trim_end().len();
        for cut in 0..whole {
            assert!(load_text(&text.as_bytes()[..cut]).1, "torn at byte {cut} of {whole}");
        }
        assert!(!load_text(&text.as_bytes()[..whole]).1);
    }

    #[test]
    fn moves_a_foreign_file_aside() {
        let saved_text = save_to_text(&full_memory());
        let too_long = format!("{saved_text}{}", " ".repeat(MAX_STATE_BYTES));
        for foreign in [
            "\0".repeat(500).as_bytes(),
            b"\xff\xfe",
            b"{}",
            b"[]",
            b"null",
            b"{\"schema\":1}",
            saved_text.replace("\"schema\": 1", "\"schema\": 2").as_bytes(),
            saved_text.replace("paused", "pawsed").as_bytes(),
            saved_text.replace("\"verify\"", "\"verily\"").as_bytes(),
            saved_text.replace("operator", "operatic").as_bytes(),
            saved_text.replace("true", "1").as_bytes(),
            saved_text.replace("2026", "26").as_bytes(),
            saved_text.replace("\"unpushed\"", "\"returned\"").as_bytes(),
            too_long.as_bytes(),
        ] {
            assert!(load_text(foreign).1, "{}", String::from_utf8_lossy(foreign));
        }
    }

    #[test]
    fn ignores_fields_of_newer_versions() {
        let text = save_to_text(&full_memory()).replacen('{', "{\"outbox\": [{\"id\": 1}],", 1);
        assert_eq!(load_text(text.as_bytes()), (full_memory(), false));
    }

    #[test]
    fn reads_files_of_versions_without_drills() {
        let persistent_state = PersistentState { last_drill: None, drill_passed_at: None, ..full_memory() };
        let text = save_to_text(&persistent_state).replace(",\n  \"drill\": null,\n  \"drilled_at\": null", "");
        assert!(!text.contains("drill"), "{text}");
        assert_eq!(load_text(text.as_bytes()), (persistent_state, false));
    }

    #[test]
    fn keeps_the_hold_of_a_state_that_it_cannot_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let only_the_hold = PersistentState { hold: full_memory().hold, ..PersistentState::default() };
        let saved_text = save_to_text(&full_memory());
        for (known, other) in [("unpushed", "unreturned"), ("last_healthy_at", "life_at"), ("schema", "version")] {
            fs::write(&path, saved_text.replace(&format!("\"{known}\""), &format!("\"{other}\""))).unwrap();
            let (persistent_state, unreadable) = load(&path, NOW);
            assert_eq!(persistent_state, only_the_hold, "{other}");
            let told = unreadable.unwrap().to_string();
            assert!(told.contains("; its hold stays in force; the rest is lost"), "{told}");
        }
        fs::write(&path, saved_text.replace("paused", "passed")).unwrap();
        let (persistent_state, unreadable) = load(&path, NOW);
        assert_eq!(persistent_state, PersistentState::default());
        assert!(unreadable.unwrap().to_string().ends_with("lost, including any hold and the length of the hold-down"));
    }

    #[test]
    fn times_keep_their_age_when_the_clock_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let persistent_state = PersistentState { killed_at: Some(at(100)), ..PersistentState::default() };
        save(&path, &persistent_state, WallClockOffset::new(at(200), at(3800))).unwrap();
        assert_eq!(load(&path, at(3800)).0.killed_at, Some(at(3700)));
        assert_eq!(load(&path, at(0)).0.killed_at, Some(at(0) - Duration::from_secs(100)));
    }

    #[test]
    fn a_missing_file_is_an_empty_memory() {
        let folder = tempfile::tempdir().unwrap();
        let (persistent_state, unreadable) = load(&folder.path().join("state.json"), NOW);
        assert_eq!(persistent_state, PersistentState::default());
        assert!(unreadable.is_none());
        assert!(
            save(&folder.path().join("missing/state.json"), &persistent_state, WallClockOffset::default()).is_err()
        );
    }
}
