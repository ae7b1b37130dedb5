//! Dispatch of the messages in the inbox: to the machine, or straight to the history.

use crate::doctor::{self, CheckHalf, DEFAULT_USER};
use crate::failover::{Answerer, Event, Observation};
use crate::finding::CheckOutcome;
use crate::monitor::Monitor;
use crate::monitor::backend::to_observed_unit;
use crate::monitor::conditions::AnnounceFailure;
use crate::monitor::messages::{MonitorMessage, SignalRequest, StampedMessage};
use crate::monitor::readiness_schedule::RunResult;
use crate::os::systemd::{SystemdError, Unit};
use crate::probe::ProbeResult;
use crate::status::LastProbe;
use crate::text::Time;

impl Monitor {
    /// Handles one message. True if the monitor is to stop.
    pub(super) fn handle_message(&mut self, message: StampedMessage) -> bool {
        let at = message.at;
        match message.message {
            MonitorMessage::Probed { generation, upstream, answer } if generation == self.generation => {
                self.watchdog.record_probe(at);
                self.handle_probe(at, upstream, &answer);
            }
            MonitorMessage::Probed { .. } => {}
            MonitorMessage::Witnessed { alive } => self.handle_event(at, Event::WitnessesAnswered { alive }),
            MonitorMessage::GatewayPolled { unit, answer, permitted, exit, answerer } => {
                self.gateway_exit = exit.or(self.gateway_exit.take());
                if let Some(permitted) = permitted {
                    let notice = self.conditions.record_systemd_permission(permitted.err().map(|why| why.to_string()));
                    self.record_notice_if_any(notice);
                }
                self.handle_poll(at, unit, answer, answerer);
            }
            MonitorMessage::UnitActionEnded(result) => {
                self.watchdog.end_unit_action();
                // A refused or failed request shows that systemd responds.
                let unreachable = result.as_ref().err().filter(|error| error.is_unreachable);
                let notice = self.conditions.record_systemd_permission(unreachable.map(|error| error.why.clone()));
                self.record_notice_if_any(notice);
                self.handle_event(at, Event::UnitActionEnded(result));
            }
            MonitorMessage::Pulled(report) => {
                self.conditions.sync_results.follow_clock(self.clock.wall());
                let notice = self.conditions.sync_results.record_pull(&report);
                self.record_notice_if_any(notice);
                let reported = report.as_ref().map_or(&[][..], |report| &report.checks);
                self.record_checks(
                    doctor::validate_reported(reported, CheckHalf::Owner).iter(),
                    AnnounceFailure::AtOnce,
                );
                let unpushed = report.is_ok_and(|report| report.workspace.has_unpushed);
                self.handle_event(at, Event::Pulled { unpushed });
            }
            MonitorMessage::Pushed(result) => {
                self.conditions.sync_results.follow_clock(self.clock.wall());
                let notices = self.conditions.sync_results.record_push(&result);
                notices.iter().for_each(|notice| self.record_notice(notice));
                self.handle_event(
                    at,
                    Event::Pushed { returned: result.is_ok_and(|pushed| pushed.is_complete_and_archived()) },
                );
            }
            MonitorMessage::DiskResult(result) => {
                let notice = self.conditions.record_disk_result(result);
                self.record_notice(&notice);
            }
            MonitorMessage::DeliveryResult { serial, .. } if serial != self.notifier.serial => {}
            MonitorMessage::DeliveryResult { who, result, .. } => {
                let notice = self.conditions.record_delivery(who, result);
                self.record_notice(&notice);
            }
            MonitorMessage::ConfigLoaded(loaded) => self.finish_reload(loaded),
            MonitorMessage::OperatorCalled(call) => self.handle_operator_call(at, &call),
            MonitorMessage::ReadinessChecked(found) => {
                // An empty result means that the checks did not run, so they are repeated soon.
                let has_passed = !found.is_empty() && !found.iter().any(CheckOutcome::has_failed);
                self.readiness_schedule.end_run(at, if has_passed { RunResult::Passed } else { RunResult::Failed });
                self.record_checks(found.iter(), AnnounceFailure::WhenRepeated);
            }
            MonitorMessage::Signalled(SignalRequest::Reload) => self.start_reload(),
            MonitorMessage::Signalled(SignalRequest::Stop) => return true,
        }
        false
    }

    /// Records results of readiness checks.
    fn record_checks<'a>(&mut self, found: impl Iterator<Item = &'a CheckOutcome>, announce: AnnounceFailure) {
        for checked in found {
            let finding = checked.to_finding(&self.parts.config, &self.parts.source, DEFAULT_USER);
            let notice = self.conditions.readiness.record_finding(finding, announce);
            self.record_notice_if_any(notice);
        }
    }

    fn handle_probe(&mut self, at: Time, upstream: usize, answer: &ProbeResult) {
        let Some(seen) = self.upstreams.get_mut(upstream) else { return };
        self.has_changed |= LastProbe::replace(seen, answer, at);
        let name = self.parts.config.upstreams.get(upstream).map_or("", |upstream| upstream.name.as_str());
        self.counts.count_probe(name, answer.verdict);
        if answer.verdict.is_healthy() {
            let notice = self.conditions.record_channels(name, &answer.channels);
            self.record_notice_if_any(notice);
        }
        self.handle_event(at, Event::Probed { upstream, verdict: answer.verdict });
    }

    fn handle_poll(
        &mut self,
        at: Time,
        unit: Option<Result<Unit, SystemdError>>,
        answer: Option<ProbeResult>,
        answerer: Answerer,
    ) {
        if let Some(unit) = &unit {
            let notice = self.conditions.record_systemd_query(unit.as_ref().err().map(SystemdError::to_string));
            self.record_notice_if_any(notice);
        }
        if let Some(answer) = &answer {
            self.has_changed |= LastProbe::replace(&mut self.gateway, answer, at);
        }
        let unit = unit.and_then(Result::ok).as_ref().map(to_observed_unit);
        let verdict = answer.as_ref().map(|answer| answer.verdict);
        let channels = answer.map(|answer| answer.channels).unwrap_or_default();
        let channels_well = channels.failing.is_empty() && channels.suppressed.is_empty();
        self.handle_event(
            at,
            Event::Observed(Observation { unit, verdict, are_channels_healthy: channels_well, answerer }),
        );
    }
}
