//! Checks of intervals, timeouts and windows, alone and together.

use std::time::Duration;

use crate::config::diagnostics::Diagnostics;
use crate::config::model::Config;
use crate::config::validate::values::{MIN_DURATION, check_range};
use crate::text::duration::{MAX_DURATION, format_duration};

/// Range of the probe intervals and timeout; shorter ones would only add load.
const PROBE_RANGE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60 * 60));

/// Maximum time that a promotion may wait for a pull; messages go unanswered meanwhile.
const MAX_SYNC_WAIT: Duration = Duration::from_secs(5 * 60);

/// Maximum extra time for a restart of the upstream.
const MAX_RESTART_GRACE: Duration = Duration::from_secs(60 * 60);

/// Checks the values of probing, promotion and demotion.
pub(super) fn check_timing(config: &Config, problems: &Diagnostics) {
    let Config { probe, promote, demote, .. } = config;
    let above_zero = (MIN_DURATION, MAX_DURATION);
    for (path, duration, range) in [
        ("probe.interval", probe.interval, PROBE_RANGE),
        ("probe.retry_interval", probe.retry_interval, PROBE_RANGE),
        ("probe.timeout", probe.timeout, PROBE_RANGE),
        ("promote.after", promote.after, above_zero),
        ("promote.restart_grace", promote.restart_grace, (Duration::ZERO, MAX_RESTART_GRACE)),
        ("promote.sync_wait", promote.sync_wait, (Duration::ZERO, MAX_SYNC_WAIT)),
        ("demote.after", demote.after, above_zero),
        ("demote.max_after", demote.max_after, above_zero),
        ("demote.flap_window", demote.flap_window, above_zero),
    ] {
        check_range(path, duration, range, problems);
    }
    check_probes(config, problems);
    check_failures_fit_window(config, problems);
    check_hold_down(config, problems);
}

fn check_probes(Config { probe, promote, .. }: &Config, problems: &Diagnostics) {
    let interval = problems.describe("probe.interval", format_duration(probe.interval));
    if probe.retry_interval > probe.interval {
        let retry_interval = problems.describe("probe.retry_interval", format_duration(probe.retry_interval));
        let what =
            format!("{retry_interval} must not be longer than {interval}: failures are probed more often, not less");
        problems.add_conflict(&["probe.retry_interval", "probe.interval"], what);
    }
    let one_probe = probe.interval + probe.timeout;
    if promote.after <= one_probe {
        let what = format!(
            "{} must be longer than {interval} and {} together, or one slow probe would promote; raise it above {} or \
             shorten the others",
            problems.describe("promote.after", format_duration(promote.after)),
            problems.describe("probe.timeout", format_duration(probe.timeout)),
            format_duration(one_probe)
        );
        problems.add_conflict(&["promote.after", "probe.interval", "probe.timeout"], what);
    }
}

/// Checks that the required failures fit the window. The promotion decision is promised within `promote.after` plus one
/// probe after the last successful probe. So the last required failure must arrive by then, and the one before it by
/// `promote.after`, even if every probe times out.
fn check_failures_fit_window(Config { probe, promote, .. }: &Config, problems: &Diagnostics) {
    let step = probe.retry_interval.max(probe.timeout);
    let first = probe.interval + probe.timeout;
    let rest = step * promote.failures.saturating_sub(2);
    let spare = promote.after.saturating_sub(first);
    if first < promote.after && rest > spare {
        let most = 2 + spare.as_millis() / step.as_millis().max(1);
        let what = format!(
            "{} cannot be reached within {} if each probe takes {}; lower it to {most} or raise promote.after to at \
             least {}",
            problems.describe("promote.failures", promote.failures),
            problems.describe("promote.after", format_duration(promote.after)),
            format_duration(step),
            format_duration(first + rest)
        );
        let paths = ["promote.failures", "promote.after", "probe.interval", "probe.timeout", "probe.retry_interval"];
        problems.add_conflict(&paths, what);
    }
}

fn check_hold_down(Config { probe, promote, demote, .. }: &Config, problems: &Diagnostics) {
    let after = problems.describe("demote.after", format_duration(demote.after));
    if demote.after < probe.interval {
        let interval = problems.describe("probe.interval", format_duration(probe.interval));
        let what = format!("{after} must not be shorter than {interval}, or a single successful probe would demote");
        problems.add_conflict(&["demote.after", "probe.interval"], what);
    }
    if demote.max_after < demote.after {
        let max_after = problems.describe("demote.max_after", format_duration(demote.max_after));
        let what = format!(
            "{max_after} must not be shorter than {after}: the first is the maximum hold-down, the second the minimum"
        );
        problems.add_conflict(&["demote.max_after", "demote.after"], what);
    }
    let cycle = demote.after + promote.after;
    if demote.max_after > demote.after && demote.flap_window <= cycle {
        let what = format!(
            "{} must be longer than {after} and {} together, or no two promotions can fall within it and the \
             hold-down cannot grow; raise it above {}, or set demote.max_after to {} for a constant hold-down",
            problems.describe("demote.flap_window", format_duration(demote.flap_window)),
            problems.describe("promote.after", format_duration(promote.after)),
            format_duration(cycle),
            format_duration(demote.after)
        );
        problems.add_conflict(&["demote.flap_window", "demote.after", "promote.after"], what);
    }
}
