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
mod main_loop;
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
use std::sync::mpsc::Receiver;

use crate::config::paths::Paths;
use crate::config::{Config, ConfigSource};
use crate::events::{DrillMarker, HistoryEntry, MonitorNotice};
use crate::failover::{self, Machine, PersistentState, Policy};
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
            persistent_state: past.persistent_state,
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
            saved_state: PersistentState::default(),
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
}
