//! A courier: the one thread that brings messages to one webhook.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::mark::{Mark, STALE};
use super::post::{Refused, Retry};
use super::{Message, Vault, post};
use crate::config::{Notify, Topic};
use crate::host::spawn;
use crate::report::boot_time::Moment;
use crate::report::metrics::Sent;

/// So many messages wait for a webhook; conditions make way first.
const ROOM: usize = 64;

/// Limit of refused messages that wait behind the others; one more holds up the queue.
const MAX_REFUSED: usize = 16;

/// What is written of a condition an hour late is not how things are.
const OLD: Duration = Duration::from_secs(60 * 60);

/// How a courier goes about it.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long one try may take.
    pub attempt: Duration,
    /// How long to wait after the first failed try; twice that after the second, and so on.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { attempt: seconds(10), first: seconds(5), longest: seconds(5 * 60) }
    }
}

/// Where a courier finds and leaves what it needs.
#[derive(Clone, Debug)]
pub struct Way {
    /// The webhook.
    pub webhook: Notify,
    /// Its credential's place.
    pub vault: Vault,
    /// The name of this host.
    pub host: String,
    /// The history.
    pub history: PathBuf,
    /// Where the courier keeps how far it has come.
    pub mark: PathBuf,
    /// How it goes about it.
    pub pace: Pace,
}

/// Hears when a webhook begins to fail and why, and when it is well again.
pub type Told = Box<dyn Fn(Result<(), String>) + Send>;

/// The way to a courier's thread, which ends after its current try when this is dropped.
pub struct Courier {
    webhook: String,
    about: Vec<Topic>,
    desk: Arc<Desk>,
}

struct Desk {
    tray: Mutex<Tray>,
    bell: Condvar,
}

/// A waiting message with its age, by the monotonic clock.
#[derive(Clone)]
struct Waiting {
    message: Arc<Message>,
    since: Instant,
    /// Position in the order of events. No clock tells that: one may be set in between.
    number: u64,
}

impl Waiting {
    fn new(message: Arc<Message>) -> Self {
        Self { message, since: Instant::now(), number: 0 }
    }

    /// True if it is not worth another try.
    fn is_stale(&self) -> bool {
        self.age() > if self.message.is_transition() { STALE } else { OLD }
    }

    /// Age of a message of this boot. Of an older one only the time counts in which it has waited here, because no clock
    /// has measured more.
    fn age(&self) -> Duration {
        Moment::now().measured_since(self.message.moment()).unwrap_or_else(|| self.since.elapsed())
    }
}

#[derive(Default)]
struct Tray {
    queue: VecDeque<Waiting>,
    /// A transition found no room. The history has it, and until it was looked up there nothing newer is taken, so that
    /// nobody takes the one for delivered because the other is.
    missed: bool,
    /// A transition has come since the last try.
    urgent: bool,
    closed: bool,
    /// The number of the last message that was queued.
    last_number: u64,
    delivered: u64,
    failed: u64,
}

impl Courier {
    /// Starts the thread. It begins with the transitions that the last one did not deliver.
    ///
    /// # Errors
    /// When the system gives us no thread.
    pub fn start(way: Way, told: Told) -> io::Result<Self> {
        let desk = Arc::new(Desk { tray: Mutex::default(), bell: Condvar::new() });
        let webhook = &way.webhook;
        let courier =
            Self { webhook: webhook.credential.clone(), about: webhook.topics.clone(), desk: Arc::clone(&desk) };
        // What happens from here on is news, however late the thread begins.
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

    /// Hands over a message, if its webhook wants to know of it. Never waits.
    pub fn take(&self, message: &Arc<Message>) {
        if !message.is_about(&self.about) {
            return;
        }
        let mut tray = self.desk.tray();
        tray.put(Waiting::new(Arc::clone(message)));
        self.desk.bell.notify_one();
    }

    /// What became of the messages so far.
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
    /// How many tries in a row have failed.
    failed: u32,
    /// When the last try began, and how long to wait since.
    tried: Option<Instant>,
    wait: Duration,
    /// The kind of failure that was told last; `None` while all is well.
    failing: Option<String>,
    /// Messages that the service has refused, tried again one at a time while nothing else waits.
    refused: VecDeque<Waiting>,
    /// When the next of them is due.
    refused_due: Instant,
    /// How far this one has come, whether or not the disk took it.
    mark: Option<Mark>,
    /// The latest message that was delivered, while an older one is still among the refused, with its number.
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

    /// Lets a message wait that was not taken. One that the service refuses does not hold up the others.
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

    /// Waits for a message, and for the time to try it. `None` when nobody can send one any more.
    fn next(&self) -> Option<Waiting> {
        let mut tray = self.desk.tray();
        loop {
            if tray.closed {
                return None;
            }
            // What is new and matters is tried soon, however long the webhook has been dead.
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

    /// Remembers a message as delivered or given up: it is not told again.
    fn done(&mut self, waiting: &Waiting) {
        let message = &waiting.message;
        self.refused.retain(|known| known.message.id != message.id);
        let mut tray = self.desk.tray();
        tray.remove(&message.id);
        let is_behind = tray.missed && tray.queue.is_empty();
        drop(tray);
        if is_behind {
            // They would delay what only the history has.
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

    /// Puts what the history has, and nobody has been told of, before what waits.
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

    /// Tells when the webhook begins to fail, fails otherwise than before, and has taken everything again.
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
