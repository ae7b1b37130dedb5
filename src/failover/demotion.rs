//! Demotion: stops this host's gateway once an upstream has been ready for the hold-down.

use std::time::Duration;

use crate::failover::machine::Machine;
use crate::failover::policy::retry_backoff;
use crate::failover::types::action::{MachineNotice, UnitAction};
use crate::failover::types::drill::DrillStep;
use crate::failover::types::event::{Observation, UnitState};
use crate::failover::types::hold::HoldKind;
use crate::failover::types::role::{Cause, Demoting, DemotionReason, Promoting, PromotionStep, Role};
use crate::failover::upstream::CRASH_LOOP_BREAKER_TIME;

/// Time that a drain may still take once a promotion is due again.
const DRAIN_GRACE_PERIOD: Duration = Duration::from_secs(15);

impl Machine {
    /// Returns the time for which an upstream must stay ready before this host fails back to it.
    pub fn hold_down(&self, upstream: Option<usize>) -> Duration {
        let doublings = self.persistent_state.flap_count(self.policy.flap_window) - 1;
        let doubled = self.policy.demote_after.saturating_mul(1 << doublings.min(20));
        let hold_down = doubled.min(self.policy.demote_max_after);
        let is_unsteady = match upstream {
            Some(index) => self.upstreams.get(index).is_some_and(|upstream| upstream.is_unsteady),
            None => self.upstreams.iter().any(|upstream| upstream.is_unsteady),
        };
        if is_unsteady { hold_down.max(CRASH_LOOP_BREAKER_TIME) } else { hold_down }
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
            (_, Some(true)) => Some(DemotionReason::DrillOver),
            (_, None) => self.ready_upstream().map(|upstream| DemotionReason::Ready { upstream }),
        };
        if let Some(reason) = reason {
            // A drill does not pass if its gateway answers but no message reaches its channels.
            if reason == DemotionReason::DrillOver && (self.announced.channels_broken || self.announced.port_held) {
                self.mark_drill_failed();
            }
            self.begin_demotion(reason);
            if matches!(reason, DemotionReason::Ready { .. }) {
                // Older outages no longer count against an upstream that has been ready for the hold-down.
                self.reset_availability();
            }
            self.reconcile_demotion();
        }
        reason.is_some()
    }

    /// Returns an upstream that has been ready for the hold-down, by a recent verdict.
    fn ready_upstream(&self) -> Option<usize> {
        let max_age = self.policy.max_counted_gap();
        self.upstreams.iter().enumerate().position(|(index, upstream)| {
            upstream.ready_for.is_some_and(|ready_for| ready_for >= self.hold_down(Some(index)))
                && upstream.latest_verdict.is_some_and(|(at, _)| self.now.since(at) <= max_age)
        })
    }

    pub(super) fn begin_demotion(&mut self, reason: DemotionReason) {
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
            is_hang_announced: false,
            cut: None,
        });
        self.announce(MachineNotice::Demoting { reason });
        self.advance_drill(DrillStep::Stop);
    }

    /// Limits a running drain to `DRAIN_GRACE_PERIOD`, because a promotion is due again.
    pub(super) fn cut_drain(&mut self, cause: Cause) {
        if let Role::Demoting(demoting) = &mut self.role {
            demoting.cut = Some((self.now + DRAIN_GRACE_PERIOD, cause));
            self.announce(MachineNotice::DrainCut { after: DRAIN_GRACE_PERIOD });
        }
    }

    pub(super) fn observe_demoting(&mut self, seen: &Observation) {
        let Role::Demoting(Demoting { reason, .. }) = self.role else { return };
        if seen.unit.is_none() || self.action_in_flight.is_some() {
            return;
        }
        let is_up = self.is_unit_in(UnitState::Active) || self.is_unit_in(UnitState::Activating);
        if self.is_unit_in(UnitState::Down) {
            self.finish_demotion();
        } else if is_up && reason == DemotionReason::Found {
            // The gateway was restarted from outside this program, so it is adopted, not stopped.
            self.role = Role::Standby;
            self.adopt_unit();
        }
    }

    /// Ends the demotion. Begins the promotion that became due meanwhile, if any.
    pub(super) fn finish_demotion(&mut self) {
        let Role::Demoting(demoting) = &self.role else { return };
        let (now, reason, cut) = (self.now, demoting.reason, demoting.cut);
        let active_for = demoting.active_since.map(|since| now.since(since));
        self.end_failover();
        self.role = Role::Standby;
        self.announced.channels_broken = false;
        self.announced.unverified_reason = None;
        self.announce(MachineNotice::Demoted { reason, active_for });
        self.finish_drill_stop(reason);
        if let Some((_, cause)) = cut {
            self.promote(cause);
            self.reconcile_promotion();
        }
    }

    pub(super) fn reconcile_demotion(&mut self) {
        let frozen = self.is_frozen();
        let (now, stop_timeout, may_kill) = (self.now, self.policy.stop_timeout, self.may_cause_unclean_exit());
        let (up, draining) = (self.is_unit_in(UnitState::Active), self.is_unit_in(UnitState::Deactivating));
        let idle = self.action_in_flight.is_none();
        let Role::Demoting(demoting) = &mut self.role else { return };
        let waited = now.since(demoting.since);
        let hangs =
            waited >= stop_timeout && !std::mem::replace(&mut demoting.is_hang_announced, waited >= stop_timeout);
        if idle && !frozen {
            let cut = demoting.cut.filter(|&(at, _)| now >= at);
            if let Some((_, cause)) = cut
                && up
            {
                self.cancel_demotion(cause);
            } else if cut.is_some() && may_kill {
                demoting.cut = cut.map(|(_, cause)| (now + DRAIN_GRACE_PERIOD, cause));
                self.request_unit_action(UnitAction::Kill);
            } else if draining && waited < stop_timeout {
                demoting.stop_at = demoting.since + stop_timeout;
            } else if now >= demoting.stop_at {
                demoting.stop_at = now + retry_backoff(demoting.attempt);
                demoting.attempt = demoting.attempt.saturating_add(1);
                self.request_unit_action(UnitAction::Stop);
            }
        }
        if hangs {
            self.mark_drill_failed();
            self.announce(MachineNotice::StopHangs { waited });
        }
    }

    /// Keeps a gateway that is still active, because a promotion is due again before the stop took effect.
    fn cancel_demotion(&mut self, cause: Cause) {
        let now = self.now;
        if self.persistent_state.current_drill().is_some() {
            self.end_drill_for(cause);
            self.begin_failover(cause).started_at = Some(now);
        }
        let step = PromotionStep::Verify(self.verification_from(now, 0));
        self.role = Role::Promoting(Promoting { cause, since: now, attempt: 0, step });
        self.announce(MachineNotice::Adopted { cause });
    }

    pub(super) fn handle_stop_failure(&mut self, why: String) {
        let now = self.now;
        let retry_in = match &self.role {
            Role::Demoting(demoting) => demoting.stop_at.since(now),
            _ => self.policy.stop_timeout,
        };
        self.mark_drill_failed();
        self.announce(MachineNotice::StopFailed { why, retry_in });
    }

    /// True if a pause forbids starting and stopping the gateway. A drill that the pause ended is still stopped.
    pub(super) fn is_frozen(&self) -> bool {
        let drill_over = matches!(&self.role, Role::Demoting(Demoting { reason: DemotionReason::DrillOver, .. }));
        self.hold_kind() == Some(HoldKind::Paused) && !drill_over
    }
}
