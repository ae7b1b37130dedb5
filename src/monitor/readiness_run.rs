//! Runs of the readiness checks, which test whether this host can take over. Each run has its own thread.
//!
//! The checks run programs, so they wait for a quiet moment: no promotion, no demotion, no undecided outage.

use crate::failover::Role;
use crate::monitor::Monitor;
use crate::monitor::messages::MonitorMessage;
use crate::monitor::readiness_schedule::RunResult;
use crate::os::spawn;
use crate::text::Time;

impl Monitor {
    /// Returns the time of the next run; `None` while something else is going on.
    pub(super) fn readiness_run_due_at(&self) -> Option<Time> {
        self.readiness_schedule.due_at().filter(|_| self.is_quiet())
    }

    /// Starts a run if one is due.
    pub(super) fn start_readiness_checks(&mut self, now: Time) {
        if self.readiness_run_due_at().is_none_or(|at| now < at) {
            return;
        }
        let (backend, message_sender) = (self.backend.clone(), self.message_sender.clone());
        let run_checks = move || {
            message_sender.send(MonitorMessage::ReadinessChecked(backend.run_readiness_checks()));
        };
        self.readiness_schedule.begin_run(now);
        if let Err(why) = spawn("readiness", run_checks) {
            log::warn!("readiness checks not run: cannot start a thread: {why}");
            self.readiness_schedule.end_run(now, RunResult::Failed);
        }
    }

    fn is_quiet(&self) -> bool {
        let rests = matches!(self.machine.role(), Role::Standby | Role::Active(_));
        rests && self.machine.window().is_none_or(|(elapsed, _)| elapsed >= self.machine.outage_threshold())
    }
}
