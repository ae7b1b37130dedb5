//! Checks of intervals, timeouts and windows, alone and together.

use std::time::Duration;

use crate::config::diagnostics::Collector;
use crate::config::model::{Demote, Probe, Promote};
use crate::config::schema::{RawDemote, RawProbe, RawPromote};
use crate::config::span::At;
use crate::config::validate::{at_least, at_most, between};
use crate::text::duration::show;

/// Minimum of the probe intervals and timeout; shorter ones would only add load.
const SHORTEST_PROBE: Duration = Duration::from_millis(100);

/// Maximum of the probe intervals and timeout.
const LONGEST_PROBE: Duration = Duration::from_secs(60 * 60);

/// Maximum time that a promotion may wait for a pull; messages go unanswered meanwhile.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// Maximum extra time for a restart of the upstream.
const LONGEST_GRACE: Duration = Duration::from_secs(60 * 60);

/// Minimum of every other duration that must not be zero.
pub(super) const SHORTEST: Duration = Duration::from_secs(1);

/// Checked values of probing, promotion and demotion.
pub(super) struct Timing {
    pub(super) interval: Duration,
    pub(super) retry_interval: Duration,
    pub(super) timeout: Duration,
    pub(super) promote_after: Duration,
    pub(super) failures: u32,
    pub(super) restart_grace: Duration,
    pub(super) demote_after: Duration,
    pub(super) max_after: Duration,
    pub(super) flap_window: Duration,
}

/// Raw values with their positions.
struct Set {
    interval: At<Duration>,
    retry_interval: At<Duration>,
    timeout: At<Duration>,
    promote_after: At<Duration>,
    failures: At<u32>,
    restart_grace: At<Duration>,
    demote_after: At<Duration>,
    max_after: At<Duration>,
    flap_window: At<Duration>,
}

pub(super) fn check(probe: RawProbe, promote: &RawPromote, demote: RawDemote, problems: &Collector) -> Timing {
    let set = Set::new(probe, promote, demote);
    let timing = Timing {
        interval: probe_duration(&set.interval, problems),
        retry_interval: probe_duration(&set.retry_interval, problems),
        timeout: probe_duration(&set.timeout, problems),
        promote_after: at_least(&set.promote_after, SHORTEST, problems),
        failures: set.failures.value,
        restart_grace: at_most(&set.restart_grace, LONGEST_GRACE, problems),
        demote_after: at_least(&set.demote_after, SHORTEST, problems),
        max_after: at_least(&set.max_after, SHORTEST, problems),
        flap_window: at_least(&set.flap_window, SHORTEST, problems),
    };
    set.retry_is_no_slower(problems);
    set.window_outlasts_one_probe(problems);
    set.failures_fit_the_window(problems);
    set.hold_down_sees_two_verdicts(problems);
    set.hold_down_can_grow(problems);
    timing
}

fn probe_duration(duration: &At<Duration>, problems: &Collector) -> Duration {
    between(duration, (SHORTEST_PROBE, LONGEST_PROBE), problems)
}

impl Set {
    fn new(probe: RawProbe, promote: &RawPromote, demote: RawDemote) -> Self {
        let default = (Probe::default(), Promote::default(), Demote::default());
        Self {
            interval: At::or(probe.interval, "probe.interval", default.0.interval),
            retry_interval: At::or(probe.retry_interval, "probe.retry_interval", default.0.retry_interval),
            timeout: At::or(probe.timeout, "probe.timeout", default.0.timeout),
            promote_after: At::or(promote.after.clone(), "promote.after", default.1.after),
            failures: At::or(promote.failures.clone(), "promote.failures", default.1.failures),
            restart_grace: At::or(promote.restart_grace.clone(), "promote.restart_grace", default.1.restart_grace),
            demote_after: At::or(demote.after, "demote.after", default.2.after),
            max_after: At::or(demote.max_after, "demote.max_after", default.2.max_after),
            flap_window: At::or(demote.flap_window, "demote.flap_window", default.2.flap_window),
        }
    }

    fn retry_is_no_slower(&self, problems: &Collector) {
        if self.retry_interval.value > self.interval.value {
            let what = format!(
                "{} must not be longer than {}: failures are probed more often, not less",
                self.retry_interval, self.interval
            );
            problems.conflict(&[&self.retry_interval.place, &self.interval.place], what);
        }
    }

    fn window_outlasts_one_probe(&self, problems: &Collector) {
        let one_probe = self.interval.value + self.timeout.value;
        if self.promote_after.value <= one_probe {
            let what = format!(
                "{} must be longer than {} and {} together, or one slow probe would promote; raise it above {} or \
                 shorten the others",
                self.promote_after,
                self.interval,
                self.timeout,
                show(one_probe)
            );
            let places = [&self.promote_after.place, &self.interval.place, &self.timeout.place];
            problems.conflict(&places, what);
        }
    }

    /// Checks that the required failures fit the window. The promotion decision is promised within `promote.after` plus
    /// one probe after the last successful probe. So the last required failure must arrive by then, and the one before
    /// it by `promote.after`, even if every probe times out.
    fn failures_fit_the_window(&self, problems: &Collector) {
        let step = self.retry_interval.value.max(self.timeout.value);
        let first = self.interval.value + self.timeout.value;
        let rest = step * self.failures.value.saturating_sub(2);
        let spare = self.promote_after.value.saturating_sub(first);
        if first < self.promote_after.value && rest > spare {
            let most = 2 + spare.as_millis() / step.as_millis().max(1);
            let what = format!(
                "{} cannot be reached within {} if each probe takes {}; lower it to {most} or raise promote.after to \
                 at least {}",
                self.failures,
                self.promote_after,
                show(step),
                show(first + rest)
            );
            let places = [
                &self.failures.place,
                &self.promote_after.place,
                &self.interval.place,
                &self.timeout.place,
                &self.retry_interval.place,
            ];
            problems.conflict(&places, what);
        }
    }

    fn hold_down_sees_two_verdicts(&self, problems: &Collector) {
        if self.demote_after.value < self.interval.value {
            let what = format!(
                "{} must not be shorter than {}, or a single successful probe would demote",
                self.demote_after, self.interval
            );
            problems.conflict(&[&self.demote_after.place, &self.interval.place], what);
        }
    }

    fn hold_down_can_grow(&self, problems: &Collector) {
        let (after, max_after) = (&self.demote_after, &self.max_after);
        if max_after.value < after.value {
            let what = format!(
                "{max_after} must not be shorter than {after}: the first is the maximum hold-down, the second the \
                 minimum"
            );
            problems.conflict(&[&max_after.place, &after.place], what);
        }
        let cycle = after.value + self.promote_after.value;
        if max_after.value > after.value && self.flap_window.value <= cycle {
            let what = format!(
                "{} must be longer than {after} and {} together, or no two promotions can fall within it and the \
                 hold-down cannot grow; raise it above {}, or set demote.max_after to {} for a constant hold-down",
                self.flap_window,
                self.promote_after,
                show(cycle),
                show(after.value)
            );
            let places = [&self.flap_window.place, &after.place, &self.promote_after.place];
            problems.conflict(&places, what);
        }
    }
}
