//! Requests of operators over the control socket, and the responses.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{
    SyncSender, {self},
};
use std::time::Duration;

use crate::control::{
    Answer, Request, {self},
};
use crate::failover::{Command, Event, HoldKind};
use crate::monitor::Monitor;
use crate::monitor::instance_lock::is_listening;
use crate::monitor::messages::{Fact, Outlet};
use crate::text::Time;

/// Time limit of a response. The main loop takes milliseconds, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// Number of sentences kept for clients that follow a command.
const SENTENCES: usize = 16;

/// Allowance for a sync or an order that has to end first.
const UNDER_WAY: Duration = Duration::from_secs(2 * 60);

/// Request with the channel for its response.
pub(super) struct Call {
    request: Request,
    answer: SyncSender<String>,
}

/// Opens the control socket. If that fails, the monitor runs without it; returns the problem as a sentence.
pub(super) fn listen(path: &Path, outlet: Outlet) -> Option<String> {
    let decide = move |request: &Request| {
        let (answer, answered) = mpsc::sync_channel(1);
        outlet.send(Fact::Called(Call { request: request.clone(), answer }));
        answered.recv_timeout(PATIENCE).map_err(|_| "the monitor is stopping or does not respond".to_owned())
    };
    let why = if is_listening(path) {
        "another process already listens there".to_owned()
    } else {
        control::serve(path, Box::new(decide)).err()?.to_string()
    };
    Some(format!(
        "cannot open the control socket {}: {why}. `promote`, `demote`, `pause`, `resume` and `drill` do not work; fix \
         this and restart openclaw-failover.service",
        path.display()
    ))
}

/// Latest sentences, numbered. The numbers keep growing from one monitor to the next.
pub(super) struct Said {
    next: u64,
    sentences: VecDeque<String>,
}

impl Said {
    pub(super) fn new(now: Time) -> Self {
        Self { next: now.as_millis(), sentences: VecDeque::new() }
    }

    pub(super) fn add(&mut self, sentence: &str) {
        if self.sentences.len() == SENTENCES {
            self.sentences.pop_front();
        }
        self.sentences.push_back(sentence.to_owned());
        self.next += 1;
    }

    fn since(&self, number: u64) -> Vec<String> {
        let wanted = usize::try_from(self.next.saturating_sub(number)).unwrap_or(SENTENCES);
        let skipped = self.sentences.len().saturating_sub(wanted);
        self.sentences.iter().skip(skipped).cloned().collect()
    }
}

impl Monitor {
    /// Executes a request as far as possible without waiting, and responds.
    pub(super) fn called(&mut self, at: Time, call: &Call) {
        let (command, since) = match &call.request {
            Request::Hold { kind, lasts, reason } => {
                let (kind, lasts) = (*kind, *lasts);
                self.reason.clone_from(reason);
                (Some(Command::Hold { kind, until: lasts.map(|lasts| at + lasts) }), self.said.next)
            }
            Request::Resume => (Some(Command::Resume), self.said.next),
            Request::Drill { hold, force } => {
                let degraded = !force && !self.look(at).degraded.is_empty();
                (Some(Command::Drill { hold: *hold, degraded }), self.said.next)
            }
            Request::News { since } => (None, since.unwrap_or(self.said.next)),
        };
        if let Some(command) = command {
            self.handle(at, Event::Command(command));
        }
        let status = self.look(self.clock.now());
        let answer =
            Answer { said: self.said.since(since), next: self.said.next, within: self.within(&call.request), status };
        // The client may have given up.
        let _ = call.answer.try_send(answer.to_line());
    }

    /// Returns the time after which the hold has taken effect, or the drill is over.
    fn within(&self, request: &Request) -> Duration {
        let config = &self.parts.config;
        let (up, down) = (config.promote.sync_wait + config.gateway.start_timeout, config.gateway.stop_timeout);
        let own = match (request, self.machine.memory().hold.map(|hold| hold.kind)) {
            // The drill ends with a push, and a pull may run before it.
            (Request::Drill { hold, .. }, _) => up + *hold + down + config.workspace.timeout * 2,
            (_, Some(HoldKind::Promoted)) => up,
            _ => down,
        };
        own + UNDER_WAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_each_sentence_once_and_the_oldest_are_dropped() {
        let mut said = Said::new(Time::from_millis(1000));
        let begun = said.next;
        said.add("one");
        said.add("two");
        assert_eq!(said.since(begun), ["one", "two"]);
        assert_eq!(said.since(begun + 1), ["two"]);
        assert_eq!(said.since(said.next), [""; 0]);
        assert_eq!(said.since(u64::MAX), [""; 0]);
        for number in 0..100 {
            said.add(&number.to_string());
        }
        assert_eq!(said.since(0).len(), SENTENCES);
        assert_eq!(said.since(said.next - 1), ["99"]);
        // A later monitor starts at a higher number, so that a client misses none of its sentences.
        assert_eq!(Said::new(Time::from_millis(2000)).since(said.next), [""; 0]);
    }
}
