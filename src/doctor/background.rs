//! The owner's cheap half, looked at beside a pull.
//!
//! A promotion may be waiting for that pull, so it must not become longer for this: while it waits for its remote, another
//! thread looks, and what that thread has not seen when the pull ends is left to the next one.

use std::io;
use std::sync::mpsc::{
    Receiver, {self},
};
use std::time::Duration;

use crate::config::paths::Paths;
use crate::config::{Config, Source};
use crate::doctor::context::World;
use crate::doctor::{Depth, Half, look};
use crate::finding::{Checked, ReportedCheck};
use crate::os::spawn;
use crate::text::printable;

/// How much longer than the pull it may take. It takes a tenth of that; a pull that ends at once has nobody waiting.
const GRACE: Duration = Duration::from_millis(100);

/// How many characters of evidence travel in a report, which must not become too long.
const SHORT: usize = 200;

/// A look that is under way.
pub struct Beside(io::Result<Receiver<Vec<Checked>>>);

impl Beside {
    /// Begins to look. This process must be the owner's.
    #[must_use]
    pub fn begin(config: &Config, source: &Source, paths: Paths) -> Self {
        let (config, source) = (config.clone(), source.clone());
        let (found, looked) = mpsc::channel();
        let look = move || {
            let world = World::own(config, source, paths);
            let mut seen = look(&world, Depth::Cheap, Half::Owners);
            for checked in &mut seen {
                checked.said.evidence = printable(&checked.said.evidence, SHORT);
            }
            // The pull may have ended without it.
            let _ = found.send(seen);
        };
        Self(spawn("look", look).map(|()| looked))
    }

    /// What it has found; nothing where it has not ended yet.
    #[must_use]
    pub fn end(&self) -> Vec<ReportedCheck> {
        let found = self.0.as_ref().ok().and_then(|looked| looked.recv_timeout(GRACE).ok());
        found.unwrap_or_default().into_iter().map(ReportedCheck::from).collect()
    }
}
