//! Notifications: one delivery thread per webhook, and the heartbeat.

use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use crate::config::Config;
use crate::config::paths::Paths;
use crate::events::HistoryEntry;
use crate::monitor::messages::{MessageSender, MonitorMessage};
use crate::notify::{
    CredentialStore, DeliveryCallback, DeliveryTiming, Heartbeat, Message, RateLimiter, WebhookConfig, WebhookWorker,
};
use crate::status::metrics::DeliveryCounts;
use crate::text::Time;

/// Longest interval between reports to the heartbeat, half of their validity.
const HEARTBEAT_REPORT_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Notifier {
    /// Serial number that tells the results of these delivery threads from late results of earlier ones.
    pub(super) serial: u64,
    webhook_workers: Vec<WebhookWorker>,
    heartbeat: Option<Heartbeat>,
    rate_limiter: RateLimiter,
    host: String,
    /// Hold-down of an upstream that does not flap.
    pub(super) steady_hold_down: Duration,
}

impl Notifier {
    pub(super) fn start(
        serial: u64,
        config: &Config,
        paths: &Paths,
        message_sender: &MessageSender,
    ) -> io::Result<Self> {
        let (host, credentials) = (host_name(), CredentialStore::from_env());
        let callback_for = |who: &str| -> DeliveryCallback {
            let (who, message_sender) = (who.to_owned(), message_sender.clone());
            Box::new(move |result| {
                message_sender.send(MonitorMessage::DeliveryResult { serial, who: who.clone(), result });
            })
        };
        let mut webhook_workers = Vec::new();
        for webhook in &config.notify {
            let worker_config = WebhookConfig {
                webhook: webhook.clone(),
                credentials: credentials.clone(),
                host: host.clone(),
                history_path: paths.history_file(),
                cursor_path: paths.delivery_cursor_file(&webhook.credential),
                timing: DeliveryTiming::default(),
            };
            webhook_workers.push(WebhookWorker::start(worker_config, callback_for(&webhook.credential))?);
        }
        let heartbeat = match &config.heartbeat {
            Some(beat) => Some(Heartbeat::start(beat.clone(), credentials, callback_for(&beat.credential))?),
            None => None,
        };
        Ok(Self {
            serial,
            webhook_workers,
            heartbeat,
            rate_limiter: RateLimiter::default(),
            host,
            steady_hold_down: config.demote.after,
        })
    }

    /// Passes an entry to the delivery threads. Never blocks.
    pub(super) fn deliver_entry(&mut self, entry: &HistoryEntry) {
        if self.webhook_workers.is_empty() {
            return;
        }
        let message = Message::from_entry(&entry.to_json(), &self.host, self.steady_hold_down);
        if let Some(message) = message.filter(|message| self.rate_limiter.allows(message)) {
            let message = Arc::new(message);
            self.webhook_workers.iter().for_each(|worker| worker.enqueue(&message));
        }
    }

    /// Returns the delivery counts of each webhook.
    pub(super) fn delivery_counts(&self) -> Vec<DeliveryCounts> {
        self.webhook_workers.iter().map(WebhookWorker::delivery_counts).collect()
    }

    /// Returns the latest time of the next report to the heartbeat; `None` without one.
    pub(super) fn heartbeat_report_due_at(&self, reported_at: Time) -> Option<Time> {
        self.heartbeat.as_ref().map(|_| reported_at + HEARTBEAT_REPORT_INTERVAL)
    }

    /// Signals the heartbeat that the monitor works and this host can take over.
    pub(super) fn signal_heartbeat(&self) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.report_well();
        }
    }
}

/// Returns the name of this host. /etc/hostname comes first, because the monitor's sandbox hides /proc/sys.
pub(crate) fn host_name() -> String {
    let read = |path| fs::read_to_string(path).ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    read("/etc/hostname").or_else(|| read("/proc/sys/kernel/hostname")).unwrap_or_else(|| "the standby".to_owned())
}
