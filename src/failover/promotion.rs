//! Promotion: pulls, starts and verifies the gateway, then keeps it up.

use std::time::Duration;

use crate::failover::action::{Abort, Action, Note, Order};
use crate::failover::drill::{DrillStep, Outcome};
use crate::failover::event::{Answerer, Observation, UnitState};
use crate::failover::hold::HoldKind;
use crate::failover::machine::Machine;
use crate::failover::persistent_state::Failover;
use crate::failover::role::{Active, Cause, Promoting, Reason, Role, Step, Verify};
use crate::probe::{Failure, Verdict};
use crate::text::timestamp::Time;

/// Time limit of the wait for a pull that is changing the work tree. The pull limits itself to a minute.
const TREE_MOVES: Duration = Duration::from_secs(65);

/// Longest start timeout; it doubles with each attempt.
const LONGEST_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Interval between unclean exits that the monitor causes. Three within five minutes mute every channel.
const UNCLEAN_PACE: Duration = Duration::from_secs(5 * 60);

/// Uptime after which a failure counts as a new one, so that attempts start from 0 again.
const SETTLED: Duration = Duration::from_secs(10 * 60);

/// Returns the pause after this many failed attempts: 5 s, doubled each time, up to 5 minutes.
pub(super) fn backoff(failed: u32) -> Duration {
    Duration::from_secs(5u64.saturating_mul(1 << failed.min(6)).min(300))
}

/// Reason of a failed start whose unit is down again. The monitor replaces it by the exit code, which the machine does
/// not know.
pub const PROCESS_EXITED: &str = "its process exited";

impl Machine {
    pub(super) fn promote(&mut self, cause: Cause) {
        let (now, life) = (self.now, self.window.life);
        if !matches!(cause, Cause::Drill { .. }) {
            self.end_drill_for(cause);
            self.begin_failover(cause);
        }
        self.say(Note::Promoting { cause, window: self.window.elapsed, failures: self.window.failures, life });
        if cause != Cause::Outage || self.pulled_before_window() {
            self.pull_now();
        }
        self.cut_push();
        let step = if self.duties.syncing() {
            Step::Sync { until: now + self.policy.sync_wait, cut: false }
        } else {
            Step::Start { at: now }
        };
        let waits = matches!(step, Step::Sync { .. });
        self.role = Role::Promoting(Promoting { cause, since: now, attempt: 0, step });
        if !waits {
            self.drill_is_at(DrillStep::Start);
        }
    }

    /// Records a failover that is decided now.
    pub(super) fn begin_failover(&mut self, cause: Cause) -> &mut Failover {
        let (decided, life) = (self.now, self.window.life);
        self.memory.failover.insert(Failover { cause, life, decided, started: None, answered: None, ended: None })
    }

    /// Cancels a promotion before its gateway runs.
    pub(super) fn abort(&mut self, why: Abort) {
        self.end_failover();
        self.role = Role::Standby;
        self.say(Note::Aborted { why });
        self.end_drill(match why {
            Abort::Held(_) => Outcome::Stopped,
            Abort::DrillOvertaken => Outcome::Overtaken,
            Abort::Healthy | Abort::DrillFailed => Outcome::Interrupted,
        });
    }

    /// Ends the failover in progress.
    ///
    /// A failover that ends before its gateway answered counts as a flap too. Otherwise an upstream that flaps faster
    /// than the gateway starts would cause endless transitions.
    pub(super) fn end_failover(&mut self) {
        let (now, flap_window) = (self.now, self.policy.flap_window);
        let Some(failover) = self.memory.underway() else { return };
        failover.ended = Some(now);
        if failover.cause.is_automatic() && failover.started.is_some() && failover.answered.is_none() {
            self.memory.promoted(now, flap_window);
        }
    }

    pub(super) fn pursue_promotion(&mut self) {
        let Role::Promoting(promoting) = &self.role else { return };
        match promoting.step.clone() {
            Step::Sync { until, cut } => self.pursue_sync(until, cut),
            Step::Start { at } => self.pursue_start(at),
            Step::Verify(verify) => self.pursue_verify(&verify),
            Step::Clear { at, .. } => self.pursue_clear(at),
        }
    }

    fn pursue_sync(&mut self, until: Time, cut: bool) {
        if self.may_abort() && self.is_recovered() {
            self.abort(Abort::Healthy);
        } else if !self.duties.syncing() || (cut && self.now >= until) {
            self.set_step(Step::Start { at: self.now });
            self.pursue_start(self.now);
        } else if self.now >= until {
            self.set_step(Step::Sync { until: self.now + TREE_MOVES, cut: true });
            self.act(Action::CutSync);
        }
    }

    fn pursue_start(&mut self, at: Time) {
        let Role::Promoting(promoting) = &self.role else { return };
        let cause = promoting.cause;
        if self.in_flight.is_some() {
            return;
        }
        if self.may_abort() && self.is_recovered() {
            self.abort(Abort::Healthy);
        } else if self.now >= at && self.may_start(cause) {
            self.memory.unreturned = true;
            self.order(Order::Start);
        }
    }

    /// True if a healthy upstream cancels this promotion. An operator's promotion and a drill go on.
    fn may_abort(&self) -> bool {
        let drill = matches!(&self.role, Role::Promoting(Promoting { cause: Cause::Drill { .. }, .. }));
        self.hold_kind() != Some(HoldKind::Promoted) && !drill
    }

    pub(super) fn may_start(&self, cause: Cause) -> bool {
        match (self.hold_kind(), cause) {
            (Some(HoldKind::Promoted), _) | (None, Cause::Drill { .. }) => true,
            (Some(HoldKind::Standby | HoldKind::Paused), _) => false,
            (None, Cause::Flapping) if self.availability.is_flapping => self.any_armed(),
            (None, _) => self.window_due() && self.any_armed(),
        }
    }

    /// True if an upstream is healthy again. After a chronic partial outage it must also stay ready for
    /// `promote.after`.
    fn is_recovered(&self) -> bool {
        let for_flapping = matches!(&self.role, Role::Promoting(Promoting { cause: Cause::Flapping, .. }));
        let must_stay = for_flapping && self.availability.is_flapping;
        let stays = |ready_for: Duration| ready_for >= self.policy.promote_after;
        self.upstreams
            .iter()
            .any(|upstream| if must_stay { upstream.ready_for.is_some_and(stays) } else { upstream.is_healthy() })
    }

    pub(super) fn start_ordered(&mut self, result: Result<(), String>) {
        let Role::Promoting(Promoting { step: Step::Start { .. }, attempt, .. }) = &self.role else { return };
        let attempt = *attempt;
        match result {
            Ok(()) => {
                let now = self.now;
                if let Some(failover) = self.memory.underway() {
                    failover.started.get_or_insert(now);
                }
                let before = self.unit.filter(|unit| unit.state == UnitState::Down).and_then(|unit| unit.invocation);
                let verify = Verify { before, ..self.verify_from(self.now, attempt) };
                self.set_step(Step::Verify(verify));
            }
            Err(why) => self.start_failed(why),
        }
    }

    fn start_failed(&mut self, why: String) {
        let Role::Promoting(promoting) = &mut self.role else { return };
        if matches!(promoting.cause, Cause::Drill { .. }) {
            self.say(Note::StartFailed { why, retry_in: None });
            self.drill_fails();
            return self.abort(Abort::DrillFailed);
        }
        let retry_in = backoff(promoting.attempt);
        promoting.attempt = promoting.attempt.saturating_add(1);
        promoting.step = Step::Start { at: self.now + retry_in };
        self.say(Note::StartFailed { why, retry_in: Some(retry_in) });
    }

    /// Returns a verification whose timeout runs from `since`.
    pub(super) fn verify_from(&self, since: Time, attempt: u32) -> Verify {
        let doubled = self.policy.start_timeout.saturating_mul(1 << attempt.min(10));
        let patience = doubled.min(LONGEST_PATIENCE.max(self.policy.start_timeout));
        Verify { since, heard: since, patience, told: false, before: None, answered: None }
    }

    pub(super) fn observed_promoting(&mut self, seen: &Observation) {
        let now = self.now;
        let Role::Promoting(Promoting { step, .. }) = &mut self.role else { return };
        match step {
            Step::Sync { .. } => {}
            Step::Start { .. } if self.in_flight.is_some() => {}
            Step::Start { .. } => {
                if self.unit_is(UnitState::Active) || self.unit_is(UnitState::Activating) {
                    self.set_step(Step::Verify(self.verify_from(now, 0)));
                }
            }
            Step::Clear { start_at, .. } => {
                let at = now.max(*start_at);
                if seen.unit.is_some() && self.unit_is(UnitState::Down) {
                    self.set_step(Step::Start { at });
                }
            }
            Step::Verify(verify) => {
                if seen.verdict.is_some_and(answers) && !self.told.port_held {
                    verify.heard = now;
                }
                if seen.unit.is_some_and(|unit| unit.state == UnitState::Down) {
                    self.start_failed(PROCESS_EXITED.to_owned());
                } else if let Answerer::Other(why) = &seen.answerer {
                    self.answered_by_other(why.clone());
                } else if seen.verdict.is_some_and(Verdict::is_healthy) {
                    self.answered(seen);
                } else if seen.verdict.is_some() {
                    verify.answered = None;
                }
            }
        }
    }

    /// Handles a healthy answer. It counts if the process is the one that systemd started last; the second one in a row
    /// completes the promotion.
    fn answered(&mut self, seen: &Observation) {
        let Role::Promoting(Promoting { step: Step::Verify(verify), .. }) = &mut self.role else { return };
        let Some(unit) = seen.unit else { return };
        let ours = unit.state == UnitState::Active && unit.main_pid.is_some() && unit.invocation != verify.before;
        let is_awaited = matches!(seen.answerer, Answerer::Pending);
        if !ours || is_awaited || self.told.port_held || unit.invocation.is_none() {
            return;
        }
        if verify.answered == unit.invocation {
            self.promoted();
            self.watch_channels(seen);
        } else {
            verify.answered = unit.invocation;
        }
    }

    fn promoted(&mut self) {
        let Role::Promoting(promoting) = &self.role else { return };
        let (now, cause, attempt) = (self.now, promoting.cause, promoting.attempt);
        self.role = Role::Active(Active { cause, since: now, heard: now, attempt, down: false });
        if let (Cause::Drill { .. }, Some(began)) = (cause, self.memory.drilling().map(|drill| drill.began)) {
            self.drill_is_at(DrillStep::Hold);
            return self.say(Note::Promoted { cause, took: now.since(began), hold_down: self.hold_down(None) });
        }
        let Some(failover) = self.memory.underway() else { return };
        if failover.answered.is_some() {
            self.say(Note::ServesAgain);
            return;
        }
        failover.answered = Some(now);
        let took = now.since(failover.decided);
        if cause.is_automatic() {
            self.memory.promoted(now, self.policy.flap_window);
        }
        self.say(Note::Promoted { cause, took, hold_down: self.hold_down(None) });
    }

    fn pursue_verify(&mut self, verify: &Verify) {
        if self.demote_if_due() || self.hold_kind() == Some(HoldKind::Paused) {
            return;
        }
        let (waited, silent) = (self.looked.since(verify.since), self.looked.since(verify.heard));
        if waited >= verify.patience && self.memory.drilling().is_some() {
            self.fail_drill();
            self.step_down();
        } else if silent >= verify.patience * 2 && self.may_cause_unclean_exit() {
            self.memory.killed = Some(self.now);
            self.say(Note::StoppingSilent { waited: silent });
            self.set_step(Step::Clear { at: self.now, start_at: self.now });
            self.pursue_clear(self.now);
        } else if waited >= verify.patience && !verify.told {
            self.say(Note::NotAnswering { waited });
            self.set_step(Step::Verify(Verify { told: true, ..verify.clone() }));
        }
    }

    fn pursue_clear(&mut self, at: Time) {
        if self.demote_if_due() || self.in_flight.is_some() || self.hold_kind() == Some(HoldKind::Paused) {
            return;
        }
        if self.now >= at {
            if let Role::Promoting(promoting) = &mut self.role {
                promoting.attempt = promoting.attempt.saturating_add(1);
                if let Step::Clear { at, .. } = &mut promoting.step {
                    *at = self.now + self.policy.stop_timeout;
                }
            }
            self.order(Order::Stop);
        }
    }

    pub(super) fn may_cause_unclean_exit(&self) -> bool {
        self.now >= self.next_unclean_exit()
    }

    pub(super) fn next_unclean_exit(&self) -> Time {
        self.memory.killed.map_or(self.now, |killed| killed + UNCLEAN_PACE)
    }

    pub(super) fn observed_active(&mut self, seen: &Observation) {
        let (now, down) = (self.now, self.unit_is(UnitState::Down));
        let Role::Active(active) = &mut self.role else { return };
        let went_down = down && !std::mem::replace(&mut active.down, down);
        let is_other = matches!(seen.answerer, Answerer::Other(_));
        if seen.verdict.is_some_and(answers) && !down && !is_other {
            active.heard = now;
        }
        if went_down {
            self.say(Note::WentDown);
        }
        if seen.verdict.is_some_and(Verdict::is_healthy) && !is_other {
            self.watch_channels(seen);
        }
    }

    /// Announces changes of the gateway's channels: a gateway may answer while a channel is down.
    fn watch_channels(&mut self, seen: &Observation) {
        let broken = !seen.channels_well;
        if broken != std::mem::replace(&mut self.told.channels_broken, broken) {
            self.say(if broken { Note::ChannelsBroken } else { Note::ChannelsWell });
        }
    }

    /// Keeps the gateway up while active. If it goes down while an upstream is ready, this host fails back instead.
    pub(super) fn keep_up(&mut self) {
        let Role::Active(active) = &self.role else { return };
        let (cause, since, heard) = (active.cause, active.since, active.heard);
        let attempt = if self.now.since(since) >= SETTLED { 0 } else { active.attempt.saturating_add(1) };
        if self.demote_if_due() || self.hold_kind() == Some(HoldKind::Paused) {
            return;
        }
        let is_drill = matches!(cause, Cause::Drill { .. });
        if self.unit_is(UnitState::Down) && is_drill {
            self.fail_drill();
            self.demoted();
        } else if self.unit_is(UnitState::Down) {
            // A flapping upstream is no better than a restart of the gateway.
            let is_flapping = cause == Cause::Flapping && self.availability.is_flapping;
            let ready = self.upstreams.iter().position(|upstream| upstream.is_ready() && !is_flapping);
            if let (Some(upstream), None) = (ready, self.hold_kind()) {
                self.begin_demoting(Reason::Ready { upstream });
                self.demoted();
            } else if self.may_start(cause) {
                let at = self.now + if attempt == 0 { Duration::ZERO } else { backoff(attempt - 1) };
                self.resume_promotion(attempt, Step::Start { at });
                self.pursue_start(at);
            }
        } else if self.looked.since(heard) < self.policy.start_timeout {
            // The gateway answered recently.
        } else if is_drill {
            self.fail_drill();
            self.step_down();
        } else {
            self.resume_promotion(attempt, Step::Verify(self.verify_from(heard, 0)));
        }
    }

    fn resume_promotion(&mut self, attempt: u32, step: Step) {
        let Role::Active(active) = &self.role else { return };
        let (cause, since) = (active.cause, self.now);
        self.role = Role::Promoting(Promoting { cause, since, attempt, step });
    }

    fn set_step(&mut self, step: Step) {
        match step {
            Step::Start { .. } => self.drill_is_at(DrillStep::Start),
            Step::Verify(_) => self.drill_is_at(DrillStep::Verify),
            Step::Sync { .. } | Step::Clear { .. } => {}
        }
        if let Role::Promoting(promoting) = &mut self.role {
            promoting.step = step;
        }
    }

    /// True if a promotion has not started the gateway yet.
    pub(super) fn is_before_start(&self) -> bool {
        matches!(&self.role, Role::Promoting(Promoting { step: Step::Sync { .. } | Step::Start { .. }, .. }))
    }
}

/// True if a process answered at all. A gateway whose TLS certificate cannot be verified is alive too.
fn answers(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Healthy { .. } => true,
        Verdict::Failing(failure) => matches!(
            failure,
            Failure::Starting | Failure::Draining | Failure::Status(_) | Failure::NotOpenClaw | Failure::Tls
        ),
    }
}
