//! Schedule of pulls, pushes and witness queries, and of the next wake-up.

use std::time::Duration;

use crate::failover::action::Action;
use crate::failover::machine::Machine;
use crate::failover::promotion::backoff;
use crate::failover::role::{Cause, Promoting, Role, Step};
use crate::text::timestamp::Time;

/// Shortest interval of pulls during an outage.
const PULL_PACE: Duration = Duration::from_secs(60);

/// Schedule of pulls and pushes of the workspace.
#[derive(Clone, Debug, Default)]
pub(super) struct Duties {
    under_way: Option<Sync>,
    /// True if a pull is to start as soon as the running push has ended.
    pull_waits: bool,
    pull_began: Option<Time>,
    push_at: Time,
    pushes_failed: u32,
}

/// Sync operation; there is one at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sync {
    Pull,
    Push { cut: bool },
}

impl Duties {
    pub(super) fn syncing(&self) -> bool {
        self.under_way.is_some()
    }

    fn pushing(&self) -> bool {
        matches!(self.under_way, Some(Sync::Push { .. }))
    }
}

impl Machine {
    pub(super) fn pulled(&mut self, unreturned: bool) {
        self.duties.under_way.take_if(|sync| *sync == Sync::Pull);
        self.memory.unreturned |= unreturned;
    }

    pub(super) fn pushed(&mut self, returned: bool) {
        self.duties.under_way.take_if(|sync| matches!(sync, Sync::Push { .. }));
        if returned && self.role == Role::Standby {
            self.memory.unreturned = false;
            self.duties.pushes_failed = 0;
        } else {
            self.duties.push_at = self.now + backoff(self.duties.pushes_failed);
            self.duties.pushes_failed = self.duties.pushes_failed.saturating_add(1);
        }
        self.drill_returned(returned);
        if std::mem::take(&mut self.duties.pull_waits) && self.awaits_sync() {
            self.pull_now();
        }
    }

    /// Schedules the push for now, or for the end of the running sync.
    pub(super) fn push_soon(&mut self) {
        self.duties.push_at = self.now;
    }

    /// Starts a pull, unless one runs. If a push runs, the pull starts after it.
    pub(super) fn pull_now(&mut self) {
        self.duties.pull_waits = self.duties.pushing();
        if !self.duties.syncing() {
            self.duties.under_way = Some(Sync::Pull);
            self.duties.pull_began = Some(self.now);
            self.act(Action::Pull);
        }
    }

    /// Stops a running push in favour of the pull that a failover needs. The push is repeated later.
    pub(super) fn cut_push(&mut self) {
        if self.duties.under_way == Some(Sync::Push { cut: false }) {
            self.duties.under_way = Some(Sync::Push { cut: true });
            self.duties.pull_waits = true;
            self.act(Action::CutSync);
        }
    }

    /// True if a promotion may be due soon: enough verdicts failed, but the outage is still too short. A promotion that
    /// is overdue is blocked, possibly for long, so it does not count.
    pub(super) fn outage_looms(&self) -> bool {
        self.window.failures >= self.policy.failures && self.window.elapsed < self.window_needs()
    }

    /// True if a promotion waits for a running sync.
    fn awaits_sync(&self) -> bool {
        matches!(&self.role, Role::Promoting(Promoting { step: Step::Sync { cut: false, .. }, .. }))
    }

    /// True if the last pull began before the outage was noticed, so that the latest changes of the primary may be
    /// missing.
    pub(super) fn pulled_before_window(&self) -> bool {
        self.window.opened.is_some_and(|opened| self.duties.pull_began.is_none_or(|began| began < opened))
    }

    fn pull_at(&self) -> Time {
        let pace = if self.window.opened.is_some() { PULL_PACE.min(self.policy.refresh) } else { self.policy.refresh };
        self.duties.pull_began.map_or(self.now, |began| began + pace)
    }

    fn push_at(&self) -> Option<Time> {
        let wanted = self.memory.unreturned && !self.duties.syncing() && !self.outage_looms();
        wanted.then_some(self.duties.push_at)
    }

    pub(super) fn pursue_duties(&mut self) {
        if self.role == Role::Standby {
            if self.push_at().is_some_and(|at| self.now >= at) {
                self.duties.under_way = Some(Sync::Push { cut: false });
                self.act(Action::Push);
            }
            if self.now >= self.pull_at() {
                self.pull_now();
            }
        }
        if self.next_ask().is_some_and(|at| self.now >= at) {
            self.witness.ask(self.now);
            self.act(Action::AskWitnesses);
        }
        self.announce_hold();
    }

    /// Returns the time of the next witness query. They run with each retry, and only while a promotion is possible.
    fn next_ask(&self) -> Option<Time> {
        let wanted = self.policy.witnessed
            && self.window.opened.is_some()
            && matches!(self.role, Role::Standby | Role::Demoting(_));
        if wanted { self.witness.next_ask(self.now, self.policy.retry_interval) } else { None }
    }

    /// Returns the time of the next [`Event::Tick`](crate::failover::Event::Tick) that the machine needs, if no other
    /// event comes first; `None` if it waits for other events only.
    #[must_use]
    pub fn wake(&self) -> Option<Time> {
        let hold_ends = self.memory.hold.and_then(|hold| hold.until);
        [self.wake_for_role(), hold_ends, self.next_announcement(), self.next_ask()]
            .into_iter()
            .flatten()
            .filter(|&at| at > self.now)
            .min()
    }

    fn wake_for_role(&self) -> Option<Time> {
        match &self.role {
            Role::Standby => {
                let pull = (!self.duties.syncing()).then(|| self.pull_at());
                [self.push_at(), pull].into_iter().flatten().filter(|&at| at > self.now).min()
            }
            Role::Promoting(promoting) => match &promoting.step {
                Step::Sync { until: at, .. } | Step::Start { at } | Step::Clear { at, .. } => Some(*at),
                Step::Verify(_) => None,
            },
            Role::Active(active) => match active.cause {
                Cause::Drill { hold } => Some(active.since + hold),
                _ => None,
            },
            Role::Demoting(demoting) => {
                let cut = demoting.cut.map(|(at, _)| at.max(self.next_unclean_exit()));
                let hang = (!demoting.told).then_some(demoting.since + self.policy.stop_timeout);
                [Some(demoting.stop_at), cut, hang].into_iter().flatten().filter(|&at| at > self.now).min()
            }
        }
    }
}
