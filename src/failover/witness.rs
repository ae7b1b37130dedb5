//! Witness queries, which tell an outage of the upstreams from an outage of this host's own network.

use std::time::Duration;

use crate::text::timestamp::Time;

/// Latest answer of the witnesses, and the schedule of the next query.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    /// True if no witness answered when a promotion was due, and this was announced.
    pub isolated: bool,
    asked: Option<Time>,
    in_flight: bool,
    answer: Option<(Time, bool)>,
}

impl Witness {
    /// Returns the time of the next query; `None` while one is running.
    pub(super) fn next_ask(&self, now: Time, pace: Duration) -> Option<Time> {
        if self.in_flight {
            return None;
        }
        Some(self.asked.map_or(now, |asked| asked + pace))
    }

    pub(super) fn ask(&mut self, now: Time) {
        self.asked = Some(now);
        self.in_flight = true;
    }

    pub(super) fn answered(&mut self, alive: bool) {
        self.in_flight = false;
        self.answer = self.asked.map(|asked| (asked, alive));
    }

    /// Returns the answer, if the query began at `opened` or later and no longer than `fresh` ago.
    pub(super) fn says(&self, now: Time, opened: Time, fresh: Duration) -> Option<bool> {
        self.answer.filter(|&(asked, _)| asked >= opened && now.since(asked) <= fresh).map(|(_, alive)| alive)
    }
}
