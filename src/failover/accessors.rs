//! Facts about the machine, for the status, the trace and the tests.

use std::time::Duration;

use crate::failover::availability::Availability;
use crate::failover::machine::Machine;
use crate::failover::types::event::ObservedUnit;
use crate::failover::types::persistent_state::PersistentState;
use crate::failover::types::role::{Promoting, PromotionStep, Role, Verification};
use crate::failover::upstream::UpstreamState;
use crate::text::timestamp::Time;

impl Machine {
    /// Returns the role.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Returns the state that must survive a restart.
    pub fn persistent_state(&self) -> &PersistentState {
        &self.persistent_state
    }

    /// Returns the upstreams, in the order of the configuration.
    pub fn upstreams(&self) -> &[UpstreamState] {
        &self.upstreams
    }

    /// Returns the state of the gateway's unit, as systemd last reported it.
    pub fn unit(&self) -> Option<ObservedUnit> {
        self.unit
    }

    /// Returns the length of the current outage, as it counts towards a promotion, and the last time an upstream was
    /// healthy; `None` if one is healthy now.
    pub fn window(&self) -> Option<(Duration, Time)> {
        self.window.opened_at.map(|_| (self.window.elapsed, self.window.last_healthy_at))
    }

    /// Returns the availability of the upstreams over the recent past.
    pub fn availability(&self) -> Availability {
        self.availability.availability_until(self.now)
    }

    /// True if the upstreams keep failing and coming back.
    pub fn is_flapping(&self) -> bool {
        self.availability.is_flapping
    }

    /// True if no recent outage of the upstreams is known.
    pub fn has_no_recent_outage(&self) -> bool {
        self.availability.has_no_outage(self.now)
    }

    /// Returns the number of failed verdicts in a row in the current outage.
    pub fn window_failures(&self) -> u32 {
        self.window.failures
    }

    /// True if a promotion is due but no witness answers.
    pub fn is_isolated(&self) -> bool {
        self.witness.is_isolated
    }

    /// True if a promotion needs a witness.
    pub fn needs_witness(&self) -> bool {
        self.policy.needs_witness
    }

    /// True if a promotion is stuck: a start failed, or the gateway has not become healthy in time.
    pub fn is_promotion_stuck(&self) -> bool {
        let Role::Promoting(Promoting { attempt, step, .. }) = &self.role else { return false };
        *attempt > 0
            || matches!(
                step,
                PromotionStep::Clear { .. } | PromotionStep::Verify(Verification { is_announced: true, .. })
            )
    }

    /// True if another process answers on the gateway's port.
    pub fn is_port_held(&self) -> bool {
        self.announced.port_held
    }

    /// True if the gateway is up with a channel that does not work.
    pub fn has_broken_channels(&self) -> bool {
        self.announced.channels_broken
    }
}
