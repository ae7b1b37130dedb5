//! State of one upstream.

use std::time::Duration;

use crate::probe::{ProbeFailure, Verdict};
use crate::text::timestamp::Time;

/// Two outages that begin within this time look like a crash loop.
const CRASH_WINDOW: Duration = Duration::from_secs(300);

/// Hold-down of an upstream whose crash-loop breaker may be active.
///
/// OpenClaw's crash-loop breaker mutes every channel after three unclean exits, although the gateway reports itself as
/// started. It resets five minutes after the last start, but only at the next run of the channel health monitor, every
/// five minutes (OpenClaw's gateway/restart-recovery.md; measured: 357 s). So this is longer than both together.
pub(super) const CRASH_LOOP_BREAKER_TIME: Duration = Duration::from_secs(630);

/// State of one upstream, derived from its verdicts.
#[derive(Clone, Debug)]
pub struct UpstreamState {
    /// True if the upstream was ever seen healthy from here.
    pub is_armed: bool,
    /// Latest verdict and its time.
    pub latest_verdict: Option<(Time, Verdict)>,
    /// Time of uninterrupted readiness, without stalls of this monitor.
    pub ready_for: Option<Duration>,
    /// True if it went down twice within five minutes and has not been ready for the breaker's time since.
    pub is_unsteady: bool,
    went_down_at: Option<Time>,
}

impl UpstreamState {
    pub(super) fn new(armed: bool) -> Self {
        Self { is_armed: armed, latest_verdict: None, ready_for: None, is_unsteady: false, went_down_at: None }
    }

    /// Records a verdict.
    pub(super) fn record_verdict(&mut self, now: Time, verdict: Verdict, longest_step: Duration) {
        let before = self.latest_verdict.replace((now, verdict));
        match (before, verdict) {
            (_, Verdict::Healthy { ready: true }) => {
                let step = before.map_or(Duration::ZERO, |(at, _)| now.since(at).min(longest_step));
                let ready_for = self.ready_for.map_or(Duration::ZERO, |so_far| so_far + step);
                self.is_unsteady &= ready_for < CRASH_LOOP_BREAKER_TIME;
                self.ready_for = Some(ready_for);
            }
            (Some((_, Verdict::Healthy { .. })), Verdict::Failing(_)) => {
                self.is_unsteady |= self.went_down_at.is_some_and(|fell| now.since(fell) <= CRASH_WINDOW);
                self.went_down_at = Some(now);
                self.ready_for = None;
            }
            _ => self.ready_for = None,
        }
    }

    /// Restarts the count of its readiness.
    pub(super) fn reset_ready_time(&mut self) {
        self.ready_for = self.ready_for.map(|_| Duration::ZERO);
    }

    /// Returns its latest failure, if it fails now and the verdict is not older than `opened`.
    pub(super) fn failure_since(&self, opened: Time) -> Option<ProbeFailure> {
        match self.latest_verdict {
            Some((at, Verdict::Failing(failure))) if at >= opened => Some(failure),
            _ => None,
        }
    }

    /// True if the latest verdict was ready.
    pub fn is_ready(&self) -> bool {
        self.ready_for.is_some()
    }

    /// True if the latest verdict was a failure.
    pub(super) fn is_failing(&self) -> bool {
        self.latest_verdict.is_some_and(|(_, verdict)| !verdict.is_healthy())
    }

    /// True if the latest verdict was healthy.
    pub fn is_healthy(&self) -> bool {
        self.latest_verdict.is_some_and(|(_, verdict)| verdict.is_healthy())
    }
}
