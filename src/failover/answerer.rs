//! Handling of the answering process: an answer on the gateway's port counts only if the unit's own process gave it.

use crate::failover::machine::Machine;
use crate::failover::policy::retry_backoff;
use crate::failover::types::action::{MachineNotice, StartFailure};
use crate::failover::types::event::{Answerer, Observation};
use crate::failover::types::hold::HoldKind;
use crate::failover::types::role::{Promoting, PromotionStep, Role};

impl Machine {
    /// Announces changes of the answering process. An answer of a process outside the unit never counts.
    pub(super) fn track_answerer(&mut self, seen: &Observation) {
        let verifies = matches!(&self.role, Role::Promoting(Promoting { step: PromotionStep::Verify(_), .. }));
        let is_up = verifies || matches!(&self.role, Role::Active(_));
        // While verifying, `StartFailed` already names the other process.
        let is_announced = !verifies || self.is_paused();
        match &seen.answerer {
            Answerer::Other(why) if is_up => {
                let was_held = std::mem::replace(&mut self.announced.port_held, true);
                if !was_held && is_announced {
                    self.announced.is_port_held_announced = true;
                    self.announce(MachineNotice::ForeignAnswer { why: why.clone() });
                }
            }
            Answerer::Unit if is_up => {
                self.release_port();
                if self.announced.unverified_reason.take().is_some() {
                    self.announce(MachineNotice::AnswerVerified);
                }
            }
            Answerer::Unverified(why) if is_up && seen.verdict.is_some_and(crate::probe::Verdict::is_healthy) => {
                let before = self.announced.unverified_reason.replace(why.clone());
                if before.is_none() {
                    self.announce(MachineNotice::AnswerUnverified { why: why.clone() });
                }
            }
            _ => {}
        }
    }

    /// Records that no other process holds the port, and brings a waiting start forward.
    pub(super) fn release_port(&mut self) {
        if !std::mem::take(&mut self.announced.port_held) {
            return;
        }
        if std::mem::take(&mut self.announced.is_port_held_announced) {
            self.announce(MachineNotice::PortFree);
        }
        let soon = self.now + retry_backoff(0);
        if let Role::Promoting(Promoting { step: PromotionStep::Start { at }, .. }) = &mut self.role {
            *at = soon.min(*at);
        }
    }

    /// Fails a start after which another process answers in the gateway's place. The gateway is stopped and started
    /// again, because it may never bind its port otherwise.
    pub(super) fn fail_foreign_start(&mut self, why: String) {
        if self.is_paused() {
            return;
        }
        let Role::Promoting(promoting) = &mut self.role else { return };
        let why = StartFailure::Described(why);
        if self.persistent_state.current_drill().is_some() {
            self.announce(MachineNotice::StartFailed { why, retry_in: None });
            return self.fail_drill();
        }
        let retry_in = retry_backoff(promoting.attempt);
        promoting.step = PromotionStep::Clear { at: self.now, start_at: self.now + retry_in };
        self.announce(MachineNotice::StartFailed { why, retry_in: Some(retry_in) });
    }

    fn is_paused(&self) -> bool {
        self.hold_kind() == Some(HoldKind::Paused)
    }

    /// Returns the reason why the answering process could not be identified, if one is announced.
    pub fn unverified_reason(&self) -> Option<&str> {
        self.announced.unverified_reason.as_deref()
    }
}
