//! Promotion: pulls, starts and verifies the gateway, then keeps it up.

use std::time::Duration;

use crate::failover::machine::Machine;
use crate::failover::policy::retry_backoff;
use crate::failover::types::action::{Action, CancelReason, MachineNotice, StartFailure, UnitAction};
use crate::failover::types::drill::{DrillOutcome, DrillStep};
use crate::failover::types::event::{Answerer, Observation, UnitActionError, UnitState};
use crate::failover::types::hold::HoldKind;
use crate::failover::types::persistent_state::Failover;
use crate::failover::types::role::{Active, Cause, DemotionReason, Promoting, PromotionStep, Role, Verification};
use crate::probe::{ProbeFailure, Verdict};
use crate::text::timestamp::Time;

/// Time limit of the wait for a pull that is changing the work tree. The pull limits itself to a minute.
const CHECKOUT_WAIT_LIMIT: Duration = Duration::from_secs(65);

/// Longest start timeout; it doubles with each attempt.
const MAX_START_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Interval between unclean exits that the monitor causes. Three within five minutes mute every channel.
const UNCLEAN_EXIT_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Uptime after which a failure counts as a new one, so that attempts start from 0 again.
const ATTEMPT_RESET_UPTIME: Duration = Duration::from_secs(10 * 60);

impl Machine {
    pub(super) fn promote(&mut self, cause: Cause) {
        let (now, last_healthy_at) = (self.now, self.window.last_healthy_at);
        if !matches!(cause, Cause::Drill { .. }) {
            self.end_drill_for(cause);
            self.begin_failover(cause);
        }
        if cause != Cause::Outage || self.pulled_before_window() {
            self.start_pull();
        }
        self.stop_push();
        let waits_for_pull = self.sync_schedule.is_syncing();
        self.announce(MachineNotice::Promoting {
            cause,
            window: self.window.elapsed,
            failures: self.window.failures,
            last_healthy_at,
            waits_for_pull,
        });
        let step = if waits_for_pull {
            PromotionStep::Sync { until: now + self.policy.sync_wait, cut: false }
        } else {
            PromotionStep::Start { at: now }
        };
        self.role = Role::Promoting(Promoting { cause, since: now, attempt: 0, step });
        if !waits_for_pull {
            self.advance_drill(DrillStep::Start);
        }
    }

    /// Records a failover that is decided now.
    pub(super) fn begin_failover(&mut self, cause: Cause) -> &mut Failover {
        let (decided, last_healthy_at) = (self.now, self.window.last_healthy_at);
        self.persistent_state.last_failover.insert(Failover {
            cause,
            last_healthy_at,
            decided_at: decided,
            started_at: None,
            answered_at: None,
            ended_at: None,
        })
    }

    /// Cancels a promotion before its gateway runs.
    pub(super) fn cancel_promotion(&mut self, why: CancelReason) {
        self.end_failover();
        self.role = Role::Standby;
        self.announce(MachineNotice::Aborted { why });
        self.end_drill(match why {
            CancelReason::Held(_) => DrillOutcome::Stopped,
            CancelReason::DrillOvertaken => DrillOutcome::Overtaken,
            CancelReason::Healthy | CancelReason::DrillFailed => DrillOutcome::Interrupted,
        });
    }

    /// Ends the failover in progress.
    ///
    /// A failover that ends before its gateway answered counts as a flap too. Otherwise an upstream that flaps faster
    /// than the gateway starts would cause endless transitions.
    pub(super) fn end_failover(&mut self) {
        let (now, flap_window) = (self.now, self.policy.flap_window);
        let Some(failover) = self.persistent_state.current_failover() else { return };
        failover.ended_at = Some(now);
        if failover.cause.is_automatic() && failover.started_at.is_some() && failover.answered_at.is_none() {
            self.persistent_state.record_promotion(now, flap_window);
        }
    }

    pub(super) fn reconcile_promotion(&mut self) {
        let Role::Promoting(promoting) = &self.role else { return };
        match promoting.step.clone() {
            PromotionStep::Sync { until, cut } => self.reconcile_sync_step(until, cut),
            PromotionStep::Start { at } => self.reconcile_start_step(at),
            PromotionStep::Verify(verify) => self.reconcile_verify_step(&verify),
            PromotionStep::Clear { at, .. } => self.reconcile_clear_step(at),
        }
    }

    fn reconcile_sync_step(&mut self, until: Time, cut: bool) {
        if self.may_cancel_promotion() && self.is_recovered() {
            self.cancel_promotion(CancelReason::Healthy);
        } else if !self.sync_schedule.is_syncing() || (cut && self.now >= until) {
            self.set_step(PromotionStep::Start { at: self.now });
            self.reconcile_start_step(self.now);
        } else if self.now >= until {
            self.set_step(PromotionStep::Sync { until: self.now + CHECKOUT_WAIT_LIMIT, cut: true });
            self.push_action(Action::StopSync);
        }
    }

    fn reconcile_start_step(&mut self, at: Time) {
        let Role::Promoting(promoting) = &self.role else { return };
        let cause = promoting.cause;
        if self.action_in_flight.is_some() {
            return;
        }
        if self.may_cancel_promotion() && self.is_recovered() {
            self.cancel_promotion(CancelReason::Healthy);
        } else if self.now >= at && self.may_start(cause) {
            self.persistent_state.has_unpushed_changes = true;
            self.request_unit_action(UnitAction::Start);
        }
    }

    /// True if a healthy upstream cancels this promotion. An operator's promotion and a drill go on.
    fn may_cancel_promotion(&self) -> bool {
        let drill = matches!(&self.role, Role::Promoting(Promoting { cause: Cause::Drill { .. }, .. }));
        self.hold_kind() != Some(HoldKind::Promoted) && !drill
    }

    pub(super) fn may_start(&self, cause: Cause) -> bool {
        match (self.hold_kind(), cause) {
            (Some(HoldKind::Promoted), _) | (None, Cause::Drill { .. }) => true,
            (Some(HoldKind::Standby | HoldKind::Paused), _) => false,
            (None, Cause::Flapping) if self.availability.is_flapping => self.is_any_upstream_armed(),
            (None, _) => self.is_outage_due() && self.is_any_upstream_armed(),
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

    pub(super) fn handle_start_result(&mut self, result: Result<(), UnitActionError>) {
        let Role::Promoting(Promoting { step: PromotionStep::Start { .. }, attempt, .. }) = &self.role else { return };
        let attempt = *attempt;
        match result {
            Ok(()) => {
                let now = self.now;
                if let Some(failover) = self.persistent_state.current_failover() {
                    failover.started_at.get_or_insert(now);
                }
                let before = self.unit.filter(|unit| unit.state == UnitState::Down).and_then(|unit| unit.invocation);
                let verify = Verification { previous_invocation: before, ..self.verification_from(self.now, attempt) };
                self.set_step(PromotionStep::Verify(verify));
            }
            Err(error) => self.handle_start_failure(StartFailure::Described(error.why)),
        }
    }

    fn handle_start_failure(&mut self, why: StartFailure) {
        let Role::Promoting(promoting) = &mut self.role else { return };
        if matches!(promoting.cause, Cause::Drill { .. }) {
            self.announce(MachineNotice::StartFailed { why, retry_in: None });
            self.mark_drill_failed();
            return self.cancel_promotion(CancelReason::DrillFailed);
        }
        let retry_in = retry_backoff(promoting.attempt);
        promoting.attempt = promoting.attempt.saturating_add(1);
        promoting.step = PromotionStep::Start { at: self.now + retry_in };
        self.announce(MachineNotice::StartFailed { why, retry_in: Some(retry_in) });
    }

    /// Returns a verification whose timeout runs from `since`.
    pub(super) fn verification_from(&self, since: Time, attempt: u32) -> Verification {
        let doubled = self.policy.start_timeout.saturating_mul(1 << attempt.min(10));
        let timeout = doubled.min(MAX_START_TIMEOUT.max(self.policy.start_timeout));
        Verification {
            since,
            last_answer_at: since,
            timeout,
            is_announced: false,
            previous_invocation: None,
            answered_invocation: None,
        }
    }

    pub(super) fn observe_promoting(&mut self, seen: &Observation) {
        let now = self.now;
        let Role::Promoting(Promoting { step, .. }) = &mut self.role else { return };
        match step {
            PromotionStep::Sync { .. } => {}
            PromotionStep::Start { .. } if self.action_in_flight.is_some() => {}
            PromotionStep::Start { .. } => {
                if self.is_unit_in(UnitState::Active) || self.is_unit_in(UnitState::Activating) {
                    self.set_step(PromotionStep::Verify(self.verification_from(now, 0)));
                }
            }
            PromotionStep::Clear { start_at, .. } => {
                let at = now.max(*start_at);
                if seen.unit.is_some() && self.is_unit_in(UnitState::Down) {
                    self.set_step(PromotionStep::Start { at });
                }
            }
            PromotionStep::Verify(verify) => {
                if seen.verdict.is_some_and(is_any_answer) && !self.announced.port_held {
                    verify.last_answer_at = now;
                }
                if seen.unit.is_some_and(|unit| unit.state == UnitState::Down) {
                    self.handle_start_failure(StartFailure::ProcessExited);
                } else if let Answerer::Other(why) = &seen.answerer {
                    self.fail_foreign_start(why.clone());
                } else if seen.verdict.is_some_and(Verdict::is_healthy) {
                    self.handle_healthy_answer(seen);
                } else if seen.verdict.is_some() {
                    verify.answered_invocation = None;
                }
            }
        }
    }

    /// Handles a healthy answer. It counts if the process is the one that systemd started last; the second one in a row
    /// completes the promotion.
    fn handle_healthy_answer(&mut self, seen: &Observation) {
        let Role::Promoting(Promoting { step: PromotionStep::Verify(verify), .. }) = &mut self.role else { return };
        let Some(unit) = seen.unit else { return };
        let ours =
            unit.state == UnitState::Active && unit.main_pid.is_some() && unit.invocation != verify.previous_invocation;
        let is_awaited = matches!(seen.answerer, Answerer::Pending);
        if !ours || is_awaited || self.announced.port_held || unit.invocation.is_none() {
            return;
        }
        if verify.answered_invocation == unit.invocation {
            self.finish_promotion();
            self.track_channels(seen);
        } else {
            verify.answered_invocation = unit.invocation;
        }
    }

    fn finish_promotion(&mut self) {
        let Role::Promoting(promoting) = &self.role else { return };
        let (now, cause, attempt) = (self.now, promoting.cause, promoting.attempt);
        self.role = Role::Active(Active { cause, since: now, last_answer_at: now, attempt, is_down: false });
        if let (Cause::Drill { .. }, Some(began)) =
            (cause, self.persistent_state.current_drill().map(|drill| drill.began_at))
        {
            self.advance_drill(DrillStep::Hold);
            return self.announce(MachineNotice::Promoted {
                cause,
                took: now.since(began),
                hold_down: self.hold_down(None),
            });
        }
        let Some(failover) = self.persistent_state.current_failover() else { return };
        if failover.answered_at.is_some() {
            self.announce(MachineNotice::ServesAgain);
            return;
        }
        failover.answered_at = Some(now);
        let took = now.since(failover.decided_at);
        if cause.is_automatic() {
            self.persistent_state.record_promotion(now, self.policy.flap_window);
        }
        self.announce(MachineNotice::Promoted { cause, took, hold_down: self.hold_down(None) });
    }

    fn reconcile_verify_step(&mut self, verify: &Verification) {
        if self.demote_if_due() || self.hold_kind() == Some(HoldKind::Paused) {
            return;
        }
        let (waited, silent) = (self.polled_at.since(verify.since), self.polled_at.since(verify.last_answer_at));
        if waited >= verify.timeout && self.persistent_state.current_drill().is_some() {
            self.fail_drill();
            self.reconcile_demotion();
        } else if silent >= verify.timeout * 2 && self.may_cause_unclean_exit() {
            self.persistent_state.killed_at = Some(self.now);
            self.announce(MachineNotice::StoppingSilent { waited: silent });
            self.set_step(PromotionStep::Clear { at: self.now, start_at: self.now });
            self.reconcile_clear_step(self.now);
        } else if waited >= verify.timeout && !verify.is_announced {
            self.announce(MachineNotice::NotAnswering { waited });
            self.set_step(PromotionStep::Verify(Verification { is_announced: true, ..verify.clone() }));
        }
    }

    fn reconcile_clear_step(&mut self, at: Time) {
        if self.demote_if_due() || self.action_in_flight.is_some() || self.hold_kind() == Some(HoldKind::Paused) {
            return;
        }
        if self.now >= at {
            if let Role::Promoting(promoting) = &mut self.role {
                promoting.attempt = promoting.attempt.saturating_add(1);
                if let PromotionStep::Clear { at, .. } = &mut promoting.step {
                    *at = self.now + self.policy.stop_timeout;
                }
            }
            self.request_unit_action(UnitAction::Stop);
        }
    }

    pub(super) fn may_cause_unclean_exit(&self) -> bool {
        self.now >= self.next_unclean_exit_at()
    }

    pub(super) fn next_unclean_exit_at(&self) -> Time {
        self.persistent_state.killed_at.map_or(self.now, |killed| killed + UNCLEAN_EXIT_INTERVAL)
    }

    pub(super) fn observe_active(&mut self, seen: &Observation) {
        let (now, down) = (self.now, self.is_unit_in(UnitState::Down));
        let Role::Active(active) = &mut self.role else { return };
        let went_down = down && !std::mem::replace(&mut active.is_down, down);
        let is_other = matches!(seen.answerer, Answerer::Other(_));
        if seen.verdict.is_some_and(is_any_answer) && !down && !is_other {
            active.last_answer_at = now;
        }
        if went_down {
            self.announce(MachineNotice::GatewayDown);
        }
        if seen.verdict.is_some_and(Verdict::is_healthy) && !is_other {
            self.track_channels(seen);
        }
    }

    /// Announces changes of the gateway's channels: a gateway may answer while a channel is down.
    fn track_channels(&mut self, seen: &Observation) {
        let broken = !seen.are_channels_healthy;
        if broken != std::mem::replace(&mut self.announced.channels_broken, broken) {
            self.announce(if broken { MachineNotice::ChannelsBroken } else { MachineNotice::ChannelsRecovered });
        }
    }

    /// Keeps the gateway up while active. If it goes down while an upstream is ready, this host fails back instead.
    pub(super) fn reconcile_active(&mut self) {
        let Role::Active(active) = &self.role else { return };
        let (cause, since, last_answer_at) = (active.cause, active.since, active.last_answer_at);
        let attempt = if self.now.since(since) >= ATTEMPT_RESET_UPTIME { 0 } else { active.attempt.saturating_add(1) };
        if self.demote_if_due() || self.hold_kind() == Some(HoldKind::Paused) {
            return;
        }
        let is_drill = matches!(cause, Cause::Drill { .. });
        if self.is_unit_in(UnitState::Down) && is_drill {
            self.fail_drill();
            self.finish_demotion();
        } else if self.is_unit_in(UnitState::Down) {
            // A flapping upstream is no better than a restart of the gateway.
            let is_flapping = cause == Cause::Flapping && self.availability.is_flapping;
            let ready = self.upstreams.iter().position(|upstream| upstream.is_ready() && !is_flapping);
            if let (Some(upstream), None) = (ready, self.hold_kind()) {
                self.begin_demotion(DemotionReason::Ready { upstream });
                self.finish_demotion();
            } else if self.may_start(cause) {
                let at = self.now + if attempt == 0 { Duration::ZERO } else { retry_backoff(attempt - 1) };
                self.resume_promotion(attempt, PromotionStep::Start { at });
                self.reconcile_start_step(at);
            }
        } else if self.polled_at.since(last_answer_at) < self.policy.start_timeout {
            // The gateway answered recently.
        } else if is_drill {
            self.fail_drill();
            self.reconcile_demotion();
        } else {
            self.resume_promotion(attempt, PromotionStep::Verify(self.verification_from(last_answer_at, 0)));
        }
    }

    fn resume_promotion(&mut self, attempt: u32, step: PromotionStep) {
        let Role::Active(active) = &self.role else { return };
        let (cause, since) = (active.cause, self.now);
        self.role = Role::Promoting(Promoting { cause, since, attempt, step });
    }

    fn set_step(&mut self, step: PromotionStep) {
        match step {
            PromotionStep::Start { .. } => self.advance_drill(DrillStep::Start),
            PromotionStep::Verify(_) => self.advance_drill(DrillStep::Verify),
            PromotionStep::Sync { .. } | PromotionStep::Clear { .. } => {}
        }
        if let Role::Promoting(promoting) = &mut self.role {
            promoting.step = step;
        }
    }

    /// True if a promotion has not started the gateway yet.
    pub(super) fn is_before_start(&self) -> bool {
        matches!(
            &self.role,
            Role::Promoting(Promoting { step: PromotionStep::Sync { .. } | PromotionStep::Start { .. }, .. })
        )
    }
}

/// True if a process answered at all. A gateway whose TLS certificate cannot be verified is alive too.
fn is_any_answer(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Healthy { .. } => true,
        Verdict::Failing(failure) => matches!(
            failure,
            ProbeFailure::Starting
                | ProbeFailure::Draining
                | ProbeFailure::Status(_)
                | ProbeFailure::NotOpenClaw
                | ProbeFailure::Tls
        ),
    }
}
