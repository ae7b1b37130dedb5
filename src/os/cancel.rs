//! Cancellation of running commands.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::os::child_wait::Waker;
use crate::os::thread::spawn;

/// Cancellation handle: pass one to [`ChildCommand::cancel`](crate::os::ChildCommand::cancel) and keep a clone to
/// end the command from another thread. Permanent once cancelled. One running command per handle, the latest.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Mutex<CancelState>>);

#[derive(Default)]
struct CancelState {
    cancelled: bool,
    waker: Option<Waker>,
}

impl Cancel {
    /// Creates a handle that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a handle that TERM, INT and HUP cancel. From then on these signals no longer end the process.
    ///
    /// # Errors
    /// When the signals cannot be caught or no thread can be started.
    pub fn on_signals() -> io::Result<Self> {
        let cancel = Self::new();
        let theirs = cancel.clone();
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        spawn("signals", move || signals.forever().for_each(|_| theirs.cancel()))?;
        Ok(cancel)
    }

    /// Ends the running command, and every command started with this handle later.
    pub fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        if let Some(bell) = &state.waker {
            bell.wake();
        }
    }

    /// True if cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    pub(super) fn set_waker(&self, bell: Waker) {
        self.lock().waker = Some(bell);
    }

    pub(super) fn clear_waker(&self) {
        self.lock().waker = None;
    }

    fn lock(&self) -> MutexGuard<'_, CancelState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
