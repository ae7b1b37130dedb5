//! Witness queries, which tell an outage of the upstreams from an outage of this host's own network.

use std::time::Duration;

use crate::text::timestamp::Time;

/// Latest answer of the witnesses, and the schedule of the next query.
#[derive(Clone, Debug, Default)]
pub(super) struct WitnessState {
    /// True if no witness answered when a promotion was due, and this was announced.
    pub is_isolated: bool,
    queried_at: Option<Time>,
    in_flight: bool,
    answer: Option<(Time, bool)>,
}

impl WitnessState {
    /// Returns the time of the next query; `None` while one is running.
    pub(super) fn next_query_at(&self, now: Time, interval: Duration) -> Option<Time> {
        if self.in_flight {
            return None;
        }
        Some(self.queried_at.map_or(now, |asked| asked + interval))
    }

    pub(super) fn begin_query(&mut self, now: Time) {
        self.queried_at = Some(now);
        self.in_flight = true;
    }

    pub(super) fn record_answer(&mut self, alive: bool) {
        self.in_flight = false;
        self.answer = self.queried_at.map(|asked| (asked, alive));
    }

    /// Returns the answer, if the query began at `opened` or later and no longer than `max_age` ago.
    pub(super) fn recent_answer(&self, now: Time, opened: Time, max_age: Duration) -> Option<bool> {
        self.answer.filter(|&(asked, _)| asked >= opened && now.since(asked) <= max_age).map(|(_, alive)| alive)
    }
}
