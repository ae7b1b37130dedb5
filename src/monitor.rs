//! The shell around the core: it finds facts, hands them to the machine, and does what the machine asks for.
//!
//! ```text
//!  prober (a thread an upstream) ──── Probed ──┐
//!  gateway actuator ──── Looked, Ordered ──────┤
//!  sync actuator ─────── Pulled ───────────────┼─► inbox ─► Machine::handle ─► actions ─► actuators
//!  witnesses ─────────── Witnessed ────────────┤                                  └──────► recorder, status
//!  signals ───────────── Asked ────────────────┘
//! ```
//!
//! The main loop alone owns the machine and alone feeds systemd's watchdog. It never waits for anything but its inbox:
//! probes, systemd, git and the disk each have a thread of their own, and none of those waits for another.

mod backend;
mod clock;
mod conditions;
mod gateway;
mod inbox;
mod prober;
mod pulse;
mod recorder;
mod remembered;
mod signals;
mod sync;
mod witness;
mod workers;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::config::{Config, Source};
use crate::failover::{self, Action, Event, Machine, Memory, Note, Observation, Policy, Role, Time, UnitState};
use crate::host::notify::Notify;
use crate::host::systemd;
use crate::probe::{self, Answer, Verdict};
use crate::report::armed::Armed;
use crate::report::entry::{Entry, MonitorNote};
use crate::report::paths::Paths;
use crate::report::status::{Facts, Seen, Status};
pub(crate) use backend::{Backend, Systemd};
use clock::Clock;
pub(crate) use clock::wall_clock;
use conditions::Conditions;
use inbox::{Ask, Fact, Message, Outlet, inbox};
use prober::Probers;
use pulse::Pulse;
use recorder::Record;
use workers::Workers;

/// The main loop wakes at least so often, to feed the watchdog and to notice what needs no event.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The status is written at most so often while things happen, and once a probe interval while nothing does.
const STATUS_PACE: Duration = Duration::from_millis(200);

/// How long the last entries may take to reach the disk at the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Why the monitor cannot start, or go on.
#[derive(Debug)]
pub(crate) enum Error {
    /// An upstream, or the gateway of this host, cannot be probed at all.
    Target(probe::Error),
    /// A token that the configuration names cannot be read.
    Credential { name: String, why: String },
    /// The system gives us no thread, or no signals.
    System(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(why) => why.fmt(f),
            Self::Credential { name, why } => write!(
                f,
                "cannot read the credential {name}: {why}; put the token into /etc/openclaw-failover/credentials/{name} \
                 and restart openclaw-failover.service"
            ),
            Self::System(why) => write!(f, "cannot start a thread of the monitor: {why}"),
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
    parts: Parts,
    clock: Clock,
    started: Time,
    inbox: Receiver<Message>,
    outlet: Outlet,
    workers: Workers,
    generation: u64,
    machine: Machine,
    armed: Armed,
    /// The memory as it was last handed to the recorder.
    remembered: Memory,
    upstreams: Vec<Option<Seen>>,
    gateway: Option<Seen>,
    conditions: Conditions,
    notify: Notify,
    pulse: Pulse,
    /// When the status was last written, and whether anything has happened since.
    status: Option<Time>,
    changed: bool,
}

impl Monitor {
    /// Reads what the last monitor remembered and starts all threads.
    pub(crate) fn start(parts: Parts) -> Result<Self, Error> {
        let clock = Clock::start();
        let now = clock.now();
        let (outlet, inbox) = inbox(clock);
        let backend = (parts.backend)(&parts.config);
        let witnesses = witness::of(&parts.config);
        let policy = Policy::new(&parts.config, !witnesses.is_empty());
        let mut past = remembered::load(&parts.paths);
        let missing = backend.missing();
        let unit = backend.show();
        let start = failover::Start {
            memory: past.memory.clone(),
            armed: past.armed_upstreams(&parts.config),
            unit: unit.as_ref().ok().map(unit_for_machine),
        };
        let workers = Workers::start(&parts, backend, &policy, witnesses, clock, &outlet)?;
        let mut monitor = Self {
            upstreams: vec![None; parts.config.upstreams.len()],
            machine: Machine::new(policy, now, start),
            armed: past.armed,
            remembered: past.memory,
            gateway: None,
            conditions: Conditions::default(),
            notify: Notify::from_env(),
            pulse: Pulse::new(now),
            status: None,
            changed: false,
            generation: 0,
            started: now,
            parts,
            clock,
            inbox,
            outlet,
            workers,
        };
        let upstreams = monitor.parts.config.upstreams.iter().map(|upstream| upstream.name.clone()).collect();
        monitor.tell(&MonitorNote::Started { version: env!("CARGO_PKG_VERSION").to_owned(), upstreams });
        for unreadable in past.unreadable {
            monitor.tell(&MonitorNote::SetAside(unreadable));
        }
        for what in missing {
            monitor.tell(&MonitorNote::Missing { what });
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
        self.write_status();
        self.workers.recorder.flush(FAREWELL);
    }

    /// Until the machine wants to be woken, but never long.
    fn wait(&self) -> Duration {
        self.machine.wake().map_or(LONGEST_WAIT, |at| self.clock.until(at).min(LONGEST_WAIT))
    }

    /// Takes in one message. True when the monitor is to stop.
    fn take(&mut self, message: Message) -> bool {
        let at = message.at;
        self.changed = true;
        match message.fact {
            Fact::Probed { generation, upstream, answer } if generation == self.generation => {
                self.pulse.probed(at);
                self.probed(at, upstream, &answer);
            }
            Fact::Probed { .. } => {}
            Fact::Witnessed { alive } => self.handle(at, Event::Witnessed { alive }),
            Fact::Looked { unit, answer } => self.looked(at, unit, answer),
            Fact::Ordered(result) => {
                self.pulse.order_ended();
                self.handle(at, Event::Ordered(result));
            }
            Fact::Pulled(report) => {
                if let Some(note) = self.conditions.pulled(report) {
                    self.tell(&note);
                }
                self.handle(at, Event::Pulled);
            }
            Fact::Pushed(result) => {
                let note = self.conditions.pushed(&result);
                self.handle(at, Event::Pushed { returned: result.is_ok() });
                if let Some(note) = note {
                    self.tell(&note);
                }
            }
            Fact::Disk(result) => {
                let note = self.conditions.disk(result);
                self.tell(&note);
            }
            Fact::Asked(Ask::Reload) => self.reload(),
            Fact::Asked(Ask::Stop) => return true,
        }
        false
    }

    fn probed(&mut self, at: Time, upstream: usize, answer: &Answer) {
        let Some(seen) = self.upstreams.get_mut(upstream) else { return };
        *seen = Some(Seen::after(seen.as_ref(), answer, at));
        if answer.verdict.is_healthy() {
            let name = self.parts.config.upstreams.get(upstream).map_or("", |upstream| upstream.name.as_str());
            if let Some(note) = self.conditions.channels(name, &answer.channels) {
                self.tell(&note);
            }
        }
        self.handle(at, Event::Probed { upstream, verdict: answer.verdict });
    }

    fn looked(&mut self, at: Time, unit: Option<Result<systemd::Unit, String>>, answer: Option<Answer>) {
        if let Some(unit) = &unit {
            self.systemd(&unit.as_ref().map(drop).map_err(Clone::clone));
        }
        if let Some(answer) = &answer {
            self.gateway = Some(Seen::after(self.gateway.as_ref(), answer, at));
        }
        let unit = unit.and_then(Result::ok).as_ref().map(unit_for_machine);
        let verdict = answer.as_ref().map_or(Verdict::Failing(probe::Failure::Refused), |answer| answer.verdict);
        let channels_well =
            answer.is_none_or(|answer| answer.channels.failing.is_empty() && answer.channels.suppressed.is_empty());
        self.handle(at, Event::Observed(Observation { unit, verdict, channels_well }));
    }

    /// Takes in what systemd answered, and tells when it stops or begins to do so.
    fn systemd(&mut self, result: &Result<(), String>) {
        if let Some(note) = self.conditions.systemd(result) {
            self.tell(&note);
        }
    }

    fn handle(&mut self, at: Time, event: Event) {
        for action in self.machine.handle(at, event) {
            self.act(at, action);
        }
    }

    fn act(&mut self, at: Time, action: Action) {
        match action {
            Action::Order(order) => {
                self.pulse.order_began(at);
                self.workers.order(order);
            }
            Action::Look(look) => self.workers.look(look),
            Action::Pull => self.workers.sync.pull(),
            Action::CutPull => self.workers.sync.cut(),
            Action::Push => self.workers.sync.push(),
            Action::AskWitnesses => self.workers.ask_witnesses(),
            Action::Say(note) => self.say(at, &note),
        }
    }

    fn say(&mut self, at: Time, note: &Note) {
        if let Note::Armed { upstream } = note
            && let Some(upstream) = self.parts.config.upstreams.get(*upstream)
        {
            self.armed.arm(&upstream.urls, at, self.clock.wall());
            self.workers.recorder.take(Record::Armed(self.armed.clone()));
        }
        self.record(Entry::of_machine(note, at, self.clock.wall(), &self.parts.config));
    }

    fn tell(&mut self, note: &MonitorNote) {
        self.record(Entry::of_monitor(note, self.clock.now(), self.clock.wall()));
    }

    fn record(&mut self, entry: Entry) {
        (self.parts.teller)(&entry);
        if !self.workers.recorder.take(Record::Entry(entry)) {
            log::warn!("the disk is too slow for the history: an entry is lost");
        }
    }

    /// What is due after each turn of the loop, whatever the turn was about.
    fn after_each(&mut self) {
        if self.machine.memory() != &self.remembered {
            let memory = self.machine.memory().clone();
            if self.workers.recorder.take(Record::Memory(memory.clone(), self.clock.wall())) {
                self.remembered = memory;
            }
        }
        let now = self.clock.now();
        let pace = if self.changed { STATUS_PACE } else { self.parts.config.probe.interval };
        if self.status.is_none_or(|at| now.since(at) >= pace) {
            self.write_status();
        }
        if self.pulse.is_well(now, &self.parts.config) {
            self.pulse.feed(now, &self.notify);
        }
    }

    fn write_status(&mut self) {
        let (now, config) = (self.clock.now(), &self.parts.config);
        (self.status, self.changed) = (Some(now), false);
        let facts = Facts {
            config,
            wall: self.clock.wall(),
            now,
            started: self.started,
            interval: config.probe.interval,
            upstreams: &self.upstreams,
            gateway: self.gateway.as_ref(),
            workspace: self.conditions.pull(),
            degraded: &self.conditions.degraded(config),
        };
        let status = Status::new(&self.machine, &facts);
        self.notify.status(&format!("{}; {}", status.role.name, self.upstreams_in_words()));
        if let Some(note) = self.conditions.run_dir(status.save(&self.parts.paths.status())) {
            self.tell(&note);
        }
    }

    fn upstreams_in_words(&self) -> String {
        let known = self.parts.config.upstreams.iter().zip(self.machine.upstreams());
        let words = known.map(|(upstream, known)| match known.latest {
            Some((_, verdict)) => format!("{} {verdict}", upstream.name),
            None => format!("{} not probed yet", upstream.name),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    fn reload(&mut self) {
        self.notify.reloading();
        let loaded = self.parts.source.load().map_err(|problems| problems.to_string());
        let result = loaded.and_then(|config| self.reconfigure(config));
        match result {
            Ok(()) => self.tell(&MonitorNote::Reloaded),
            Err(why) => self.tell(&MonitorNote::ReloadRefused { why }),
        }
        self.notify.ready();
    }

    /// Goes over to another configuration, wholly or not at all.
    fn reconfigure(&mut self, config: Config) -> Result<(), String> {
        if config.gateway.unit != self.parts.config.gateway.unit && self.machine.role() != &Role::Standby {
            return Err("gateway.unit cannot change while this host's gateway is up; demote first".to_owned());
        }
        let witnesses = witness::of(&config);
        let policy = Policy::new(&config, !witnesses.is_empty());
        let backend = (self.parts.backend)(&config);
        let (generation, clock, outlet) = (self.generation + 1, self.clock, &self.outlet);
        let probers = |targets| Probers::start(targets, &policy, generation, clock, outlet);
        let changed = self.workers.reconfigure(&config, backend, &policy, witnesses, probers, outlet);
        changed.map_err(|why| why.to_string())?;
        self.generation = generation;
        let armed: Vec<bool> = config.upstreams.iter().map(|upstream| self.armed.knows(&upstream.urls)).collect();
        self.machine.reconfigure(policy, &armed);
        self.upstreams = vec![None; config.upstreams.len()];
        self.pulse = Pulse::new(self.clock.now());
        self.parts.config = config;
        Ok(())
    }
}

/// What of systemd's answer the machine decides by.
fn unit_for_machine(unit: &systemd::Unit) -> failover::Unit {
    let state = match unit.active {
        systemd::Active::Active => UnitState::Active,
        systemd::Active::Activating => UnitState::Activating,
        systemd::Active::Deactivating => UnitState::Deactivating,
        systemd::Active::Inactive | systemd::Active::Failed => UnitState::Down,
    };
    let invocation = unit.invocation.as_deref().and_then(|id| u128::from_str_radix(id, 16).ok());
    failover::Unit { state, invocation: invocation.map(failover::Invocation), main_pid: unit.main_pid }
}
