//! World: a month of one standby in virtual time.
//!
//! The real [`Machine`] and the real [`ProbeSchedule`] run against simulated upstreams, systemd, git host, witnesses
//! and operators, which behave as the seed determines. Periods in which nothing can change are skipped; a test in
//! `main.rs` shows that this changes no decision.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use openclaw_failover::failover::{
    Action, Answerer, Event, HoldKind, InitialFacts, Machine, OperatorCommand, PersistentState, Policy, PollMode,
    ProbeSchedule, Role, UnitAction, UnitActionError,
};
use openclaw_failover::probe::{ProbeFailure, Verdict};
use openclaw_failover::text::Time;

use crate::gateway::{Gateway, Process};
use crate::plan::{self, DAY, HOUR, MINUTE, SECOND, Span, State, UP};
use crate::referee::Referee;
use crate::rng::Rng;

/// Start of every world on the machine's clock, far from zero as on a real clock.
pub const EPOCH: u64 = 1_790_000_000_000;

/// Times of TCP's retransmissions of a packet without acknowledgement.
const RETRANSMITTED_AFTER: [u64; 3] = [SECOND, 3 * SECOND, 7 * SECOND];

/// Kinds of trouble in a world.
#[derive(Clone, Debug)]
pub struct Troubles {
    /// Number of starts, stops and runs of the gateway in a thousand that go wrong.
    pub systemd: u64,
    pub crashes: bool,
    pub stalls: bool,
    pub operators: bool,
    pub partitions: bool,
    pub slow_sync: bool,
    pub drills: bool,
    /// True if other processes take the gateway's port while it is free.
    pub squatters: bool,
}

enum Happening {
    ProbeEnds { upstream: usize, began: u64, verdict: Verdict },
    OrderRuns { order: UnitAction, takes: u64 },
    PullEnds,
    PushEnds { returned: bool },
    WitnessAnswers,
    Speak(OperatorCommand),
    GatewayDies,
    Squat { lasts: u64 },
    Crash { reboot: bool },
    Restart,
    Stall { lasts: u64 },
}

struct Due {
    at: u64,
    order: u64,
    /// Run of the monitor that the entry belongs to; `None` for events from outside.
    life: Option<u64>,
    what: Happening,
}

pub struct World {
    pub now: u64,
    pub length: u64,
    pub policy: Policy,
    pub troubles: Troubles,
    pub log: Vec<(u64, UnitAction)>,
    pub skips: bool,
    seed: u64,
    rng: Rng,
    queue: BinaryHeap<Reverse<Keyed>>,
    sequence: u64,
    plans: Vec<Vec<Span>>,
    cursor: Vec<usize>,
    /// Times at which partitions begin and end, in turn, and the number of those that have passed.
    edges: Vec<u64>,
    edge: usize,
    pub gateway: Gateway,
    machine: Option<Machine>,
    life: u64,
    saved: (PersistentState, Vec<bool>),
    paces: Vec<ProbeSchedule>,
    begins: Vec<Option<u64>>,
    poll_mode: PollMode,
    next_poll_at: Option<u64>,
    /// True if a poll was made since the last skipped period, so that the observations are fresh.
    has_polled: bool,
    asked_systemd: u64,
    tick_at: Option<u64>,
    stalled_until: u64,
    pull: Option<u64>,
    pushes: bool,
    referee: Referee,
}

struct Keyed(Due);

impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        (self.0.at, self.0.order) == (other.0.at, other.0.order)
    }
}
impl Eq for Keyed {}
impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Keyed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.at, self.0.order).cmp(&(other.0.at, other.0.order))
    }
}

fn policy(rng: &mut Rng) -> Policy {
    let s = Duration::from_secs;
    let interval = s(if rng.chance(20) { 1 } else { rng.pick(&[5, 10, 10, 10, 30, 60]) });
    let retry_interval = interval.min(s(rng.pick(&[1, 3, 3, 5])));
    let timeout = s(rng.pick(&[1, 2, 5, 5, 10]));
    let failures = rng.range(1, 5) as u32;
    let least = interval + timeout + (retry_interval + timeout) * failures;
    Policy {
        upstreams: if rng.chance(300) { 2 } else { 1 },
        interval,
        retry_interval,
        timeout,
        promote_after: least.max(s(rng.pick(&[20, 30, 30, 30, 60, 120]))),
        failures,
        restart_grace: s(rng.pick(&[0, 0, 0, 60, 180])),
        sync_wait: s(rng.pick(&[0, 5, 5])),
        needs_witness: rng.chance(400),
        demote_after: s(rng.pick(&[10, 30, 30, 60])),
        demote_max_after: s(rng.pick(&[600, 1800])),
        flap_window: s(rng.pick(&[3600, 3 * 3600])),
        start_timeout: s(rng.pick(&[60, 300, 300])),
        stop_timeout: s(345),
        pull_interval: s(rng.pick(&[3600, 6 * 3600, 24 * 3600])),
    }
}

impl World {
    pub fn new(seed: u64, length: u64, skips: bool) -> Self {
        let mut rng = Rng::new(seed);
        let policy = policy(&mut rng);
        let mut yes = |in_a_thousand| rng.chance(in_a_thousand);
        let troubles = Troubles {
            systemd: if yes(250) { 80 } else { 0 },
            crashes: yes(400),
            stalls: yes(300),
            operators: yes(300),
            partitions: yes(300),
            slow_sync: yes(300),
            drills: yes(300),
            // A separate generator, so that a world without squatters stays the same.
            squatters: Rng::new(!seed).chance(250),
        };
        let plans: Vec<_> = (0..policy.upstreams).map(|_| plan::upstream(&mut rng, length)).collect();
        let partitions = if troubles.partitions { plan::partitions(&mut rng, length) } else { Vec::new() };
        let edges = partitions.into_iter().flat_map(|(from, until)| [EPOCH + from, EPOCH + until]).collect();
        let mut world = Self {
            now: EPOCH,
            length,
            cursor: vec![0; plans.len()],
            plans,
            edges,
            edge: 0,
            gateway: Gateway::new(troubles.systemd),
            log: Vec::new(),
            skips,
            seed,
            queue: BinaryHeap::new(),
            sequence: 0,
            machine: None,
            life: 0,
            saved: (PersistentState::default(), vec![false; policy.upstreams]),
            paces: Vec::new(),
            begins: Vec::new(),
            poll_mode: PollMode::ExpectDown,
            next_poll_at: None,
            has_polled: false,
            asked_systemd: 0,
            tick_at: None,
            stalled_until: 0,
            pull: None,
            pushes: false,
            referee: Referee::new(seed, &policy, EPOCH),
            policy,
            troubles,
            rng,
        };
        world.queue_outside_events();
        world.start_monitor();
        world
    }

    /// Queues every event from outside.
    fn queue_outside_events(&mut self) {
        let end = EPOCH + self.length;
        let troubles = self.troubles.clone();
        self.queue_at_random(troubles.crashes, end, 3 * DAY, |rng| Happening::Crash { reboot: rng.chance(300) });
        self.queue_at_random(troubles.stalls, end, 5 * DAY, |rng| Happening::Stall {
            lasts: rng.log_range(SECOND, 2 * HOUR),
        });
        self.queue_at_random(troubles.systemd > 0, end, 4 * DAY, |_| Happening::GatewayDies);
        self.queue_at_random(troubles.operators, end, 2 * DAY, |rng| Happening::Speak(command(rng)));
        self.queue_at_random(troubles.drills, end, 2 * DAY, |rng| Happening::Speak(drill(rng)));
        if troubles.drills {
            self.drill_before_outages();
        }
        if troubles.squatters {
            self.gateway.is_unverifiable = self.rng.chance(100);
            self.queue_at_random(true, end, 2 * DAY, |rng| Happening::Squat {
                lasts: rng.log_range(SECOND, 20 * MINUTE),
            });
            self.squat_after_starts();
        }
    }

    /// Queues squatters that come just when the gateway is started or restarted.
    fn squat_after_starts(&mut self) {
        let fails = |&&(_, state): &&Span| matches!(state, State::Fails(_));
        let outages: Vec<u64> = self.plans.iter().flatten().filter(fails).map(|&(at, _)| EPOCH + at).collect();
        let promote_after = self.policy.promote_after.as_millis() as u64;
        for at in outages {
            if self.rng.chance(400) {
                let squats = at + promote_after + self.rng.log_range(SECOND, 2 * MINUTE);
                let lasts = self.rng.log_range(SECOND, 10 * MINUTE);
                self.push(squats, None, Happening::Squat { lasts });
            }
        }
    }

    /// Queues drills with an outage during any of their steps, and sometimes a command too.
    fn drill_before_outages(&mut self) {
        let fails = |&&(_, state): &&Span| matches!(state, State::Fails(_));
        let outages: Vec<u64> = self.plans.iter().flatten().filter(fails).map(|&(at, _)| EPOCH + at).collect();
        for at in outages {
            if self.rng.chance(300) {
                let drilled = at.saturating_sub(self.rng.log_range(SECOND, 10 * MINUTE)).max(EPOCH);
                let asked = Happening::Speak(drill(&mut self.rng));
                self.push(drilled, None, asked);
                if self.rng.chance(200) {
                    let word = Happening::Speak(command(&mut self.rng));
                    let after = self.rng.log_range(SECOND, 10 * MINUTE);
                    self.push(drilled + after, None, word);
                }
            }
        }
    }

    fn queue_at_random(&mut self, happens: bool, end: u64, apart: u64, mut what: impl FnMut(&mut Rng) -> Happening) {
        let mut at = EPOCH;
        if !happens {
            return;
        }
        loop {
            at += self.rng.log_range(SECOND, 2 * apart);
            if at >= end {
                return;
            }
            let what = what(&mut self.rng);
            self.push(at, None, what);
            // A command is often repeated or reverted while its effect is still in progress.
            if self.rng.chance(300) {
                at += self.rng.log_range(SECOND, 10 * MINUTE);
            }
        }
    }

    fn push(&mut self, at: u64, life: Option<u64>, what: Happening) {
        self.sequence += 1;
        self.queue.push(Reverse(Keyed(Due { at, order: self.sequence, life, what })));
    }

    fn push_own(&mut self, after: u64, what: Happening) {
        self.push(self.now + after, Some(self.life), what);
    }

    /// Runs the whole world; panics with the seed if a rule is broken.
    pub fn run(&mut self) {
        let end = EPOCH + self.length;
        loop {
            self.skip_quiet(end);
            let next = self.next_moment();
            if next >= end {
                self.now = end;
                self.advance_truth();
                return;
            }
            self.now = self.now.max(next);
            self.advance_truth();
            self.step();
        }
    }

    fn next_moment(&self) -> u64 {
        let queued = self.queue.peek().map(|Reverse(Keyed(due))| due.at);
        let drained = match self.gateway.process {
            Process::Draining { until } => Some(until),
            _ => None,
        };
        let own = [self.next_poll_at, self.tick_at].into_iter().chain(self.begins.iter().copied());
        let own = own.flatten().min().map(|at| at.max(self.stalled_until));
        [queued, own, drained, Some(self.next_change())].into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// Returns the next time at which the plans or a partition change the result of a probe.
    fn next_change(&self) -> u64 {
        let plans = self.plans.iter().zip(&self.cursor).filter_map(|(plan, &cursor)| plan.get(cursor + 1));
        let plans = plans.map(|&(at, _)| EPOCH + at);
        plans.chain(self.edges.get(self.edge).copied()).min().unwrap_or(u64::MAX)
    }

    /// True if this host is cut off, which it is between an odd edge and the next.
    fn is_cut_off(&self) -> bool {
        self.edge % 2 == 1
    }

    fn state(&self, upstream: usize) -> State {
        if self.is_cut_off() {
            State::Fails(ProbeFailure::ConnectTimeout)
        } else {
            self.plans[upstream].get(self.cursor[upstream]).map_or(UP, |&(_, state)| state)
        }
    }

    /// Returns the planned state of an upstream at a future time.
    fn state_at(&self, upstream: usize, at: u64) -> State {
        if self.edges.iter().skip(self.edge).take_while(|&&edge| edge <= at).count() % 2 != self.edge % 2 {
            return State::Fails(ProbeFailure::ConnectTimeout);
        }
        let begun = self.plans[upstream].iter().skip(self.cursor[upstream]);
        begun.take_while(|&&(begins, _)| EPOCH + begins <= at).last().map_or(UP, |&(_, state)| state)
    }

    fn advance_truth(&mut self) {
        let now = self.now;
        self.referee.check_time_limits(now, &self.gateway, self.machine.as_ref());
        for (plan, cursor) in self.plans.iter().zip(&mut self.cursor) {
            while plan.get(*cursor + 1).is_some_and(|&(at, _)| EPOCH + at <= now) {
                *cursor += 1;
            }
        }
        while self.edges.get(self.edge).is_some_and(|&at| at <= now) {
            self.edge += 1;
        }
        for upstream in 0..self.plans.len() {
            let state = self.state(upstream);
            self.referee.record_state(now, upstream, state);
        }
        let cut_off = self.is_cut_off();
        self.referee.record_partition(now, cut_off);
        self.gateway.settle(now);
        self.referee.record_gateway(now, &self.gateway);
    }

    /// Processes the first entry of the queue.
    fn step(&mut self) {
        let now = self.now;
        if self.queue.peek().is_some_and(|Reverse(Keyed(due))| due.at <= now) {
            if let Some(Reverse(Keyed(due))) = self.queue.pop() {
                self.process_entry(due);
            }
        } else if now < self.stalled_until || self.machine.is_none() {
        } else if let Some(upstream) = self.begins.iter().position(|at| at.is_some_and(|at| at <= now)) {
            self.begin_probe(upstream);
        } else if self.next_poll_at.is_some_and(|at| at <= now) {
            self.poll_gateway();
        } else if self.tick_at.is_some_and(|at| at <= now) {
            self.tick_at = None;
            self.deliver_event(Event::Tick);
        }
        self.referee.record_gateway(now, &self.gateway);
    }

    fn process_entry(&mut self, due: Due) {
        let own = due.life.is_some();
        if own && due.life != Some(self.life) {
            if let Happening::OrderRuns { order, .. } = due.what {
                let _ = self.run_order(order);
            }
            return;
        }
        if own && self.now < self.stalled_until {
            let what = match due.what {
                Happening::ProbeEnds { upstream, began, .. } if self.rng.chance(500) => {
                    Happening::ProbeEnds { upstream, began, verdict: Verdict::Failing(ProbeFailure::ResponseTimeout) }
                }
                what => what,
            };
            self.push(self.stalled_until, due.life, what);
            return;
        }
        match due.what {
            Happening::ProbeEnds { upstream, began, verdict } => self.end_probe(upstream, began, verdict),
            Happening::OrderRuns { order, takes: 0 } => self.carry_out(order),
            Happening::OrderRuns { order, takes } => self.push_own(takes, Happening::OrderRuns { order, takes: 0 }),
            Happening::PullEnds => {
                if self.pull.take().is_some() {
                    let unpushed = self.rng.chance(20);
                    self.deliver_event(Event::Pulled { unpushed });
                }
            }
            Happening::PushEnds { returned } => {
                if std::mem::take(&mut self.pushes) {
                    self.deliver_event(Event::Pushed { returned });
                }
            }
            Happening::WitnessAnswers => {
                let alive = !self.is_cut_off();
                self.deliver_event(Event::WitnessesAnswered { alive });
            }
            Happening::Speak(command) => self.send_command(command),
            Happening::GatewayDies => {
                if self.gateway.process != Process::Down {
                    self.gateway.kill();
                    self.referee.disturb(self.now, 10 * MINUTE);
                }
            }
            Happening::Squat { lasts } => {
                self.gateway.squat(self.now, self.now + lasts);
                if self.rng.chance(500) {
                    self.gateway.squat_on_restart(self.now, self.now + lasts);
                }
                // The start is refused, or the gateway answers only after that.
                self.referee.disturb(self.now, lasts + 20 * MINUTE);
            }
            Happening::Crash { reboot } => self.crash(reboot),
            Happening::Restart => self.start_monitor(),
            Happening::Stall { lasts } => {
                self.stalled_until = self.stalled_until.max(self.now + lasts);
                self.referee.disturb(self.stalled_until, 0);
            }
        }
    }

    fn send_command(&mut self, command: OperatorCommand) {
        if self.machine.is_none() || self.now < self.stalled_until {
            return;
        }
        let command = match command {
            OperatorCommand::Hold { kind, until, reason } => {
                let until = until.map(|until| Time::from_millis(self.now + until.as_millis()));
                OperatorCommand::Hold { kind, until, reason }
            }
            other => other,
        };
        self.referee.record_command(self.now, &command);
        self.deliver_event(Event::Command(command));
    }

    fn start_monitor(&mut self) {
        if self.machine.is_some() {
            return;
        }
        let now = Time::from_millis(self.now);
        let (memory, armed) = self.saved.clone();
        let start = InitialFacts { persistent_state: memory, armed, unit: Some(self.gateway.unit()) };
        self.paces = (0..self.policy.upstreams).map(|_| ProbeSchedule::new(&self.policy, now)).collect();
        self.begins = vec![Some(self.now); self.policy.upstreams];
        self.next_poll_at = Some(self.now);
        self.tick_at = Some(self.now);
        self.pull = None;
        self.pushes = false;
        self.machine = Some(Machine::new(self.policy.clone(), now, start));
        self.referee.monitor_started(self.now);
    }

    fn crash(&mut self, reboot: bool) {
        let down_for = if self.rng.chance(100) {
            self.rng.log_range(SECOND, 5 * HOUR)
        } else {
            self.rng.range(SECOND, 20 * SECOND)
        };
        if self.machine.take().is_some() {
            self.life += 1;
            self.begins = vec![None; self.policy.upstreams];
            (self.next_poll_at, self.tick_at) = (None, None);
            self.push(self.now + down_for, None, Happening::Restart);
        }
        if reboot {
            self.gateway.kill();
        }
        self.referee.monitor_gone(self.now);
    }

    fn begin_probe(&mut self, upstream: usize) {
        // Drawn from the time, not from the sequence, so that skipped periods do not change the draw.
        let mut rng = Rng::new(self.seed ^ self.now.wrapping_mul(31 + upstream as u64));
        let timeout = self.policy.timeout.as_millis() as u64;
        let slow = timeout.min(self.policy.retry_interval.as_millis() as u64);
        let quick = if rng.chance(50) { rng.range(1, slow) } else { rng.range(1, 50) };
        let (verdict, takes) = match self.state(upstream) {
            State::Up { ready } => (Verdict::Healthy { ready }, quick),
            State::Fails(failure @ (ProbeFailure::ResponseTimeout | ProbeFailure::ConnectTimeout)) => {
                self.await_answer(upstream, failure, quick)
            }
            State::Fails(failure) => (Verdict::Failing(failure), quick),
        };
        self.begins[upstream] = None;
        self.push_own(takes, Happening::ProbeEnds { upstream, began: self.now, verdict });
    }

    /// Returns the result of a probe. One without an answer waits, and TCP retransmits, so a recovery within the
    /// timeout is seen.
    fn await_answer(&self, upstream: usize, failure: ProbeFailure, quick: u64) -> (Verdict, u64) {
        let timeout = self.policy.timeout.as_millis() as u64;
        let answered = |&after: &u64| match self.state_at(upstream, self.now + after) {
            State::Up { ready } if after + quick <= timeout => Some((Verdict::Healthy { ready }, after + quick)),
            _ => None,
        };
        RETRANSMITTED_AFTER.iter().find_map(answered).unwrap_or((Verdict::Failing(failure), timeout))
    }

    fn end_probe(&mut self, upstream: usize, began: u64, verdict: Verdict) {
        let (began, ended) = (Time::from_millis(began), Time::from_millis(self.now));
        self.begins[upstream] =
            Some(self.paces[upstream].next_probe_at(began, ended, verdict.is_healthy()).as_millis());
        self.referee.record_verdict(self.now, upstream, verdict);
        self.deliver_event(Event::Probed { upstream, verdict });
    }

    fn poll_gateway(&mut self) {
        let pace = if self.poll_mode == PollMode::Transition { 500 } else { self.policy.interval.as_millis() as u64 };
        self.next_poll_at = Some(self.now + pace);
        self.has_polled = true;
        let answers = self.gateway.answers(self.now);
        let surprising = match self.poll_mode {
            PollMode::Transition => true,
            PollMode::ExpectUp => !answers,
            PollMode::ExpectDown => self.gateway.process != Process::Down || self.gateway.is_squatted(self.now),
        };
        let ask = surprising || self.now - self.asked_systemd >= 5 * MINUTE;
        if ask {
            self.asked_systemd = self.now;
        }
        // A check takes time, so now and then the answering process is not identified yet.
        let mut rng = Rng::new(self.seed ^ self.now.wrapping_mul(37));
        let seen = self.gateway.look(self.now, ask, self.poll_mode != PollMode::ExpectDown && !rng.chance(100));
        self.referee.record_poll(self.now, &seen, self.gateway.answers(self.now));
        self.deliver_event(Event::Observed(seen));
        if let Some(machine) = &self.machine {
            self.referee.check_answerer(self.now, machine);
        }
    }

    /// Simulates the gateway actuator: a poll before, the order, its result, and soon a poll after.
    fn carry_out(&mut self, order: UnitAction) {
        let mut seen = self.gateway.look(self.now, true, true);
        // Only systemd is queried before an order.
        (seen.verdict, seen.answerer) = (None, Answerer::Pending);
        self.deliver_event(Event::Observed(seen));
        let result = self.run_order(order);
        self.referee.record_gateway(self.now, &self.gateway);
        if result.is_err() {
            self.referee.disturb(self.now, 20 * MINUTE);
        }
        self.referee.record_action_result(order, &result);
        self.deliver_event(Event::UnitActionEnded(result.map_err(UnitActionError::refused)));
        self.next_poll_at = self.machine.is_some().then_some(self.now + 20);
    }

    fn run_order(&mut self, order: UnitAction) -> Result<(), String> {
        let now = self.now;
        match order {
            UnitAction::Start => self.gateway.start(now, &mut self.rng),
            UnitAction::Stop => self.gateway.stop(now, &mut self.rng),
            UnitAction::Kill => {
                self.gateway.kill();
                Ok(())
            }
        }
    }

    fn deliver_event(&mut self, event: Event) {
        let now = self.now;
        let Some(machine) = &mut self.machine else { return };
        let mut actions = machine.handle_event(Time::from_millis(now), event);
        // A crash can come between any two actions of one event, and before or after its state is on disk.
        let dies = self.troubles.crashes && !actions.is_empty() && self.rng.chance(3);
        if dies {
            actions.truncate(self.rng.range(0, actions.len() as u64 + 1) as usize);
        }
        if !dies || self.rng.chance(500) {
            if machine.persistent_state() != &self.saved.0 {
                self.saved.0 = machine.persistent_state().clone();
            }
            for (saved, upstream) in self.saved.1.iter_mut().zip(machine.upstreams()) {
                *saved |= upstream.is_armed;
            }
        }
        for action in actions {
            self.carry_out_action(action);
        }
        if dies {
            if let Some(machine) = &self.machine {
                self.referee.record_lost_state(now, &self.saved.0, machine);
            }
            self.crash(false);
        } else if let Some(machine) = &self.machine {
            self.tick_at = machine.next_tick_at().map(Time::as_millis);
        }
    }

    fn carry_out_action(&mut self, action: Action) {
        let Some(machine) = &self.machine else { return };
        self.referee.judge_action(self.now, &action, machine);
        match action {
            Action::UnitAction(order) => {
                self.log.push((self.now - EPOCH, order));
                let slow = self.troubles.systemd > 0 && self.rng.chance(100);
                let takes = if slow { self.rng.range(100, 30 * SECOND) } else { self.rng.range(3, 60) };
                if slow {
                    self.referee.disturb(self.now, 31 * SECOND);
                }
                self.push_own(takes, Happening::OrderRuns { order, takes: 0 });
            }
            Action::SetPollMode(look) => {
                self.poll_mode = look;
                self.next_poll_at = Some(self.now + 20);
            }
            Action::Pull => {
                assert!(self.pull.is_none() && !self.pushes, "a pull beside another sync");
                let takes = match self.troubles.slow_sync && self.rng.chance(300) {
                    true => self.rng.log_range(SECOND, 5 * MINUTE),
                    false => self.rng.range(100, 4 * SECOND),
                };
                self.pull = Some(self.now + takes);
                self.push_own(takes, Happening::PullEnds);
            }
            Action::StopSync => {
                let moves = self.troubles.slow_sync && self.rng.chance(200);
                let takes = if moves { self.rng.range(SECOND, 60 * SECOND) } else { 20 };
                self.referee.disturb(self.now, if moves { 65 * SECOND } else { 0 });
                let ends = if self.pushes { Happening::PushEnds { returned: false } } else { Happening::PullEnds };
                self.push_own(takes, ends);
            }
            Action::Push => {
                assert!(self.pull.is_none() && !self.pushes, "a push beside another sync");
                let returned = !(self.troubles.slow_sync && self.rng.chance(500));
                let takes = self.rng.log_range(100, MINUTE);
                self.pushes = true;
                self.push_own(takes, Happening::PushEnds { returned });
            }
            Action::QueryWitnesses => {
                let takes = self.rng.range(1, 300);
                self.push_own(takes, Happening::WitnessAnswers);
            }
            Action::Announce(_) => {}
        }
    }

    /// Skips probes and polls that can only repeat the last results, up to shortly before the next entry that is due.
    /// The last few before it always run.
    fn skip_quiet(&mut self, end: u64) {
        let Some(machine) = &self.machine else { return };
        if !self.skips
            || !self.has_polled
            || self.now < self.stalled_until
            || !self.is_quiet(machine)
            || self.begins.iter().any(Option::is_none)
        {
            return;
        }
        // The time shortly before a change of the world must run too.
        let is_steady = machine.upstreams().iter().any(|upstream| upstream.is_healthy());
        // Recent outages count towards a chronic partial outage.
        let account = if is_steady { Duration::ZERO } else { self.policy.promote_after * 20 };
        let before = (2 * self.policy.max_counted_gap() + account).as_millis() as u64;
        let queued = self.queue.peek().map(|Reverse(Keyed(due))| due.at);
        let changes = [queued, Some(self.next_change()), Some(end)].into_iter().flatten().min().unwrap_or(end);
        let quiet_until = changes.saturating_sub(before).min(self.tick_at.unwrap_or(end));
        let millis = |span: Duration| span.as_millis() as u64;
        let (interval, retry) = (millis(self.policy.interval), millis(self.policy.retry_interval));
        for upstream in 0..self.begins.len() {
            let period = match self.state(upstream) {
                State::Up { .. } => interval,
                State::Fails(ProbeFailure::ResponseTimeout | ProbeFailure::ConnectTimeout) => {
                    retry.max(millis(self.policy.timeout))
                }
                State::Fails(_) => retry,
            };
            skip(&mut self.begins[upstream], period, quiet_until);
        }
        skip(&mut self.next_poll_at, interval, quiet_until);
        self.has_polled = false;
    }

    /// True if every probe and every poll would repeat its last result, without effect.
    fn is_quiet(&self, machine: &Machine) -> bool {
        let settled = Duration::from_secs(700);
        let steady = |upstream: usize| {
            let known = &machine.upstreams()[upstream];
            self.state(upstream) == UP && known.ready_for.is_some_and(|ready| ready >= settled)
        };
        let long = 2 * (self.policy.promote_after + self.policy.restart_grace) + settled;
        let dead = |upstream: usize| {
            let (since, state) = self.plans[upstream][self.cursor[upstream]];
            matches!(state, State::Fails(_)) && u128::from(self.now - EPOCH - since) >= long.as_millis()
        };
        let mut upstreams = 0..self.plans.len();
        let due = machine.window().is_some_and(|(elapsed, _)| elapsed >= long);
        let all_dead = due && upstreams.clone().all(dead);
        let one_steady = upstreams.clone().any(steady) && upstreams.all(|upstream| steady(upstream) || dead(upstream));
        let held = machine.persistent_state().hold.as_ref().map(|hold| hold.kind);
        match machine.role() {
            // The next poll has to find the port free first.
            _ if self.gateway.is_squatted(self.now) || machine.is_port_held() => false,
            Role::Standby => {
                let idle = matches!(held, Some(HoldKind::Standby | HoldKind::Paused)) || !self.referee.armed;
                self.gateway.process == Process::Down && (one_steady || all_dead && idle)
            }
            Role::Active(active) => {
                let kept = matches!(held, Some(HoldKind::Promoted | HoldKind::Paused));
                !active.is_down && self.gateway.answers(self.now) && (all_dead || one_steady && kept)
            }
            Role::Promoting(_) | Role::Demoting(_) => false,
        }
    }
}

/// Advances `at` by whole periods, to at most `until`.
fn skip(at: &mut Option<u64>, period: u64, until: u64) {
    if let Some(at) = at {
        *at += until.saturating_sub(*at) / period * period;
    }
}

fn drill(rng: &mut Rng) -> OperatorCommand {
    let hold = if rng.chance(300) { 0 } else { rng.range(0, 600) };
    OperatorCommand::Drill { hold: Duration::from_secs(hold), degraded: rng.chance(50) }
}

fn command(rng: &mut Rng) -> OperatorCommand {
    let span = Time::from_millis(rng.log_range(10 * SECOND, 2 * DAY));
    let until = if rng.chance(900) { Some(span) } else { None };
    let hold = |kind| OperatorCommand::Hold { kind, until, reason: None };
    match rng.range(0, 6) {
        0 => hold(HoldKind::Promoted),
        1 => hold(HoldKind::Standby),
        2 => hold(HoldKind::Paused),
        3 => drill(rng),
        _ => OperatorCommand::Resume,
    }
}
