//! Observations of the local gateway: its unit, and the port on which it answers.

use crate::failover::machine::Machine;
use crate::failover::types::action::MachineNotice;
use crate::failover::types::drill::DrillOutcome;
use crate::failover::types::event::{Answerer, Observation, UnitState};
use crate::failover::types::role::{Cause, DemotionReason, Promoting, PromotionStep, Role};
use crate::failover::upstream::UpstreamState;
use crate::probe::{ProbeFailure, Verdict};
use crate::text::timestamp::Time;

impl Machine {
    pub(super) fn handle_observation(&mut self, seen: &Observation) {
        if let Some(unit) = seen.unit {
            self.unit = Some(unit);
        }
        self.exclude_unobserved_time();
        self.track_port(seen);
        self.track_answerer(seen);
        match self.role {
            Role::Standby => {
                self.adopt_unit();
                self.announce_missed_demotion();
            }
            Role::Promoting(_) => self.observe_promoting(seen),
            Role::Active(_) => self.observe_active(seen),
            Role::Demoting(_) => self.observe_demoting(seen),
        }
    }

    /// Excludes gaps between polls from the gateway's silence. A gap longer than one poll may take means that this
    /// monitor was stalled or suspended.
    fn exclude_unobserved_time(&mut self) {
        let (now, before, longest) =
            (self.now, std::mem::replace(&mut self.polled_at, self.now), self.policy.max_counted_gap());
        let unwatched = |last_answer_at: Time| now.since(before.max(last_answer_at)).saturating_sub(longest);
        match &mut self.role {
            Role::Active(active) => active.last_answer_at = active.last_answer_at + unwatched(active.last_answer_at),
            Role::Promoting(Promoting { step: PromotionStep::Verify(verify), .. }) => {
                verify.since = verify.since + unwatched(verify.since);
                verify.last_answer_at = verify.last_answer_at + unwatched(verify.last_answer_at);
            }
            _ => {}
        }
    }

    /// Detects another process on the port: an answer while the unit is down. Until the port was found free again, no
    /// answer counts as the gateway's.
    fn track_port(&mut self, seen: &Observation) {
        let waiting = match &self.role {
            Role::Standby => true,
            Role::Promoting(promoting) => {
                matches!(promoting.step, PromotionStep::Sync { .. } | PromotionStep::Start { .. })
            }
            Role::Active(_) | Role::Demoting(_) => false,
        };
        let Some(verdict) = seen.verdict else { return };
        let held = match verdict {
            // A process that closes each connection at once looks like a free port.
            _ if matches!(seen.answerer, Answerer::Other(_)) => return,
            Verdict::Failing(
                ProbeFailure::Refused | ProbeFailure::Dns | ProbeFailure::Unreachable | ProbeFailure::ConnectTimeout,
            ) => false,
            _ if waiting && seen.unit.is_some_and(|unit| unit.state == UnitState::Down) => true,
            _ => return,
        };
        if !held {
            self.release_port();
        } else if !std::mem::replace(&mut self.announced.port_held, true) {
            self.announced.is_port_held_announced = true;
            self.announce(MachineNotice::PortHeld { verdict });
        }
    }

    /// Adopts a gateway that is up, starting or stopping although this machine did not request it. Only in standby.
    pub(super) fn adopt_unit(&mut self) {
        let Some(unit) = self.unit else { return };
        if self.role != Role::Standby || self.action_in_flight.is_some() {
            return;
        }
        match unit.state {
            UnitState::Down => {}
            UnitState::Deactivating => {
                let served_since = self.persistent_state.current_failover().and_then(|failover| failover.answered_at);
                self.begin_demotion(self.persistent_state.demotion_reason.unwrap_or(DemotionReason::Found));
                if let Role::Demoting(demoting) = &mut self.role {
                    demoting.active_since = served_since;
                }
            }
            UnitState::Active | UnitState::Activating => {
                self.end_drill(DrillOutcome::Interrupted);
                let now = self.now;
                if self.persistent_state.current_failover().is_none() {
                    self.begin_failover(Cause::Found);
                }
                let failover =
                    self.persistent_state.current_failover().map(|failover| (failover.cause, failover.decided_at));
                let (cause, since) = failover.unwrap_or((Cause::Found, now));
                self.persistent_state.has_unpushed_changes = true;
                let step = PromotionStep::Verify(self.verification_from(now, 0));
                self.role = Role::Promoting(Promoting { cause, since, attempt: 0, step });
                // A person who started it by hand has the whole hold-down to run `promote`.
                self.upstreams.iter_mut().for_each(UpstreamState::reset_ready_time);
                self.announce(MachineNotice::Adopted { cause });
            }
        }
    }

    /// Announces the end of a demotion that a previous monitor began and that ended while no monitor ran.
    pub(super) fn announce_missed_demotion(&mut self) {
        let Some(reason) = self.persistent_state.demotion_reason else { return };
        if self.role == Role::Standby && self.is_unit_in(UnitState::Down) {
            let served_since = self.persistent_state.current_failover().and_then(|failover| failover.answered_at);
            let active_for = served_since.map(|since| self.now.since(since));
            self.announce(MachineNotice::Demoted { reason, active_for });
        }
    }
}
