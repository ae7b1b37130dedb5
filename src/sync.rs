//! The workspace's and the secrets' way in.
//!
//! A pull belongs to whoever owns the workspace: it runs git in folders where an agent writes, so nobody else, and
//! least of all root, may run it there. Everybody else starts its unit and reads its report. It is only ever a
//! helper: what goes wrong is reported, and never stands in the way of a promotion.
//!
//! - [`pull`]: fetch, fast-forward, copy the secrets.
//! - [`report`]: what came of it, and how the monitor reads that without trusting it.
//! - [`unit`]: whose turn it is, and the same pull by way of systemd.

mod git;
mod lock;
pub mod report;
mod secrets;
mod ssh;
pub mod unit;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;

use lock::Lock;
pub use report::Report;
use report::{Outcome, Pulled};

use crate::config::{Secret, Workspace};
use crate::host::Cancel;
use crate::report::clock::wall_clock as now;
use crate::report::paths::SYNC;

/// Where a pull keeps its report, and how it reaches other hosts.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The folder of the report and the lock; it belongs to the workspace's owner.
    pub state: PathBuf,
    /// The ssh that git and rsync use, by name or path.
    pub ssh: OsString,
}

impl Default for Paths {
    fn default() -> Self {
        Self { state: SYNC.into(), ssh: "ssh".into() }
    }
}

impl Paths {
    /// The report of the last pull.
    #[must_use]
    pub fn pull_report(&self) -> PathBuf {
        self.state.join("pull.json")
    }
}

/// What a pull may do to the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Fetch, and move the workspace to what was fetched.
    Move,
    /// Fetch only: an agent may be at work in it.
    Fetch,
}

/// Pulls once and leaves a report behind, in `paths.state` and as the answer.
///
/// `cancel` stops it while it fetches or copies; a move of the tree runs to its end, for half a tree is worse than an
/// old one. Two pulls never overlap: the second says [`Outcome::Busy`] and leaves no report.
#[must_use]
pub fn pull(workspace: &Workspace, secrets: &[Secret], paths: &Paths, reach: Reach, cancel: &Cancel) -> Report {
    let started = now();
    let lock = match Lock::take(&paths.state) {
        Ok(Some(lock)) => lock,
        Ok(None) => return Report::new(started, Pulled::not(Outcome::Busy, "")),
        Err(why) => {
            let why = format!("cannot lock {}: {why}", paths.state.display());
            return Report::new(started, Pulled::not(Outcome::Failed, &why));
        }
    };
    let mut report = Report::new(started, workspace::pull(workspace, paths, reach, cancel));
    report.secrets = secrets::copy(secrets, paths, cancel);
    report.ended = now();
    report.remember(report::read_own(&paths.pull_report()));
    if let Err(why) = report.write(&paths.pull_report()) {
        log::error!("{why}");
    }
    drop(lock);
    report
}
