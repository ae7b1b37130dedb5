//! Checks of intervals, timeouts and windows, alone and together.

use std::time::Duration;

use crate::config::diagnostics::Diagnostics;
use crate::config::model::{DemotionConfig, ProbeConfig, PromotionConfig};
use crate::config::schema::{RawDemote, RawProbe, RawPromote};
use crate::config::span::Spanned;
use crate::config::validate::{check_maximum, check_minimum, check_range};
use crate::text::duration::format_duration;

/// Minimum of the probe intervals and timeout; shorter ones would only add load.
const MIN_PROBE_DURATION: Duration = Duration::from_millis(100);

/// Maximum of the probe intervals and timeout.
const MAX_PROBE_DURATION: Duration = Duration::from_secs(60 * 60);

/// Maximum time that a promotion may wait for a pull; messages go unanswered meanwhile.
pub(super) const MAX_SYNC_WAIT: Duration = Duration::from_secs(5 * 60);

/// Maximum extra time for a restart of the upstream.
const MAX_RESTART_GRACE: Duration = Duration::from_secs(60 * 60);

/// Minimum of every other duration that must not be zero.
pub(super) const MIN_DURATION: Duration = Duration::from_secs(1);

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
struct RawTiming {
    interval: Spanned<Duration>,
    retry_interval: Spanned<Duration>,
    timeout: Spanned<Duration>,
    promote_after: Spanned<Duration>,
    failures: Spanned<u32>,
    restart_grace: Spanned<Duration>,
    demote_after: Spanned<Duration>,
    max_after: Spanned<Duration>,
    flap_window: Spanned<Duration>,
}

pub(super) fn check_timing(probe: RawProbe, promote: &RawPromote, demote: RawDemote, problems: &Diagnostics) -> Timing {
    let set = RawTiming::new(probe, promote, demote);
    let timing = Timing {
        interval: check_probe_duration(&set.interval, problems),
        retry_interval: check_probe_duration(&set.retry_interval, problems),
        timeout: check_probe_duration(&set.timeout, problems),
        promote_after: check_minimum(&set.promote_after, MIN_DURATION, problems),
        failures: set.failures.value,
        restart_grace: check_maximum(&set.restart_grace, MAX_RESTART_GRACE, problems),
        demote_after: check_minimum(&set.demote_after, MIN_DURATION, problems),
        max_after: check_minimum(&set.max_after, MIN_DURATION, problems),
        flap_window: check_minimum(&set.flap_window, MIN_DURATION, problems),
    };
    set.check_retry_interval(problems);
    set.check_window_length(problems);
    set.check_failures_fit_window(problems);
    set.check_hold_down_length(problems);
    set.check_hold_down_growth(problems);
    timing
}

fn check_probe_duration(duration: &Spanned<Duration>, problems: &Diagnostics) -> Duration {
    check_range(duration, (MIN_PROBE_DURATION, MAX_PROBE_DURATION), problems)
}

impl RawTiming {
    fn new(probe: RawProbe, promote: &RawPromote, demote: RawDemote) -> Self {
        let default = (ProbeConfig::default(), PromotionConfig::default(), DemotionConfig::default());
        Self {
            interval: Spanned::or_default(probe.interval, "probe.interval", default.0.interval),
            retry_interval: Spanned::or_default(probe.retry_interval, "probe.retry_interval", default.0.retry_interval),
            timeout: Spanned::or_default(probe.timeout, "probe.timeout", default.0.timeout),
            promote_after: Spanned::or_default(promote.after.clone(), "promote.after", default.1.after),
            failures: Spanned::or_default(promote.failures.clone(), "promote.failures", default.1.failures),
            restart_grace: Spanned::or_default(
                promote.restart_grace.clone(),
                "promote.restart_grace",
                default.1.restart_grace,
            ),
            demote_after: Spanned::or_default(demote.after, "demote.after", default.2.after),
            max_after: Spanned::or_default(demote.max_after, "demote.max_after", default.2.max_after),
            flap_window: Spanned::or_default(demote.flap_window, "demote.flap_window", default.2.flap_window),
        }
    }

    fn check_retry_interval(&self, problems: &Diagnostics) {
        if self.retry_interval.value > self.interval.value {
            let what = format!(
                "{} must not be longer than {}: failures are probed more often, not less",
                self.retry_interval, self.interval
            );
            problems.add_conflict(&[&self.retry_interval.span, &self.interval.span], what);
        }
    }

    fn check_window_length(&self, problems: &Diagnostics) {
        let one_probe = self.interval.value + self.timeout.value;
        if self.promote_after.value <= one_probe {
            let what = format!(
                "{} must be longer than {} and {} together, or one slow probe would promote; raise it above {} or \
                 shorten the others",
                self.promote_after,
                self.interval,
                self.timeout,
                format_duration(one_probe)
            );
            let places = [&self.promote_after.span, &self.interval.span, &self.timeout.span];
            problems.add_conflict(&places, what);
        }
    }

    /// Checks that the required failures fit the window. The promotion decision is promised within `promote.after` plus
    /// one probe after the last successful probe. So the last required failure must arrive by then, and the one before
    /// it by `promote.after`, even if every probe times out.
    fn check_failures_fit_window(&self, problems: &Diagnostics) {
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
                format_duration(step),
                format_duration(first + rest)
            );
            let places = [
                &self.failures.span,
                &self.promote_after.span,
                &self.interval.span,
                &self.timeout.span,
                &self.retry_interval.span,
            ];
            problems.add_conflict(&places, what);
        }
    }

    fn check_hold_down_length(&self, problems: &Diagnostics) {
        if self.demote_after.value < self.interval.value {
            let what = format!(
                "{} must not be shorter than {}, or a single successful probe would demote",
                self.demote_after, self.interval
            );
            problems.add_conflict(&[&self.demote_after.span, &self.interval.span], what);
        }
    }

    fn check_hold_down_growth(&self, problems: &Diagnostics) {
        let (after, max_after) = (&self.demote_after, &self.max_after);
        if max_after.value < after.value {
            let what = format!(
                "{max_after} must not be shorter than {after}: the first is the maximum hold-down, the second the \
                 minimum"
            );
            problems.add_conflict(&[&max_after.span, &after.span], what);
        }
        let cycle = after.value + self.promote_after.value;
        if max_after.value > after.value && self.flap_window.value <= cycle {
            let what = format!(
                "{} must be longer than {after} and {} together, or no two promotions can fall within it and the \
                 hold-down cannot grow; raise it above {}, or set demote.max_after to {} for a constant hold-down",
                self.flap_window,
                self.promote_after,
                format_duration(cycle),
                format_duration(after.value)
            );
            let places = [&self.flap_window.span, &after.span, &self.promote_after.span];
            problems.add_conflict(&places, what);
        }
    }
}
