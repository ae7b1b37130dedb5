//! State machine: takes one event, then decides from all facts as they are now.

use crate::failover::action::{Action, Look, Note, Order};
use crate::failover::availability::{Availability, AvailabilityHistory};
use crate::failover::drill::Outcome;
use crate::failover::event::{Answerer, Event, Observation, Unit, UnitState};
use crate::failover::hold::HoldKind;
use crate::failover::persistent_state::Memory;
use crate::failover::policy::Policy;
use crate::failover::role::{Cause, Promoting, Reason, Role, Step, Verify};
use crate::failover::upstream::Upstream;
use crate::failover::window::Window;
use crate::failover::witness::Witness;
use crate::probe::{Failure, Verdict};
use crate::text::timestamp::Time;

/// State machine that decides on failovers.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) policy: Policy,
    pub(super) now: Time,
    pub(super) role: Role,
    pub(super) memory: Memory,
    pub(super) upstreams: Vec<Upstream>,
    /// Upstream with the last healthy verdict since the monitor started.
    pub(super) last_healthy: Option<usize>,
    pub(super) window: Window,
    pub(super) availability: AvailabilityHistory,
    pub(super) witness: Witness,
    /// State of the gateway's unit, as systemd last reported it.
    pub(super) unit: Option<Unit>,
    /// Time of the last poll of the gateway.
    pub(super) looked: Time,
    /// Order in flight; there is at most one.
    pub(super) in_flight: Option<Order>,
    pub(super) duties: crate::failover::sync_schedule::Duties,
    pub(super) told: Told,
    look: Option<Look>,
    out: Vec<Action>,
}

/// Conditions that are announced already, so that each is announced once.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub port_held: bool,
    pub channels_broken: bool,
    pub never_seen: Option<Time>,
    pub hold_stands: Option<Time>,
    /// Reason why the answering process could not be identified.
    pub unverified: Option<String>,
}

/// Initial facts of a machine: the stored state and the state of the host.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// State that the previous monitor stored.
    pub memory: Memory,
    /// For each upstream, true if it was ever seen healthy; missing entries count as false.
    pub armed: Vec<bool>,
    /// State of the gateway's unit, if systemd answered.
    pub unit: Option<Unit>,
}

impl Machine {
    /// Creates a machine that starts now. The role is not stored; it follows from `start.unit`.
    #[must_use]
    pub fn new(policy: Policy, now: Time, start: Start) -> Self {
        let armed = |index| start.armed.get(index).copied().unwrap_or(false);
        let mut machine = Self {
            upstreams: (0..policy.upstreams).map(|index| Upstream::new(armed(index))).collect(),
            availability: AvailabilityHistory::new(policy.promote_after),
            policy,
            now,
            role: Role::Standby,
            memory: start.memory,
            last_healthy: None,
            window: Window::new(now),
            witness: Witness::default(),
            unit: start.unit,
            looked: now,
            in_flight: None,
            duties: crate::failover::sync_schedule::Duties::default(),
            told: Told::default(),
            look: None,
            out: Vec::new(),
        };
        machine.memory.clamp(now);
        machine.told.hold_stands = machine.memory.hold.and_then(|hold| hold.announced(now));
        machine.end_drill(Outcome::Interrupted);
        machine.adopt_unit();
        machine.end_demotion_of_last_monitor();
        if machine.role == Role::Standby
            && let Some(failover) = machine.memory.underway()
        {
            failover.ended = Some(now);
        }
        machine
    }

    /// Handles one event and returns the actions, in order. Time never runs backwards here: an earlier `now` counts as
    /// the latest one so far.
    #[must_use]
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Action> {
        self.now = self.now.max(now);
        self.expire_hold();
        match event {
            Event::Probed { upstream, verdict } => self.probed(upstream, verdict),
            Event::Witnessed { alive } => self.witnessed(alive),
            Event::Observed(observation) => self.observed(&observation),
            Event::Ordered(result) => self.ordered(result),
            Event::Pulled { unreturned } => self.pulled(unreturned),
            Event::Pushed { returned } => self.pushed(returned),
            Event::Command(command) => self.commanded(&command),
            Event::Tick => {}
        }
        self.pursue();
        self.memory.demoting = match &self.role {
            Role::Demoting(demoting) if demoting.reason != Reason::Found => Some(demoting.reason),
            // systemd has not reported the unit since this monitor started.
            Role::Standby if self.unit.is_none() => self.memory.demoting,
            _ => None,
        };
        std::mem::take(&mut self.out)
    }

    /// Replaces the policy, as after a reload. If the upstreams are other ones, they and the outage window are reset,
    /// with `armed` as given.
    pub fn reconfigure(&mut self, policy: Policy, same_upstreams: bool, armed: &[bool]) {
        self.policy = policy;
        if !same_upstreams || !self.availability.is_for(self.policy.promote_after) {
            self.forget_availability();
        }
        if !same_upstreams {
            let armed = |index: usize| armed.get(index).copied().unwrap_or(false);
            self.upstreams = (0..self.policy.upstreams).map(|index| Upstream::new(armed(index))).collect();
            self.last_healthy = None;
            self.window = Window::new(self.now);
            self.call_off_cut(Cause::Outage);
        }
        // The new configuration may have other witnesses.
        self.reconnected();
    }

    /// Returns the role.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Returns the state that must survive a restart.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Returns the upstreams, in the order of the configuration.
    #[must_use]
    pub fn upstreams(&self) -> &[Upstream] {
        &self.upstreams
    }

    /// Returns the state of the gateway's unit, as systemd last reported it.
    #[must_use]
    pub fn unit(&self) -> Option<Unit> {
        self.unit
    }

    /// Returns the length of the current outage, as it counts towards a promotion, and the last time an upstream was
    /// healthy; `None` if one is healthy now.
    #[must_use]
    pub fn window(&self) -> Option<(std::time::Duration, Time)> {
        self.window.opened.map(|_| (self.window.elapsed, self.window.life))
    }

    /// Returns the availability of the upstreams over the recent past.
    #[must_use]
    pub fn availability(&self) -> Availability {
        self.availability.recent(self.now)
    }

    /// True if the upstreams keep failing and coming back.
    #[must_use]
    pub fn is_flapping(&self) -> bool {
        self.availability.is_flapping
    }

    /// True if no recent outage of the upstreams is known.
    #[must_use]
    pub fn has_no_recent_outage(&self) -> bool {
        self.availability.is_blank(self.now)
    }

    /// Returns the number of failed verdicts in a row in the current outage.
    #[must_use]
    pub fn window_failures(&self) -> u32 {
        self.window.failures
    }

    /// True if a promotion is due but no witness answers.
    #[must_use]
    pub fn isolated(&self) -> bool {
        self.witness.isolated
    }

    /// True if a promotion needs a witness.
    #[must_use]
    pub fn wants_witness(&self) -> bool {
        self.policy.witnessed
    }

    /// True if a promotion is stuck: a start failed, or the gateway has not become healthy in time.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let Role::Promoting(Promoting { attempt, step, .. }) = &self.role else { return false };
        *attempt > 0 || matches!(step, Step::Clear { .. } | Step::Verify(Verify { told: true, .. }))
    }

    /// True if another process answers on the gateway's port.
    #[must_use]
    pub fn port_held(&self) -> bool {
        self.told.port_held
    }

    /// True if the gateway is up with a channel that does not work.
    #[must_use]
    pub fn channels_broken(&self) -> bool {
        self.told.channels_broken
    }

    pub(super) fn say(&mut self, note: Note) {
        self.out.push(Action::Say(note));
    }

    pub(super) fn act(&mut self, action: Action) {
        self.out.push(action);
    }

    pub(super) fn order(&mut self, order: Order) {
        debug_assert!(self.in_flight.is_none(), "two orders in flight");
        self.in_flight = Some(order);
        self.act(Action::Order(order));
    }

    pub(super) fn hold_kind(&self) -> Option<HoldKind> {
        self.memory.hold.map(|hold| hold.kind)
    }

    /// True if the unit is known to be in this state.
    pub(super) fn unit_is(&self, state: UnitState) -> bool {
        self.unit.is_some_and(|unit| unit.state == state)
    }

    fn probed(&mut self, index: usize, verdict: Verdict) {
        let longest_step = self.policy.longest_step();
        let Some(upstream) = self.upstreams.get_mut(index) else { return };
        upstream.probed(self.now, verdict, longest_step);
        match verdict {
            Verdict::Healthy { .. } => self.alive(index),
            Verdict::Failing(failure) => self.failing(index, failure),
        }
    }

    fn alive(&mut self, index: usize) {
        self.last_healthy = Some(index);
        if let Some(lasted) = self.window.healthy(self.now) {
            self.say(Note::WindowClosed { upstream: index, lasted });
        }
        if !std::mem::replace(&mut self.upstreams[index].armed, true) {
            self.told.never_seen = None;
            self.say(Note::Armed { upstream: index });
        }
        self.reconnected();
        self.call_off_cut(Cause::Outage);
        self.record_availability();
    }

    fn failing(&mut self, index: usize, failure: Failure) {
        // An upstream that was not probed yet may be healthy: an outage of another standby is no outage of the primary.
        let nobody_lives = self.upstreams.iter().all(Upstream::is_failing);
        if self.window.failing(self.now, self.policy.longest_step(), nobody_lives) {
            self.say(Note::WindowOpened { upstream: index, failure });
            self.overtake_drill();
        }
        if self.outage_looms() {
            self.cut_push();
        }
        self.record_availability();
        self.decide();
    }

    fn record_availability(&mut self) {
        let is_down = self.upstreams.iter().all(Upstream::is_failing);
        self.availability.record(self.now, is_down, &self.policy);
        if let Some(recent) = self.availability.conclude(self.now) {
            self.say(if self.availability.is_flapping { Note::Flapping { recent } } else { Note::Steady { recent } });
        }
    }

    /// Discards the availability so far.
    pub(super) fn forget_availability(&mut self) {
        let recent = self.availability();
        let was_flapping = self.availability.is_flapping;
        self.availability = AvailabilityHistory::new(self.policy.promote_after);
        if was_flapping {
            self.say(Note::Steady { recent });
        }
    }

    fn observed(&mut self, seen: &Observation) {
        if let Some(unit) = seen.unit {
            self.unit = Some(unit);
        }
        self.forgive_unwatched();
        self.watch_port(seen);
        self.watch_answerer(seen);
        match self.role {
            Role::Standby => {
                self.adopt_unit();
                self.end_demotion_of_last_monitor();
            }
            Role::Promoting(_) => self.observed_promoting(seen),
            Role::Active(_) => self.observed_active(seen),
            Role::Demoting(_) => self.observed_demoting(seen),
        }
    }

    /// Excludes gaps between polls from the gateway's silence. A gap longer than one poll may take means that this
    /// monitor was stalled or suspended.
    fn forgive_unwatched(&mut self) {
        let (now, before, longest) =
            (self.now, std::mem::replace(&mut self.looked, self.now), self.policy.longest_step());
        let unwatched = |heard: Time| now.since(before.max(heard)).saturating_sub(longest);
        match &mut self.role {
            Role::Active(active) => active.heard = active.heard + unwatched(active.heard),
            Role::Promoting(Promoting { step: Step::Verify(verify), .. }) => {
                verify.since = verify.since + unwatched(verify.since);
                verify.heard = verify.heard + unwatched(verify.heard);
            }
            _ => {}
        }
    }

    /// Detects another process on the port: an answer while the unit is down. Until the port was found free again, no
    /// answer counts as the gateway's.
    fn watch_port(&mut self, seen: &Observation) {
        let waiting = match &self.role {
            Role::Standby => true,
            Role::Promoting(promoting) => matches!(promoting.step, Step::Sync { .. } | Step::Start { .. }),
            Role::Active(_) | Role::Demoting(_) => false,
        };
        let Some(verdict) = seen.verdict else { return };
        let held = match verdict {
            // A process that closes each connection at once looks like a free port.
            _ if matches!(seen.answerer, Answerer::Other(_)) => return,
            Verdict::Failing(Failure::Refused | Failure::Dns | Failure::Unreachable | Failure::ConnectTimeout) => false,
            _ if waiting && seen.unit.is_some_and(|unit| unit.state == UnitState::Down) => true,
            _ => return,
        };
        if !held {
            self.port_is_free();
        } else if !std::mem::replace(&mut self.told.port_held, true) {
            self.say(Note::PortHeld { verdict });
        }
    }

    /// Adopts a gateway that is up, starting or stopping although this machine did not order it. Only in standby.
    pub(super) fn adopt_unit(&mut self) {
        let Some(unit) = self.unit else { return };
        if self.role != Role::Standby || self.in_flight.is_some() {
            return;
        }
        match unit.state {
            UnitState::Down => {}
            UnitState::Deactivating => {
                let served_since = self.memory.underway().and_then(|failover| failover.answered);
                self.begin_demoting(self.memory.demoting.unwrap_or(Reason::Found));
                if let Role::Demoting(demoting) = &mut self.role {
                    demoting.active_since = served_since;
                }
            }
            UnitState::Active | UnitState::Activating => {
                self.end_drill(Outcome::Interrupted);
                let now = self.now;
                if self.memory.underway().is_none() {
                    self.begin_failover(Cause::Found);
                }
                let failover = self.memory.underway().map(|failover| (failover.cause, failover.decided));
                let (cause, since) = failover.unwrap_or((Cause::Found, now));
                self.memory.unreturned = true;
                let step = Step::Verify(self.verify_from(now, 0));
                self.role = Role::Promoting(Promoting { cause, since, attempt: 0, step });
                // A person who started it by hand has the whole hold-down to run `promote`.
                self.upstreams.iter_mut().for_each(Upstream::restart_streak);
                self.say(Note::Adopted { cause });
            }
        }
    }

    /// Announces the end of a demotion that a previous monitor began and that ended while no monitor ran.
    fn end_demotion_of_last_monitor(&mut self) {
        let Some(reason) = self.memory.demoting else { return };
        if self.role == Role::Standby && self.unit_is(UnitState::Down) {
            let served_since = self.memory.underway().and_then(|failover| failover.answered);
            let active_for = served_since.map(|since| self.now.since(since));
            self.say(Note::Demoted { reason, active_for });
        }
    }

    fn ordered(&mut self, result: Result<(), String>) {
        let Some(order) = self.in_flight.take() else { return };
        match (order, result) {
            (Order::Start, result) => self.start_ordered(result),
            (Order::Stop, Ok(())) => {}
            (Order::Kill, Ok(())) => self.memory.killed = Some(self.now),
            (Order::Stop | Order::Kill, Err(why)) => self.stop_failed(why),
        }
    }

    /// Decides on the next actions from the facts as they are now, whatever the event was (level-triggered).
    fn pursue(&mut self) {
        self.obey_hold();
        match self.role {
            Role::Standby => {}
            Role::Promoting(_) => self.pursue_promotion(),
            Role::Active(_) => self.keep_up(),
            Role::Demoting(_) => self.step_down(),
        }
        self.pursue_duties();
        let look = match &self.role {
            Role::Standby | Role::Promoting(Promoting { step: Step::Sync { .. }, .. }) => Look::ForDown,
            Role::Active(_) => Look::ForUp,
            Role::Promoting(_) | Role::Demoting(_) => Look::Closely,
        };
        if self.look.replace(look) != Some(look) {
            self.act(Action::Look(look));
        }
    }
}
