//! Dispatch of the messages in the inbox: to the machine, or straight to the history.

use crate::doctor::{
    DEFAULT_USER, Half, {self},
};
use crate::failover::{
    Answerer, Event, Observation, UnitState, {self},
};
use crate::finding::Checked;
use crate::monitor::Monitor;
use crate::monitor::messages::{Ask, Fact, Message};
use crate::os::systemd;
use crate::probe::Answer;
use crate::status::Seen;
use crate::text::Time;

impl Monitor {
    /// Handles one message. True if the monitor is to stop.
    pub(super) fn take(&mut self, message: Message) -> bool {
        let at = message.at;
        match message.fact {
            Fact::Probed { generation, upstream, answer } if generation == self.generation => {
                self.pulse.probed(at);
                self.probed(at, upstream, &answer);
            }
            Fact::Probed { .. } => {}
            Fact::Witnessed { alive } => self.handle(at, Event::Witnessed { alive }),
            Fact::Looked { unit, answer, permitted, exit, answerer } => {
                self.exit = exit.or(self.exit.take());
                if let Some(permitted) = permitted {
                    let note = self.conditions.permission(permitted.err());
                    self.tell_if(note);
                }
                self.looked(at, unit, answer, answerer);
            }
            Fact::Ordered(result) => {
                self.pulse.order_ended();
                // A refused or failed request shows that systemd responds.
                let unreachable = result.as_ref().err().filter(|error| error.is_unreachable);
                let note = self.conditions.permission(unreachable.map(|error| error.why.clone()));
                self.tell_if(note);
                self.handle(at, Event::Ordered(result.map_err(|error| error.why)));
            }
            Fact::Pulled(report) => {
                self.conditions.workspace.follow_clock(self.clock.wall());
                let note = self.conditions.workspace.pulled(&report);
                self.tell_if(note);
                let reported = report.as_ref().map_or(&[][..], |report| &report.checks);
                self.checked(doctor::validate_reported(reported, Half::Owners).iter(), true);
                let unreturned = report.is_ok_and(|report| report.workspace.unreturned);
                self.handle(at, Event::Pulled { unreturned });
            }
            Fact::Pushed(result) => {
                self.conditions.workspace.follow_clock(self.clock.wall());
                let notes = self.conditions.workspace.pushed(&result);
                notes.iter().for_each(|note| self.tell(note));
                self.handle(at, Event::Pushed { returned: result.is_ok_and(|pushed| pushed.is_done()) });
            }
            Fact::Disk(result) => {
                let note = self.conditions.disk(result);
                self.tell(&note);
            }
            Fact::Notified { serial, .. } if serial != self.notifier.serial => {}
            Fact::Notified { who, result, .. } => {
                let note = self.conditions.notified(who, result);
                self.tell(&note);
            }
            Fact::Loaded(loaded) => self.loaded(loaded),
            Fact::Called(call) => self.called(at, &call),
            Fact::Examined(found) => {
                // An empty result means that the checks did not run, so they are repeated soon.
                let is_well = !found.is_empty() && !found.iter().any(Checked::has_failed);
                self.lookout.ended(at, is_well);
                self.checked(found.iter(), false);
            }
            Fact::Asked(Ask::Reload) => self.reload(),
            Fact::Asked(Ask::Stop) => return true,
        }
        false
    }

    /// Records results of readiness checks.
    fn checked<'a>(&mut self, found: impl Iterator<Item = &'a Checked>, is_certain: bool) {
        for checked in found {
            let finding = checked.finding(&self.parts.config, &self.parts.source, DEFAULT_USER);
            let note = self.conditions.readiness.take(finding, is_certain);
            self.tell_if(note);
        }
    }

    fn probed(&mut self, at: Time, upstream: usize, answer: &Answer) {
        let Some(seen) = self.upstreams.get_mut(upstream) else { return };
        self.changed |= Seen::renew(seen, answer, at);
        let name = self.parts.config.upstreams.get(upstream).map_or("", |upstream| upstream.name.as_str());
        self.counts.probed(name, answer.verdict);
        if answer.verdict.is_healthy() {
            let note = self.conditions.channels(name, &answer.channels);
            self.tell_if(note);
        }
        self.handle(at, Event::Probed { upstream, verdict: answer.verdict });
    }

    fn looked(
        &mut self,
        at: Time,
        unit: Option<Result<systemd::Unit, String>>,
        answer: Option<Answer>,
        answerer: Answerer,
    ) {
        if let Some(unit) = &unit {
            let note = self.conditions.bus(unit.as_ref().err().cloned());
            self.tell_if(note);
        }
        if let Some(answer) = &answer {
            self.changed |= Seen::renew(&mut self.gateway, answer, at);
        }
        let unit = unit.and_then(Result::ok).as_ref().map(unit_for_machine);
        let verdict = answer.as_ref().map(|answer| answer.verdict);
        let channels = answer.map(|answer| answer.channels).unwrap_or_default();
        let channels_well = channels.failing.is_empty() && channels.suppressed.is_empty();
        self.handle(at, Event::Observed(Observation { unit, verdict, channels_well, answerer }));
    }
}

/// Reduces the state of a unit to what the machine needs.
pub(super) fn unit_for_machine(unit: &systemd::Unit) -> failover::Unit {
    let state = match unit.active {
        systemd::Active::Active => UnitState::Active,
        systemd::Active::Activating => UnitState::Activating,
        systemd::Active::Deactivating => UnitState::Deactivating,
        systemd::Active::Inactive | systemd::Active::Failed => UnitState::Down,
    };
    let invocation = unit.invocation.as_deref().and_then(|id| u128::from_str_radix(id, 16).ok());
    failover::Unit { state, invocation: invocation.map(failover::Invocation), main_pid: unit.main_pid }
}
