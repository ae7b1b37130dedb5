//! The dead man's switch: whoever waits for it raises the alarm when nothing comes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{
    RecvTimeoutError, Sender, {self},
};
use std::time::{Duration, Instant};

use crate::config;
use crate::notify::webhook_worker::Told;
use crate::notify::{Pace, Vault, post};
use crate::os::spawn;

/// Word that all is well holds so long: the main loop gives it every few seconds.
const HOLDS: Duration = Duration::from_secs(20);

/// How soon it is looked again whether all is well, while it is not.
const LOOK: Duration = Duration::from_secs(2);

/// The way to the heartbeat's thread, which ends when this is dropped.
pub struct Heartbeat {
    began: Instant,
    /// Until when all is well, in milliseconds since it began.
    well: Arc<AtomicU64>,
    _alive: Sender<()>,
}

impl Heartbeat {
    /// Starts the thread. It beats once somebody has said that all is well.
    ///
    /// # Errors
    /// When the system gives us no thread.
    pub fn start(config: config::Heartbeat, vault: Vault, told: Told) -> io::Result<Self> {
        let (alive, ended) = mpsc::channel();
        let heartbeat = Self { began: Instant::now(), well: Arc::default(), _alive: alive };
        let (began, well) = (heartbeat.began, Arc::clone(&heartbeat.well));
        spawn("heartbeat", move || {
            let pause = |pause| matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout));
            let mut is_failing = false;
            let mut next = LOOK;
            while pause(next) {
                let asked = Instant::now();
                next = LOOK;
                if since(began) <= well.load(Ordering::Relaxed) {
                    let limit = Pace::default().attempt;
                    let result = post::beat(&config.credential, config.ca_file.as_deref(), &vault, limit);
                    if result.is_err() != std::mem::replace(&mut is_failing, result.is_err()) {
                        told(result.map_err(|refused| refused.why));
                    }
                    next = config.interval.saturating_sub(asked.elapsed());
                }
            }
        })?;
        Ok(heartbeat)
    }

    /// Says that all is well just now. Never waits.
    pub fn is_well(&self) {
        self.well.store(since(self.began) + HOLDS.as_millis() as u64, Ordering::Relaxed);
    }
}

fn since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
