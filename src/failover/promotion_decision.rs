//! Decision on a promotion, made on each failing verdict and each answer of the witnesses, never on a tick.

use std::time::Duration;

use crate::failover::availability::Availability;
use crate::failover::machine::Machine;
use crate::failover::types::action::MachineNotice;
use crate::failover::types::hold::{Hold, HoldKind};
use crate::failover::types::role::{Cause, Role};
use crate::probe::ProbeFailure;
use crate::text::timestamp::Time;

/// Interval of the reminder that no upstream was ever seen healthy.
const NEVER_HEALTHY_REMINDER_INTERVAL: Duration = Duration::from_secs(3600);

impl Machine {
    /// Promotes, or cuts the drain of a demotion short, if a promotion is due and allowed. `recent` is the availability
    /// until now.
    pub(super) fn decide_promotion(&mut self, recent: Availability) {
        let Some(opened) = self.window.opened_at else { return };
        let undecided = match &self.role {
            Role::Standby => true,
            Role::Demoting(demoting) => demoting.cut.is_none(),
            Role::Promoting(_) => false,
            Role::Active(_) => return self.convert_to_outage(recent),
        };
        if !undecided {
            return;
        }
        if !self.is_outage_due() {
            return self.decide_flapping_promotion(opened, recent);
        }
        if !self.check_armed() || self.announce_hold_if_set() || !self.confirm_with_witness(opened) {
            return;
        }
        match self.role {
            Role::Demoting(_) => self.cut_drain(Cause::Outage),
            _ => self.promote(Cause::Outage),
        }
    }

    /// Promotes because of a chronic partial outage. It does not cut a drain short: an upstream was ready for the
    /// hold-down.
    fn decide_flapping_promotion(&mut self, opened: Time, recent: Availability) {
        if self.role != Role::Standby || !self.is_flapping_due(recent) || !self.is_any_upstream_armed() {
            return;
        }
        if let Some(hold) = self.forbidding_hold() {
            if !std::mem::replace(&mut self.availability.is_hold_announced, true) {
                self.announce(MachineNotice::HeldBack { hold });
            }
            return;
        }
        // During a short outage a missing answer does not yet mean that this host is cut off.
        if !self.policy.needs_witness || self.recent_witness_answer(opened) == Some(true) {
            self.promote(Cause::Flapping);
        }
    }

    /// True if a promotion for a chronic partial outage is due, which needs every upstream to be down now.
    fn is_flapping_due(&self, recent: Availability) -> bool {
        recent.is_chronic() && self.is_every_upstream_down()
    }

    /// Reclassifies an adopted gateway (a drill's, say) as a failover once an outage is due.
    fn convert_to_outage(&mut self, recent: Availability) {
        let now = self.now;
        let cause = if self.is_outage_due() { Cause::Outage } else { Cause::Flapping };
        let is_due = (self.is_outage_due() || self.is_flapping_due(recent))
            && self.is_any_upstream_armed()
            && self.persistent_state.hold.is_none();
        let Role::Active(active) = &mut self.role else { return };
        // Another process on the port serves no user.
        if active.cause != Cause::Found || active.is_down || self.announced.port_held || !is_due {
            return;
        }
        active.cause = cause;
        let failover = self.begin_failover(cause);
        (failover.started_at, failover.answered_at) = (Some(now), Some(now));
        self.persistent_state.record_promotion(now, self.policy.flap_window);
        let hold_down = self.hold_down(None);
        self.announce(MachineNotice::Promoted { cause, took: Duration::ZERO, hold_down });
    }

    /// True if the outage has reached `promote.after` with enough failed verdicts, from every upstream, and the last of
    /// them is recent: after a stall of this monitor the upstream is probed again before anything is started.
    pub(super) fn is_outage_due(&self) -> bool {
        self.window.elapsed >= self.outage_threshold()
            && self.window.failures >= self.policy.failures
            && self.is_every_upstream_down()
    }

    /// True if every upstream has failed during the current outage, the last of them recently.
    fn is_every_upstream_down(&self) -> bool {
        let Some(opened) = self.window.opened_at else { return false };
        self.now.since(self.window.last_failure_at) <= self.policy.max_counted_gap()
            && self.upstreams.iter().all(|upstream| upstream.failure_since(opened).is_some())
    }

    /// Returns the length of an outage that makes a promotion due: `promote.after`, plus the grace while the upstream
    /// seems to restart.
    pub fn outage_threshold(&self) -> Duration {
        let latest = self.last_healthy.zip(self.window.opened_at);
        let restarting =
            latest.and_then(|(index, opened)| self.upstreams.get(index)?.failure_since(opened)).is_some_and(
                |failure| matches!(failure, ProbeFailure::Refused | ProbeFailure::Starting | ProbeFailure::Draining),
            );
        let grace = if restarting { self.policy.restart_grace } else { Duration::ZERO };
        self.policy.promote_after + grace
    }

    /// True if some upstream was ever seen healthy. Otherwise it is more likely misconfigured than down, which is
    /// announced every hour.
    fn check_armed(&mut self) -> bool {
        let is_any_armed = self.is_any_upstream_armed();
        if !is_any_armed
            && self.announced.never_seen_at.is_none_or(|at| self.now.since(at) >= NEVER_HEALTHY_REMINDER_INTERVAL)
        {
            self.announced.never_seen_at = Some(self.now);
            self.announce(MachineNotice::NeverSeenHealthy);
        }
        is_any_armed
    }

    pub(super) fn is_any_upstream_armed(&self) -> bool {
        self.upstreams.iter().any(|upstream| upstream.is_armed)
    }

    /// True if an operator's hold forbids a promotion, which is announced once per outage.
    fn announce_hold_if_set(&mut self) -> bool {
        let Some(hold) = self.forbidding_hold() else { return false };
        if !std::mem::replace(&mut self.window.is_hold_announced, true) {
            self.announce(MachineNotice::HeldBack { hold });
        }
        true
    }

    /// Returns the hold, if it forbids a promotion.
    fn forbidding_hold(&self) -> Option<Hold> {
        self.persistent_state.hold.clone().filter(|hold| hold.kind != HoldKind::Promoted)
    }

    /// True if a witness answered recently and since the outage began. While no answer is in, the decision waits.
    fn confirm_with_witness(&mut self, opened: Time) -> bool {
        if !self.policy.needs_witness {
            return true;
        }
        let answer = self.recent_witness_answer(opened);
        if answer == Some(false) && !std::mem::replace(&mut self.witness.is_isolated, true) {
            self.announce(MachineNotice::Isolated);
        }
        answer == Some(true)
    }

    /// Returns the witnesses' answer since the outage began, if it is recent.
    fn recent_witness_answer(&self, opened: Time) -> Option<bool> {
        let max_age = self.policy.retry_interval.max(self.policy.timeout);
        self.witness.recent_answer(self.now, opened, max_age)
    }

    pub(super) fn handle_witness_answer(&mut self, alive: bool) {
        self.witness.record_answer(alive);
        if alive {
            self.end_isolation();
        } else {
            self.availability.exclude_current();
        }
        self.decide_promotion(self.availability());
    }

    pub(super) fn end_isolation(&mut self) {
        if std::mem::take(&mut self.witness.is_isolated) {
            self.announce(MachineNotice::Reconnected);
        }
    }

    /// Lets the drain go on after all if it was to be cut short for this cause.
    pub(super) fn cancel_drain_cut(&mut self, cause: Cause) {
        if let Role::Demoting(demoting) = &mut self.role
            && demoting.cut.is_some_and(|(_, wanted)| wanted == cause)
        {
            demoting.cut = None;
        }
    }
}
