//! Decision on a promotion, made on each failing verdict and each answer of the witnesses, never on a tick.

use std::time::Duration;

use crate::failover::action::Note;
use crate::failover::hold::HoldKind;
use crate::failover::machine::Machine;
use crate::failover::role::{Cause, Role};
use crate::probe::Failure;
use crate::text::timestamp::Time;

/// Interval of the reminder that no upstream was ever seen healthy.
const NAG: Duration = Duration::from_secs(3600);

impl Machine {
    /// Promotes, or cuts the drain of a demotion short, if a promotion is due and allowed.
    pub(super) fn decide(&mut self) {
        let Some(opened) = self.window.opened else { return };
        let undecided = match &self.role {
            Role::Standby => true,
            Role::Demoting(demoting) => demoting.cut.is_none(),
            Role::Promoting(_) => false,
            Role::Active(_) => return self.serve_in_earnest(),
        };
        if !undecided {
            return;
        }
        if !self.window_due() {
            return self.decide_flapping(opened);
        }
        if !self.is_armed() || self.is_held_back() || !self.is_witnessed(opened) {
            return;
        }
        match self.role {
            Role::Demoting(_) => self.cut_drain(Cause::Outage),
            _ => self.promote(Cause::Outage),
        }
    }

    /// Promotes because of a chronic partial outage. It does not cut a drain short: an upstream was ready for the
    /// hold-down.
    fn decide_flapping(&mut self, opened: Time) {
        if self.role != Role::Standby || !self.flapping_due() || !self.any_armed() {
            return;
        }
        if let Some(kind) = self.hold_kind().filter(|kind| *kind != HoldKind::Promoted) {
            if !std::mem::replace(&mut self.availability.held_back, true) {
                self.say(Note::HeldBack { kind });
            }
            return;
        }
        // During a short outage a missing answer does not yet mean that this host is cut off.
        if !self.policy.witnessed || self.witness_says(opened) == Some(true) {
            self.promote(Cause::Flapping);
        }
    }

    /// True if a promotion for a chronic partial outage is due, which needs every upstream to be down now.
    fn flapping_due(&self) -> bool {
        self.availability().is_chronic() && self.fails_just_now()
    }

    /// Reclassifies an adopted gateway (a drill's, say) as a failover once an outage is due.
    fn serve_in_earnest(&mut self) {
        let now = self.now;
        let cause = if self.window_due() { Cause::Outage } else { Cause::Flapping };
        let is_due = (self.window_due() || self.flapping_due()) && self.any_armed() && self.memory.hold.is_none();
        let Role::Active(active) = &mut self.role else { return };
        // Another process on the port serves no user.
        if active.cause != Cause::Found || active.down || self.told.port_held || !is_due {
            return;
        }
        active.cause = cause;
        let failover = self.begin_failover(cause);
        (failover.started, failover.answered) = (Some(now), Some(now));
        self.memory.promoted(now, self.policy.flap_window);
        let hold_down = self.hold_down(None);
        self.say(Note::Promoted { cause, took: Duration::ZERO, hold_down });
    }

    /// True if the outage has reached `promote.after` with enough failed verdicts, from every upstream, and the last of
    /// them is recent: after a stall of this monitor the upstream is probed again before anything is started.
    pub(super) fn window_due(&self) -> bool {
        self.window.elapsed >= self.window_needs()
            && self.window.failures >= self.policy.failures
            && self.fails_just_now()
    }

    /// True if every upstream has failed during the current outage, the last of them recently.
    fn fails_just_now(&self) -> bool {
        let Some(opened) = self.window.opened else { return false };
        self.now.since(self.window.last) <= self.policy.longest_step()
            && self.upstreams.iter().all(|upstream| upstream.failing_since(opened).is_some())
    }

    /// Returns the length of an outage that makes a promotion due: `promote.after`, plus the grace while the upstream
    /// seems to restart.
    #[must_use]
    pub fn window_needs(&self) -> Duration {
        let latest = self.last_healthy.zip(self.window.opened);
        let restarting = latest
            .and_then(|(index, opened)| self.upstreams.get(index)?.failing_since(opened))
            .is_some_and(|failure| matches!(failure, Failure::Refused | Failure::Starting | Failure::Draining));
        let grace = if restarting { self.policy.restart_grace } else { Duration::ZERO };
        self.policy.promote_after + grace
    }

    /// True if some upstream was ever seen healthy. Otherwise it is more likely misconfigured than down, which is
    /// announced every hour.
    fn is_armed(&mut self) -> bool {
        let armed = self.any_armed();
        if !armed && self.told.never_seen.is_none_or(|at| self.now.since(at) >= NAG) {
            self.told.never_seen = Some(self.now);
            self.say(Note::NeverSeenHealthy);
        }
        armed
    }

    pub(super) fn any_armed(&self) -> bool {
        self.upstreams.iter().any(|upstream| upstream.armed)
    }

    fn is_held_back(&mut self) -> bool {
        match self.hold_kind() {
            None | Some(HoldKind::Promoted) => false,
            Some(kind) => {
                if !std::mem::replace(&mut self.window.held_back, true) {
                    self.say(Note::HeldBack { kind });
                }
                true
            }
        }
    }

    /// True if a witness answered recently and since the outage began. While no answer is in, the decision waits.
    fn is_witnessed(&mut self, opened: Time) -> bool {
        if !self.policy.witnessed {
            return true;
        }
        let says = self.witness_says(opened);
        if says == Some(false) && !std::mem::replace(&mut self.witness.isolated, true) {
            self.say(Note::Isolated);
        }
        says == Some(true)
    }

    /// Returns the witnesses' answer since the outage began, if it is recent.
    fn witness_says(&self, opened: Time) -> Option<bool> {
        let fresh = self.policy.retry_interval.max(self.policy.timeout);
        self.witness.says(self.now, opened, fresh)
    }

    pub(super) fn witnessed(&mut self, alive: bool) {
        self.witness.answered(alive);
        if alive {
            self.reconnected();
        } else {
            self.availability.discount_current();
        }
        self.decide();
    }

    pub(super) fn reconnected(&mut self) {
        if std::mem::take(&mut self.witness.isolated) {
            self.say(Note::Reconnected);
        }
    }

    /// Lets the drain go on after all if it was to be cut short for this cause.
    pub(super) fn call_off_cut(&mut self, cause: Cause) {
        if let Role::Demoting(demoting) = &mut self.role
            && demoting.cut.is_some_and(|(_, wanted)| wanted == cause)
        {
            demoting.cut = None;
        }
    }
}
