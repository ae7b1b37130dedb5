//! State of one upstream.

use std::time::Duration;

use crate::probe::{Failure, Verdict};
use crate::text::timestamp::Time;

/// Two outages that begin within this time look like a crash loop.
const CRASH_WINDOW: Duration = Duration::from_secs(300);

/// Hold-down of an upstream whose crash-loop breaker may be active.
///
/// OpenClaw's crash-loop breaker mutes every channel after three unclean exits, although the gateway reports itself as
/// started. It resets five minutes after the last start, but only at the next run of the channel health monitor, every
/// five minutes (OpenClaw's gateway/restart-recovery.md; measured: 357 s). So this is longer than both together.
pub(super) const BREAKER: Duration = Duration::from_secs(630);

/// State of one upstream, derived from its verdicts.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// True if the upstream was ever seen healthy from here.
    pub armed: bool,
    /// Latest verdict and its time.
    pub latest: Option<(Time, Verdict)>,
    /// Time of uninterrupted readiness, without stalls of this monitor.
    pub ready_for: Option<Duration>,
    /// True if it went down twice within five minutes and has not been ready for the breaker's time since.
    pub unsteady: bool,
    fell: Option<Time>,
}

impl Upstream {
    pub(super) fn new(armed: bool) -> Self {
        Self { armed, latest: None, ready_for: None, unsteady: false, fell: None }
    }

    /// Records a verdict.
    pub(super) fn probed(&mut self, now: Time, verdict: Verdict, longest_step: Duration) {
        let before = self.latest.replace((now, verdict));
        match (before, verdict) {
            (_, Verdict::Healthy { ready: true }) => {
                let step = before.map_or(Duration::ZERO, |(at, _)| now.since(at).min(longest_step));
                let ready_for = self.ready_for.map_or(Duration::ZERO, |so_far| so_far + step);
                self.unsteady &= ready_for < BREAKER;
                self.ready_for = Some(ready_for);
            }
            (Some((_, Verdict::Healthy { .. })), Verdict::Failing(_)) => {
                self.unsteady |= self.fell.is_some_and(|fell| now.since(fell) <= CRASH_WINDOW);
                self.fell = Some(now);
                self.ready_for = None;
            }
            _ => self.ready_for = None,
        }
    }

    /// Restarts the count of its readiness.
    pub(super) fn restart_streak(&mut self) {
        self.ready_for = self.ready_for.map(|_| Duration::ZERO);
    }

    /// Returns its latest failure, if it fails now and the verdict is not older than `opened`.
    pub(super) fn failing_since(&self, opened: Time) -> Option<Failure> {
        match self.latest {
            Some((at, Verdict::Failing(failure))) if at >= opened => Some(failure),
            _ => None,
        }
    }

    /// True if the latest verdict was ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready_for.is_some()
    }

    /// True if the latest verdict was a failure.
    pub(super) fn is_failing(&self) -> bool {
        self.latest.is_some_and(|(_, verdict)| !verdict.is_healthy())
    }

    /// True if the latest verdict was healthy.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.latest.is_some_and(|(_, verdict)| verdict.is_healthy())
    }
}
