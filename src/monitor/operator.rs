//! Operators: what they ask for through the control socket, and what they are told.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::time::Duration;

use super::Monitor;
use super::inbox::{Fact, Outlet};
use crate::control::{self, Answer, Request};
use crate::failover::{Command, Event, HoldKind, Time};

/// The main loop answers within milliseconds, or the watchdog ends it.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many sentences are kept for whoever follows what an order leads to.
const SENTENCES: usize = 16;

/// What an order may take beside the gateway's own time: what is under way has to end first.
const UNDER_WAY: Duration = Duration::from_secs(2 * 60);

/// A request, and the way back to whoever waits for its answer.
pub(super) struct Call {
    request: Request,
    answer: SyncSender<String>,
}

/// Listens to operators from now on. Without them the monitor watches all the same: answers what is missing then.
pub(super) fn listen(path: &Path, outlet: Outlet) -> Option<String> {
    let decide = move |request: &Request| {
        let (answer, answered) = mpsc::sync_channel(1);
        outlet.send(Fact::Called(Call { request: request.clone(), answer }));
        answered.recv_timeout(PATIENCE).map_err(|_| "the monitor is stopping, or hangs".to_owned())
    };
    let why = control::serve(path, Box::new(decide)).err()?;
    Some(format!(
        "the monitor cannot listen to operators at {}: {why}. `promote`, `demote`, `pause`, `resume` and `drill` do not work; \
         mend it and restart openclaw-failover.service",
        path.display()
    ))
}

/// The latest sentences, by numbers that grow from one monitor to the next.
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
    /// Carries an order out as far as that can be done at once, and answers.
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
        // Whoever asked may have given up.
        let _ = call.answer.try_send(answer.to_line());
    }

    /// How long it may take until the hold has its effect, or a drill is over.
    fn within(&self, request: &Request) -> Duration {
        let config = &self.parts.config;
        let (up, down) = (config.promote.sync_wait + config.gateway.start_timeout, config.gateway.stop_timeout);
        let own = match (request, self.machine.memory().hold.map(|hold| hold.kind)) {
            // What it has written is pushed before it is over, and a pull may be on its way.
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
    fn whoever_follows_is_told_everything_once_and_the_oldest_is_forgotten() {
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
        // A monitor that starts later goes on counting from further up, so that nothing of it is missed.
        assert_eq!(Said::new(Time::from_millis(2000)).since(said.next), [""; 0]);
    }
}
