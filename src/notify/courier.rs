//! A courier: the one thread that brings messages to one webhook.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::mark::{Mark, STALE};
use super::{Message, Vault, post};
use crate::config::{Notify, Topic};
use crate::host::spawn;
use crate::report::boot_time::Moment;
use crate::report::metrics::Sent;

/// So many messages wait for a webhook; conditions make way first.
const ROOM: usize = 64;

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

#[derive(Default)]
struct Tray {
    queue: VecDeque<Arc<Message>>,
    /// A transition found no room. The history has it, and until it was looked up there nothing newer is taken, so that
    /// nobody takes the one for delivered because the other is.
    missed: bool,
    /// A transition has come since the last try.
    urgent: bool,
    closed: bool,
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
            trying: None,
            failed: 0,
            tried: None,
            wait: Duration::ZERO,
            is_failing: false,
            mark: None,
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
        tray.put(Arc::clone(message));
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
    fn put(&mut self, message: Arc<Message>) {
        if self.missed || self.queue.iter().any(|known| known.id == message.id) {
            return;
        }
        if self.queue.len() == ROOM {
            match self.queue.iter().position(|known| !known.is_transition()) {
                Some(condition) => drop(self.queue.remove(condition)),
                None => {
                    self.missed |= message.is_transition();
                    return;
                }
            }
        }
        self.urgent |= message.is_transition();
        self.queue.push_back(message);
    }
}

struct Errand {
    way: Way,
    told: Told,
    desk: Arc<Desk>,
    began: Moment,
    /// The message that is being tried, and since when.
    trying: Option<(String, Instant)>,
    /// How many tries in a row have failed.
    failed: u32,
    /// When the last try began, and how long to wait since.
    tried: Option<Instant>,
    wait: Duration,
    is_failing: bool,
    /// How far this one has come, whether or not the disk took it.
    mark: Option<Mark>,
}

impl Errand {
    fn run(mut self) {
        self.go_back();
        while let Some(message) = self.next() {
            let age = self.age(&message);
            let is_stale = age > if message.is_transition() { STALE } else { OLD };
            self.tried = Some(Instant::now());
            let result = post::deliver(&self.way.webhook, &self.way.vault, &message, self.way.pace.attempt);
            self.count(result.is_ok());
            match &result {
                Ok(()) => (self.failed, self.wait) = (0, Duration::ZERO),
                Err(refused) => {
                    let doubled = self.way.pace.first.saturating_mul(1 << self.failed.min(16));
                    self.wait = doubled.min(self.way.pace.longest).max(refused.wait);
                    self.failed = self.failed.saturating_add(1);
                }
            }
            if result.is_ok() || is_stale || result.as_ref().is_err_and(|refused| refused.hopeless) {
                self.done(&message);
            }
            self.tell(result.map_err(|refused| refused.why));
        }
    }

    /// Age of a message of this boot. Of an older one only the time counts in which it has been tried, for no clock has
    /// measured more.
    fn age(&mut self, message: &Message) -> Duration {
        if self.trying.as_ref().is_none_or(|(id, _)| *id != message.id) {
            self.trying = Some((message.id.clone(), Instant::now()));
        }
        let tried = self.trying.as_ref().map_or(Duration::ZERO, |(_, since)| since.elapsed());
        Moment::now().measured_since(message.moment()).unwrap_or(tried)
    }

    /// Waits for a message, and for the time to try it. `None` when nobody can send one any more.
    fn next(&self) -> Option<Arc<Message>> {
        let mut tray = self.desk.tray();
        loop {
            if tray.closed {
                return None;
            }
            // What is new and matters is tried soon, however long the webhook has been dead.
            let wait = if tray.urgent { self.wait.min(self.way.pace.first) } else { self.wait };
            let left = self.tried.map_or(Duration::ZERO, |tried| wait.saturating_sub(tried.elapsed()));
            match tray.queue.front().cloned() {
                Some(message) if left.is_zero() => {
                    tray.urgent = false;
                    return Some(message);
                }
                Some(_) => {
                    let waited = self.desk.bell.wait_timeout(tray, left);
                    tray = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => tray = self.desk.bell.wait(tray).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Delivered or given up: it is not told again.
    fn done(&mut self, message: &Message) {
        let mark = Mark { at: message.at, boot: message.boot, id: message.id.clone() };
        mark.save(&self.way.mark);
        self.mark = Some(mark);
        let mut tray = self.desk.tray();
        tray.queue.retain(|known| known.id != message.id);
        let is_behind = tray.missed && tray.queue.is_empty();
        drop(tray);
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
        let waiting = std::mem::replace(&mut tray.queue, behind);
        waiting.into_iter().for_each(|message| tray.put(message));
    }

    fn count(&self, is_delivered: bool) {
        let mut tray = self.desk.tray();
        let count = if is_delivered { &mut tray.delivered } else { &mut tray.failed };
        *count += 1;
    }

    fn tell(&mut self, result: Result<(), String>) {
        if result.is_err() != std::mem::replace(&mut self.is_failing, result.is_err()) {
            (self.told)(result);
        }
    }
}
