//! Referee: checks the eight invariants against the state of the world, not against the state of the machine.
//!
//! Nothing changes between two moments, so a check just before each moment covers all time.

mod drills;
mod partial;

use std::collections::VecDeque;
use std::time::Duration;

use drills::Drill;
use openclaw_failover::failover::{
    Action, Answerer, Cause, DemotionReason, HoldKind, Machine, MachineNotice, Observation, OperatorCommand,
    PersistentState, Policy, Role, UnitAction,
};
use openclaw_failover::probe::Verdict;
use openclaw_failover::text::Time;
use partial::OutageAccount;

use crate::gateway::{Gateway, Process};
use crate::plan::{DAY, MINUTE, SECOND, State};

/// Allowance for latencies of probes, systemctl and polls.
const LATENCY_ALLOWANCE: u64 = 2 * SECOND;

/// OpenClaw's crash-loop breaker and what the design adds to it.
const CRASH_LOOP_BREAKER_TIME: u64 = 630 * SECOND;

pub struct Referee {
    seed: u64,
    policy: Policy,
    /// Recent happenings, for the report of a failure.
    recent: VecDeque<String>,

    // State of the world.
    truth: Vec<(State, u64)>,
    cut_off: bool,
    process: Process,
    drained_at: u64,
    /// From this time on nothing has disturbed the monitor.
    settled: u64,
    running: bool,

    // Second count of the monitor's inputs.
    life: u64,
    last_verdict: u64,
    elapsed: u64,
    failures: u32,
    pub armed: bool,
    streaks: Vec<Option<(u64, u64)>>,
    said: Vec<Option<Verdict>>,
    hold: Option<(HoldKind, Option<u64>)>,
    account: OutageAccount,
    drill: Option<Drill>,
    drill_asked: Option<Duration>,

    in_flight: bool,
    killed: Option<u64>,
    promotions: VecDeque<u64>,
    /// Automatic promotions within the flap window of the last one, including it.
    flaps: u32,
    answer_due: bool,
    started: bool,
    /// End of the last drill.
    drilled: u64,
    /// True for each of the latest healthy answers that the unit's own process gave, the newest last.
    answers: [bool; 2],
    /// True if the latest poll met an answer that was known to be another process's.
    is_foreign: bool,
    was_active: bool,
    crashes: usize,
    most_in_a_day: usize,
}

fn millis(span: Duration) -> u64 {
    span.as_millis() as u64
}

impl Referee {
    pub fn new(seed: u64, policy: &Policy, now: u64) -> Self {
        Self {
            seed,
            recent: VecDeque::new(),
            truth: vec![(State::Up { ready: true }, now); policy.upstreams],
            cut_off: false,
            process: Process::Down,
            drained_at: 0,
            settled: now,
            running: false,
            life: now,
            last_verdict: now,
            elapsed: 0,
            failures: 0,
            armed: false,
            streaks: vec![None; policy.upstreams],
            said: vec![None; policy.upstreams],
            hold: None,
            account: OutageAccount::new(policy),
            drill: None,
            drill_asked: None,
            in_flight: false,
            killed: None,
            promotions: VecDeque::new(),
            flaps: 1,
            answer_due: false,
            started: false,
            drilled: 0,
            answers: [false; 2],
            is_foreign: false,
            was_active: false,
            crashes: 0,
            most_in_a_day: most_promotions_in_a_day(policy),
            policy: policy.clone(),
        }
    }

    fn note(&mut self, now: u64, what: impl FnOnce() -> String) {
        if self.recent.len() == 60 {
            self.recent.pop_front();
        }
        let at = now - crate::world::EPOCH;
        self.recent.push_back(format!("{:>6} s {:03}  {}", at / 1000, at % 1000, what()));
    }

    fn fail(&self, now: u64, machine: &Machine, rule: &str) -> ! {
        let believes = format!("flaps {} {:?} {:?}", self.flaps, machine.role(), machine.persistent_state());
        let recent = self.recent.iter().map(String::as_str).collect::<Vec<_>>().join("\n  ");
        panic!(
            "seed {}: broken at {} s: {rule}\n  policy: {:?}\n  {recent}\n  machine: {believes}\n\
             replay: SIMULATION_SEED={} cargo test --test simulation",
            self.seed,
            (now - crate::world::EPOCH) as f64 / 1000.0,
            self.policy,
            self.seed
        );
    }

    /// Suspends the monitor's time limits until `now` plus `for_`.
    pub fn disturb(&mut self, now: u64, for_: u64) {
        self.settled = self.settled.max(now + for_);
        self.note(now, || format!("(disturbed for {} s)", for_ / 1000));
    }

    pub fn record_state(&mut self, now: u64, upstream: usize, state: State) {
        if self.truth[upstream].0 != state {
            self.note(now, || format!("truth: upstream {upstream} {state:?}"));
            let same = matches!((self.truth[upstream].0, state), (State::Fails(_), State::Fails(_)));
            let since = if same { self.truth[upstream].1 } else { now };
            self.truth[upstream] = (state, since);
            self.account_truth(now);
        }
    }

    fn account_truth(&mut self, now: u64) {
        let is_down = self.cut_off || self.truth.iter().all(|(state, _)| matches!(state, State::Fails(_)));
        self.account.record_state(now, is_down);
    }

    pub fn record_partition(&mut self, now: u64, cut_off: bool) {
        if cut_off != self.cut_off {
            self.cut_off = cut_off;
            self.settled = self.settled.max(now);
            self.note(now, || format!("truth: cut off: {cut_off}"));
            self.account_truth(now);
        }
    }

    pub fn record_gateway(&mut self, now: u64, gateway: &Gateway) {
        if matches!(gateway.process, Process::Draining { .. }) {
            self.drained_at = now;
        }
        if gateway.process != self.process {
            self.process = gateway.process;
            self.note(now, || format!("gateway: {:?}", gateway.process));
        }
    }

    pub fn monitor_started(&mut self, now: u64) {
        self.note(now, || "monitor starts".to_owned());
        self.running = true;
        self.settled = self.settled.max(now);
        (self.life, self.last_verdict, self.elapsed, self.failures) = (now, now, 0, 0);
        self.streaks.iter_mut().for_each(|streak| *streak = None);
        self.said.iter_mut().for_each(|said| *said = None);
        self.account.drop_verdicts();
        self.in_flight = false;
        self.drill = None;
        (self.answers, self.is_foreign, self.was_active) = ([false; 2], false, false);
    }

    /// Records a poll, and the process that really answered.
    pub fn record_poll(&mut self, now: u64, seen: &Observation, is_own: bool) {
        let is_foreign = matches!(seen.answerer, Answerer::Other(_));
        if is_foreign != std::mem::replace(&mut self.is_foreign, is_foreign) {
            self.note(now, || format!("foreign answers: {is_foreign}"));
        }
        if seen.verdict.is_some_and(Verdict::is_healthy) && seen.answerer != Answerer::Pending {
            self.answers = [self.answers[1], is_own];
        }
    }

    /// Checks invariant 8: the answers that made the machine *active* came from the unit's own process, or it reports
    /// that this could not be checked. While active, an answer of another process is reported at once.
    pub fn check_answerer(&mut self, now: u64, machine: &Machine) {
        let is_active = matches!(machine.role(), Role::Active(_));
        let becomes_active = is_active && !std::mem::replace(&mut self.was_active, is_active);
        let is_unverified = machine.unverified_reason().is_some();
        if becomes_active && self.answers != [true; 2] && !is_unverified {
            self.fail(now, machine, "invariant 8: active by answers that were not the unit's own");
        }
        if is_active && self.is_foreign && !machine.is_port_held() {
            self.fail(now, machine, "invariant 8: another process answers while active, and this is not reported");
        }
    }

    /// Records a crash of the monitor before its latest state was on disk.
    pub fn record_lost_state(&mut self, now: u64, remembered: &PersistentState, machine: &Machine) {
        // The next monitor cannot know of a kill that is not on disk either.
        let killed = remembered.killed_at.map(Time::as_millis);
        self.killed = self.killed.filter(|at| killed.is_some_and(|killed| killed >= *at)).or(killed);
        let decided = remembered.last_failover.as_ref().filter(|failover| failover.decided_at.as_millis() == now);
        if decided.is_some_and(|failover| failover.cause == Cause::Flapping) && !self.account.was_due {
            self.flapping_promoted(now, machine);
        }
        self.hold = remembered.hold.as_ref().map(|hold| (hold.kind, hold.until.map(Time::as_millis)));
    }

    pub fn monitor_gone(&mut self, now: u64) {
        self.note(now, || "monitor gone".to_owned());
        self.running = false;
        self.crashes += 1;
        self.settled = self.settled.max(now);
    }

    pub fn record_command(&mut self, now: u64, command: &OperatorCommand) {
        self.note(now, || format!("operator: {command:?}"));
        match *command {
            OperatorCommand::Hold { kind, until, .. } => {
                self.hold = Some((kind, until.map(Time::as_millis)));
            }
            OperatorCommand::Resume => self.hold = None,
            // An outage during a drill counts too.
            OperatorCommand::Drill { hold, degraded } => {
                self.drill_asked = (!degraded).then_some(hold);
                return;
            }
        }
        self.settled = self.settled.max(now);
    }

    /// Counts the monitor's inputs by the rules of the design.
    pub fn record_verdict(&mut self, now: u64, upstream: usize, verdict: Verdict) {
        self.expire_hold(now);
        let step = millis(self.policy.interval + self.policy.timeout);
        self.elapsed += (now - self.last_verdict).min(step);
        self.last_verdict = now;
        if verdict.is_healthy() {
            (self.life, self.elapsed, self.failures, self.armed) = (now, 0, 0, true);
        } else {
            self.failures += 1;
        }
        let streak = &mut self.streaks[upstream];
        *streak = match (verdict, *streak) {
            (Verdict::Healthy { ready: true }, Some((last, sum))) => Some((now, sum + (now - last).min(step))),
            (Verdict::Healthy { ready: true }, None) => Some((now, 0)),
            _ => None,
        };
        if self.said[upstream].replace(verdict) != Some(verdict) {
            self.note(now, || format!("probe: upstream {upstream} {verdict:?}"));
        }
        let fails = |said: &Option<Verdict>| said.is_some_and(|verdict| !verdict.is_healthy());
        self.account.record_verdict(now, self.said.iter().all(fails));
    }

    fn expire_hold(&mut self, now: u64) {
        if let Some((_, Some(until))) = self.hold
            && now >= until
        {
            self.hold = None;
            self.settled = self.settled.max(until);
        }
    }

    /// Judges one action at the moment the machine asks for it.
    pub fn judge_action(&mut self, now: u64, action: &Action, machine: &Machine) {
        self.expire_hold(now);
        self.note(now, || format!("action: {action:?}"));
        match action {
            Action::UnitAction(order) => self.judge_unit_action(now, *order, machine),
            Action::Announce(MachineNotice::Promoting { cause, .. }) => {
                (self.answer_due, self.started) = (cause.is_automatic(), false);
                self.account.was_due = false;
                if *cause == Cause::Flapping {
                    self.flapping_promoted(now, machine);
                }
                if matches!(cause, Cause::Drill { .. }) {
                    self.drill_began(now, machine);
                }
            }
            Action::Announce(MachineNotice::Promoted { cause: Cause::Outage | Cause::Flapping, .. }) => {
                // A gateway that was up already counts as a failover from now on, without a promotion before. A gateway
                // that a restarted monitor adopts was judged before.
                if !self.account.was_due && machine_cause(machine) == Some(Cause::Flapping) {
                    self.flapping_promoted(now, machine);
                }
                self.judge_promotion(now, machine);
            }
            Action::Announce(MachineNotice::Adopted { cause }) => self.account.was_due &= *cause == Cause::Flapping,
            Action::Announce(MachineNotice::DrillEnded { drill }) => self.drill_ended(now, drill.outcome, machine),
            Action::Announce(MachineNotice::Demoting { reason: DemotionReason::Ready { upstream } }) => {
                self.judge_failback(now, *upstream, machine);
            }
            Action::Announce(MachineNotice::Demoted { .. } | MachineNotice::Aborted { .. }) => {
                if self.answer_due && self.started {
                    self.judge_promotion(now, machine);
                }
                self.answer_due = false;
                self.account.was_due = false;
            }
            // In a world whose systemd always works, the gateway answers.
            Action::Announce(MachineNotice::StoppingSilent { .. } | MachineNotice::StartFailed { .. }) => {
                self.disturb(now, 20 * MINUTE)
            }
            _ => {}
        }
    }

    fn judge_unit_action(&mut self, now: u64, order: UnitAction, machine: &Machine) {
        if self.in_flight {
            self.fail(now, machine, "invariant 4: a second order while one is in flight");
        }
        self.in_flight = true;
        let kind = self.hold.map(|(kind, _)| kind);
        let stops_drill =
            matches!(machine.role(), Role::Demoting(demoting) if demoting.reason == DemotionReason::DrillOver);
        if kind == Some(HoldKind::Paused) && !stops_drill {
            self.fail(now, machine, "invariant 7: an order while paused");
        }
        match order {
            UnitAction::Start if kind == Some(HoldKind::Promoted) || self.drill.is_some() => {}
            UnitAction::Start => {
                if kind == Some(HoldKind::Standby) {
                    self.fail(now, machine, "invariant 1: a start while a hold forbids it");
                }
                if !self.armed {
                    self.fail(now, machine, "invariant 1: a start while nothing is armed");
                }
                let after = millis(self.policy.promote_after);
                let is_window_due = self.elapsed >= after && self.failures >= self.policy.failures;
                if !is_window_due && !self.starts_for_flapping(machine) {
                    self.fail(now, machine, "invariant 1: a start before the window reached promote.after");
                }
            }
            UnitAction::Stop => {}
            UnitAction::Kill => {
                if self.killed.is_some_and(|at| now - at < 5 * MINUTE) {
                    self.fail(now, machine, "a second unclean exit within five minutes");
                }
                self.killed = Some(now);
            }
        }
    }

    /// Records the end of the order in flight.
    pub fn record_action_result(&mut self, order: UnitAction, result: &Result<(), String>) {
        self.in_flight = false;
        self.started |= order == UnitAction::Start && result.is_ok();
    }

    fn judge_promotion(&mut self, now: u64, machine: &Machine) {
        self.answer_due = false;
        self.promotions.push_back(now);
        let flap_window = millis(self.policy.flap_window);
        self.flaps = self.promotions.iter().filter(|&&at| now - at < flap_window).count() as u32;
        while self.promotions.front().is_some_and(|&at| now - at >= DAY) {
            self.promotions.pop_front();
        }
        if self.promotions.len() > self.most_in_a_day + self.crashes {
            self.fail(now, machine, "invariant 5: more promotions in a day than the hold-down allows");
        }
    }

    fn judge_failback(&mut self, now: u64, upstream: usize, machine: &Machine) {
        let ready_for = self.streaks[upstream].map_or(0, |(_, sum)| sum);
        let is_ready = ready_for >= self.hold_down().0;
        match self.process {
            // A gateway that went down is not started again while an upstream is ready, however briefly. A gateway
            // that already drains continues a demotion that was judged before the monitor's restart.
            Process::Down | Process::Draining { .. } if is_ready => self.account.allow_dropped_verdicts(now),
            Process::Down | Process::Draining { .. } => {}
            _ if is_ready => self.account.drop_verdicts(),
            _ => self.fail(now, machine, "stepped aside before the upstream was ready for the hold-down"),
        }
    }

    /// Checks the time limits that end before `now`, the next moment.
    pub fn check_time_limits(&mut self, now: u64, gateway: &Gateway, machine: Option<&Machine>) {
        self.expire_hold(now);
        let Some(machine) = machine else { return };
        if !self.running || now <= self.settled || self.hold.is_some() {
            return;
        }
        self.check_up(now, gateway, machine);
        self.check_flapping(now, machine);
        match &self.drill {
            None => self.check_down(now, gateway, machine),
            Some(drill) => self.check_drill(now, drill, machine),
        }
    }

    /// Checks invariants 2 and 6: while every upstream is down, the gateway is started in time.
    fn check_up(&self, now: u64, gateway: &Gateway, machine: &Machine) {
        let witness_silent = self.policy.needs_witness && self.cut_off;
        let dead = |&(state, since): &(State, u64)| {
            (self.cut_off || matches!(state, State::Fails(_))).then_some(if self.cut_off { 0 } else { since })
        };
        let Some(dead_since) = self.truth.iter().map(dead).try_fold(0, |latest, since| Some(latest.max(since?))) else {
            return;
        };
        if witness_silent || !machine.upstreams().iter().any(|upstream| upstream.is_armed) {
            return;
        }
        let base = dead_since.max(self.settled).max(self.life);
        let policy = &self.policy;
        let decided = policy.promote_after + policy.restart_grace + policy.timeout.max(policy.retry_interval);
        let mut bound = base + millis(decided + policy.sync_wait) + LATENCY_ALLOWANCE;
        if self.drained_at + SECOND >= base.saturating_sub(SECOND) {
            bound += 15 * SECOND + 5 * MINUTE;
        }
        if now > bound && !matches!(gateway.process, Process::Up { .. }) {
            self.fail(now, machine, "invariant 2: every upstream is down and the gateway was not started in time");
        }
    }

    /// Checks invariants 3 and 6: while an upstream stays ready, the gateway is stopped in time.
    fn check_down(&self, now: u64, gateway: &Gateway, machine: &Machine) {
        if self.cut_off {
            return;
        }
        let ready = |&(state, since): &(State, u64)| (state == State::Up { ready: true }).then_some(since);
        let Some(ready_since) = self.truth.iter().filter_map(ready).min() else { return };
        let policy = &self.policy;
        let hold_down = self.hold_down().1.max(CRASH_LOOP_BREAKER_TIME);
        let bound = ready_since.max(self.settled).max(self.drilled)
            + hold_down
            + 2 * millis(policy.max_counted_gap())
            + LATENCY_ALLOWANCE;
        if now > bound && matches!(gateway.process, Process::Up { .. }) {
            self.fail(now, machine, "invariant 3: an upstream is ready and the gateway was not stopped in time");
        }
        if now > bound + 316 * SECOND && gateway.process != Process::Down {
            self.fail(now, machine, "invariant 3: an upstream is ready and the gateway is still up");
        }
    }

    /// Returns the shortest and the longest hold-down that the design allows. They differ because a crash may have lost
    /// the record of a promotion.
    fn hold_down(&self) -> (u64, u64) {
        let policy = &self.policy;
        let after =
            |flaps: u32| millis((policy.demote_after * (1 << (flaps - 1).min(20))).min(policy.demote_max_after));
        if self.crashes > 0 { (after(1), after(32)) } else { (after(self.flaps), after(self.flaps)) }
    }
}

/// Cause of the failover for which this host is active.
fn machine_cause(machine: &Machine) -> Option<Cause> {
    match machine.role() {
        Role::Active(active) => Some(active.cause),
        _ => None,
    }
}

/// Returns the number of automatic promotions that fit into a day, each followed by its hold-down.
fn most_promotions_in_a_day(policy: &Policy) -> usize {
    let (after, flap_window) = (millis(policy.promote_after), millis(policy.flap_window));
    let mut promotions: Vec<u64> = Vec::new();
    let mut now = 0;
    while now < DAY {
        now += after;
        promotions.push(now);
        let flaps = promotions.iter().filter(|&&at| now - at < flap_window).count();
        let doublings = (flaps as u32 - 1).min(20);
        now += millis((policy.demote_after * (1 << doublings)).min(policy.demote_max_after));
    }
    promotions.len() + 2
}
