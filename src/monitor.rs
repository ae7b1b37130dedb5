//! The shell around the core: it finds facts, hands them to the machine, and does what the machine asks for.
//!
//! ```text
//!  prober (a thread an upstream) ──── Probed ──┐
//!  gateway actuator ──── Looked, Ordered ──────┤
//!  sync actuator ─────── Pulled, Pushed ───────┼─► inbox ─► Machine::handle ─► actions ─► actuators
//!  witnesses ─────────── Witnessed ────────────┤                                  └──────► recorder, status
//!  control socket ────── Called ───────────────┤
//!  lookout ───────────── Examined ─────────────┤
//!  signals ───────────── Asked ────────────────┘
//! ```
//!
//! The main loop alone owns the machine and alone feeds systemd's watchdog. It never waits for anything but its inbox:
//! probes, systemd, git and the disk each have a thread of their own, and none of those waits for another.

mod backend;
mod clock;
mod conditions;
mod gateway;
mod identity;
mod inbox;
mod instance_lock;
mod intake;
mod lookout;
mod notifier;
mod operator;
mod prober;
mod pulse;
mod recorder;
mod reload;
mod remembered;
mod signals;
mod strip;
mod sync;
mod telling;
mod tracing;
mod witness;
mod workers;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::config::{Config, Source};
use crate::failover::{self, Action, Event, Machine, Memory, Order, Policy, Time};
use crate::host::notify::Notify;
use crate::probe;
use crate::report::armed::Armed;
use crate::report::clock::Wall;
use crate::report::entry::{Entry, MonitorNote, Rehearsal};
use crate::report::metrics::Counts;
use crate::report::paths::Paths;
use crate::report::status::Seen;
use crate::report::strip::Strip;
use crate::report::trace::{Begin, Tracer};
pub(crate) use backend::{Backend, Identify, OrderError, Systemd};
use clock::Clock;
use conditions::Conditions;
use inbox::{Ask, Fact, Message, Outlet, inbox};
use instance_lock::{InstanceLock, LockError, is_listening};
use lookout::Lookout;
use notifier::Notifier;
pub(crate) use notifier::host_name;
use operator::Said;
use pulse::Pulse;
use recorder::Record;
use workers::Workers;

/// The main loop wakes at least so often, to feed the watchdog and to notice what needs no event.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The status is written at most so often while things happen…
const STATUS_PACE: Duration = Duration::from_millis(200);

/// …and this often, or once a probe interval, while all stays as it was.
const STATUS_REST: Duration = Duration::from_secs(5);

/// How long the last entries may take to reach the disk at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Why the monitor cannot start, or go on.
#[derive(Debug)]
pub(crate) enum Error {
    /// An upstream, or the gateway of this host, cannot be probed at all.
    Target(probe::Error),
    /// The system gives us no thread, or no signals.
    System(io::Error),
    /// Another monitor works with the same state folder.
    Running {
        /// The folder.
        folder: PathBuf,
        /// The other's process.
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
                "another monitor works with {}: {holder}. Two would both drive the gateway, so this one ends; to watch \
                 with this one, stop the other first (`systemctl stop openclaw-failover.service`)",
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

/// Makes the backend that a configuration describes.
pub(crate) type MakeBackend = Box<dyn Fn(&Config) -> Arc<dyn Backend>>;

/// What a monitor is made of.
pub(crate) struct Parts {
    /// Where the configuration comes from, for a reload.
    pub(crate) source: Source,
    /// The configuration as it is now.
    pub(crate) config: Config,
    /// Where it keeps its files.
    pub(crate) paths: Paths,
    /// How it drives this host under a configuration.
    pub(crate) backend: MakeBackend,
    /// Hears of everything that enters the history.
    pub(crate) teller: Box<dyn FnMut(&Entry)>,
}

/// Stops a monitor from another thread.
#[derive(Clone)]
pub(crate) struct Stopper(Outlet);

impl Stopper {
    pub(crate) fn stop(&self) {
        self.0.send(Fact::Asked(Ask::Stop));
    }
}

/// The monitor, started.
pub(crate) struct Monitor {
    /// Held to the end; `None` where the state folder cannot be locked.
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
    /// Which configuration's probers are listened to, and whether the next one is being read.
    generation: u64,
    reloading: bool,
    machine: Machine,
    tracer: Tracer,
    armed: Armed,
    /// Whether the recorder has not taken it yet.
    armed_anew: bool,
    /// Why the hold stands, in the operator's words. The machine needs none.
    reason: Option<String>,
    /// The memory as it was last handed to the recorder.
    remembered: Memory,
    upstreams: Vec<Option<Seen>>,
    gateway: Option<Seen>,
    /// End of the gateway's last run, where it should not have ended.
    exit: Option<String>,
    strip: Strip,
    /// When the recorder last took it.
    strip_kept: Option<Time>,
    /// The wall clock as it was when a cell was marked last.
    strip_wall: Option<Wall>,
    conditions: Conditions,
    notify: Notify,
    pulse: Pulse,
    said: Said,
    /// Marks what a drill causes, in the history.
    rehearsal: Rehearsal,
    counts: Counts,
    /// When the status was last written, and whether anything has happened since.
    status: Option<Time>,
    changed: bool,
    /// By the status that was written last.
    could_take_over: bool,
}

impl Monitor {
    /// Reads what the last monitor remembered and starts all threads.
    pub(crate) fn start(parts: Parts) -> Result<Self, Error> {
        let (lock, unlocked) = take_lock(&parts.paths)?;
        let clock = Clock::start();
        let now = clock.now();
        let (outlet, inbox) = inbox(clock);
        let backend = (parts.backend)(&parts.config);
        let witnesses = witness::of(&parts.config);
        let policy = Policy::new(&parts.config, !witnesses.is_empty());
        let mut past = remembered::load(&parts.paths);
        let unit = backend.show();
        let start = failover::Start {
            memory: past.memory.clone(),
            armed: past.armed.knows_each(&parts.config.upstreams),
            unit: unit.as_ref().ok().map(intake::unit_for_machine),
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

    /// Obeys TERM, INT and HUP from now on.
    pub(crate) fn obey_signals(&self) -> Result<(), Error> {
        Ok(signals::listen(self.outlet.clone())?)
    }

    /// Watches until it is told to stop. The gateway is left as it is.
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

    /// Until the machine wants to be woken, but never long.
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

    /// What is due after each turn of the loop, whatever the turn was about.
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

/// Keeps a second monitor from driving the same gateway. The state folder is locked, and it may have been replaced since
/// another monitor locked it; that one still listens to operators.
fn take_lock(paths: &Paths) -> Result<(Option<InstanceLock>, Option<String>), Error> {
    let locked = lock_state(paths)?;
    let socket = paths.control();
    if is_listening(&socket) {
        let holder = format!("a process that listens at {}", socket.display());
        return Err(Error::Running { folder: paths.run_dir.clone(), holder });
    }
    Ok(locked)
}

/// Locks the state folder. One that cannot be locked costs a warning and no failover.
fn lock_state(paths: &Paths) -> Result<(Option<InstanceLock>, Option<String>), Error> {
    match InstanceLock::take(&paths.state_dir) {
        Ok(lock) => Ok((Some(lock), None)),
        Err(LockError::Held { folder, holder }) => Err(Error::Running { folder, holder }),
        Err(LockError::Unavailable(why)) => Ok((
            None,
            Some(format!(
                "{} cannot be locked ({why}), so nothing keeps a second monitor away from it; make sure that only \
                 openclaw-failover.service runs",
                paths.state_dir.display()
            )),
        )),
    }
}
