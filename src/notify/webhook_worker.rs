//! Worker for one webhook: one thread that delivers its messages.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::{Notify, Topic};
use crate::notify::delivery_cursor::{Mark, STALE};
use crate::notify::post::{Refused, Retry};
use crate::notify::{Message, Vault, post};
use crate::os::boot_time::Moment;
use crate::os::spawn;
use crate::status::metrics::Sent;

/// Capacity of a webhook's queue, in messages. Conditions are dropped first.
const ROOM: usize = 64;

/// Limit on refused messages that are retried after the others; one more blocks the queue.
const MAX_REFUSED: usize = 16;

/// Age after which a condition is no longer delivered: it may have changed.
const OLD: Duration = Duration::from_secs(60 * 60);

/// Time limits and backoff of deliveries.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time limit for one attempt.
    pub attempt: Duration,
    /// Delay after the first failed attempt; it doubles with each further one.
    pub first: Duration,
    /// Longest delay.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { attempt: seconds(10), first: seconds(5), longest: seconds(5 * 60) }
    }
}

/// Configuration of a worker.
#[derive(Clone, Debug)]
pub struct Way {
    /// Webhook from the configuration.
    pub webhook: Notify,
    /// Store with its credential.
    pub vault: Vault,
    /// Name of this host.
    pub host: String,
    /// Path of the history.
    pub history: PathBuf,
    /// Path of the delivery cursor.
    pub mark: PathBuf,
    /// Time limits and backoff.
    pub pace: Pace,
}

/// Callback for when a webhook starts to fail, with the reason, and for when it has recovered.
pub type Told = Box<dyn Fn(Result<(), String>) + Send>;

/// Handle of a worker's thread. When dropped, the thread ends after its current attempt.
pub struct Courier {
    webhook: String,
    about: Vec<Topic>,
    desk: Arc<Desk>,
}

struct Desk {
    tray: Mutex<Tray>,
    bell: Condvar,
}

/// Queued message, with its age by the monotonic clock.
#[derive(Clone)]
struct Waiting {
    message: Arc<Message>,
    since: Instant,
    /// Its place in the order of what has happened. No clock tells that: one may be set in between.
    number: u64,
}

impl Waiting {
    fn new(message: Arc<Message>) -> Self {
        Self { message, since: Instant::now(), number: 0 }
    }

    /// True if it is too old for another attempt.
    fn is_stale(&self) -> bool {
        self.age() > if self.message.is_transition() { STALE } else { OLD }
    }

    /// Returns the age of the message. For a message of an earlier boot, only the time in this queue counts, because no
    /// clock has measured more.
    fn age(&self) -> Duration {
        Moment::now().measured_since(self.message.moment()).unwrap_or_else(|| self.since.elapsed())
    }
}

#[derive(Default)]
struct Tray {
    queue: VecDeque<Waiting>,
    /// True if the queue had no room for a transition. Until the history was read again, newer transitions are not
    /// queued either, so that the cursor does not move past the missing one.
    missed: bool,
    /// True if a transition was added since the last attempt.
    urgent: bool,
    closed: bool,
    /// Number of the last queued message.
    last_number: u64,
    delivered: u64,
    failed: u64,
}

impl Courier {
    /// Starts the thread. It first delivers the transitions that the last worker did not.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be created.
    pub fn start(way: Way, told: Told) -> io::Result<Self> {
        let desk = Arc::new(Desk { tray: Mutex::default(), bell: Condvar::new() });
        let webhook = &way.webhook;
        let courier =
            Self { webhook: webhook.credential.clone(), about: webhook.topics.clone(), desk: Arc::clone(&desk) };
        // A message after this time is new, however late the thread starts.
        let began = Moment::now();
        let errand = Errand {
            way,
            told,
            desk,
            began,
            failed: 0,
            tried: None,
            wait: Duration::ZERO,
            failing: None,
            refused: VecDeque::new(),
            refused_due: Instant::now(),
            mark: None,
            ahead: None,
        };
        spawn("courier", move || errand.run())?;
        Ok(courier)
    }

    /// Queues a message if the webhook subscribes to its topic. Never blocks.
    pub fn take(&self, message: &Arc<Message>) {
        if !message.is_about(&self.about) {
            return;
        }
        let mut tray = self.desk.tray();
        tray.put(Waiting::new(Arc::clone(message)));
        self.desk.bell.notify_one();
    }

    /// Returns the number of deliveries and failed attempts.
    #[must_use]
    pub fn sent(&self) -> Sent {
        let tray = self.desk.tray();
        Sent { webhook: self.webhook.clone(), delivered: tray.delivered, failed: tray.failed }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.desk.tray().closed = true;
        self.desk.bell.notify_one();
    }
}

impl Desk {
    fn tray(&self) -> MutexGuard<'_, Tray> {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tray {
    fn remove(&mut self, id: &str) {
        self.queue.retain(|known| known.message.id != id);
    }

    fn put(&mut self, waiting: Waiting) {
        let message = &waiting.message;
        if self.missed || self.queue.iter().any(|known| known.message.id == message.id) {
            return;
        }
        if self.queue.len() == ROOM {
            match self.queue.iter().position(|known| !known.message.is_transition()) {
                Some(condition) => drop(self.queue.remove(condition)),
                None => {
                    self.missed |= message.is_transition();
                    return;
                }
            }
        }
        self.urgent |= message.is_transition();
        self.push(waiting);
    }

    fn push(&mut self, waiting: Waiting) {
        self.last_number += 1;
        self.queue.push_back(Waiting { number: self.last_number, ..waiting });
    }
}

struct Errand {
    way: Way,
    told: Told,
    desk: Arc<Desk>,
    began: Moment,
    /// Number of attempts in a row that have failed.
    failed: u32,
    /// Start of the last attempt, and the delay after it.
    tried: Option<Instant>,
    wait: Duration,
    /// Kind of the last reported failure; `None` while deliveries succeed.
    failing: Option<String>,
    /// Messages that the service has refused. They are retried one at a time while the queue is empty.
    refused: VecDeque<Waiting>,
    /// Time of the next such retry.
    refused_due: Instant,
    /// Delivery cursor, even if it could not be written to disk.
    mark: Option<Mark>,
    /// Last delivered message with its number, while an older one is still refused.
    ahead: Option<(u64, Mark)>,
}

impl Errand {
    fn run(mut self) {
        self.go_back();
        while let Some(waiting) = self.next() {
            self.tried = Some(Instant::now());
            let limit = self.way.pace.attempt;
            let result = post::deliver(&self.way.webhook, &self.way.vault, &waiting.message, limit);
            self.count(result.is_ok());
            match &result {
                Ok(()) => {
                    (self.failed, self.wait) = (0, Duration::ZERO);
                    self.refused_due = Instant::now() + self.way.pace.first;
                    self.done(&waiting);
                }
                Err(refused) if waiting.is_stale() || refused.retry == Retry::Never => self.done(&waiting),
                Err(refused) => self.put_off(waiting, refused),
            }
            self.tell(result);
        }
    }

    /// Schedules another attempt. A message that the service refuses does not delay the others.
    fn put_off(&mut self, waiting: Waiting, why: &Refused) {
        let was_refused = self.refused.iter().any(|known| known.message.id == waiting.message.id);
        if why.retry == Retry::Slowly && (was_refused || self.refused.len() < MAX_REFUSED) {
            self.desk.tray().remove(&waiting.message.id);
            self.refused.retain(|known| known.message.id != waiting.message.id);
            self.refused.push_back(waiting);
            self.refused_due = Instant::now() + self.way.pace.longest.max(why.wait);
            (self.failed, self.wait) = (0, self.way.pace.first.max(why.wait));
            return;
        }
        let doubled = self.way.pace.first.saturating_mul(1 << self.failed.min(16));
        self.wait = doubled.min(self.way.pace.longest).max(why.wait);
        self.failed = self.failed.saturating_add(1);
        if was_refused {
            self.refused_due = Instant::now() + self.wait;
        }
    }

    /// Waits for a message and for the time of its attempt. Returns `None` once the handle is dropped.
    fn next(&self) -> Option<Waiting> {
        let mut tray = self.desk.tray();
        loop {
            if tray.closed {
                return None;
            }
            // A new transition is tried soon, however long the webhook has failed.
            let wait = if tray.urgent { self.wait.min(self.way.pace.first) } else { self.wait };
            let left = self.tried.map_or(Duration::ZERO, |tried| wait.saturating_sub(tried.elapsed()));
            let refused_left = self.refused_due.saturating_duration_since(Instant::now());
            let (next, left) = match (tray.queue.front(), self.refused.front()) {
                (Some(waiting), _) => (waiting.clone(), left),
                (None, Some(refused)) => (refused.clone(), refused_left),
                (None, None) => {
                    tray = self.desk.bell.wait(tray).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
            };
            if left.is_zero() {
                tray.urgent = false;
                return Some(next);
            }
            let waited = self.desk.bell.wait_timeout(tray, left);
            tray = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Records a message as delivered or given up.
    fn done(&mut self, waiting: &Waiting) {
        let message = &waiting.message;
        self.refused.retain(|known| known.message.id != message.id);
        let mut tray = self.desk.tray();
        tray.remove(&message.id);
        let is_behind = tray.missed && tray.queue.is_empty();
        drop(tray);
        if is_behind {
            // Retries would delay the transitions that are only in the history.
            self.refused.clear();
        }
        let mark = Mark { at: message.at, boot: message.boot, id: message.id.clone() };
        let this = (waiting.number, mark);
        let latest = self.ahead.take().filter(|(number, _)| *number > waiting.number).unwrap_or(this);
        if self.refused.is_empty() {
            latest.1.save(&self.way.mark);
            self.mark = Some(latest.1);
        } else {
            self.ahead = Some(latest);
        }
        if is_behind {
            self.go_back();
        }
    }

    /// Queues the undelivered transitions of the history before the present queue.
    fn go_back(&self) {
        let (way, now) = (&self.way, Moment::now());
        let Some(mark) = self.mark.clone().or_else(|| Mark::load(&way.mark, now.label)) else {
            Mark { at: self.began.label, boot: self.began.boot, id: String::new() }.save(&way.mark);
            self.desk.tray().missed = false;
            return;
        };
        let behind = mark.behind(&way.history, &way.host, &way.webhook.topics, now, ROOM);
        let mut tray = self.desk.tray();
        tray.missed = behind.len() == ROOM;
        let waiting = std::mem::take(&mut tray.queue);
        behind.into_iter().for_each(|message| tray.push(Waiting::new(message)));
        waiting.into_iter().for_each(|waiting| tray.put(waiting));
    }

    fn count(&self, is_delivered: bool) {
        let mut tray = self.desk.tray();
        let count = if is_delivered { &mut tray.delivered } else { &mut tray.failed };
        *count += 1;
    }

    /// Reports when the webhook starts to fail, fails in another way, or has recovered.
    fn tell(&mut self, result: Result<(), Refused>) {
        match result {
            Ok(()) if self.refused.is_empty() && self.failing.take().is_some() => (self.told)(Ok(())),
            Ok(()) => {}
            Err(refused) if self.failing.as_ref() == Some(&refused.kind) => {}
            Err(refused) => {
                self.failing = Some(refused.kind);
                (self.told)(Err(refused.why));
            }
        }
    }
}
