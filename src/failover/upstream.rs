//! What is known of one upstream.

use std::time::Duration;

use crate::probe::{Failure, Verdict};
use crate::text::timestamp::Time;

/// Two falls within this time look like a crash loop.
const CRASH_WINDOW: Duration = Duration::from_secs(300);

/// OpenClaw's crash-loop breaker mutes every channel after three unclean exits, while the gateway calls itself started.
/// It lets go five minutes after the last start, but only when the channel health monitor looks, which it does every
/// five minutes (OpenClaw's gateway/restart-recovery.md; 357 s were measured): an upstream that may be in it must stay
/// ready for longer than both together.
pub(super) const BREAKER: Duration = Duration::from_secs(630);

/// What the verdicts of one upstream add up to.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Whether it was ever seen healthy from here.
    pub armed: bool,
    /// Its latest verdict and when it was given.
    pub latest: Option<(Time, Verdict)>,
    /// How long it has been ready without a break, the monitor's own stalls left out.
    pub ready_for: Option<Duration>,
    /// Whether it fell more than once within five minutes and has not been ready for longer than the breaker since.
    pub unsteady: bool,
    fell: Option<Time>,
}

impl Upstream {
    pub(super) fn new(armed: bool) -> Self {
        Self { armed, latest: None, ready_for: None, unsteady: false, fell: None }
    }

    /// Takes in one verdict.
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

    /// Counts its readiness anew from now on.
    pub(super) fn restart_streak(&mut self) {
        self.ready_for = self.ready_for.map(|_| Duration::ZERO);
    }

    /// The failure it was last seen with, if that was at `opened` or later.
    pub(super) fn failing_since(&self, opened: Time) -> Option<Failure> {
        match self.latest {
            Some((at, Verdict::Failing(failure))) if at >= opened => Some(failure),
            _ => None,
        }
    }

    /// Whether it was ready when last asked.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready_for.is_some()
    }

    /// Whether it was failing when last asked.
    pub(super) fn is_failing(&self) -> bool {
        self.latest.is_some_and(|(_, verdict)| !verdict.is_healthy())
    }

    /// Whether it was healthy when last asked.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.latest.is_some_and(|(_, verdict)| verdict.is_healthy())
    }
}
