//! Order and age of history entries. The file gives the order. The time between two entries is measured if one boot
//! wrote both; otherwise it comes from their wall-clock labels.

use std::time::Duration;

use crate::os::boot_time::BootTime;
use crate::os::clock::Moment;
use crate::records::history::lines::entry_time;
use crate::text::Time;
use crate::text::json::Node;
use crate::text::timestamp::millis_between;

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Limit on the unmeasured time between two entries, when shown: a wall clock that was years off adds no years.
pub(super) const MAX_UNMEASURED_GAP_SHOWN: Duration = Duration::from_secs(400 * DAY_SECONDS);

/// The same limit for retention: such a clock makes no entry older than a year.
pub(super) const MAX_UNMEASURED_GAP_KEPT: Duration = Duration::from_secs(100 * DAY_SECONDS);

/// Difference, in milliseconds, from which labels that run backwards mean that the clock was set.
const CLOCK_SET_THRESHOLD_MS: i64 = 60_000;

/// Limit on the steps searched, on either side, for the matching jump of a clock that was set.
const MAX_STEPS_SEARCHED: usize = 1000;

/// Returns both clocks of an entry.
pub(super) fn entry_moment(entry: &Node) -> Moment {
    Moment { wall_time: entry_time(entry), boot_time: BootTime::read(entry) }
}

/// Returns the times of the entries with these stamps, given in file order. The times never run backwards, and the last
/// one keeps its real distance from `now`. An unmeasured step counts for at most `longest`.
pub(super) fn estimate_times(stamps: &[Moment], now: Moment, longest: Duration) -> Vec<Time> {
    let all: Vec<Moment> = stamps.iter().copied().chain([now]).collect();
    let mut steps: Vec<i64> = all
        .windows(2)
        .map(|pair| match pair {
            [earlier, later] => later.boot_time_since(*earlier).map_or_else(
                || millis_between(earlier.wall_time, later.wall_time),
                |span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX),
            ),
            _ => 0,
        })
        .collect();
    let is_measured: Vec<bool> = all
        .windows(2)
        .map(|pair| matches!(pair, [earlier, later] if later.boot_time_since(*earlier).is_some()))
        .collect();
    cancel_clock_steps(&mut steps, &is_measured);
    let longest = i64::try_from(longest.as_millis()).unwrap_or(i64::MAX);
    let mut at = now.wall_time;
    let mut times: Vec<Time> = Vec::with_capacity(stamps.len());
    for (step, is_measured) in steps.iter().zip(&is_measured).rev() {
        let step = if *is_measured { *step } else { (*step).clamp(0, longest) };
        at = at - Duration::from_millis(step.unsigned_abs());
        times.push(at);
    }
    times.reverse();
    times
}

/// Cancels clock changes: a step back is taken off the nearest step forward that is as long, preferably an earlier one.
fn cancel_clock_steps(steps: &mut [i64], is_measured: &[bool]) {
    for index in 0..steps.len() {
        let back = steps.get(index).map_or(0, |step| step.saturating_neg());
        if back <= 0 || is_measured.get(index) == Some(&true) {
            continue;
        }
        if back < CLOCK_SET_THRESHOLD_MS {
            // Entries from one turn of the monitor's loop may be out of order.
            steps.iter_mut().skip(index).take(1).for_each(|step| *step = 0);
            continue;
        }
        let takes = |other: &usize| {
            is_measured.get(*other) == Some(&false) && steps.get(*other).is_some_and(|&forward| forward >= back)
        };
        let forward = (0..index).rev().take(MAX_STEPS_SEARCHED).find(takes);
        let forward = forward.or_else(|| (index + 1..steps.len()).take(MAX_STEPS_SEARCHED).find(takes));
        if let Some(step) = forward.and_then(|forward| steps.get_mut(forward)) {
            *step -= back;
        }
        if let Some(step) = steps.get_mut(index) {
            *step = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(seconds: u64) -> Moment {
        Moment { wall_time: Time::from_millis((1_795_000_000 + seconds) * 1000), boot_time: None }
    }

    fn measured(seconds: u64, boot: u32, up: u64) -> Moment {
        Moment { boot_time: Some(BootTime::new(boot, Duration::from_secs(up))), ..label(seconds) }
    }

    /// Returns the seconds from the first entry to each later one and to the present.
    fn spans(stamps: &[Moment], now: Moment) -> Vec<u64> {
        let times: Vec<Time> =
            estimate_times(stamps, now, MAX_UNMEASURED_GAP_SHOWN).into_iter().chain([now.wall_time]).collect();
        times.iter().map(|time| time.since(times[0]).as_secs()).collect()
    }

    #[test]
    fn times_of_one_boot_are_measured() {
        let stamps = [measured(0, 1, 10), measured(3650 * DAY_SECONDS, 1, 20), measured(30, 1, 40)];
        assert_eq!(spans(&stamps, measured(90, 1, 100)), [0, 10, 30, 90]);
        // The clock is set back by three days, then by an hour.
        let stamps =
            [measured(4 * DAY_SECONDS, 1, 10), measured(DAY_SECONDS, 1, 20), measured(DAY_SECONDS - 3600, 1, 40)];
        assert_eq!(spans(&stamps, measured(DAY_SECONDS, 1, 100)), [0, 10, 30, 90]);
    }

    #[test]
    fn a_boot_in_1970_keeps_earlier_times() {
        let in_1970 =
            Moment { wall_time: Time::from_millis(5000), boot_time: Some(BootTime::new(2, Duration::from_secs(5))) };
        let stamps = [measured(0, 1, 10), measured(20, 1, 30), in_1970, measured(100, 2, 25)];
        assert_eq!(spans(&stamps, measured(110, 2, 35)), [0, 20, 20, 40, 50]);
    }

    #[test]
    fn labels_alone_add_no_years() {
        // Ten years ahead, then corrected.
        let stamps = [label(0), label(3650 * DAY_SECONDS), label(3650 * DAY_SECONDS + 60), label(120)];
        assert_eq!(spans(&stamps, label(180)), [0, 60, 120, 120, 180]);
        // Three days behind, then corrected.
        let stamps = [label(3 * DAY_SECONDS), label(60), label(120), label(3 * DAY_SECONDS + 180)];
        assert_eq!(spans(&stamps, label(3 * DAY_SECONDS + 240)), [0, 0, 60, 180, 240]);
        // Ten years ahead, not corrected yet.
        let ahead = [label(0), label(10)];
        assert!(*spans(&ahead, label(3650 * DAY_SECONDS)).last().unwrap() <= 400 * DAY_SECONDS + 10);
    }

    #[test]
    fn an_ordinary_history_keeps_its_labels() {
        let stamps = [label(0), label(60), label(86_400), label(50 * DAY_SECONDS)];
        assert_eq!(
            estimate_times(&stamps, label(51 * DAY_SECONDS), MAX_UNMEASURED_GAP_SHOWN),
            stamps.map(|stamp| stamp.wall_time)
        );
    }
}
