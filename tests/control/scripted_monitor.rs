//! Control socket with a scripted monitor.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openclaw_failover::control::{self, ControlResponse, Refusal, Request};
use openclaw_failover::failover::{Hold, RoleKind};
use openclaw_failover::status::{RoleStatus, Status};
use openclaw_failover::text::Time;
use tempfile::TempDir;

/// Generous, for busy machines.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Socket, and the requests received on it.
pub(crate) struct ScriptedMonitor {
    folder: TempDir,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl ScriptedMonitor {
    /// Answers the n-th request, from 0, as `script` says.
    pub(crate) fn open(script: impl Fn(usize, &Request) -> Result<ControlResponse, Refusal> + Send + 'static) -> Self {
        let monitor = Self { folder: tempfile::tempdir().unwrap(), asked: Arc::default() };
        let asked = Arc::clone(&monitor.asked);
        let decide = move |request: &Request| {
            let mut asked = asked.lock().unwrap();
            asked.push(request.clone());
            script(asked.len() - 1, request)
        };
        control::serve(&monitor.socket(), Box::new(decide)).unwrap();
        monitor
    }

    /// Returns the monitor's runtime directory.
    pub(crate) fn run_dir(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.run_dir().join("control.sock")
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// Sends one request, and returns the response.
    pub(crate) fn send(&self, request: &Request) -> ControlResponse {
        control::send_request(&self.socket(), request, WAIT_LIMIT).unwrap()
    }
}

/// Returns a response with this role, hold and these events.
pub(crate) fn response(role: &str, hold: Option<Hold>, said: &[&str]) -> ControlResponse {
    let role = RoleStatus { kind: RoleKind::from_name(role).unwrap().into(), ..RoleStatus::default() };
    ControlResponse {
        events: said.iter().map(|&sentence| sentence.to_owned()).collect(),
        next_event: 7,
        time_limit: Duration::from_secs(300),
        status: Status { role, hold, updated_at: Time::from_millis(1_795_300_000_000), ..Status::default() },
    }
}
