//! Verdicts of the upstreams: they arm the machine, open and close the outage window, and lead to its decisions.

use crate::failover::availability::{Availability, AvailabilityHistory};
use crate::failover::machine::Machine;
use crate::failover::types::action::MachineNotice;
use crate::failover::types::role::Cause;
use crate::failover::upstream::UpstreamState;
use crate::probe::{ProbeFailure, Verdict};

impl Machine {
    pub(super) fn handle_probe(&mut self, index: usize, verdict: Verdict) {
        let longest_step = self.policy.max_counted_gap();
        let Some(upstream) = self.upstreams.get_mut(index) else { return };
        upstream.record_verdict(self.now, verdict, longest_step);
        match verdict {
            Verdict::Healthy { .. } => self.handle_healthy(index),
            Verdict::Failing(failure) => self.handle_failing(index, failure),
        }
    }

    fn handle_healthy(&mut self, index: usize) {
        self.last_healthy = Some(index);
        if let Some(lasted) = self.window.close(self.now) {
            self.announce(MachineNotice::WindowClosed { upstream: index, lasted });
        }
        if !std::mem::replace(&mut self.upstreams[index].is_armed, true) {
            self.announced.never_seen_at = None;
            self.announce(MachineNotice::Armed { upstream: index });
        }
        self.end_isolation();
        self.cancel_drain_cut(Cause::Outage);
        self.record_availability();
    }

    fn handle_failing(&mut self, index: usize, failure: ProbeFailure) {
        // An upstream that was not probed yet may be healthy: an outage of another standby is no outage of the primary.
        let is_every_upstream_failing = self.upstreams.iter().all(UpstreamState::is_failing);
        if self.window.record_failure(self.now, self.policy.max_counted_gap(), is_every_upstream_failing) {
            self.announce(MachineNotice::WindowOpened { upstream: index, failure });
            self.overtake_drill();
        }
        if self.is_promotion_near() {
            self.stop_push();
        }
        let recent = self.record_availability();
        self.decide_promotion(recent);
    }

    /// Records the verdicts as they are now. Returns the availability until now.
    fn record_availability(&mut self) -> Availability {
        let is_down = self.upstreams.iter().all(UpstreamState::is_failing);
        self.availability.record_verdict(self.now, is_down, &self.policy);
        let recent = self.availability();
        if self.availability.update_flapping(recent) {
            self.announce(if self.availability.is_flapping {
                MachineNotice::Flapping { recent }
            } else {
                MachineNotice::Steady { recent }
            });
        }
        recent
    }

    /// Discards the availability so far.
    pub(super) fn reset_availability(&mut self) {
        let recent = self.availability();
        let was_flapping = self.availability.is_flapping;
        self.availability = AvailabilityHistory::new(self.policy.promote_after);
        if was_flapping {
            self.announce(MachineNotice::Steady { recent });
        }
    }
}
