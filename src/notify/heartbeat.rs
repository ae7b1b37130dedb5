//! Heartbeat for a dead man's switch, which raises an alarm when it stops.

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

/// Time for which a report of the main loop counts; it reports every few seconds.
const HOLDS: Duration = Duration::from_secs(20);

/// Interval at which the report is checked while there is none.
const LOOK: Duration = Duration::from_secs(2);

/// Handle of the heartbeat's thread, which ends when this is dropped.
pub struct Heartbeat {
    began: Instant,
    /// Time until which the last report counts, in milliseconds since the start.
    well: Arc<AtomicU64>,
    _alive: Sender<()>,
}

impl Heartbeat {
    /// Starts the thread. The first heartbeat follows the first report.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be created.
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

    /// Reports that the monitor is well. Never blocks.
    pub fn is_well(&self) {
        self.well.store(since(self.began) + HOLDS.as_millis() as u64, Ordering::Relaxed);
    }
}

fn since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
