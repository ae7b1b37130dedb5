//! What goes on beside the role: pulls, pushes, witnesses, and the hour at which to be woken.

use std::time::Duration;

use super::action::Action;
use super::machine::Machine;
use super::promoting::backoff;
use super::role::{Cause, Role, Step};
use super::time::Time;

/// While an outage lasts the workspace is pulled at most this often.
const PULL_PACE: Duration = Duration::from_secs(60);

/// The workspace's way in and back out.
#[derive(Clone, Debug, Default)]
pub(super) struct Duties {
    pull_began: Option<Time>,
    pulling: bool,
    pushing: bool,
    push_at: Time,
    pushes_failed: u32,
}

impl Duties {
    pub(super) fn pulling(&self) -> bool {
        self.pulling
    }
}

impl Machine {
    pub(super) fn pulled(&mut self) {
        self.duties.pulling = false;
    }

    pub(super) fn pushed(&mut self, returned: bool) {
        self.duties.pushing = false;
        if returned && self.role == Role::Standby {
            self.memory.unreturned = false;
            self.duties.pushes_failed = 0;
        } else {
            self.duties.push_at = self.now + backoff(self.duties.pushes_failed);
            self.duties.pushes_failed = self.duties.pushes_failed.saturating_add(1);
        }
    }

    /// Starts a pull unless one runs; a push that runs is not waited for.
    pub(super) fn pull_now(&mut self) {
        if !self.duties.pulling && !self.duties.pushing {
            self.duties.pulling = true;
            self.duties.pull_began = Some(self.now);
            self.act(Action::Pull);
        }
    }

    /// Whether the last pull began before anything was known of this outage: what the primary wrote last may lack.
    pub(super) fn pulled_before_window(&self) -> bool {
        self.window.opened.is_some_and(|opened| self.duties.pull_began.is_none_or(|began| began < opened))
    }

    fn pull_at(&self) -> Time {
        let pace = if self.window.opened.is_some() { PULL_PACE.min(self.policy.refresh) } else { self.policy.refresh };
        self.duties.pull_began.map_or(self.now, |began| began + pace)
    }

    pub(super) fn pursue_duties(&mut self) {
        if self.role == Role::Standby {
            if self.memory.unreturned && !self.duties.pushing && !self.duties.pulling && self.now >= self.duties.push_at
            {
                self.duties.pushing = true;
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

    /// When the witnesses are to be asked next: beside each retry while a promotion may come of it, never else.
    fn next_ask(&self) -> Option<Time> {
        let wanted = self.policy.witnessed
            && self.window.opened.is_some()
            && matches!(self.role, Role::Standby | Role::Demoting(_));
        if wanted { self.witness.next_ask(self.now, self.policy.retry_interval) } else { None }
    }

    /// When the machine wants to be told [`Event::Tick`](super::Event::Tick) if nothing happens before. A moment that has
    /// passed means that it waits for something else.
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
                let push = (self.memory.unreturned && !self.duties.pushing).then_some(self.duties.push_at);
                let pull = (!self.duties.pulling).then(|| self.pull_at());
                [push, pull].into_iter().flatten().filter(|&at| at > self.now).min()
            }
            Role::Promoting(promoting) => match &promoting.step {
                Step::Sync { until: at, .. } | Step::Start { at } | Step::Clear { at } => Some(*at),
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
