//! Result of a probe.

use std::time::{Duration, Instant};

use crate::probe::verdict::{Channels, ProbeFailure, Verdict};

/// Result of one probe.
#[derive(Clone, Debug)]
pub struct ProbeResult {
    /// Verdict.
    pub verdict: Verdict,
    /// Channels listed by `/readyz`; empty if it was not requested or listed none.
    pub channels: Channels,
    /// Short description for people, without control characters.
    pub detail: String,
    /// Time from the first request to the verdict.
    pub latency: Duration,
    /// URL that the verdict is based on.
    pub url: String,
}

impl ProbeResult {
    pub(super) fn timed_out(url: String, asked: Instant, why: &str) -> Self {
        Self {
            verdict: Verdict::Failing(ProbeFailure::ResponseTimeout),
            channels: Channels::default(),
            detail: why.to_owned(),
            latency: asked.elapsed(),
            url,
        }
    }

    /// Returns how far the probe got.
    pub(super) fn progress_rank(&self) -> u8 {
        match self.verdict {
            Verdict::Healthy { .. } => u8::MAX,
            Verdict::Failing(failure) => failure.progress_rank(),
        }
    }
}
