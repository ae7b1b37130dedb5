//! Paths and names that every sync uses.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::paths::DEFAULT_SYNC_DIR;
use crate::workspace::{push_request, ref_names};

/// Unit that pushes.
pub const PUSH_SERVICE: &str = "openclaw-sync-push.service";

/// Unit that pulls.
pub const PULL_SERVICE: &str = "openclaw-sync-pull.service";

/// Paths and names that every sync uses.
#[derive(Clone, Debug)]
pub struct SyncPaths {
    /// State folder with the reports and the lock; the workspace's owner owns it.
    pub state_folder: PathBuf,
    /// ssh program for git and rsync, by name or path.
    pub ssh_program: OsString,
    /// Name of this host, used in its branches.
    pub host_name: String,
    /// File in which root requests a push.
    pub push_request_file: PathBuf,
}

impl Default for SyncPaths {
    fn default() -> Self {
        Self {
            state_folder: DEFAULT_SYNC_DIR.into(),
            ssh_program: "ssh".into(),
            host_name: ref_names::host_name(),
            push_request_file: push_request::REQUEST_FILE.into(),
        }
    }
}

impl SyncPaths {
    /// Returns the path of the last pull's report.
    pub fn pull_report_file(&self) -> PathBuf {
        self.state_folder.join("pull.json")
    }

    /// Returns the path of the last push's report.
    pub fn push_report_file(&self) -> PathBuf {
        self.state_folder.join("push.json")
    }
}

/// True if this process runs in a sync unit.
pub(super) fn is_inside_unit() -> bool {
    // systemd sets this variable for the unit, and not for a shell.
    env::var_os("STATE_DIRECTORY").is_some_and(|state| Path::new(&state) == SyncPaths::default().state_folder)
}
