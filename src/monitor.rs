//! Monitor: collects facts, passes them to the core machine, and carries out the machine's actions.
//!
//! ```text
//!  prober (one thread per upstream) ─ Probed ──┐
//!  gateway actuator ──── Looked, Ordered ──────┤
//!  sync actuator ─────── Pulled, Pushed ───────┼─► inbox ─► Machine::handle ─► actions ─► actuators
//!  witnesses ─────────── Witnessed ────────────┤                                  └──────► recorder, status
//!  control socket ────── Called ───────────────┤
//!  readiness checks ──── Examined ─────────────┤
//!  signals ───────────── Asked ────────────────┘
//! ```
//!
//! Only the main loop owns the machine and notifies systemd's watchdog. It waits for nothing but its inbox: probes,
//! systemd, git and the disk have one thread each, and none of those waits for another.

mod backend;
mod clock;
mod conditions;
mod dispatch;
mod event_log;
mod gateway;
mod identity;
mod instance_lock;
mod messages;
mod notifier;
mod operator;
mod persisted;
mod prober;
mod readiness_schedule;
mod recorder;
mod reload;
mod signals;
mod sync;
mod threads;
mod timeline;
mod tracing;
mod watchdog;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use std::{fmt, io};

use crate::config::paths::Paths;
use crate::config::{Config, Source};
use crate::events::{Entry, MonitorNote, Rehearsal};
use crate::failover::{
    Action, Event, Machine, Memory, Order, Policy, {self},
};
pub(crate) use crate::monitor::backend::{Backend, Identify, OrderError, Systemd};
use crate::monitor::clock::Clock;
use crate::monitor::conditions::Conditions;
use crate::monitor::instance_lock::{InstanceLock, LockError};
use crate::monitor::messages::{Ask, Fact, Message, Outlet, inbox};
use crate::monitor::notifier::Notifier;
pub(crate) use crate::monitor::notifier::host_name;
use crate::monitor::operator::Said;
use crate::monitor::readiness_schedule::Lookout;
use crate::monitor::recorder::Record;
use crate::monitor::threads::Workers;
use crate::monitor::watchdog::Pulse;
use crate::os::clock::Wall;
use crate::os::sd_notify::Notify;
use crate::probe;
use crate::records::seen_healthy::Armed;
use crate::records::timeline::Strip;
use crate::records::trace::{Begin, Tracer};
use crate::status::Seen;
use crate::status::metrics::Counts;
use crate::text::Time;

/// Longest wait of the main loop, so that the watchdog is notified and the status kept fresh.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Shortest interval between writes of the status while things change.
const STATUS_PACE: Duration = Duration::from_millis(200);

/// Interval between writes of the status while nothing changes, or the probe interval if that is longer.
const STATUS_REST: Duration = Duration::from_secs(5);

/// Time limit for flushing the last entries to disk on shutdown.
const FAREWELL: Duration = Duration::from_secs(3);

/// Error that keeps the monitor from starting, or from reloading.
#[derive(Debug)]
pub(crate) enum Error {
    /// An upstream or the local gateway cannot be probed at all.
    Target(probe::Error),
    /// A thread or the signal handlers could not be created.
    System(io::Error),
    /// Another monitor uses the same state directory.
    Running {
        /// State directory.
        folder: PathBuf,
        /// Process of the other monitor.
        holder: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(why) => why.fmt(f),
            Self::System(why) => write!(f, "cannot start a thread of the monitor: {why}"),
            Self::Running { folder, holder } => write!(
                f,
                "another monitor already uses {}: {holder}. Two monitors would both drive the gateway, so this one \
                 exits; to run this one, stop the other first (`systemctl stop openclaw-failover.service`)",
                folder.display()
            ),
        }
    }
}

impl From<probe::Error> for Error {
    fn from(why: probe::Error) -> Self {
        Self::Target(why)
    }
}

impl From<io::Error> for Error {
    fn from(why: io::Error) -> Self {
        Self::System(why)
    }
}

/// Factory of the backend for a configuration.
pub(crate) type MakeBackend = Box<dyn Fn(&Config) -> Arc<dyn Backend>>;

/// Dependencies of a monitor.
pub(crate) struct Parts {
    /// Source of the configuration, for a reload.
    pub(crate) source: Source,
    /// Configuration in force.
    pub(crate) config: Config,
    /// Paths of the monitor's files.
    pub(crate) paths: Paths,
    /// Factory of the backend.
    pub(crate) backend: MakeBackend,
    /// Receiver of every entry of the history.
    pub(crate) teller: Box<dyn FnMut(&Entry)>,
}

/// Handle that stops a monitor from another thread.
#[derive(Clone)]
pub(crate) struct Stopper(Outlet);

impl Stopper {
    pub(crate) fn stop(&self) {
        self.0.send(Fact::Asked(Ask::Stop));
    }
}

/// Running monitor.
pub(crate) struct Monitor {
    /// Held until the monitor ends; `None` if the state directory cannot be locked.
    _lock: Option<InstanceLock>,
    parts: Parts,
    clock: Clock,
    started: Time,
    inbox: Receiver<Message>,
    outlet: Outlet,
    backend: Arc<dyn Backend>,
    workers: Workers,
    notifier: Notifier,
    lookout: Lookout,
    /// Number of the configuration in force; results of older probers are dropped.
    generation: u64,
    reloading: bool,
    machine: Machine,
    tracer: Tracer,
    armed: Armed,
    /// True if the recorder has not accepted `armed` yet.
    armed_anew: bool,
    /// Operator's reason for the hold. The machine does not need it.
    reason: Option<String>,
    /// Machine state as last passed to the recorder.
    remembered: Memory,
    upstreams: Vec<Option<Seen>>,
    gateway: Option<Seen>,
    /// Exit of the gateway's last run, if it was unexpected.
    exit: Option<String>,
    strip: Strip,
    /// Time at which the recorder last accepted the strip.
    strip_kept: Option<Time>,
    /// Wall clock at the time of the last marked cell.
    strip_wall: Option<Wall>,
    conditions: Conditions,
    notify: Notify,
    pulse: Pulse,
    said: Said,
    /// Marks the entries that a drill causes.
    rehearsal: Rehearsal,
    counts: Counts,
    /// Time of the last write of the status.
    status: Option<Time>,
    changed: bool,
    /// Readiness in the last written status.
    could_take_over: bool,
}

impl Monitor {
    /// Loads the stored state and starts all threads.
    pub(crate) fn start(parts: Parts) -> Result<Self, Error> {
        let (lock, unlocked) = take_lock(&parts.paths)?;
        let clock = Clock::start();
        let now = clock.now();
        let (outlet, inbox) = inbox(clock);
        let backend = (parts.backend)(&parts.config);
        let witnesses = witness::of(&parts.config);
        let policy = Policy::new(&parts.config, !witnesses.is_empty());
        let mut past = persisted::load(&parts.paths);
        let unit = backend.show();
        let start = failover::Start {
            memory: past.memory.clone(),
            armed: past.armed.knows_each(&parts.config.upstreams),
            unit: unit.as_ref().ok().map(dispatch::unit_for_machine),
        };
        let witnessed = policy.witnessed;
        let (workers, mut missing) = Workers::start(&parts, Arc::clone(&backend), &policy, witnesses, clock, &outlet)?;
        let notifier = Notifier::start(0, &parts.config, &parts.paths, &outlet)?;
        missing.extend(unlocked);
        missing.extend(operator::listen(&parts.paths.control(), outlet.clone()));
        let mut monitor = Self {
            _lock: lock,
            upstreams: vec![None; parts.config.upstreams.len()],
            machine: Machine::new(policy, now, start.clone()),
            tracer: Tracer::default(),
            armed_anew: past.armed != Armed::default(),
            armed: past.armed,
            reason: past.reason,
            remembered: past.memory,
            gateway: None,
            exit: None,
            strip: past.strip,
            strip_kept: None,
            strip_wall: None,
            conditions: Conditions::default(),
            notify: Notify::from_env(),
            pulse: Pulse::new(now),
            said: Said::new(now),
            rehearsal: Rehearsal::default(),
            counts: Counts::default(),
            status: None,
            changed: false,
            could_take_over: false,
            generation: 0,
            reloading: false,
            started: now,
            parts,
            clock,
            inbox,
            outlet,
            backend,
            workers,
            notifier,
            lookout: Lookout::new(now),
        };
        monitor.trace_begin(Begin {
            at: now,
            config: monitor.parts.config.clone(),
            witnessed,
            start,
            same_upstreams: None,
        });
        let upstreams = monitor.parts.config.upstreams.iter().map(|upstream| upstream.name.clone()).collect();
        let (version, seen) = (env!("CARGO_PKG_VERSION").to_owned(), monitor.strip.seen());
        monitor.tell(&MonitorNote::Started { version, upstreams, seen });
        for what in missing {
            monitor.tell(&MonitorNote::Missing { what });
        }
        for unreadable in past.unreadable {
            monitor.tell(&MonitorNote::SetAside(unreadable));
        }
        Ok(monitor)
    }

    pub(crate) fn stopper(&self) -> Stopper {
        Stopper(self.outlet.clone())
    }

    /// Installs the handlers of TERM, INT and HUP.
    pub(crate) fn obey_signals(&self) -> Result<(), Error> {
        Ok(signals::listen(self.outlet.clone())?)
    }

    /// Runs until stopped. The gateway is left as it is.
    pub(crate) fn run(mut self) {
        self.handle(self.clock.now(), Event::Tick);
        self.write_status();
        self.notify.ready();
        loop {
            let stop = match self.inbox.recv_timeout(self.wait()) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {
                    self.handle(self.clock.now(), Event::Tick);
                    false
                }
                Err(RecvTimeoutError::Disconnected) => true,
            };
            if stop {
                break;
            }
            self.after_each();
        }
        self.notify.stopping();
        self.tell(&MonitorNote::Stopped);
        self.trace_rest();
        self.write_status();
        self.keep_strip(self.clock.now());
        self.workers.recorder.flush(FAREWELL);
    }

    /// Returns the time until the next tick, at most [`LONGEST_WAIT`].
    fn wait(&self) -> Duration {
        self.machine.wake().map_or(LONGEST_WAIT, |at| self.clock.until(at).min(LONGEST_WAIT))
    }

    fn handle(&mut self, at: Time, event: Event) {
        let before = self.machine.unit();
        let actions = self.machine.handle(at, event.clone());
        self.trace(at, event, &actions);
        for action in actions {
            self.changed = true;
            self.act(at, action);
        }
        self.reason.take_if(|_| self.machine.memory().hold.is_none());
        self.changed |= self.machine.unit() != before;
    }

    fn act(&mut self, at: Time, action: Action) {
        match action {
            Action::Order(order) => {
                self.exit = None;
                self.pulse.order_began(at);
                self.workers.order(order);
                if order == Order::Start {
                    self.tell(&self.conditions.workspace.starts_with());
                }
            }
            Action::Look(look) => self.workers.look(look),
            Action::Pull => self.workers.sync.pull(),
            Action::CutSync => self.workers.sync.cut(),
            Action::Push => self.workers.sync.push(),
            Action::AskWitnesses => self.workers.ask_witnesses(),
            Action::Say(note) => self.say(at, &note),
        }
    }

    /// Does what is due after each turn of the main loop: state, status, readiness checks, watchdog.
    fn after_each(&mut self) {
        if self.machine.memory() != &self.remembered {
            let memory = self.machine.memory().clone();
            let record = Record::Memory(Box::new(memory.clone()), self.reason.clone(), self.clock.wall());
            if self.workers.recorder.take(record) {
                self.remembered = memory;
            }
        }
        if self.armed_anew && self.workers.recorder.take(Record::Armed(self.armed.clone())) {
            self.armed_anew = false;
        }
        self.trace_anew();
        let now = self.clock.now();
        let news = self.changed || self.machine.window().is_some();
        let pace = if news { STATUS_PACE } else { self.parts.config.probe.interval.max(STATUS_REST) };
        if self.status.is_none_or(|at| now.since(at) >= pace) {
            self.write_status();
        }
        self.look_out(now);
        if self.pulse.is_well(now, &self.parts.config) {
            self.pulse.feed(now, &self.notify);
            if self.could_take_over {
                self.notifier.is_well();
            }
        }
    }
}

/// Locks the state directory against other monitors. If locking is impossible, the monitor runs with a warning.
fn take_lock(paths: &Paths) -> Result<(Option<InstanceLock>, Option<String>), Error> {
    match InstanceLock::take(&paths.state_dir) {
        Ok(lock) => Ok((Some(lock), None)),
        Err(LockError::Held { folder, holder }) => Err(Error::Running { folder, holder }),
        Err(LockError::Unavailable(why)) => Ok((
            None,
            Some(format!(
                "cannot lock {} ({why}), so a second monitor could start; make sure that only \
                 openclaw-failover.service runs",
                paths.state_dir.display()
            )),
        )),
    }
}
