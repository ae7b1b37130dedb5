//! Control socket with a scripted monitor.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openclaw_failover::control::{
    Answer, Request, {self},
};
use openclaw_failover::failover::Hold;
use openclaw_failover::status::{Role, Status};
use openclaw_failover::text::Time;
use tempfile::TempDir;

/// Generous, for busy machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Socket, and the requests received on it.
pub(crate) struct Desk {
    folder: TempDir,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Desk {
    /// Answers the n-th request, from 0, as `script` says.
    pub(crate) fn open(script: impl Fn(usize, &Request) -> Result<Answer, String> + Send + 'static) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), asked: Arc::default() };
        let asked = Arc::clone(&desk.asked);
        let decide = move |request: &Request| {
            let mut asked = asked.lock().unwrap();
            asked.push(request.clone());
            script(asked.len() - 1, request).map(|answer| answer.to_line())
        };
        control::serve(&desk.socket(), Box::new(decide)).unwrap();
        desk
    }

    /// Returns the monitor's runtime directory.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder().join("control.sock")
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// Sends one request, and returns the response.
    pub(crate) fn ask(&self, request: &Request) -> Answer {
        control::ask(&self.socket(), request, PATIENCE).unwrap()
    }
}

/// Returns a response with this role, hold and these events.
pub(crate) fn answer(role: &str, hold: Option<Hold>, said: &[&str]) -> Answer {
    let role = Role { name: role.to_owned(), ..Role::default() };
    Answer {
        said: said.iter().map(|&sentence| sentence.to_owned()).collect(),
        next: 7,
        within: Duration::from_secs(300),
        status: Status { role, hold, updated_at: Time::from_millis(1_795_300_000_000), ..Status::default() },
    }
}
