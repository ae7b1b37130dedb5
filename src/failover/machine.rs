//! State machine: takes one event, then decides from all facts as they are now.

use crate::failover::availability::AvailabilityHistory;
use crate::failover::outage_window::OutageWindow;
use crate::failover::policy::Policy;
use crate::failover::types::action::{Action, MachineNotice, PollMode, UnitAction};
use crate::failover::types::drill::DrillOutcome;
use crate::failover::types::event::{Event, ObservedUnit, UnitActionError, UnitState};
use crate::failover::types::hold::HoldKind;
use crate::failover::types::persistent_state::PersistentState;
use crate::failover::types::role::{Cause, DemotionReason, Promoting, PromotionStep, Role};
use crate::failover::types::sync::SyncSchedule;
use crate::failover::upstream::UpstreamState;
use crate::failover::witness::WitnessState;
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
    pub(super) sync_schedule: SyncSchedule,
    pub(super) announced: Announced,
    poll_mode: Option<PollMode>,
    actions: Vec<Action>,
}

/// Conditions that are announced already, so that each is announced once.
#[derive(Clone, Debug, Default)]
pub(super) struct Announced {
    /// True if another process answers on the gateway's port; announced unless a failed start names that process.
    pub port_held: bool,
    pub is_port_held_announced: bool,
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
            sync_schedule: SyncSchedule::default(),
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
            Event::Pulled { unpushed } => self.handle_pulled(unpushed),
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

    fn handle_unit_action_result(&mut self, result: Result<(), UnitActionError>) {
        let Some(action) = self.action_in_flight.take() else { return };
        match (action, result) {
            (UnitAction::Start, result) => self.handle_start_result(result),
            (UnitAction::Stop, Ok(())) => {}
            (UnitAction::Kill, Ok(())) => self.persistent_state.killed_at = Some(self.now),
            (UnitAction::Stop | UnitAction::Kill, Err(error)) => self.handle_stop_failure(error.why),
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
