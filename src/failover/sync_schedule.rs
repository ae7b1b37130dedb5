//! Schedule of pulls, pushes and witness queries, and of the next wake-up.

use crate::failover::machine::Machine;
use crate::failover::policy::retry_backoff;
use crate::failover::types::action::Action;
use crate::failover::types::role::{Cause, Promoting, PromotionStep, Role};
use crate::failover::types::sync::{MIN_PULL_INTERVAL, SyncJob};
use crate::text::timestamp::Time;

impl Machine {
    pub(super) fn handle_pulled(&mut self, unpushed: bool) {
        self.sync_schedule.running.take_if(|sync| *sync == SyncJob::Pull);
        self.persistent_state.has_unpushed_changes |= unpushed;
    }

    pub(super) fn handle_pushed(&mut self, returned: bool) {
        self.sync_schedule.running.take_if(|sync| matches!(sync, SyncJob::Push { .. }));
        if returned && self.role == Role::Standby {
            self.persistent_state.has_unpushed_changes = false;
            self.sync_schedule.failed_pushes = 0;
        } else {
            self.sync_schedule.push_at = self.now + retry_backoff(self.sync_schedule.failed_pushes);
            self.sync_schedule.failed_pushes = self.sync_schedule.failed_pushes.saturating_add(1);
        }
        self.finish_drill_push(returned);
        if std::mem::take(&mut self.sync_schedule.is_pull_queued) && self.is_waiting_for_sync() {
            self.start_pull();
        }
    }

    /// Schedules the push for now, or for the end of the running sync.
    pub(super) fn schedule_push(&mut self) {
        self.sync_schedule.push_at = self.now;
    }

    /// Starts a pull, unless one runs. If a push runs, the pull starts after it.
    pub(super) fn start_pull(&mut self) {
        self.sync_schedule.is_pull_queued = self.sync_schedule.is_pushing();
        if !self.sync_schedule.is_syncing() {
            self.sync_schedule.running = Some(SyncJob::Pull);
            self.sync_schedule.pull_started_at = Some(self.now);
            self.push_action(Action::Pull);
        }
    }

    /// Stops a running push in favour of the pull that a failover needs. The push is repeated later.
    pub(super) fn stop_push(&mut self) {
        if self.sync_schedule.running == Some(SyncJob::Push { cut: false }) {
            self.sync_schedule.running = Some(SyncJob::Push { cut: true });
            self.sync_schedule.is_pull_queued = true;
            self.push_action(Action::StopSync);
        }
    }

    /// True if a promotion may be due soon: enough verdicts failed, but the outage is still too short. A promotion that
    /// is overdue is blocked, possibly for long, so it does not count.
    pub(super) fn is_promotion_near(&self) -> bool {
        self.window.failures >= self.policy.failures && self.window.elapsed < self.outage_threshold()
    }

    /// True if a promotion waits for a running sync.
    fn is_waiting_for_sync(&self) -> bool {
        matches!(&self.role, Role::Promoting(Promoting { step: PromotionStep::Sync { cut: false, .. }, .. }))
    }

    /// True if the last pull began before the outage was noticed, so that the latest changes of the primary may be
    /// missing.
    pub(super) fn pulled_before_window(&self) -> bool {
        self.window
            .opened_at
            .is_some_and(|opened| self.sync_schedule.pull_started_at.is_none_or(|began| began < opened))
    }

    fn next_pull_at(&self) -> Time {
        let interval = match self.window.opened_at {
            // The first pull of an outage brings what the primary wrote last; no earlier pull delays it.
            Some(_) if self.pulled_before_window() => return self.now,
            Some(_) => MIN_PULL_INTERVAL.min(self.policy.pull_interval),
            None => self.policy.pull_interval,
        };
        self.sync_schedule.pull_started_at.map_or(self.now, |began| began + interval)
    }

    fn next_push_at(&self) -> Option<Time> {
        let wanted =
            self.persistent_state.has_unpushed_changes && !self.sync_schedule.is_syncing() && !self.is_promotion_near();
        wanted.then_some(self.sync_schedule.push_at)
    }

    pub(super) fn start_due_tasks(&mut self) {
        if self.role == Role::Standby {
            if self.next_push_at().is_some_and(|at| self.now >= at) {
                self.sync_schedule.running = Some(SyncJob::Push { cut: false });
                self.push_action(Action::Push);
            }
            if self.now >= self.next_pull_at() {
                self.start_pull();
            }
        }
        if self.next_witness_query_at().is_some_and(|at| self.now >= at) {
            self.witness.begin_query(self.now);
            self.push_action(Action::QueryWitnesses);
        }
        self.remind_of_hold();
    }

    /// Returns the time of the next witness query. They run with each retry, and only while a promotion is possible.
    fn next_witness_query_at(&self) -> Option<Time> {
        let wanted = self.policy.needs_witness
            && self.window.opened_at.is_some()
            && matches!(self.role, Role::Standby | Role::Demoting(_));
        if wanted { self.witness.next_query_at(self.now, self.policy.retry_interval) } else { None }
    }

    /// Returns the time of the next [`Event::Tick`](crate::failover::Event::Tick) that the machine needs, if no other
    /// event comes first; `None` if it waits for other events only.
    pub fn next_tick_at(&self) -> Option<Time> {
        let hold_ends = self.persistent_state.hold.as_ref().and_then(|hold| hold.until);
        [self.next_tick_for_role(), hold_ends, self.next_hold_reminder_at(), self.next_witness_query_at()]
            .into_iter()
            .flatten()
            .filter(|&at| at > self.now)
            .min()
    }

    fn next_tick_for_role(&self) -> Option<Time> {
        match &self.role {
            Role::Standby => {
                let pull = (!self.sync_schedule.is_syncing()).then(|| self.next_pull_at());
                [self.next_push_at(), pull].into_iter().flatten().filter(|&at| at > self.now).min()
            }
            Role::Promoting(promoting) => match &promoting.step {
                PromotionStep::Sync { until: at, .. }
                | PromotionStep::Start { at }
                | PromotionStep::Clear { at, .. } => Some(*at),
                PromotionStep::Verify(_) => None,
            },
            Role::Active(active) => match active.cause {
                Cause::Drill { hold } => Some(active.since + hold),
                _ => None,
            },
            Role::Demoting(demoting) => {
                let cut = demoting.cut.map(|(at, _)| at.max(self.next_unclean_exit_at()));
                let hang = (!demoting.is_hang_announced).then_some(demoting.since + self.policy.stop_timeout);
                [Some(demoting.stop_at), cut, hang].into_iter().flatten().filter(|&at| at > self.now).min()
            }
        }
    }
}
