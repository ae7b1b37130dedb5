//! Requests of operators over the control socket, and the responses.

use std::time::Duration;

use crate::control::{ControlResponse, Request};
use crate::failover::{Event, HoldKind, OperatorCommand};
use crate::monitor::Monitor;
use crate::monitor::messages::OperatorCall;
use crate::text::Time;

/// Allowance for a sync or a unit action that has to end first.
const RUNNING_WORK_ALLOWANCE: Duration = Duration::from_secs(2 * 60);

impl Monitor {
    /// Executes a request as far as possible without waiting, and responds.
    pub(super) fn handle_operator_call(&mut self, at: Time, call: &OperatorCall) {
        let (command, since) = match &call.request {
            Request::Hold { kind, duration, reason } => {
                let (until, reason) = (duration.map(|duration| at + duration), reason.clone());
                (Some(OperatorCommand::Hold { kind: *kind, until, reason }), self.recent_sentences.next)
            }
            Request::Resume => (Some(OperatorCommand::Resume), self.recent_sentences.next),
            Request::Drill { hold, force } => {
                let degraded = !force && !self.current_status(at).degraded.is_empty();
                (Some(OperatorCommand::Drill { hold: *hold, degraded }), self.recent_sentences.next)
            }
            Request::Status { since } => (None, since.unwrap_or(self.recent_sentences.next)),
        };
        if let Some(command) = command {
            self.handle_event(at, Event::Command(command));
        }
        let status = self.current_status(self.clock.now());
        let answer = ControlResponse {
            events: self.recent_sentences.sentences_since(since),
            next_event: self.recent_sentences.next,
            time_limit: self.effect_time_limit(&call.request),
            status,
        };
        // The client may have given up.
        let _ = call.response_sender.try_send(answer);
    }

    /// Returns the time after which the hold has taken effect, or the drill is over.
    fn effect_time_limit(&self, request: &Request) -> Duration {
        let config = &self.parts.config;
        let (up, down) = (config.promote.sync_wait + config.gateway.start_timeout, config.gateway.stop_timeout);
        let own = match (request, self.machine.persistent_state().hold.as_ref().map(|hold| hold.kind)) {
            // The drill ends with a push, and a pull may run before it.
            (Request::Drill { hold, .. }, _) => up + *hold + down + config.workspace.timeout * 2,
            (_, Some(HoldKind::Promoted)) => up,
            _ => down,
        };
        own + RUNNING_WORK_ALLOWANCE
    }
}
