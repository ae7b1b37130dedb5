//! Heartbeat for a dead man's switch, which raises an alarm when it stops.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::config;
use crate::notify::webhook_worker::DeliveryCallback;
use crate::notify::{CredentialStore, DeliveryTiming, http_post};
use crate::os::spawn;

/// Time for which a report of the main loop counts; it reports every few seconds.
const REPORT_VALIDITY: Duration = Duration::from_secs(20);

/// Interval at which the report is checked while there is none.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Handle of the heartbeat's thread, which ends when this is dropped.
pub struct Heartbeat {
    started: Instant,
    /// Time until which the last report counts, in milliseconds since the start.
    well_until_ms: Arc<AtomicU64>,
    _alive: Sender<()>,
}

impl Heartbeat {
    /// Starts the thread. The first heartbeat follows the first report.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be created.
    pub fn start(
        config: config::HeartbeatConfig,
        credentials: CredentialStore,
        report: DeliveryCallback,
    ) -> io::Result<Self> {
        let (alive, ended) = mpsc::channel();
        let heartbeat = Self { started: Instant::now(), well_until_ms: Arc::default(), _alive: alive };
        let (began, well) = (heartbeat.started, Arc::clone(&heartbeat.well_until_ms));
        spawn("heartbeat", move || {
            let pause = |pause| matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout));
            let mut is_failing = false;
            let mut next = POLL_INTERVAL;
            while pause(next) {
                let asked = Instant::now();
                next = POLL_INTERVAL;
                if millis_since(began) <= well.load(Ordering::Relaxed) {
                    let limit = DeliveryTiming::default().attempt_timeout;
                    let result =
                        http_post::send_heartbeat(&config.credential, config.ca_file.as_deref(), &credentials, limit);
                    if result.is_err() != std::mem::replace(&mut is_failing, result.is_err()) {
                        report(result);
                    }
                    next = config.interval.saturating_sub(asked.elapsed());
                }
            }
        })?;
        Ok(heartbeat)
    }

    /// Reports that the monitor is well. Never blocks.
    pub fn report_well(&self) {
        self.well_until_ms.store(millis_since(self.started) + REPORT_VALIDITY.as_millis() as u64, Ordering::Relaxed);
    }
}

fn millis_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
