//! A wait that somebody else may end.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::os::child_wait::Bell;
use crate::os::thread::spawn;

/// Ends, from another thread, what runs under it: give one to [`Command::cancel`](crate::os::Command::cancel), keep a
/// clone. Once cancelled it stays so. It reaches one running command at a time, the latest.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cancelled: bool,
    bell: Option<Bell>,
}

impl Cancel {
    /// One that nobody has used yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that TERM, INT and HUP use. The process no longer dies of these signals, for good.
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

    /// Ends what runs under it, and whatever is started under it later.
    pub fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        if let Some(bell) = &state.bell {
            bell.ring();
        }
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    pub(super) fn attach(&self, bell: Bell) {
        self.lock().bell = Some(bell);
    }

    pub(super) fn detach(&self) {
        self.lock().bell = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
