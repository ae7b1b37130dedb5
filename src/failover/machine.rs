//! State machine: takes one event, then decides from all facts as they are now.

use crate::failover::availability::{Availability, AvailabilityHistory};
use crate::failover::outage_window::OutageWindow;
use crate::failover::policy::Policy;
use crate::failover::types::action::{Action, MachineNotice, PollMode, UnitAction};
use crate::failover::types::drill::DrillOutcome;
use crate::failover::types::event::{Answerer, Event, Observation, ObservedUnit, UnitState};
use crate::failover::types::hold::HoldKind;
use crate::failover::types::persistent_state::PersistentState;
use crate::failover::types::role::{Cause, DemotionReason, Promoting, PromotionStep, Role, Verification};
use crate::failover::upstream::UpstreamState;
use crate::failover::witness::WitnessState;
use crate::probe::{ProbeFailure, Verdict};
use crate::text::timestamp::Time;

/// State machine that decides on failovers.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) policy: Policy,
    pub(super) now: Time,
    pub(super) role: Role,
    pub(super) persistent_state: PersistentState,
    pub(super) upstreams: Vec<UpstreamState>,
    /// Upstream with the last healthy verdict since the monitor started.
    pub(super) last_healthy: Option<usize>,
    pub(super) window: OutageWindow,
    pub(super) availability: AvailabilityHistory,
    pub(super) witness: WitnessState,
    /// State of the gateway's unit, as systemd last reported it.
    pub(super) unit: Option<ObservedUnit>,
    /// Time of the last poll of the gateway.
    pub(super) polled_at: Time,
    /// Unit action in flight; there is at most one.
    pub(super) action_in_flight: Option<UnitAction>,
    pub(super) sync_schedule: crate::failover::types::sync::SyncSchedule,
    pub(super) announced: Announced,
    poll_mode: Option<PollMode>,
    actions: Vec<Action>,
}

/// Conditions that are announced already, so that each is announced once.
#[derive(Clone, Debug, Default)]
pub(super) struct Announced {
    pub port_held: bool,
    pub channels_broken: bool,
    pub never_seen_at: Option<Time>,
    pub hold_reminded_at: Option<Time>,
    /// Reason why the answering process could not be identified.
    pub unverified_reason: Option<String>,
}

/// Initial facts of a machine: the stored state and the state of the host.
#[derive(Clone, Debug, Default)]
pub struct InitialFacts {
    /// State that the previous monitor stored.
    pub persistent_state: PersistentState,
    /// For each upstream, true if it was ever seen healthy; missing entries count as false.
    pub armed: Vec<bool>,
    /// State of the gateway's unit, if systemd answered.
    pub unit: Option<ObservedUnit>,
}

impl Machine {
    /// Creates a machine that starts now. The role is not stored; it follows from `start.unit`.
    #[must_use]
    pub fn new(policy: Policy, now: Time, start: InitialFacts) -> Self {
        let is_armed = |index| start.armed.get(index).copied().unwrap_or(false);
        let mut machine = Self {
            upstreams: (0..policy.upstreams).map(|index| UpstreamState::new(is_armed(index))).collect(),
            availability: AvailabilityHistory::new(policy.promote_after),
            policy,
            now,
            role: Role::Standby,
            persistent_state: start.persistent_state,
            last_healthy: None,
            window: OutageWindow::new(now),
            witness: WitnessState::default(),
            unit: start.unit,
            polled_at: now,
            action_in_flight: None,
            sync_schedule: crate::failover::types::sync::SyncSchedule::default(),
            announced: Announced::default(),
            poll_mode: None,
            actions: Vec::new(),
        };
        machine.persistent_state.clamp_times(now);
        machine.announced.hold_reminded_at =
            machine.persistent_state.hold.as_ref().and_then(|hold| hold.last_reminder_at(now));
        machine.end_drill(DrillOutcome::Interrupted);
        machine.adopt_unit();
        machine.announce_missed_demotion();
        if machine.role == Role::Standby
            && let Some(failover) = machine.persistent_state.current_failover()
        {
            failover.ended_at = Some(now);
        }
        machine
    }

    /// Handles one event and returns the actions, in order. Time never runs backwards here: an earlier `now` counts as
    /// the latest one so far.
    #[must_use]
    pub fn handle_event(&mut self, now: Time, event: Event) -> Vec<Action> {
        self.now = self.now.max(now);
        self.expire_hold();
        match event {
            Event::Probed { upstream, verdict } => self.handle_probe(upstream, verdict),
            Event::WitnessesAnswered { alive } => self.handle_witness_answer(alive),
            Event::Observed(observation) => self.handle_observation(&observation),
            Event::UnitActionEnded(result) => self.handle_unit_action_result(result),
            Event::Pulled { unreturned } => self.handle_pulled(unreturned),
            Event::Pushed { returned } => self.handle_pushed(returned),
            Event::Command(command) => self.execute_command(command),
            Event::Tick => {}
        }
        self.reconcile();
        self.persistent_state.demotion_reason = match &self.role {
            Role::Demoting(demoting) if demoting.reason != DemotionReason::Found => Some(demoting.reason),
            // systemd has not reported the unit since this monitor started.
            Role::Standby if self.unit.is_none() => self.persistent_state.demotion_reason,
            _ => None,
        };
        std::mem::take(&mut self.actions)
    }

    /// Replaces the policy, as after a reload. If the upstreams are other ones, they and the outage window are reset,
    /// with `armed` as given.
    pub fn reconfigure(&mut self, policy: Policy, same_upstreams: bool, armed: &[bool]) {
        self.policy = policy;
        if !same_upstreams || !self.availability.is_rated_by(self.policy.promote_after) {
            self.reset_availability();
        }
        if !same_upstreams {
            let armed = |index: usize| armed.get(index).copied().unwrap_or(false);
            self.upstreams = (0..self.policy.upstreams).map(|index| UpstreamState::new(armed(index))).collect();
            self.last_healthy = None;
            self.window = OutageWindow::new(self.now);
            self.cancel_drain_cut(Cause::Outage);
        }
        // The new configuration may have other witnesses.
        self.end_isolation();
    }

    /// Returns the role.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Returns the state that must survive a restart.
    #[must_use]
    pub fn persistent_state(&self) -> &PersistentState {
        &self.persistent_state
    }

    /// Returns the upstreams, in the order of the configuration.
    #[must_use]
    pub fn upstreams(&self) -> &[UpstreamState] {
        &self.upstreams
    }

    /// Returns the state of the gateway's unit, as systemd last reported it.
    #[must_use]
    pub fn unit(&self) -> Option<ObservedUnit> {
        self.unit
    }

    /// Returns the length of the current outage, as it counts towards a promotion, and the last time an upstream was
    /// healthy; `None` if one is healthy now.
    #[must_use]
    pub fn window(&self) -> Option<(std::time::Duration, Time)> {
        self.window.opened_at.map(|_| (self.window.elapsed, self.window.last_healthy_at))
    }

    /// Returns the availability of the upstreams over the recent past.
    #[must_use]
    pub fn availability(&self) -> Availability {
        self.availability.availability_until(self.now)
    }

    /// True if the upstreams keep failing and coming back.
    #[must_use]
    pub fn is_flapping(&self) -> bool {
        self.availability.is_flapping
    }

    /// True if no recent outage of the upstreams is known.
    #[must_use]
    pub fn has_no_recent_outage(&self) -> bool {
        self.availability.has_no_outage(self.now)
    }

    /// Returns the number of failed verdicts in a row in the current outage.
    #[must_use]
    pub fn window_failures(&self) -> u32 {
        self.window.failures
    }

    /// True if a promotion is due but no witness answers.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.witness.is_isolated
    }

    /// True if a promotion needs a witness.
    #[must_use]
    pub fn needs_witness(&self) -> bool {
        self.policy.needs_witness
    }

    /// True if a promotion is stuck: a start failed, or the gateway has not become healthy in time.
    #[must_use]
    pub fn is_promotion_stuck(&self) -> bool {
        let Role::Promoting(Promoting { attempt, step, .. }) = &self.role else { return false };
        *attempt > 0
            || matches!(
                step,
                PromotionStep::Clear { .. } | PromotionStep::Verify(Verification { is_announced: true, .. })
            )
    }

    /// True if another process answers on the gateway's port.
    #[must_use]
    pub fn is_port_held(&self) -> bool {
        self.announced.port_held
    }

    /// True if the gateway is up with a channel that does not work.
    #[must_use]
    pub fn has_broken_channels(&self) -> bool {
        self.announced.channels_broken
    }

    pub(super) fn announce(&mut self, notice: MachineNotice) {
        self.actions.push(Action::Announce(notice));
    }

    pub(super) fn push_action(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(super) fn request_unit_action(&mut self, action: UnitAction) {
        debug_assert!(self.action_in_flight.is_none(), "two unit actions in flight");
        self.action_in_flight = Some(action);
        self.push_action(Action::UnitAction(action));
    }

    pub(super) fn hold_kind(&self) -> Option<HoldKind> {
        self.persistent_state.hold.as_ref().map(|hold| hold.kind)
    }

    /// True if the unit is known to be in this state.
    pub(super) fn is_unit_in(&self, state: UnitState) -> bool {
        self.unit.is_some_and(|unit| unit.state == state)
    }

    fn handle_probe(&mut self, index: usize, verdict: Verdict) {
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
        self.record_availability();
        self.decide_promotion();
    }

    fn record_availability(&mut self) {
        let is_down = self.upstreams.iter().all(UpstreamState::is_failing);
        self.availability.record_verdict(self.now, is_down, &self.policy);
        if let Some(recent) = self.availability.update_flapping(self.now) {
            self.announce(if self.availability.is_flapping {
                MachineNotice::Flapping { recent }
            } else {
                MachineNotice::Steady { recent }
            });
        }
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

    fn handle_observation(&mut self, seen: &Observation) {
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
    fn announce_missed_demotion(&mut self) {
        let Some(reason) = self.persistent_state.demotion_reason else { return };
        if self.role == Role::Standby && self.is_unit_in(UnitState::Down) {
            let served_since = self.persistent_state.current_failover().and_then(|failover| failover.answered_at);
            let active_for = served_since.map(|since| self.now.since(since));
            self.announce(MachineNotice::Demoted { reason, active_for });
        }
    }

    fn handle_unit_action_result(&mut self, result: Result<(), String>) {
        let Some(action) = self.action_in_flight.take() else { return };
        match (action, result) {
            (UnitAction::Start, result) => self.handle_start_result(result),
            (UnitAction::Stop, Ok(())) => {}
            (UnitAction::Kill, Ok(())) => self.persistent_state.killed_at = Some(self.now),
            (UnitAction::Stop | UnitAction::Kill, Err(why)) => self.handle_stop_failure(why),
        }
    }

    /// Decides on the next actions from the facts as they are now, whatever the event was (level-triggered).
    fn reconcile(&mut self) {
        self.apply_hold();
        match self.role {
            Role::Standby => {}
            Role::Promoting(_) => self.reconcile_promotion(),
            Role::Active(_) => self.reconcile_active(),
            Role::Demoting(_) => self.reconcile_demotion(),
        }
        self.start_due_tasks();
        let mode = match &self.role {
            Role::Standby | Role::Promoting(Promoting { step: PromotionStep::Sync { .. }, .. }) => PollMode::ExpectDown,
            Role::Active(_) => PollMode::ExpectUp,
            Role::Promoting(_) | Role::Demoting(_) => PollMode::Transition,
        };
        if self.poll_mode.replace(mode) != Some(mode) {
            self.push_action(Action::SetPollMode(mode));
        }
    }
}
