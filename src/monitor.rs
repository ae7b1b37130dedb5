//! Monitor: collects facts, passes them to the core machine, and carries out the machine's actions.
//!
//! ```text
//!  prober (one thread per upstream) ─ Probed ──────────┐
//!  gateway actuator ─── GatewayPolled, UnitActionEnded ┤
//!  sync actuator ────── Pulled, Pushed ────────────────┼─► inbox ─► handle_event ─► actions ─┬─► actuators
//!  witnesses ────────── Witnessed ─────────────────────┤                                     └─► recorder, status
//!  control socket ───── OperatorCalled ────────────────┤
//!  readiness checks ─── ReadinessChecked ──────────────┤
//!  signals ──────────── Signalled ─────────────────────┘
//! ```
//!
//! Only the main loop owns the machine and notifies systemd's watchdog. It waits for nothing but its inbox: probes,
//! systemd, git and the disk have one thread each, and none of those waits for another.

mod backend;
mod clock;
mod conditions;
mod control_socket;
mod dispatch;
mod error;
mod event_log;
mod gateway;
mod identity;
mod instance_lock;
mod messages;
mod notifier;
mod operator;
mod prober;
mod readiness_run;
mod readiness_schedule;
mod recent_sentences;
mod recorder;
mod reload;
mod signals;
mod stored_state;
mod sync;
mod threads;
mod timeline;
mod tracing;
mod watchdog;
mod witness;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::config::paths::Paths;
use crate::config::{Config, ConfigSource};
use crate::events::{DrillMarker, HistoryEntry, MonitorNotice};
use crate::failover::{self, Action, Event, Machine, PersistentState, Policy, UnitAction};
pub(crate) use crate::monitor::backend::{Backend, FindSocketOwners, SystemdBackend};
use crate::monitor::clock::Clock;
use crate::monitor::conditions::Conditions;
pub(crate) use crate::monitor::error::MonitorError;
use crate::monitor::instance_lock::{InstanceLock, take_lock};
use crate::monitor::messages::{MessageSender, MonitorMessage, SignalRequest, StampedMessage, message_channel};
use crate::monitor::notifier::Notifier;
pub(crate) use crate::monitor::notifier::host_name;
use crate::monitor::readiness_schedule::ReadinessSchedule;
use crate::monitor::recent_sentences::RecentSentences;
use crate::monitor::recorder::Record;
use crate::monitor::threads::Threads;
use crate::monitor::watchdog::Watchdog;
use crate::os::clock::WallClockOffset;
use crate::os::sd_notify::SdNotify;
use crate::records::seen_healthy::SeenHealthy;
use crate::records::timeline::Timeline;
use crate::records::trace::{SegmentStart, Tracer};
use crate::status::LastProbe;
use crate::status::metrics::Counters;
use crate::text::Time;

/// Shortest interval between writes of the status while things change.
const MIN_STATUS_INTERVAL: Duration = Duration::from_millis(200);

/// Interval between writes of the status during an outage, which shows its length.
const OUTAGE_STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Interval between writes of the status while nothing changes, or the probe interval if that is longer.
const IDLE_STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// Time limit for flushing the last entries to disk on shutdown.
const SHUTDOWN_FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Factory of the backend for a configuration.
pub(crate) type BackendFactory = Box<dyn Fn(&Config) -> Arc<dyn Backend>>;

/// Dependencies of a monitor.
pub(crate) struct Dependencies {
    /// Source of the configuration, for a reload.
    pub(crate) source: ConfigSource,
    /// Configuration in force.
    pub(crate) config: Config,
    /// Paths of the monitor's files.
    pub(crate) paths: Paths,
    /// Factory of the backend.
    pub(crate) backend_factory: BackendFactory,
    /// Receiver of every entry of the history.
    pub(crate) event_sink: Box<dyn FnMut(&HistoryEntry)>,
}

/// Handle that stops a monitor from another thread.
#[derive(Clone)]
pub(crate) struct StopHandle(MessageSender);

impl StopHandle {
    pub(crate) fn stop(&self) {
        self.0.send(MonitorMessage::Signalled(SignalRequest::Stop));
    }
}

/// Running monitor.
pub(crate) struct Monitor {
    /// Held until the monitor ends; `None` if the state directory cannot be locked.
    _lock: Option<InstanceLock>,
    parts: Dependencies,
    clock: Clock,
    started_at: Time,
    inbox: Receiver<StampedMessage>,
    message_sender: MessageSender,
    backend: Arc<dyn Backend>,
    threads: Threads,
    notifier: Notifier,
    readiness_schedule: ReadinessSchedule,
    /// Number of the configuration in force; results of older probers are dropped.
    generation: u64,
    is_reloading: bool,
    machine: Machine,
    tracer: Tracer,
    seen_healthy: SeenHealthy,
    /// True if the recorder has not accepted `seen_healthy` yet.
    is_seen_healthy_unsaved: bool,
    /// Machine state as last passed to the recorder.
    saved_state: PersistentState,
    upstreams: Vec<Option<LastProbe>>,
    gateway: Option<LastProbe>,
    /// Exit of the gateway's last run, if it was unexpected.
    gateway_exit: Option<String>,
    timeline: Timeline,
    /// Time at which the recorder last accepted the timeline.
    timeline_saved_at: Option<Time>,
    /// Wall clock at the time of the last marked cell.
    timeline_wall: Option<WallClockOffset>,
    conditions: Conditions,
    notify: SdNotify,
    watchdog: Watchdog,
    recent_sentences: RecentSentences,
    /// Marks the entries that a drill causes.
    drill_marker: DrillMarker,
    counts: Counters,
    /// Time of the last write of the status.
    status_written_at: Time,
    has_changed: bool,
    /// Readiness in the last written status.
    is_ready: bool,
}

impl Monitor {
    /// Loads the stored state and starts all threads.
    pub(crate) fn start(parts: Dependencies) -> Result<Self, MonitorError> {
        let (lock, unlocked) = take_lock(&parts.paths)?;
        let clock = Clock::start();
        let now = clock.now();
        let (message_sender, inbox) = message_channel(clock);
        let backend = (parts.backend_factory)(&parts.config);
        let witnesses = witness::applicable_witnesses(&parts.config);
        let policy = Policy::new(&parts.config, !witnesses.is_empty());
        let mut past = stored_state::load(&parts.paths);
        let unit = backend.show();
        let start = failover::InitialFacts {
            persistent_state: past.persistent_state.clone(),
            armed: past.seen_healthy.armed_flags(&parts.config.upstreams),
            unit: unit.as_ref().ok().map(backend::to_observed_unit),
        };
        let has_witnesses = policy.needs_witness;
        let (threads, mut missing) = Threads::start(
            &parts.config,
            &parts.paths,
            Arc::clone(&backend),
            &policy,
            witnesses,
            clock,
            &message_sender,
        )?;
        let notifier = Notifier::start(0, &parts.config, &parts.paths, &message_sender)?;
        missing.extend(unlocked);
        missing.extend(control_socket::open_control_socket(&parts.paths.control_socket(), message_sender.clone()));
        let mut monitor = Self {
            _lock: lock,
            upstreams: vec![None; parts.config.upstreams.len()],
            machine: Machine::new(policy, now, start.clone()),
            tracer: Tracer::default(),
            is_seen_healthy_unsaved: past.seen_healthy != SeenHealthy::default(),
            seen_healthy: past.seen_healthy,
            saved_state: past.persistent_state,
            gateway: None,
            gateway_exit: None,
            timeline: past.timeline,
            timeline_saved_at: None,
            timeline_wall: None,
            conditions: Conditions::default(),
            notify: SdNotify::from_env(),
            watchdog: Watchdog::new(now),
            recent_sentences: RecentSentences::new(now),
            drill_marker: DrillMarker::default(),
            counts: Counters::default(),
            status_written_at: now,
            has_changed: false,
            is_ready: false,
            generation: 0,
            is_reloading: false,
            started_at: now,
            parts,
            clock,
            inbox,
            message_sender,
            backend,
            threads,
            notifier,
            readiness_schedule: ReadinessSchedule::new(now),
        };
        monitor.begin_trace(SegmentStart {
            at: now,
            config: monitor.parts.config.clone(),
            has_witnesses,
            start,
            same_upstreams: None,
        });
        let upstreams = monitor.parts.config.upstreams.iter().map(|upstream| upstream.name.clone()).collect();
        let (version, seen) = (env!("CARGO_PKG_VERSION").to_owned(), monitor.timeline.last_update());
        monitor.record_notice(&MonitorNotice::Started { version, upstreams, seen });
        for what in missing {
            monitor.record_notice(&MonitorNotice::CredentialMissing { what });
        }
        for unreadable in past.unreadable {
            monitor.record_notice(&MonitorNotice::FileQuarantined(unreadable));
        }
        Ok(monitor)
    }

    pub(crate) fn stop_handle(&self) -> StopHandle {
        StopHandle(self.message_sender.clone())
    }

    /// Installs the handlers of TERM, INT and HUP.
    pub(crate) fn handle_signals(&self) -> Result<(), MonitorError> {
        Ok(signals::install_handlers(self.message_sender.clone())?)
    }

    /// Runs until stopped. The gateway is left as it is.
    pub(crate) fn run(mut self) {
        self.handle_event(self.clock.now(), Event::Tick);
        self.write_status();
        self.notify.send_ready();
        let mut turned_at = self.clock.now();
        self.finish_turn(turned_at);
        loop {
            let should_stop = match self.inbox.recv_timeout(self.clock.time_until(self.next_wake_at(turned_at))) {
                Ok(message) => self.handle_message(message),
                Err(RecvTimeoutError::Timeout) => {
                    self.handle_event(self.clock.now(), Event::Tick);
                    false
                }
                Err(RecvTimeoutError::Disconnected) => true,
            };
            if should_stop {
                break;
            }
            turned_at = self.clock.now();
            self.finish_turn(turned_at);
        }
        self.notify.send_stopping();
        self.record_notice(&MonitorNotice::Stopped);
        self.flush_trace();
        self.write_status();
        self.save_timeline(self.clock.now());
        self.threads.recorder.flush(SHUTDOWN_FLUSH_TIMEOUT);
    }

    /// Returns the time of the next turn if no message comes first. All that was due at `turned_at` is done.
    fn next_wake_at(&self, turned_at: Time) -> Time {
        let due = [
            self.readiness_run_due_at(),
            self.watchdog.notification_due_at(),
            self.notifier.heartbeat_report_due_at(turned_at),
        ];
        let due = due.into_iter().flatten().filter(|&at| at > turned_at);
        due.chain(self.machine.next_tick_at()).fold(self.status_due_at(), Time::min)
    }

    fn status_due_at(&self) -> Time {
        let idle_interval = self.parts.config.probe.interval.max(IDLE_STATUS_INTERVAL);
        let interval = match self.machine.window() {
            _ if self.has_changed => MIN_STATUS_INTERVAL,
            Some(_) => OUTAGE_STATUS_INTERVAL.min(idle_interval),
            None => idle_interval,
        };
        self.status_written_at + interval
    }

    fn handle_event(&mut self, at: Time, event: Event) {
        let before = self.machine.unit();
        let actions = self.machine.handle_event(at, event.clone());
        self.trace_event(at, event, &actions);
        for action in actions {
            self.has_changed = true;
            self.carry_out(at, action);
        }
        self.has_changed |= self.machine.unit() != before;
    }

    fn carry_out(&mut self, at: Time, action: Action) {
        match action {
            Action::UnitAction(unit_action) => {
                self.gateway_exit = None;
                self.watchdog.begin_unit_action(at);
                self.threads.request_unit_action(unit_action);
                if unit_action == UnitAction::Start {
                    self.record_notice(&self.conditions.sync_results.start_notice());
                }
            }
            Action::SetPollMode(mode) => self.threads.set_poll_mode(mode),
            Action::Pull => self.threads.sync.start_pull(),
            Action::StopSync => self.threads.sync.stop_running(),
            Action::Push => self.threads.sync.start_push(),
            Action::QueryWitnesses => self.threads.query_witnesses(),
            Action::Announce(notice) => self.announce(at, &notice),
        }
    }

    /// Does what is due after each turn of the main loop: state, status, readiness checks, watchdog.
    fn finish_turn(&mut self, now: Time) {
        if self.machine.persistent_state() != &self.saved_state {
            let persistent_state = self.machine.persistent_state().clone();
            let record = Record::PersistentState(Box::new(persistent_state.clone()), self.clock.wall());
            if self.threads.recorder.enqueue(record) {
                self.saved_state = persistent_state;
            }
        }
        if self.is_seen_healthy_unsaved && self.threads.recorder.enqueue(Record::SeenHealthy(self.seen_healthy.clone()))
        {
            self.is_seen_healthy_unsaved = false;
        }
        self.rotate_trace();
        if now >= self.status_due_at() {
            self.write_status();
        }
        self.start_readiness_checks(now);
        if self.watchdog.is_healthy(now, &self.parts.config) {
            self.watchdog.notify_if_due(now, &self.notify);
            if self.is_ready {
                self.notifier.signal_heartbeat();
            }
        }
    }
}
