//! Main loop: sleeps until a message comes or something is due, and does that.

use std::ops::Range;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::events::MonitorNotice;
use crate::failover::{Action, Event, UnitAction};
use crate::monitor::Monitor;
use crate::monitor::recorder::Record;
use crate::text::Time;

/// Shortest interval between writes of the status while things change.
const MIN_STATUS_INTERVAL: Duration = Duration::from_millis(200);

/// Interval between writes of the status during an outage, which shows its length.
const OUTAGE_STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Interval between writes of the status while nothing changes, or the probe interval if that is longer.
const IDLE_STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// Time by which an unchanged status is written early, with the turn of a probe, so that it needs no turn of its own.
const STATUS_SLACK: Duration = Duration::from_millis(500);

/// Time limit for flushing the last entries to disk on shutdown.
const SHUTDOWN_FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

impl Monitor {
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
        due.chain(self.machine.next_tick_at()).fold(self.status_due().end, Time::min)
    }

    /// Returns the time from which on the status is written with any turn, and the time of its own turn.
    fn status_due(&self) -> Range<Time> {
        let idle_interval = self.parts.config.probe.interval.max(IDLE_STATUS_INTERVAL);
        let (interval, slack) = match self.machine.window() {
            _ if self.has_changed => (MIN_STATUS_INTERVAL, Duration::ZERO),
            Some(_) => (OUTAGE_STATUS_INTERVAL, STATUS_SLACK),
            None => (idle_interval, STATUS_SLACK),
        };
        let end = self.status_written_at + interval;
        end - slack..end
    }

    pub(super) fn handle_event(&mut self, at: Time, event: Event) {
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
        if now >= self.status_due().start {
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
