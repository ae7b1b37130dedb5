//! Demotion: stops this host's gateway once an upstream has been ready for the hold-down.

use std::time::Duration;

use crate::failover::action::{Note, Order};
use crate::failover::drill::DrillStep;
use crate::failover::event::{Observation, UnitState};
use crate::failover::hold::HoldKind;
use crate::failover::machine::Machine;
use crate::failover::promotion::backoff;
use crate::failover::role::{Cause, Demoting, Promoting, Reason, Role, Step};
use crate::failover::upstream::BREAKER;

/// Time that a drain may still take once a promotion is due again.
const DRAIN_GRACE: Duration = Duration::from_secs(15);

impl Machine {
    /// Returns the time for which an upstream must stay ready before this host fails back to it.
    #[must_use]
    pub fn hold_down(&self, upstream: Option<usize>) -> Duration {
        let doublings = self.memory.flaps(self.policy.flap_window) - 1;
        let doubled = self.policy.demote_after.saturating_mul(1 << doublings.min(20));
        let hold_down = doubled.min(self.policy.demote_max_after);
        let unsteady = match upstream {
            Some(index) => self.upstreams.get(index).is_some_and(|upstream| upstream.unsteady),
            None => self.upstreams.iter().any(|upstream| upstream.unsteady),
        };
        if unsteady { hold_down.max(BREAKER) } else { hold_down }
    }

    /// Begins the demotion if an upstream has been ready for the hold-down, or the drill is over. True if it began.
    pub(super) fn demote_if_due(&mut self) -> bool {
        let drill_over = match &self.role {
            Role::Active(active) => match active.cause {
                Cause::Drill { hold } => Some(self.now >= active.since + hold),
                _ => None,
            },
            Role::Promoting(Promoting { cause: Cause::Drill { .. }, .. }) => Some(false),
            _ => None,
        };
        let reason = match (self.hold_kind(), drill_over) {
            (Some(HoldKind::Promoted | HoldKind::Paused), _) | (_, Some(false)) => None,
            (_, Some(true)) => Some(Reason::DrillOver),
            (_, None) => self.ready_upstream().map(|upstream| Reason::Ready { upstream }),
        };
        if let Some(reason) = reason {
            // A drill does not pass if its gateway answers but no message reaches its channels.
            if reason == Reason::DrillOver && (self.told.channels_broken || self.told.port_held) {
                self.drill_fails();
            }
            self.begin_demoting(reason);
            if matches!(reason, Reason::Ready { .. }) {
                // Older outages no longer count against an upstream that has been ready for the hold-down.
                self.forget_availability();
            }
            self.step_down();
        }
        reason.is_some()
    }

    /// Returns an upstream that has been ready for the hold-down, by a recent verdict.
    fn ready_upstream(&self) -> Option<usize> {
        let fresh = self.policy.longest_step();
        self.upstreams.iter().enumerate().position(|(index, upstream)| {
            upstream.ready_for.is_some_and(|ready_for| ready_for >= self.hold_down(Some(index)))
                && upstream.latest.is_some_and(|(at, _)| self.now.since(at) <= fresh)
        })
    }

    pub(super) fn begin_demoting(&mut self, reason: Reason) {
        let now = self.now;
        let active_since = match &self.role {
            Role::Active(active) => Some(active.since),
            _ => None,
        };
        self.role = Role::Demoting(Demoting {
            reason,
            since: now,
            active_since,
            stop_at: now,
            attempt: 0,
            told: false,
            cut: None,
        });
        self.say(Note::Demoting { reason });
        self.drill_is_at(DrillStep::Stop);
    }

    /// Limits a running drain to `DRAIN_GRACE`, because a promotion is due again.
    pub(super) fn cut_drain(&mut self, cause: Cause) {
        if let Role::Demoting(demoting) = &mut self.role {
            demoting.cut = Some((self.now + DRAIN_GRACE, cause));
            self.say(Note::DrainCut { after: DRAIN_GRACE });
        }
    }

    pub(super) fn observed_demoting(&mut self, seen: &Observation) {
        let Role::Demoting(Demoting { reason, .. }) = self.role else { return };
        if seen.unit.is_none() || self.in_flight.is_some() {
            return;
        }
        let is_up = self.unit_is(UnitState::Active) || self.unit_is(UnitState::Activating);
        if self.unit_is(UnitState::Down) {
            self.demoted();
        } else if is_up && reason == Reason::Found {
            // The gateway was restarted from outside this program, so it is adopted, not stopped.
            self.role = Role::Standby;
            self.adopt_unit();
        }
    }

    /// Ends the demotion. Begins the promotion that became due meanwhile, if any.
    pub(super) fn demoted(&mut self) {
        let Role::Demoting(demoting) = &self.role else { return };
        let (now, reason, cut) = (self.now, demoting.reason, demoting.cut);
        let active_for = demoting.active_since.map(|since| now.since(since));
        self.end_failover();
        self.role = Role::Standby;
        self.told.channels_broken = false;
        self.told.unverified = None;
        self.say(Note::Demoted { reason, active_for });
        self.drill_stopped(reason);
        if let Some((_, cause)) = cut {
            self.promote(cause);
            self.pursue_promotion();
        }
    }

    pub(super) fn step_down(&mut self) {
        let frozen = self.is_frozen();
        let (now, stop_timeout, may_kill) = (self.now, self.policy.stop_timeout, self.may_cause_unclean_exit());
        let (up, draining) = (self.unit_is(UnitState::Active), self.unit_is(UnitState::Deactivating));
        let idle = self.in_flight.is_none();
        let Role::Demoting(demoting) = &mut self.role else { return };
        let waited = now.since(demoting.since);
        let hangs = waited >= stop_timeout && !std::mem::replace(&mut demoting.told, waited >= stop_timeout);
        if idle && !frozen {
            let cut = demoting.cut.filter(|&(at, _)| now >= at);
            if let Some((_, cause)) = cut
                && up
            {
                self.stay_up(cause);
            } else if cut.is_some() && may_kill {
                demoting.cut = cut.map(|(_, cause)| (now + DRAIN_GRACE, cause));
                self.order(Order::Kill);
            } else if draining && waited < stop_timeout {
                demoting.stop_at = demoting.since + stop_timeout;
            } else if now >= demoting.stop_at {
                demoting.stop_at = now + backoff(demoting.attempt);
                demoting.attempt = demoting.attempt.saturating_add(1);
                self.order(Order::Stop);
            }
        }
        if hangs {
            self.drill_fails();
            self.say(Note::StopHangs { waited });
        }
    }

    /// Keeps a gateway that is still active, because a promotion is due again before the stop took effect.
    fn stay_up(&mut self, cause: Cause) {
        let now = self.now;
        if self.memory.drilling().is_some() {
            self.end_drill_for(cause);
            self.begin_failover(cause).started = Some(now);
        }
        let step = Step::Verify(self.verify_from(now, 0));
        self.role = Role::Promoting(Promoting { cause, since: now, attempt: 0, step });
        self.say(Note::Adopted { cause });
    }

    pub(super) fn stop_failed(&mut self, why: String) {
        let now = self.now;
        let retry_in = match &self.role {
            Role::Demoting(demoting) => demoting.stop_at.since(now),
            _ => self.policy.stop_timeout,
        };
        self.drill_fails();
        self.say(Note::StopFailed { why, retry_in });
    }

    /// True if a pause forbids starting and stopping the gateway. A drill that the pause ended is still stopped.
    pub(super) fn is_frozen(&self) -> bool {
        let drill_over = matches!(&self.role, Role::Demoting(Demoting { reason: Reason::DrillOver, .. }));
        self.hold_kind() == Some(HoldKind::Paused) && !drill_over
    }
}
