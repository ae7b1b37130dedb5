//! Cheap checks of the owner's half, run during a pull.
//!
//! A promotion may wait for that pull, so the checks must not make it longer. They run in a thread while the pull waits
//! for its remote. What they have not finished when the pull ends is left to the next pull.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::config::paths::Paths;
use crate::config::{Config, ConfigSource};
use crate::doctor::context::HostContext;
use crate::doctor::registry::{CheckHalf, Depth, run_checks};
use crate::finding::{CheckOutcome, ReportedCheck};
use crate::os::spawn;
use crate::text::to_printable;

/// Time limit for the checks after the pull has ended. They take a tenth of it, so it matters only after a pull that
/// ends at once, when no promotion waits.
const RESULT_GRACE_PERIOD: Duration = Duration::from_millis(100);

/// Length limit of the evidence in a report, in characters.
const REPORTED_EVIDENCE_CHARS: usize = 200;

/// Checks that run in the background.
pub struct BackgroundChecks(io::Result<Receiver<Vec<CheckOutcome>>>);

impl BackgroundChecks {
    /// Starts the checks. This process must run as the owner.
    #[must_use]
    pub fn start(config: &Config, source: &ConfigSource, paths: Paths) -> Self {
        let (config, source) = (config.clone(), source.clone());
        let (sender, results) = mpsc::channel();
        let run = move || {
            let context = HostContext::for_owner(config, source, paths);
            let mut outcomes = run_checks(&context, Depth::Cheap, CheckHalf::Owner);
            for checked in &mut outcomes {
                checked.result.evidence = to_printable(&checked.result.evidence, REPORTED_EVIDENCE_CHARS);
            }
            // The pull may have ended without these results.
            let _ = sender.send(outcomes);
        };
        Self(spawn("owner-checks", run).map(|()| results))
    }

    /// Returns the results; none if the checks have not finished.
    #[must_use]
    pub fn finish(&self) -> Vec<ReportedCheck> {
        let found = self.0.as_ref().ok().and_then(|results| results.recv_timeout(RESULT_GRACE_PERIOD).ok());
        found.unwrap_or_default().into_iter().map(ReportedCheck::from).collect()
    }
}
