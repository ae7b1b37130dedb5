//! Requests of operators over the control socket, and the responses.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::time::Duration;

use crate::control::{self, ControlResponse, Request};
use crate::failover::{Event, HoldKind, OperatorCommand};
use crate::monitor::Monitor;
use crate::monitor::messages::{MessageSender, MonitorMessage};
use crate::text::Time;

/// Time limit of a response. The main loop takes milliseconds, unless it hangs.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Number of sentences kept for clients that follow a command.
const MAX_RECENT_SENTENCES: usize = 16;

/// Allowance for a sync or a unit action that has to end first.
const RUNNING_WORK_ALLOWANCE: Duration = Duration::from_secs(2 * 60);

/// Request with the channel for its response.
pub(super) struct OperatorCall {
    request: Request,
    response_sender: SyncSender<String>,
}

/// Opens the control socket. If that fails, the monitor runs without it; returns the problem as a sentence.
pub(super) fn open_control_socket(path: &Path, message_sender: MessageSender) -> Option<String> {
    let decide = move |request: &Request| {
        let (answer, answered) = mpsc::sync_channel(1);
        message_sender
            .send(MonitorMessage::OperatorCalled(OperatorCall { request: request.clone(), response_sender: answer }));
        answered.recv_timeout(RESPONSE_TIMEOUT).map_err(|_| "the monitor is stopping or does not respond".to_owned())
    };
    let why = control::serve(path, Box::new(decide)).err()?;
    Some(format!(
        "cannot open the control socket {}: {why}. `promote`, `demote`, `pause`, `resume` and `drill` do not work; fix \
         this and restart openclaw-failover.service",
        path.display()
    ))
}

/// Latest sentences, numbered. The numbers keep growing from one monitor to the next.
pub(super) struct RecentSentences {
    next: u64,
    sentences: VecDeque<String>,
}

impl RecentSentences {
    pub(super) fn new(now: Time) -> Self {
        Self { next: now.as_millis(), sentences: VecDeque::new() }
    }

    pub(super) fn push_sentence(&mut self, sentence: &str) {
        if self.sentences.len() == MAX_RECENT_SENTENCES {
            self.sentences.pop_front();
        }
        self.sentences.push_back(sentence.to_owned());
        self.next += 1;
    }

    fn sentences_since(&self, number: u64) -> Vec<String> {
        let wanted = usize::try_from(self.next.saturating_sub(number)).unwrap_or(MAX_RECENT_SENTENCES);
        let skipped = self.sentences.len().saturating_sub(wanted);
        self.sentences.iter().skip(skipped).cloned().collect()
    }
}

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
        let _ = call.response_sender.try_send(answer.to_line());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_each_sentence_once_and_the_oldest_are_dropped() {
        let mut said = RecentSentences::new(Time::from_millis(1000));
        let begun = said.next;
        said.push_sentence("one");
        said.push_sentence("two");
        assert_eq!(said.sentences_since(begun), ["one", "two"]);
        assert_eq!(said.sentences_since(begun + 1), ["two"]);
        assert_eq!(said.sentences_since(said.next), [""; 0]);
        assert_eq!(said.sentences_since(u64::MAX), [""; 0]);
        for number in 0..100 {
            said.push_sentence(&number.to_string());
        }
        assert_eq!(said.sentences_since(0).len(), MAX_RECENT_SENTENCES);
        assert_eq!(said.sentences_since(said.next - 1), ["99"]);
        // A later monitor starts at a higher number, so that a client misses none of its sentences.
        assert_eq!(RecentSentences::new(Time::from_millis(2000)).sentences_since(said.next), [""; 0]);
    }
}
