//! Worker for one webhook: one thread that delivers its messages.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::{NotificationTopic, NotifyConfig};
use crate::notify::delivery_cursor::{DeliveryCursor, TRANSITION_MAX_AGE};
use crate::notify::http_post::{DeliveryError, FailureKind, RetryPolicy};
use crate::notify::{CredentialStore, Message, http_post};
use crate::os::clock::Moment;
use crate::os::spawn;
use crate::status::metrics::DeliveryCounts;

/// Capacity of a webhook's queue, in messages. Conditions are dropped first.
const QUEUE_CAPACITY: usize = 64;

/// Limit on refused messages that are retried after the others; one more blocks the queue.
const MAX_REFUSED_MESSAGES: usize = 16;

/// Age after which a condition is no longer delivered: it may have changed.
const CONDITION_MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// Time limits and backoff of deliveries.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryTiming {
    /// Time limit for one attempt.
    pub attempt_timeout: Duration,
    /// Delay after the first failed attempt; it doubles with each further one.
    pub first_delay: Duration,
    /// Longest delay.
    pub max_delay: Duration,
}

impl Default for DeliveryTiming {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { attempt_timeout: seconds(10), first_delay: seconds(5), max_delay: seconds(5 * 60) }
    }
}

/// Configuration of a worker.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Webhook from the configuration.
    pub webhook: NotifyConfig,
    /// Store with its credential.
    pub credentials: CredentialStore,
    /// Name of this host.
    pub host: String,
    /// Path of the history.
    pub history_path: PathBuf,
    /// Path of the delivery cursor.
    pub cursor_path: PathBuf,
    /// Time limits and backoff.
    pub timing: DeliveryTiming,
}

/// Callback for when a webhook starts to fail, with the reason, and for when it has recovered.
pub type DeliveryCallback = Box<dyn Fn(Result<(), DeliveryError>) + Send>;

/// Handle of a worker's thread. When dropped, the thread ends after its current attempt.
pub struct WebhookWorker {
    webhook: String,
    topics: Vec<NotificationTopic>,
    shared: Arc<SharedQueue>,
}

struct SharedQueue {
    queue: Mutex<DeliveryQueue>,
    wakeup: Condvar,
}

/// Queued message, with its age by the monotonic clock.
#[derive(Clone)]
struct QueuedMessage {
    message: Arc<Message>,
    queued_at: Instant,
    /// Position in the order of events. A clock, which may be set, does not give the order.
    number: u64,
}

impl QueuedMessage {
    fn new(message: Arc<Message>) -> Self {
        Self { message, queued_at: Instant::now(), number: 0 }
    }

    /// True if it is too old for another attempt.
    fn is_stale(&self) -> bool {
        self.age() > if self.message.is_transition() { TRANSITION_MAX_AGE } else { CONDITION_MAX_AGE }
    }

    /// Returns the age of the message. For a message of an earlier boot, only the time in this queue counts, because no
    /// clock has measured more.
    fn age(&self) -> Duration {
        Moment::now().boot_time_since(self.message.moment()).unwrap_or_else(|| self.queued_at.elapsed())
    }
}

#[derive(Default)]
struct DeliveryQueue {
    messages: VecDeque<QueuedMessage>,
    /// True if the queue had no room for a transition. Until the history was read again, newer transitions are not
    /// queued either, so that the cursor does not move past the missing one.
    has_missed: bool,
    /// True if a transition was added since the last attempt.
    is_urgent: bool,
    is_closed: bool,
    /// Number of the last queued message.
    last_number: u64,
    delivered: u64,
    failed: u64,
}

impl WebhookWorker {
    /// Starts the thread. It first delivers the transitions that the last worker did not.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be created.
    pub fn start(config: WebhookConfig, report: DeliveryCallback) -> io::Result<Self> {
        let shared = Arc::new(SharedQueue { queue: Mutex::default(), wakeup: Condvar::new() });
        let webhook = &config.webhook;
        let worker =
            Self { webhook: webhook.credential.clone(), topics: webhook.events.clone(), shared: Arc::clone(&shared) };
        // A message after this time is new, however late the thread starts.
        let began = Moment::now();
        let delivery_thread = DeliveryThread {
            config,
            report,
            shared,
            started: began,
            failed_attempts: 0,
            last_attempt_at: None,
            retry_delay: Duration::ZERO,
            failure_kind: None,
            refused: VecDeque::new(),
            refused_retry_at: Instant::now(),
            cursor: None,
            latest_delivered: None,
        };
        spawn("webhook", move || delivery_thread.run())?;
        Ok(worker)
    }

    /// Queues a message if the webhook subscribes to its topic. Never blocks.
    pub fn enqueue(&self, message: &Arc<Message>) {
        if !message.is_about(&self.topics) {
            return;
        }
        let mut queue = self.shared.lock_queue();
        queue.push(QueuedMessage::new(Arc::clone(message)));
        self.shared.wakeup.notify_one();
    }

    /// Returns the number of deliveries and failed attempts.
    pub fn delivery_counts(&self) -> DeliveryCounts {
        let queue = self.shared.lock_queue();
        DeliveryCounts { webhook: self.webhook.clone(), delivered: queue.delivered, failed: queue.failed }
    }
}

impl Drop for WebhookWorker {
    fn drop(&mut self) {
        self.shared.lock_queue().is_closed = true;
        self.shared.wakeup.notify_one();
    }
}

impl SharedQueue {
    fn lock_queue(&self) -> MutexGuard<'_, DeliveryQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeliveryQueue {
    fn remove(&mut self, id: &str) {
        self.messages.retain(|known| known.message.id != id);
    }

    fn push(&mut self, waiting: QueuedMessage) {
        let message = &waiting.message;
        if self.has_missed || self.messages.iter().any(|known| known.message.id == message.id) {
            return;
        }
        if self.messages.len() == QUEUE_CAPACITY {
            match self.messages.iter().position(|known| !known.message.is_transition()) {
                Some(condition) => drop(self.messages.remove(condition)),
                None => {
                    self.has_missed |= message.is_transition();
                    return;
                }
            }
        }
        self.is_urgent |= message.is_transition();
        self.push_numbered(waiting);
    }

    fn push_numbered(&mut self, waiting: QueuedMessage) {
        self.last_number += 1;
        self.messages.push_back(QueuedMessage { number: self.last_number, ..waiting });
    }
}

struct DeliveryThread {
    config: WebhookConfig,
    report: DeliveryCallback,
    shared: Arc<SharedQueue>,
    started: Moment,
    /// Number of attempts in a row that have failed.
    failed_attempts: u32,
    /// End of the last attempt, and the delay after it, which `Retry-After` counts from the response (RFC 9110).
    last_attempt_at: Option<Instant>,
    retry_delay: Duration,
    /// Kind of the last reported failure; `None` while deliveries succeed.
    failure_kind: Option<FailureKind>,
    /// Messages that the service has refused. They are retried one at a time while the queue is empty.
    refused: VecDeque<QueuedMessage>,
    /// Time of the next such retry.
    refused_retry_at: Instant,
    /// Delivery cursor, even if it could not be written to disk.
    cursor: Option<DeliveryCursor>,
    /// Last delivered message with its number, while an older one is still refused.
    latest_delivered: Option<(u64, DeliveryCursor)>,
}

impl DeliveryThread {
    fn run(mut self) {
        self.queue_undelivered();
        while let Some(waiting) = self.next_message() {
            let limit = self.config.timing.attempt_timeout;
            let result =
                http_post::deliver_message(&self.config.webhook, &self.config.credentials, &waiting.message, limit);
            self.last_attempt_at = Some(Instant::now());
            self.count_attempt(result.is_ok());
            match &result {
                Ok(()) => {
                    (self.failed_attempts, self.retry_delay) = (0, Duration::ZERO);
                    self.refused_retry_at = Instant::now() + self.config.timing.first_delay;
                    self.mark_done(&waiting);
                }
                Err(refused) if waiting.is_stale() || refused.retry == RetryPolicy::Never => self.mark_done(&waiting),
                Err(refused) => self.schedule_retry(waiting, refused),
            }
            self.report_result(result);
        }
    }

    /// Schedules another attempt. A message that the service refuses does not delay the others.
    fn schedule_retry(&mut self, waiting: QueuedMessage, why: &DeliveryError) {
        let was_refused = self.refused.iter().any(|known| known.message.id == waiting.message.id);
        if why.retry == RetryPolicy::Slowly && (was_refused || self.refused.len() < MAX_REFUSED_MESSAGES) {
            self.shared.lock_queue().remove(&waiting.message.id);
            self.refused.retain(|known| known.message.id != waiting.message.id);
            self.refused.push_back(waiting);
            self.refused_retry_at = Instant::now() + self.config.timing.max_delay.max(why.retry_after);
            (self.failed_attempts, self.retry_delay) = (0, self.config.timing.first_delay.max(why.retry_after));
            return;
        }
        let doubled = self.config.timing.first_delay.saturating_mul(1 << self.failed_attempts.min(16));
        self.retry_delay = doubled.min(self.config.timing.max_delay).max(why.retry_after);
        self.failed_attempts = self.failed_attempts.saturating_add(1);
        if was_refused {
            self.refused_retry_at = Instant::now() + self.retry_delay;
        }
    }

    /// Waits for a message and for the time of its attempt. Returns `None` once the handle is dropped.
    fn next_message(&self) -> Option<QueuedMessage> {
        let mut queue = self.shared.lock_queue();
        loop {
            if queue.is_closed {
                return None;
            }
            // A new transition is tried soon, however long the webhook has failed.
            let wait =
                if queue.is_urgent { self.retry_delay.min(self.config.timing.first_delay) } else { self.retry_delay };
            let left = self.last_attempt_at.map_or(Duration::ZERO, |tried| wait.saturating_sub(tried.elapsed()));
            let refused_left = self.refused_retry_at.saturating_duration_since(Instant::now());
            let (next, left) = match (queue.messages.front(), self.refused.front()) {
                (Some(waiting), _) => (waiting.clone(), left),
                (None, Some(refused)) => (refused.clone(), refused_left),
                (None, None) => {
                    queue = self.shared.wakeup.wait(queue).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
            };
            if left.is_zero() {
                queue.is_urgent = false;
                return Some(next);
            }
            let waited = self.shared.wakeup.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Records a message as delivered or given up.
    fn mark_done(&mut self, waiting: &QueuedMessage) {
        let message = &waiting.message;
        self.refused.retain(|known| known.message.id != message.id);
        let mut queue = self.shared.lock_queue();
        queue.remove(&message.id);
        let is_behind = queue.has_missed && queue.messages.is_empty();
        drop(queue);
        if is_behind {
            // Retries would delay the transitions that are only in the history.
            self.refused.clear();
        }
        let cursor = DeliveryCursor { at: message.at, boot: message.boot, id: message.id.clone() };
        let this = (waiting.number, cursor);
        let latest = self.latest_delivered.take().filter(|(number, _)| *number > waiting.number).unwrap_or(this);
        if self.refused.is_empty() {
            latest.1.save(&self.config.cursor_path);
            self.cursor = Some(latest.1);
        } else {
            self.latest_delivered = Some(latest);
        }
        if is_behind {
            self.queue_undelivered();
        }
    }

    /// Queues the undelivered transitions of the history before the present queue.
    fn queue_undelivered(&self) {
        let (config, now) = (&self.config, Moment::now());
        let Some(cursor) = self.cursor.clone().or_else(|| DeliveryCursor::load(&config.cursor_path, now.wall_time))
        else {
            DeliveryCursor { at: self.started.wall_time, boot: self.started.boot_time, id: String::new() }
                .save(&config.cursor_path);
            self.shared.lock_queue().has_missed = false;
            return;
        };
        let behind = cursor.undelivered_messages(
            &config.history_path,
            &config.host,
            &config.webhook.events,
            now,
            QUEUE_CAPACITY,
        );
        let mut queue = self.shared.lock_queue();
        queue.has_missed = behind.len() == QUEUE_CAPACITY;
        let waiting = std::mem::take(&mut queue.messages);
        behind.into_iter().for_each(|message| queue.push_numbered(QueuedMessage::new(message)));
        waiting.into_iter().for_each(|waiting| queue.push(waiting));
    }

    fn count_attempt(&self, is_delivered: bool) {
        let mut queue = self.shared.lock_queue();
        let count = if is_delivered { &mut queue.delivered } else { &mut queue.failed };
        *count += 1;
    }

    /// Reports when the webhook starts to fail, fails in another way, or has recovered.
    fn report_result(&mut self, result: Result<(), DeliveryError>) {
        match result {
            Ok(()) if self.refused.is_empty() && self.failure_kind.take().is_some() => (self.report)(Ok(())),
            Ok(()) => {}
            Err(refused) if self.failure_kind == Some(refused.kind) => {}
            Err(refused) => {
                self.failure_kind = Some(refused.kind);
                (self.report)(Err(refused));
            }
        }
    }
}
